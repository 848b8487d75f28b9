package httplog

import (
	"regexp"
	"strings"
)

// stripPattern returns the path of a pattern of [http.ServeMux], which may begin
// with a method and a host.
func stripPattern(pattern string) string {
	path := stripMethod(pattern)
	if i := strings.IndexByte(path, '/'); i > 0 {
		path = path[i:]
	}
	return path
}

// stripMethod returns the template without the method it may begin with, and
// without the "{$}" with which the mux marks the end of a path.
func stripMethod(template string) string {
	if method, rest, ok := strings.Cut(template, " "); ok && isToken(method) {
		template = strings.TrimLeft(rest, " \t")
	}
	return strings.TrimSuffix(template, "{$}")
}

// isPrefix reports whether the template matches all that is below it, so that
// a router inside may know better.
func isPrefix(template string) bool {
	last := template[strings.LastIndexByte(template, '/')+1:]
	return last == "" || last[0] == '*' || strings.HasSuffix(last, "...}") || last[len(last)-1] == '*'
}

// matchesAll reports whether the template matches every path, so that matching
// it says nothing about the request.
func matchesAll(template string) bool {
	return template == "/" || strings.LastIndexByte(template, '/') == 0 && isPrefix(template) &&
		(template[1] == '*' || template[1] == '{')
}

// wildcards returns the names of the wildcards in the pattern of a request.
func wildcards(pattern string) []string {
	var names []string
	for _, wildcard := range braces.FindAllStringSubmatch(pattern, -1) {
		name, _, _ := strings.Cut(wildcard[1], ":") // chi has "{id:[0-9]+}"
		if name = strings.TrimSuffix(name, "..."); name != "" && name != "$" {
			names = append(names, name)
		}
	}
	return names
}

var braces = regexp.MustCompile(`\{([^}]*)\}`)

// rewrite returns the template of any router with its parameters written in the
// style: "/users/:id" and "/files/*path", as gin, Echo and fiber have it, and
// "/users/{id}" and "/files/{path...}". A catch-all without a name stays "*".
// Regular expressions go where the style has no place for them.
func (style TemplateStyle) rewrite(template string) string {
	if style == ColonTemplate {
		if strings.IndexByte(template, '{') < 0 {
			return template
		}
		return toColons(template)
	}
	for i := 1; i < len(template); i++ {
		if c := template[i]; (c == ':' || c == '*') && template[i-1] == '/' {
			return toBraces(template)
		}
	}
	return template
}

// toColons writes {name} and {name:pattern} as :name, and {name...} as *name.
func toColons(template string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(template, "{")
		end := closingBrace(after)
		if !ok || end < 0 {
			b.WriteString(template)
			return b.String()
		}
		name, _, _ := strings.Cut(after[:end], ":")
		b.WriteString(before)
		if rest, ok := strings.CutSuffix(name, "..."); ok {
			b.WriteString("*" + rest)
		} else {
			b.WriteString(":" + name)
		}
		template = after[end+1:]
	}
}

// closingBrace returns the index of the brace that closes the one before s, or
// -1. A regular expression inside may have braces.
func closingBrace(s string) int {
	depth := 1
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// toBraces writes segments that are :name as {name}, and those that are *name as
// {name...}. A segment may hold several, as in ":from-:to". The constraint that
// fiber has after a name, as in ":id<int>" and ":id?", goes. A colon within a
// segment that begins otherwise is no parameter: "/users:batchGet".
func toBraces(template string) string {
	var b strings.Builder
	for i, segment := range strings.Split(template, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		if name, ok := strings.CutPrefix(segment, "*"); ok && name != "" && nameLen(name) == len(name) {
			b.WriteString("{" + name + "...}")
			continue
		}
		for strings.HasPrefix(segment, ":") {
			n := nameLen(segment[1:])
			if n == 0 {
				break
			}
			b.WriteString("{" + segment[1:1+n] + "}")
			segment = segment[1+n:]
			if strings.HasPrefix(segment, "<") {
				if end := strings.IndexByte(segment, '>'); end >= 0 {
					segment = segment[end+1:]
				}
			}
			segment = strings.TrimPrefix(segment, "?")
			if next := strings.IndexByte(segment, ':'); next > 0 {
				b.WriteString(segment[:next])
				segment = segment[next:]
			}
		}
		b.WriteString(segment)
	}
	return b.String()
}

// nameLen returns the length of the name that s begins with.
func nameLen(s string) int {
	n := 0
	for n < len(s) && (isAlphanumeric(s[n]) || s[n] == '_') {
		n++
	}
	return n
}
