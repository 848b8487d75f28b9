package ledgerview

import "bytes"

// The functions here read JSON in the compact form (json.go), which is valid for sure.

// tokenEnd returns where the value that begins at i ends.
func tokenEnd(js []byte, i int) int {
	switch js[i] {
	case '"':
		return stringEnd(js, i)
	case '{', '[':
		depth := 0
		for {
			switch js[i] {
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			case '"':
				i = stringEnd(js, i)
				continue
			}
			i++
		}
	default:
		for i < len(js) && js[i] != ',' && js[i] != '}' && js[i] != ']' {
			i++
		}
		return i
	}
}

// stringEnd returns where the string that begins at i ends, past its quote.
func stringEnd(js []byte, i int) int {
	i++
	for {
		q := i + bytes.IndexByte(js[i:], '"')
		n := q
		for js[n-1] == '\\' {
			n--
		}
		if n < i {
			n = i
		}
		if i = q + 1; (q-n)%2 == 0 {
			return i
		}
	}
}

// members calls visit with each member of an object, its name with the quotes, until visit returns false.
func members(object []byte, visit func(name, value []byte) bool) {
	if len(object) < 2 || object[0] != '{' {
		return
	}
	for i := 1; object[i] == '"'; {
		end := stringEnd(object, i)
		name := object[i:end]
		i = end + 1
		end = tokenEnd(object, i)
		if !visit(name, object[i:end]) {
			return
		}
		if i = end + 1; object[end] != ',' {
			return
		}
	}
}

// elements calls visit with each element of a list.
func elements(list []byte, visit func(value []byte) bool) {
	if len(list) <= 2 || list[0] != '[' {
		return
	}
	for i := 1; ; {
		end := tokenEnd(list, i)
		if !visit(list[i:end]) || list[end] != ',' {
			return
		}
		i = end + 1
	}
}

// member returns the value of the member of that name, or nil. The name needs no escape.
func member(object []byte, name string) (value []byte) {
	members(object, func(n, v []byte) bool {
		if string(n[1:len(n)-1]) == name {
			value = v // of members with one name the last counts
		}
		return true
	})
	return value
}

// A leafVisitor is called with the path of a scalar, or of an empty list or object, and its text. The names on a path
// are joined by dots; an element of a list has the path of its list. Returning false ends the walk.
type leafVisitor func(path, value []byte) bool

// A leafWalk walks the leaves of an object. Its buffer is used again from walk to walk.
type leafWalk struct {
	path []byte
}

func (w *leafWalk) leaves(object []byte, visit leafVisitor) bool {
	w.path = w.path[:0]
	return w.value(object, visit)
}

func (w *leafWalk) value(v []byte, visit leafVisitor) bool {
	switch {
	case len(v) > 2 && v[0] == '{':
		more, mark := true, len(w.path)
		members(v, func(name, value []byte) bool {
			w.path = w.path[:mark]
			if mark > 0 {
				w.path = append(w.path, '.')
			}
			if text := name[1 : len(name)-1]; bytes.IndexByte(text, '\\') < 0 {
				w.path = append(w.path, text...)
			} else {
				w.path = appendUnescaped(w.path, text)
			}
			more = w.value(value, visit)
			return more
		})
		w.path = w.path[:mark]
		return more
	case len(v) > 2 && v[0] == '[':
		more := true
		elements(v, func(value []byte) bool {
			more = w.value(value, visit)
			return more
		})
		return more
	default:
		return visit(w.path, v)
	}
}
