package fiberlog

import (
	"strings"
	"sync"
)

// templates holds the templates of the routes seen so far. There are as many as
// the app has routes. It is safe for concurrent use.
type templates struct{ byPath sync.Map }

func (t *templates) of(path string) string {
	if known, ok := t.byPath.Load(path); ok {
		return known.(string)
	}
	template := newTemplate(path)
	t.byPath.Store(path, template)
	return template
}

// newTemplate returns the path of a Fiber route with its parameters as {name}:
// without "?" for optional ones, without constraints, and without the
// backslashes of escaped characters. httplog makes the style of its options of it.
//
//	/flights/:from-:to?/:day<regex(\d{4})>/*    /flights/{from}-{to}/{day}/*
func newTemplate(path string) string {
	var b strings.Builder
	for path != "" {
		switch c := path[0]; c {
		case '\\':
			if path = path[1:]; path != "" {
				b.WriteByte(path[0])
				path = path[1:]
			}
		case ':':
			name := path[1:]
			if end := strings.IndexAny(name, `:\/-.?<`); end >= 0 {
				name = name[:end]
			}
			path = strings.TrimPrefix(withoutConstraints(path[1+len(name):]), "?")
			b.WriteString("{" + name + "}")
		default:
			b.WriteByte(c)
			path = path[1:]
		}
	}
	return b.String()
}

// withoutConstraints returns the rest of a path after "<…>", if it begins so. A
// ">" between parentheses is part of a constraint.
func withoutConstraints(path string) string {
	if !strings.HasPrefix(path, "<") {
		return path
	}
	depth := 0
	for i := range len(path) {
		switch path[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '>':
			if depth == 0 {
				return path[i+1:]
			}
		}
	}
	return ""
}
