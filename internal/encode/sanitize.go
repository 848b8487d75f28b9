package encode

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A sanitizer rewrites valid JSON, such as a MarshalJSON method returned, into
// JSON that the server can store. It removes NUL, replaces lone surrogates and
// bytes that are not UTF-8 by U+FFFD, keeps numbers within 64 bits, ends nesting
// at a depth, and masks secrets.
type sanitizer struct {
	src    []byte
	at     int
	secret *redact.Keys
}

// sanitizeJSON appends src, one valid JSON value that stands within depth objects
// and arrays, to b.
func sanitizeJSON(b, src []byte, depth int, secret *redact.Keys) []byte {
	s := sanitizer{src: src, secret: secret}
	return s.value(b, depth)
}

func (s *sanitizer) space() {
	for s.src[s.at] <= ' ' {
		s.at++
	}
}

// skip passes over one value.
func (s *sanitizer) skip() {
	s.at += jsontext.ValueEnd(s.src[s.at:])
}

func (s *sanitizer) value(b []byte, depth int) []byte {
	s.space()
	switch c := s.src[s.at]; c {
	case '"':
		return s.string(b)
	case '{', '[':
		if depth >= wire.MaxDepth {
			s.skip()
			return jsontext.AppendString(b, wire.TooDeep)
		}
		s.at++
		return s.members(append(b, c), c, depth+1)
	}
	start := s.at
	for s.at < len(s.src) && jsontext.IsWordByte(s.src[s.at]) {
		s.at++
	}
	word := s.src[start:s.at]
	if c := word[0]; c == '-' || '0' <= c && c <= '9' {
		return appendNumber(b, word)
	}
	return append(b, word...) // true, false, null
}

// members rewrites the members of an object, or the elements of an array, and
// what closes it.
func (s *sanitizer) members(b []byte, opening byte, depth int) []byte {
	closing := opening + 2 // in ASCII
	for {
		s.space()
		switch s.src[s.at] {
		case closing:
			s.at++
			return append(b, closing)
		case ',':
			s.at++
			b = append(b, ',')
			s.space()
		}
		if opening == '{' {
			mark := len(b)
			b = s.string(b)
			masked := s.secret.IsSecret(jsontext.Unquote(b[mark:]))
			s.space()
			s.at++ // the colon
			b = append(b, ':')
			if masked {
				s.skip()
				b = jsontext.AppendString(b, redact.Mask)
				continue
			}
		}
		b = s.value(b, depth)
	}
}

// string rewrites one string with its quotes.
func (s *sanitizer) string(b []byte) []byte {
	s.at++
	b = append(b, '"')
	for {
		start := s.at
		for jsontext.PlainByte[s.src[s.at]] {
			s.at++
		}
		b = append(b, s.src[start:s.at]...)
		switch c := s.src[s.at]; {
		case c == '"':
			s.at++
			return append(b, '"')
		case c == '\\':
			b = s.escape(b)
		default: // DEL among them
			r, size := utf8.DecodeRune(s.src[s.at:])
			b = utf8.AppendRune(b, r)
			s.at += size
		}
	}
}

// escape rewrites one escape sequence, or two that are a surrogate pair.
func (s *sanitizer) escape(b []byte) []byte {
	if c := s.src[s.at+1]; c != 'u' {
		s.at += 2
		if c == '/' {
			return append(b, '/')
		}
		return append(b, '\\', c)
	}
	r, _ := s.hex4()
	s.at += 6
	if 0xD800 <= r && r < 0xE000 {
		low, ok := s.hex4()
		if r >= 0xDC00 || !ok || low < 0xDC00 || low >= 0xE000 {
			return append(b, "\uFFFD"...)
		}
		s.at += 6
		r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
	}
	switch {
	case r == 0:
		return b
	case r < utf8.RuneSelf:
		return jsontext.AppendEscaped(b, string(r))
	}
	return utf8.AppendRune(b, r)
}

// hex4 reads the \uXXXX that comes next, if there is one.
func (s *sanitizer) hex4() (r rune, ok bool) {
	if s.at+6 > len(s.src) || s.src[s.at] != '\\' || s.src[s.at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.src[s.at+2:s.at+6]), 16, 16)
	return rune(n), err == nil
}

// appendNumber appends a number as one that the server can store. An integer
// outside 64 bits gains an exponent, and what no float64 holds becomes a string.
func appendNumber(b, number []byte) []byte {
	whole := true
	for _, c := range number {
		whole = whole && c != '.' && c != 'e' && c != 'E'
	}
	if whole && len(number) <= 18 {
		return append(b, number...)
	}
	text := string(number)
	if whole {
		if _, err := strconv.ParseInt(text, 10, 64); err == nil {
			return append(b, text...)
		}
		if _, err := strconv.ParseUint(text, 10, 64); err == nil {
			return append(b, text...)
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsInf(f, 0):
		return jsontext.AppendString(b, jsontext.Cut(text, 100))
	case !whole && len(text) <= 32:
		return append(b, text...)
	}
	return strconv.AppendFloat(b, f, 'e', -1, 64)
}
