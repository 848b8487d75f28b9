package ledgerview

import (
	"bytes"
	"strconv"
	"strings"
)

// A field gives the text of one of a record's own fields; b is a buffer it may use.
type field func(c *cursor, b []byte) []byte

func label(get func(*labels) string) field {
	return func(c *cursor, b []byte) []byte { return append(b, get(c.labels())...) }
}

// fields are those a query can name. What stands in attributes, such as trace_id, is found there.
var fields = map[string]field{
	"service":     label(func(l *labels) string { return l.service }),
	"environment": label(func(l *labels) string { return l.environment }),
	"release":     label(func(l *labels) string { return l.release }),
	"protocol":    label(func(l *labels) string { return l.protocol }),
	"log_type":    label(func(l *labels) string { return l.logType }),
	"importance":  label(func(l *labels) string { return l.importance }),
	"level":       func(c *cursor, b []byte) []byte { return append(b, levelNames[c.row.level]...) },
	"id":          func(c *cursor, b []byte) []byte { return strconv.AppendUint(b, c.id, 10) },
	"run":         func(c *cursor, b []byte) []byte { return strconv.AppendUint(b, uint64(c.row.run), 10) },
	"time":        func(c *cursor, b []byte) []byte { return appendTime(b, c.row.time) },
	"received":    func(c *cursor, b []byte) []byte { return appendTime(b, c.row.received) },
	"message":     func(c *cursor, _ []byte) []byte { return c.texts().message },
	"log_id":      func(c *cursor, _ []byte) []byte { return c.texts().logID },
	"fingerprint": func(c *cursor, b []byte) []byte {
		if f := c.failure(); f != nil {
			b = append(b, f.fingerprint...)
		}
		return b
	},
	"error.type": func(c *cursor, b []byte) []byte {
		if f := c.failure(); f != nil {
			b = append(b, f.kind...)
		}
		return b
	},
	"error.message": func(c *cursor, _ []byte) []byte { return c.texts().errorMessage },
	"error.stack":   func(c *cursor, _ []byte) []byte { return c.texts().stack },
}

// aliases are short names. What they stand for is looked at beside an attribute of the short name itself.
var aliases = map[string]string{
	"env": "environment", "type": "error.type",
	"status": "endpoint.status_code", "method": "endpoint.method", "route": "endpoint.path", "path": "endpoint.path",
}

// matchKey matches records of which a value at key passes the test.
func matchKey(key string, test *valueTest) matcher {
	if key == "time" || key == "received" {
		if test.compare != nil {
			return func(c *cursor) bool {
				at := c.row.time
				if key == "received" {
					at = c.row.received
				}
				return test.compare(float64(at), test.number)
			}
		}
	}
	key = strings.TrimPrefix(key, "attributes.")
	if f, ok := fields[key]; ok {
		return matchField(f, test)
	}
	attribute := matchAttribute(key, test)
	alias, ok := aliases[key]
	if !ok {
		return attribute
	}
	if f, ok := fields[alias]; ok {
		return matchAny([]matcher{matchField(f, test), attribute})
	}
	return matchAny([]matcher{matchAttribute(alias, test), attribute})
}

func matchField(f field, test *valueTest) matcher {
	return func(c *cursor) bool {
		c.scratch = c.scratch[:0]
		text := f(c, c.scratch)
		return len(text) > 0 && test.text(text)
	}
}

// matchAttribute matches records with an attribute whose path is key, or ends in it, and whose value passes the test.
// To walk all attributes of all records takes long, so it looks for the key's last name in their text first.
func matchAttribute(key string, test *valueTest) matcher {
	name, wanted := lastName(key), []byte(key)
	simple := !strings.Contains(key, ".")
	walk := func(c *cursor, attributes []byte) bool {
		return !c.walk.leaves(attributes, func(path, value []byte) bool {
			return !endsPath(path, wanted) || !test.text(c.valueText(value))
		})
	}
	if name == nil {
		return func(c *cursor) bool { return walk(c, c.texts().attributes) }
	}
	return func(c *cursor) bool {
		attributes := c.texts().attributes
		for at := 0; ; {
			i := bytes.Index(attributes[at:], name)
			if i < 0 {
				return false
			}
			i += at
			at = i + len(name)
			// A quote and a colon stand side by side only where a name ends.
			if first := attributes[at]; first == '{' || first == '[' {
				return walk(c, attributes)
			}
			if !test.text(c.valueText(attributes[at:tokenEnd(attributes, at)])) {
				continue
			}
			if simple && startsName(attributes, i) {
				return true
			}
			if walk(c, attributes) {
				return true
			}
		}
	}
}

// startsName reports whether a name, or a part of one after a dot, begins at i.
func startsName(attributes []byte, i int) bool {
	return attributes[i-1] == '.' || attributes[i-1] == '"' && attributes[i-2] != '\\'
}

// lastName is what attributes hold as they are when they have a key that ends in the last name of a path: the name,
// its quote and the colon. Names that JSON escapes are looked for without.
func lastName(key string) []byte {
	name := key[strings.LastIndexByte(key, '.')+1:]
	for i := 0; i < len(name); i++ {
		if !plainASCII[name[i]] {
			return nil
		}
	}
	return []byte(name + `":`)
}

// endsPath reports whether path is key, or ends in it after a dot.
func endsPath(path, key []byte) bool {
	if !bytes.HasSuffix(path, key) {
		return false
	}
	rest := len(path) - len(key)
	return rest == 0 || path[rest-1] == '.'
}

// matchHas matches records that have a field, an attribute, or a group of that name.
func matchHas(key string) matcher {
	key = strings.TrimPrefix(key, "attributes.")
	present := matcher(func(*cursor) bool { return false })
	if alias, ok := aliases[key]; ok {
		present = matchHas(alias)
	}
	if f, ok := fields[key]; ok {
		present = func(c *cursor) bool { return len(f(c, c.scratch[:0])) > 0 }
	}
	if key == "error" {
		present = func(c *cursor) bool { return c.row.failure != 0 }
	}
	name, wanted := lastName(key), []byte(key)
	return func(c *cursor) bool {
		if present(c) {
			return true
		}
		attributes := c.texts().attributes
		return bytes.Contains(attributes, name) && !c.walk.leaves(attributes, func(path, value []byte) bool {
			return string(value) == "null" || !holdsPath(path, wanted)
		})
	}
}

// holdsPath reports whether key is path, or a part of it between dots.
func holdsPath(path, key []byte) bool {
	for at := 0; ; {
		i := bytes.Index(path[at:], key)
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(key)
		if (start == 0 || path[start-1] == '.') && (end == len(path) || path[end] == '.') {
			return true
		}
		at = start + 1
		if at > len(path) {
			return false
		}
	}
}
