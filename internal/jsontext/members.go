package jsontext

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Members yields the keys, in their quotes, and the values of the members of a
// sanitized object without spaces. A comma may follow the last one.
func Members(text []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for len(text) > 0 {
			key := text[:ValueEnd(text)]
			text = text[min(len(key)+1, len(text)):]
			if len(text) == 0 || len(key) < len(`""`) {
				return
			}
			value := text[:ValueEnd(text)]
			if len(value) == 0 || !yield(key, value) {
				return
			}
			text = text[min(len(value)+1, len(text)):]
		}
	}
}

// Elements yields the elements of a sanitized array without spaces.
func Elements(text []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(text) > 0 {
			value := text[:ValueEnd(text)]
			if len(value) == 0 || !yield(value) {
				return
			}
			text = text[min(len(value)+1, len(text)):]
		}
	}
}

// ValueEnd returns the length of the value at the beginning of text, which has no
// spaces around values.
func ValueEnd(text []byte) int {
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

// CloseObject ends an object that has a comma after each member.
func CloseObject(b []byte) []byte {
	if last := len(b) - 1; b[last] == ',' {
		b[last] = '}'
		return b
	}
	return append(b, '}')
}

// Unquote returns the text that a sanitized JSON string stands for.
func Unquote(quoted []byte) string {
	if inside := quoted[1 : len(quoted)-1]; bytes.IndexByte(inside, '\\') < 0 {
		return string(inside)
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // sanitized: there is no error
	return text
}

// IsWordByte reports whether c can be part of a number, or of true, false and null.
func IsWordByte(c byte) bool {
	return IsLetter(c) || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
}
