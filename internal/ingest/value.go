package ingest

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Kind says what a [Value] is.
type Kind uint8

// The kinds of JSON values. JSON's true and false are kinds of their own.
const (
	Null Kind = iota
	False
	True
	Int
	Float
	String
	List
	Object
)

// A Value is one JSON value. The zero Value is null. Texts may share the memory of the request's body. Do not change
// a Value's Items: the entries of a request share those of their resource.
type Value struct {
	Name  string  // its key, when it is a member of an object
	Text  string  // of a String its characters, of a number its digits as Python prints them
	Items []Value // of a List its items, of an Object its members in their order, each name once
	Kind  Kind

	odd        oddity
	depth      uint16 // 0 for a scalar, 1 for a flat list or object
	size       int    // length of the text that Python's json.dumps writes
	start, end uint32 // where it stands in a JSON body
}

// oddity marks what a value holds, at any depth, that a later stage of the server trips over.
type oddity uint8

const (
	oddNonFinite oddity = 1 << iota // NaN, an infinity, or a literal that overflows
	oddHugeInt                      // an integer outside -2^63 .. 2^64-1
	oddSurrogate                    // a lone surrogate
	oddNUL                          // U+0000 in a string
)

// Get returns the member of an object that has this name, or null.
func (v Value) Get(name string) Value {
	f, _ := v.Lookup(name)
	return f
}

// Lookup returns the member of an object that has this name, and whether there is one.
func (v Value) Lookup(name string) (Value, bool) {
	if v.Kind == Object {
		for i := range v.Items {
			if v.Items[i].Name == name {
				return v.Items[i], true
			}
		}
	}
	return Value{}, false
}

// Display returns the value as the server shows it in a message: a string as it is, null as "", a list or an object
// as the JSON that Python writes, everything outside ASCII escaped.
func (v Value) Display() string {
	switch v.Kind {
	case String, Int, Float:
		return v.Text
	case Null:
		return ""
	default:
		return string(v.AppendJSON(nil))
	}
}

// AppendJSON appends the value as Python's json.dumps writes it. NaN and infinities come out as the bare words, which
// is not JSON.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.Kind {
	case True:
		return append(b, "true"...)
	case False:
		return append(b, "false"...)
	case Int, Float:
		return append(b, v.Text...)
	case String:
		return appendString(b, v.Text)
	case List, Object:
		brackets := "[]"
		if v.Kind == Object {
			brackets = "{}"
		}
		b = append(b, brackets[0])
		for i := range v.Items {
			if i > 0 {
				b = append(b, ", "...)
			}
			if v.Kind == Object {
				b = append(appendString(b, v.Items[i].Name), ": "...)
			}
			b = v.Items[i].AppendJSON(b)
		}
		return append(b, brackets[1])
	default:
		return append(b, "null"...)
	}
}

// Plain returns the value as encoding/json decodes it with UseNumber.
func (v Value) Plain() any {
	switch v.Kind {
	case True, False:
		return v.Kind == True
	case Int, Float:
		return json.Number(v.Text)
	case String:
		return v.Text
	case List:
		list := make([]any, len(v.Items))
		for i := range v.Items {
			list[i] = v.Items[i].Plain()
		}
		return list
	case Object:
		m := make(map[string]any, len(v.Items))
		for i := range v.Items {
			m[v.Items[i].Name] = v.Items[i].Plain()
		}
		return m
	default:
		return nil
	}
}

// truthy is Python's bool(v).
func (v Value) truthy() bool {
	switch v.Kind {
	case Int, Float:
		f, _ := strconv.ParseFloat(v.Text, 64)
		return f != 0
	case String:
		return v.Text != ""
	case List, Object:
		return len(v.Items) > 0
	default:
		return v.Kind == True
	}
}

// contains is Python's "key in v".
func (v Value) contains(key string) (found, iterable bool) {
	switch v.Kind {
	case Object:
		_, found = v.Lookup(key)
		return found, true
	case String:
		return strings.Contains(v.Text, key), true
	case List:
		for i := range v.Items {
			found = found || v.Items[i].Kind == String && v.Items[i].Text == key
		}
		return found, true
	default:
		return false, false
	}
}

