package ledgerview

import (
	"bytes"
	"strconv"
)

// A matcher tells whether a record is wanted.
type matcher func(*cursor) bool

func matchAll(all []matcher) matcher {
	if len(all) == 1 {
		return all[0]
	}
	return func(c *cursor) bool {
		for _, m := range all {
			if !m(c) {
				return false
			}
		}
		return true
	}
}

func matchAny(any []matcher) matcher {
	if len(any) == 1 {
		return any[0]
	}
	return func(c *cursor) bool {
		for _, m := range any {
			if m(c) {
				return true
			}
		}
		return false
	}
}

func matchNot(m matcher) matcher { return func(c *cursor) bool { return !m(c) } }

// matchWord looks for text in all values of a record.
func matchWord(text string) matcher {
	n := newNeedle(text)
	escaped := appendQuoted(nil, text)
	inJSON := newNeedle(string(escaped[1 : len(escaped)-1]))
	in := func(s string) bool { return n.in([]byte(s)) }
	return func(c *cursor) bool {
		t := c.texts()
		if n.in(t.message) {
			return true
		}
		if inJSON.in(t.attributes) && !c.walk.leaves(t.attributes, func(_, value []byte) bool {
			return !n.in(c.valueText(value))
		}) {
			return true
		}
		if f := c.failure(); f != nil && (n.in(t.errorMessage) || in(f.kind) || n.in(t.stack)) {
			return true
		}
		l := c.labels()
		return in(levelNames[c.row.level]) || in(l.service) || in(l.environment) || in(l.release) || n.in(t.logID)
	}
}

// valueText is the text of a leaf.
func (c *cursor) valueText(value []byte) []byte {
	if value[0] != '"' {
		return value
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	c.scratch = append(c.scratch[:0], unquote(value, nil)...)
	return c.scratch
}

// A valueTest compares one value with what a query demands.
type valueTest struct {
	lower   string
	pattern pattern // instead of lower
	compare func(a, b float64) bool
	number  float64
}

func (t *valueTest) text(text []byte) bool {
	switch {
	case t.compare != nil:
		f, err := strconv.ParseFloat(string(text), 64)
		return err == nil && t.compare(f, t.number)
	case t.pattern != nil:
		return t.pattern.matches(text)
	default:
		return equalFold(text, t.lower)
	}
}
