package ledgerview

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Attributes are kept as JSON text in one form, the compact form: no white space between tokens, every character as
// itself unless JSON demands an escape, valid UTF-8. So the text can be searched as it is, copied to an answer as it
// is, and read again without checks.

// maxDepth is how deeply attributes may nest; what lies deeper is replaced by tooDeep. A browser's parser, and a
// reader, give up not much later.
const (
	maxDepth = 100
	tooDeep  = `"… [too deep]"`
)

var errSyntax = errors.New("not JSON")

// compactJSON returns the one JSON value that src holds in the compact form, appended to b. NaN and the infinities,
// which JSON lacks and the server takes, become strings.
func compactJSON(b, src []byte) ([]byte, error) {
	c := compactor{src: src}
	b, err := c.value(b, 0)
	if err != nil {
		return b, err
	}
	if c.space(); c.at < len(c.src) {
		return b, errSyntax
	}
	return b, nil
}

type compactor struct {
	src []byte
	at  int
}

func (c *compactor) space() {
	for c.at < len(c.src) {
		switch c.src[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

func (c *compactor) peek() byte {
	if c.at < len(c.src) {
		return c.src[c.at]
	}
	return 0
}

func (c *compactor) value(b []byte, depth int) ([]byte, error) {
	c.space()
	switch first := c.peek(); {
	case first == '"':
		return c.string(b)
	case first == '{' || first == '[':
		if depth == maxDepth {
			return append(b, tooDeep...), c.skipNest()
		}
		return c.nest(b, depth, first == '{')
	default:
		return c.word(b)
	}
}

// nest reads an object or a list.
func (c *compactor) nest(b []byte, depth int, object bool) ([]byte, error) {
	end := byte(']')
	if object {
		end = '}'
	}
	b = append(b, c.src[c.at])
	c.at++
	if c.space(); c.peek() == end {
		c.at++
		return append(b, end), nil
	}
	var err error
	for {
		if object {
			c.space()
			if c.peek() != '"' {
				return b, errSyntax
			}
			if b, err = c.string(b); err != nil {
				return b, err
			}
			if c.space(); c.peek() != ':' {
				return b, errSyntax
			}
			c.at++
			b = append(b, ':')
		}
		if b, err = c.value(b, depth+1); err != nil {
			return b, err
		}
		c.space()
		next := c.peek()
		c.at++
		switch next {
		case ',', end:
			b = append(b, next)
		default:
			return b, errSyntax
		}
		if next == end {
			return b, nil
		}
	}
}

// skipNest passes over an object or a list without recursion.
func (c *compactor) skipNest() error {
	depth := 0
	for c.at < len(c.src) {
		ch := c.src[c.at]
		c.at++
		switch ch {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return nil
			}
		case '"':
			for c.at < len(c.src) && c.src[c.at] != '"' {
				if c.src[c.at] == '\\' {
					c.at++
				}
				c.at++
			}
			c.at++
		}
	}
	return errSyntax
}

// word reads a number or a name.
func (c *compactor) word(b []byte) ([]byte, error) {
	start := c.at
	for c.at < len(c.src) && !strings.ContainsRune(",:]} \t\r\n\"{[", rune(c.src[c.at])) {
		c.at++
	}
	switch text := string(c.src[start:c.at]); text {
	case "true", "false", "null":
		return append(b, text...), nil
	case "NaN", "Infinity", "-Infinity":
		return append(append(append(b, '"'), text...), '"'), nil
	default:
		if !isNumber(text) {
			return b, errSyntax
		}
		return append(b, text...), nil
	}
}

// isNumber reports whether s is a JSON number.
func isNumber(s string) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && '0' <= s[n] && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	s = strings.TrimPrefix(s, "-")
	if strings.HasPrefix(s, "0") {
		s = s[1:]
	} else if !digits() {
		return false
	}
	if strings.HasPrefix(s, ".") {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if s != "" && s[0]|0x20 == 'e' {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return s == ""
}

// string reads a string, and writes it in the compact form.
func (c *compactor) string(b []byte) ([]byte, error) {
	c.at++
	from := c.at
	for c.at < len(c.src) && plainASCII[c.src[c.at]] {
		c.at++
	}
	if c.peek() == '"' { // the usual string
		b = append(b, c.src[from-1:c.at+1]...)
		c.at++
		return b, nil
	}
	b = append(append(b, '"'), c.src[from:c.at]...)
	for c.at < len(c.src) {
		ch := c.src[c.at]
		switch {
		case ch == '"':
			c.at++
			return append(b, '"'), nil
		case ch == '\\':
			r, ok := c.escape()
			if !ok {
				return b, errSyntax
			}
			b = appendEscaped(b, r)
		case ch < utf8.RuneSelf:
			c.at++
			b = appendEscaped(b, rune(ch)) // a raw control character is no JSON, but is no reason to lose a record either
		default:
			r, n := utf8.DecodeRune(c.src[c.at:])
			c.at += n
			b = utf8.AppendRune(b, r)
		}
	}
	return b, errSyntax
}

// escape reads an escape. A lone surrogate is U+FFFD.
func (c *compactor) escape() (rune, bool) {
	if c.at+1 >= len(c.src) {
		return 0, false
	}
	ch := c.src[c.at+1]
	if ch == 'u' {
		r, ok := hex4(c.src[c.at:])
		if !ok {
			return 0, false
		}
		c.at += 6
		if utf16.IsSurrogate(r) {
			if low, ok := hex4(c.src[c.at:]); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					c.at += 6
					return pair, true
				}
			}
			r = utf8.RuneError
		}
		return r, true
	}
	i := strings.IndexByte(`"\/bfnrt`, ch)
	if i < 0 {
		return 0, false
	}
	c.at += 2
	return rune("\"\\/\b\f\n\r\t"[i]), true
}

// hex4 reads the \uXXXX that b begins with.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 32)
	return rune(n), err == nil
}

// plainASCII holds the bytes that a string may hold as they are, and that need no second look.
var plainASCII = func() (plain [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

const hexDigits = "0123456789abcdef"

func appendEscaped(b []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r == '\n':
		return append(b, '\\', 'n')
	case r == '\r':
		return append(b, '\\', 'r')
	case r == '\t':
		return append(b, '\\', 't')
	case r < 0x20:
		return append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
	default:
		return utf8.AppendRune(b, r)
	}
}

// appendQuoted appends s as a JSON string in the compact form.
func appendQuoted[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		n := i
		for n < len(s) && plainASCII[s[n]] {
			n++
		}
		b = append(b, s[i:n]...)
		if i = n; i == len(s) {
			break
		}
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		}
		b = appendEscaped(b, r)
		i += size
	}
	return append(b, '"')
}

// unquote returns the text of a string in the compact form, given with its quotes. It returns a part of raw when that
// holds no escape, and otherwise scratch, grown.
func unquote(raw, scratch []byte) []byte {
	inside := raw[1 : len(raw)-1]
	for i := 0; i < len(inside); i++ {
		if inside[i] == '\\' {
			return appendUnescaped(append(scratch[:0], inside[:i]...), inside[i:])
		}
	}
	return inside
}

func appendUnescaped(b, inside []byte) []byte {
	for i := 0; i < len(inside); i++ {
		ch := inside[i]
		if ch != '\\' {
			b = append(b, ch)
			continue
		}
		i++
		switch inside[i] {
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, _ := hex4(inside[i-1:])
			b = utf8.AppendRune(b, r)
			i += 4
		default:
			b = append(b, inside[i])
		}
	}
	return b
}