func (v Value) null() bool { return v.Kind == Null }

func (v Value) number() bool { return v.Kind == Int || v.Kind == Float }

// within reports whether v is a number from low to high.
func (v Value) within(low, high float64) bool {
	f, err := strconv.ParseFloat(v.Text, 64)
	return v.number() && err == nil && low <= f && f <= high
}

// The constructors measure what they make.

func textValue(s string) Value {
	size, odd := measure(s)
	return Value{Kind: String, Text: s, size: size + 2, odd: odd}
}

func bytesValue(b []byte) Value { return textValue(base64.StdEncoding.EncodeToString(b)) }

func boolValue(b bool) Value {
	if b {
		return Value{Kind: True, size: 4}
	}
	return Value{Kind: False, size: 5}
}

func intValue(digits string) Value {
	if digits == "-0" {
		digits = "0"
	}
	v := Value{Kind: Int, Text: digits, size: len(digits)}
	if len(digits) >= len("9223372036854775807") {
		_, errSigned := strconv.ParseInt(digits, 10, 64)
		_, errUnsigned := strconv.ParseUint(digits, 10, 64)
		if errSigned != nil && errUnsigned != nil {
			v.odd = oddHugeInt
		}
	}
	return v
}

func floatValue(f float64) Value {
	v := Value{Kind: Float, Text: pythonFloat(f)}
	v.size = len(v.Text)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		v.odd = oddNonFinite
	}
	return v
}

// container measures a list or an object. Of an object each name must be there once.
func container(kind Kind, items []Value) Value {
	v := Value{Kind: kind, Items: items, depth: 1, size: 2}
	for i := range items {
		item := &items[i]
		v.size += item.written()
		v.odd |= item.odd
		v.depth = max(v.depth, item.depth+1)
		if i > 0 {
			v.size += len(", ")
		}
		if kind == Object {
			size, odd := measure(item.Name)
			v.size += size + len(`"": `)
			v.odd |= odd
		}
	}
	return v
}

func (v *Value) written() int {
	if v.Kind == Null {
		return len("null")
	}
	return v.size
}

// measure returns how many characters json.dumps spends on s between the quotes, and what is odd about s.
func measure(s string) (size int, odd oddity) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0xf0: // leads four bytes, written as two escapes
			size += 12
		case c >= 0xc0 || c == 0x7f:
			size += 6
		case c >= 0x80: // belongs to the character before
		case c >= 0x20:
			if size++; c == '"' || c == '\\' {
				size++
			}
		case c == '\n', c == '\r', c == '\t', c == '\b', c == '\f':
			size += 2
		default:
			size += 6
			if c == 0 {
				odd |= oddNUL
			}
		}
	}
	return size, odd
}

// A members collects members by name. A later one of the same name takes the place of an earlier.
type members struct {
	list  []Value
	index map[string]int // made when reading the list would take long
}

func (m *members) set(name string, v Value) {
	v.Name = name
	if i, known := m.place(name); known {
		m.list[i] = v
	} else {
		m.list = append(m.list, v)
	}
}

// place returns where the member of that name is, or where the caller puts it next.
func (m *members) place(name string) (i int, known bool) {
	if i = m.find(name); i >= 0 {
		return i, true
	}
	if m.index != nil {
		m.index[name] = len(m.list)
	}
	return len(m.list), false
}

// find returns where the member of that name is, or -1.
func (m *members) find(name string) int {
	const fewEnoughToRead = 32
	if len(m.list) <= fewEnoughToRead {
		for i := range m.list {
			if m.list[i].Name == name {
				return i
			}
		}
		return -1
	}
	if m.index == nil {
		m.index = make(map[string]int, 2*len(m.list))
		for i := range m.list {
			m.index[m.list[i].Name] = i
		}
	}
	if i, ok := m.index[name]; ok {
		return i
	}
	return -1
}

// truncate keeps the first limit code points of s.
func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n++; n > limit {
			return s[:i]
		}
	}
	return s
}

// longer reports whether s has more than limit code points.
func longer(s string, limit int) bool {
	return len(s) > limit && utf8.RuneCountInString(s) > limit
}
