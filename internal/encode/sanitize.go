package encode

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

var errNotJSON = errors.New("ledger: not JSON")

// A sanitizer rewrites JSON of unknown origin, such as what a MarshalJSON
// method returned, into JSON that the server can store: NUL removed, lone
// surrogates and bytes that are not UTF-8 replaced by U+FFFD, numbers within 64
// bits, nesting ended, secrets masked.
type sanitizer struct {
	src    []byte
	at     int
	secret *redact.Keys
}

// sanitizeJSON appends src, one JSON value that stands depth levels deep, to b.
func sanitizeJSON(b, src []byte, depth int, secret *redact.Keys) ([]byte, error) {
	s := sanitizer{src: src, secret: secret}
	mark := len(b)
	s.space()
	b, ok := s.value(b, depth)
	s.space()
	if !ok || s.at != len(src) {
		return b[:mark], errNotJSON
	}
	return b, nil
}

func (s *sanitizer) space() {
	for s.at < len(s.src) {
		switch s.src[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *sanitizer) take(c byte) bool {
	if s.at < len(s.src) && s.src[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *sanitizer) value(b []byte, depth int) ([]byte, bool) {
	if s.at >= len(s.src) {
		return b, false
	}
	switch c := s.src[s.at]; c {
	case '{', '[':
		if depth >= wire.MaxDepth {
			if !s.skip() {
				return b, false
			}
			return jsontext.AppendString(b, wire.TooDeep), true
		}
		s.at++
		if c == '{' {
			return s.object(b, depth+1)
		}
		return s.array(b, depth+1)
	case '"':
		return s.string(b)
	case 't':
		return s.literal(b, "true")
	case 'f':
		return s.literal(b, "false")
	case 'n':
		return s.literal(b, "null")
	}
	return s.number(b)
}

func (s *sanitizer) literal(b []byte, text string) ([]byte, bool) {
	if len(s.src)-s.at < len(text) || string(s.src[s.at:s.at+len(text)]) != text {
		return b, false
	}
	s.at += len(text)
	return append(b, text...), true
}

func (s *sanitizer) object(b []byte, depth int) (_ []byte, ok bool) {
	b = append(b, '{')
	s.space()
	if s.take('}') {
		return append(b, '}'), true
	}
	for {
		s.space()
		if s.at >= len(s.src) || s.src[s.at] != '"' {
			return b, false
		}
		mark := len(b)
		if b, ok = s.string(b); !ok {
			return b, false
		}
		masked := s.secret.Hide(jsontext.Unescape(b[mark+1 : len(b)-1]))
		s.space()
		if !s.take(':') {
			return b, false
		}
		b = append(b, ':')
		s.space()
		if masked {
			if !s.skip() {
				return b, false
			}
			b = jsontext.AppendString(b, redact.Mask)
		} else if b, ok = s.value(b, depth); !ok {
			return b, false
		}
		s.space()
		if s.take('}') {
			return append(b, '}'), true
		}
		if !s.take(',') {
			return b, false
		}
		b = append(b, ',')
	}
}

func (s *sanitizer) array(b []byte, depth int) (_ []byte, ok bool) {
	b = append(b, '[')
	s.space()
	if s.take(']') {
		return append(b, ']'), true
	}
	for {
		s.space()
		if b, ok = s.value(b, depth); !ok {
			return b, false
		}
		s.space()
		if s.take(']') {
			return append(b, ']'), true
		}
		if !s.take(',') {
			return b, false
		}
		b = append(b, ',')
	}
}

// skip passes over one value without recursion. It knows where the value ends,
// not whether it is valid: what it passes over is not written.
func (s *sanitizer) skip() bool {
	depth := 0
	for s.at < len(s.src) {
		switch c := s.src[s.at]; c {
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case '"':
			s.at++
			for s.at < len(s.src) && s.src[s.at] != '"' {
				if s.src[s.at] == '\\' {
					s.at++
				}
				s.at++
			}
			if s.at >= len(s.src) {
				return false
			}
			s.at++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return false
			}
			s.at++
			continue
		default:
			start := s.at
			for s.at < len(s.src) && jsontext.IsWordByte(s.src[s.at]) {
				s.at++
			}
			if s.at == start {
				return false
			}
		}
		if depth <= 0 {
			return depth == 0
		}
	}
	return false
}

// string rewrites one string, the quotes included.
func (s *sanitizer) string(b []byte) ([]byte, bool) {
	s.at++
	b = append(b, '"')
	for {
		start := s.at
		for s.at < len(s.src) && jsontext.PlainByte[s.src[s.at]] {
			s.at++
		}
		b = append(b, s.src[start:s.at]...)
		if s.at >= len(s.src) {
			return b, false
		}
		switch c := s.src[s.at]; {
		case c == '"':
			s.at++
			return append(b, '"'), true
		case c == '\\':
			var ok bool
			if b, ok = s.escape(b); !ok {
				return b, false
			}
		case c < ' ':
			return b, false
		case c < utf8.RuneSelf: // DEL
			b = append(b, c)
			s.at++
		default:
			r, size := utf8.DecodeRune(s.src[s.at:])
			b = utf8.AppendRune(b, r)
			s.at += size
		}
	}
}

// escape rewrites one escape sequence, or two that are a surrogate pair.
func (s *sanitizer) escape(b []byte) ([]byte, bool) {
	if s.at+1 >= len(s.src) {
		return b, false
	}
	switch c := s.src[s.at+1]; c {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		s.at += 2
		return append(b, '\\', c), true
	case '/':
		s.at += 2
		return append(b, '/'), true
	case 'u':
	default:
		return b, false
	}
	r, ok := s.hex4(s.at)
	if !ok {
		return b, false
	}
	s.at += 6
	if 0xD800 <= r && r < 0xE000 {
		low, ok := s.hex4(s.at)
		if r >= 0xDC00 || !ok || low < 0xDC00 || low >= 0xE000 {
			return append(b, "\uFFFD"...), true
		}
		s.at += 6
		r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
	}
	if r == 0 {
		return b, true
	}
	if r < utf8.RuneSelf {
		return jsontext.AppendEscaped(b, string(r)), true
	}
	return utf8.AppendRune(b, r), true
}

// hex4 reads the \uXXXX at i.
func (s *sanitizer) hex4(i int) (r rune, ok bool) {
	if i+6 > len(s.src) || s.src[i] != '\\' || s.src[i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.src[i+2:i+6]), 16, 16)
	return rune(n), err == nil
}

// number rewrites one number. An integer outside 64 bits gains an exponent, and
// what no float64 holds becomes a string.
func (s *sanitizer) number(b []byte) ([]byte, bool) {
	start := s.at
	s.take('-')
	if !s.take('0') && !s.digits() {
		return b, false
	}
	whole := true
	if s.take('.') {
		whole = false
		if !s.digits() {
			return b, false
		}
	}
	if s.take('e') || s.take('E') {
		whole = false
		if !s.take('-') {
			s.take('+')
		}
		if !s.digits() {
			return b, false
		}
	}
	text := s.src[start:s.at]
	if whole && len(text) <= 18 {
		return append(b, text...), true
	}
	return appendNumber(b, string(text), whole), true
}

func (s *sanitizer) digits() bool {
	start := s.at
	for s.at < len(s.src) && '0' <= s.src[s.at] && s.src[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

// appendNumber appends the JSON number text as one that the server can store.
func appendNumber(b []byte, text string, whole bool) []byte {
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
