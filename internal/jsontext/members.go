package jsontext

import (
	"bytes"
	"strconv"
)

// A Reader reads sanitized JSON members once, however deep they nest.
type Reader struct {
	Text []byte
	At   int
}

func (r *Reader) Value() []byte {
	n := valueEnd(r.Text[min(r.At, len(r.Text)):])
	r.At += n
	return r.Text[r.At-n : r.At]
}

// Members yields the keys, in their quotes, and values of members of a
// sanitized object without spaces.
func Members(text []byte) func(yield func(key, value []byte) bool) {
	return func(yield func(key, value []byte) bool) {
		for len(text) > 0 {
			key := text[:valueEnd(text)]
			text = text[min(len(key)+1, len(text)):]
			if len(text) == 0 {
				return
			}
			value := text[:valueEnd(text)]
			if !yield(key, value) {
				return
			}
			text = text[min(len(value)+1, len(text)):]
		}
	}
}

// valueEnd returns the length of the value that text begins with.
func valueEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(text))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return i + 1 + min(depth, 0)
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// CloseObject ends an object whose members each have a comma after them.
func CloseObject(b []byte) []byte {
	if last := len(b) - 1; b[last] == ',' {
		b[last] = '}'
		return b
	}
	return append(b, '}')
}

func (r *Reader) Comma() {
	if r.At < len(r.Text) && r.Text[r.At] == ',' {
		r.At++
	}
}

// Number reads a number or a literal: whatever ends before punctuation.
func (r *Reader) Number() []byte {
	start := r.At
	for r.At < len(r.Text) && IsWordByte(r.Text[r.At]) {
		r.At++
	}
	if r.At == start {
		r.At++ // no such thing in sanitized JSON
	}
	return r.Text[start:min(r.At, len(r.Text))]
}

// Unescape returns what the inside of a sanitized JSON string stands for.
func Unescape(inside []byte) string {
	if !bytes.Contains(inside, []byte{'\\'}) {
		return string(inside)
	}
	out := make([]byte, 0, len(inside))
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		i++
		switch c = inside[i]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u': // a control character: nothing else is left escaped
			n, _ := strconv.ParseUint(string(inside[i+1:i+5]), 16, 16)
			c = byte(n)
			i += 4
		}
		out = append(out, c)
	}
	return string(out)
}

func IsWordByte(c byte) bool {
	return IsLetter(c) || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
}
