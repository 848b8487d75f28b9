package ingest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The server is written in Python, and what it takes and measures depends on how Python reads JSON: NaN is a number,
// half a surrogate pair is a character, integers have no bound. encoding/json forgives and refuses other things, so
// this file reads JSON the server's way.

const (
	maxJSONDepth = 3000 // about where Python's parser runs out of stack
	maxIntDigits = 4300 // Python's own limit, sys.set_int_max_str_digits

	// maxNodes is this package's own bound: a hostile body of a hundred million empty lists costs no more than 300 MB.
	maxNodes = 2 << 20
)

// errUnreadable means a body on which Python's parser gives up for a reason other than syntax.
var errUnreadable = errors.New("there was an error parsing the body")

// A syntaxError is Python's JSONDecodeError; pos counts code points.
type syntaxError struct {
	pos int
	msg string
}

func (e *syntaxError) Error() string { return e.msg + ": char " + strconv.Itoa(e.pos) }

// parseJSON reads one JSON text as Python's json.loads does. The error is errUnreadable or a *syntaxError. Values
// tell their place in the text, which is the body in UTF-8.
func parseJSON(body []byte) (v Value, text string, err error) {
	text, ok := decodeText(body)
	if !ok {
		return Value{}, "", errUnreadable
	}
	p := parser{s: text}
	p.space()
	if v, err = p.value(0); err != nil {
		return Value{}, text, err
	}
	p.space()
	if p.pos < len(p.s) {
		return Value{}, text, p.fail(p.pos, "Extra data")
	}
	return v, text, nil
}

// decodeText is what Python's json.loads does to bytes: it tells UTF-8, UTF-16 and UTF-32 apart by the byte order
// mark or by where the zeros are. A lone surrogate becomes an escape, which comes to the same inside a string.
func decodeText(body []byte) (text string, ok bool) {
	if len(body) < 2 || body[0] != 0 && body[1] != 0 && body[0] < 0xfe {
		text = string(body)
		return strings.TrimPrefix(text, "\ufeff"), utf8.ValidString(text)
	}
	size, little := unitsOf(body)
	if size == 1 {
		return string(body), utf8.Valid(body)
	}
	if len(body)%size != 0 {
		return "", false
	}
	var units []rune
	for i := 0; i < len(body); i += size {
		var u rune
		for j := range size {
			at := j
			if little {
				at = size - 1 - j
			}
			u = u<<8 | rune(body[i+at])
		}
		units = append(units, u)
	}
	var b strings.Builder
	for i := 0; i < len(units); i++ {
		u := units[i]
		switch {
		case i == 0 && u == 0xfeff:
		case size == 2 && i+1 < len(units) && utf16.DecodeRune(u, units[i+1]) != utf8.RuneError:
			b.WriteRune(utf16.DecodeRune(u, units[i+1]))
			i++
		case utf16.IsSurrogate(u):
			fmt.Fprintf(&b, `\u%04x`, u)
		case !utf8.ValidRune(u):
			return "", false
		default:
			b.WriteRune(u)
		}
	}
	return b.String(), true
}

// unitsOf is Python's json.detect_encoding for a body of two bytes or more that has a zero or a byte order mark.
func unitsOf(b []byte) (size int, littleEndian bool) {
	four := len(b) >= 4
	switch {
	case four && (string(b[:4]) == "\xff\xfe\x00\x00" || b[0] != 0 && b[1] == 0 && b[2] == 0 && b[3] == 0):
		return 4, true
	case four && (string(b[:4]) == "\x00\x00\xfe\xff" || b[0] == 0 && b[1] == 0):
		return 4, false
	case b[0] == 0xff && b[1] == 0xfe, b[0] != 0 && b[1] == 0:
		return 2, true
	case b[0] == 0xfe && b[1] == 0xff, b[0] == 0 && b[1] != 0:
		return 2, false
	default:
		return 1, false
	}
}

type parser struct {
	s     string
	pos   int
	nodes int
	open  []Value // the items of the lists and objects that have not ended
	slab  []Value // where the items of those that have ended come to lie
}

func (p *parser) fail(pos int, msg string) error {
	return &syntaxError{pos: utf8.RuneCountInString(p.s[:min(pos, len(p.s))]), msg: msg}
}

func (p *parser) space() {
	for p.pos < len(p.s) {
		switch p.s[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

func (p *parser) word(w string) bool {
	if !strings.HasPrefix(p.s[p.pos:], w) {
		return false
	}
	p.pos += len(w)
	return true
}

func (p *parser) value(depth int) (Value, error) {
	if p.nodes++; depth > maxJSONDepth || p.nodes > maxNodes {
		return Value{}, errUnreadable
	}
	start := p.pos
	v, err := p.bare(depth)
	v.start, v.end = uint32(start), uint32(p.pos)
	return v, err
}

func (p *parser) bare(depth int) (Value, error) {
	switch c := p.peek(); {
	case c == '"':
		text, odd, err := p.string()
		v := textValue(text)
		v.odd |= odd
		return v, err
	case c == '{':
		return p.container(Object, '}', depth)
	case c == '[':
		return p.container(List, ']', depth)
	case p.word("null"):
		return Value{}, nil
	case p.word("true"):
		return boolValue(true), nil
	case p.word("false"):
		return boolValue(false), nil
	case p.word("NaN"):
		return floatValue(math.NaN()), nil
	case p.word("Infinity"):
		return floatValue(math.Inf(1)), nil
	case p.word("-Infinity"):
		return floatValue(math.Inf(-1)), nil
	case c == '-' || isDigit(c):
		return p.number()
	default:
		return Value{}, p.fail(p.pos, "Expecting value")
	}
}

// container reads a list or an object.
func (p *parser) container(kind Kind, end byte, depth int) (Value, error) {
	p.pos++
	first := len(p.open)
	var seen members // of an object that has many
	var odd oddity   // of names: a lone surrogate does not show in them any more
	for p.space(); p.peek() != end || len(p.open) > first; p.pos++ {
		name, replaced := "", false
		if kind == Object {
			nameOdd, err := oddity(0), error(nil)
			if name, nameOdd, err = p.name(); err != nil {
				return Value{}, err
			}
			odd |= nameOdd
		}
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		if kind == Object {
			v.Name, seen.list = name, p.open[first:]
			if i, known := seen.place(name); known {
				seen.list[i], replaced = v, true // the last one wins
			}
		}
		if !replaced {
			p.open = append(p.open, v)
		}
		p.space()
		if c := p.peek(); c == end {
			break
		} else if c != ',' {
			return Value{}, p.fail(p.pos, "Expecting ',' delimiter")
		}
	}
	p.pos++
	v := container(kind, p.keep(p.open[first:]))
	p.open = p.open[:first]
	v.odd |= odd
	return v, nil
}

// keep copies items to where they stay.
func (p *parser) keep(items []Value) []Value {
	if len(items) == 0 {
		return nil
	}
	if cap(p.slab)-len(p.slab) < len(items) {
		p.slab = make([]Value, 0, max(len(items), min(512, 2*cap(p.slab)+8)))
	}
	from := len(p.slab)
	p.slab = append(p.slab, items...)
	return p.slab[from:len(p.slab):len(p.slab)]
}

// name reads a member's name and the colon after it.
func (p *parser) name() (string, oddity, error) {
	p.space()
	if p.peek() != '"' {
		return "", 0, p.fail(p.pos, "Expecting property name enclosed in double quotes")
	}
	name, odd, err := p.string()
	if err != nil {
		return "", 0, err
	}
	p.space()
	if p.peek() != ':' {
		return "", 0, p.fail(p.pos, "Expecting ':' delimiter")
	}
	p.pos++
	return name, odd, nil
}

func (p *parser) number() (Value, error) {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	switch c := p.peek(); {
	case c == '0':
		p.pos++
	case isDigit(c):
		p.digits()
	default:
		return Value{}, p.fail(start, "Expecting value")
	}
	whole := p.pos
	if p.peek() == '.' && p.pos+1 < len(p.s) && isDigit(p.s[p.pos+1]) {
		p.pos++
		p.digits()
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		mark := p.pos
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if isDigit(p.peek()) {
			p.digits()
		} else {
			p.pos = mark
		}
	}
	literal := p.s[start:p.pos]
	if p.pos > whole {
		f, _ := strconv.ParseFloat(literal, 64) // an overflow is an infinity, as in Python
		return floatValue(f), nil
	}
	if len(literal) > maxIntDigits {
		return Value{}, errUnreadable
	}
	return intValue(literal), nil
}

func (p *parser) digits() {
	for isDigit(p.peek()) {
		p.pos++
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// string reads a string. A lone surrogate becomes U+FFFD, which counts as one character like the original.
func (p *parser) string() (text string, odd oddity, err error) {
	start := p.pos
	p.pos++
	from := p.pos
	for p.pos < len(p.s) && p.s[p.pos] != '"' && p.s[p.pos] != '\\' && p.s[p.pos] >= 0x20 {
		p.pos++
	}
	if p.peek() == '"' { // the usual string has no escapes
		p.pos++
		return p.s[from : p.pos-1], 0, nil
	}
	b := append([]byte(nil), p.s[from:p.pos]...)
	for {
		if p.pos >= len(p.s) {
			return "", 0, p.fail(start, "Unterminated string starting at")
		}
		c := p.s[p.pos]
		switch {
		case c == '"':
			p.pos++
			return string(b), odd, nil
		case c < 0x20:
			return "", 0, p.fail(p.pos, "Invalid control character at")
		case c != '\\':
			b = append(b, c)
			p.pos++
		default:
			r, err := p.escape(start)
			if err != nil {
				return "", 0, err
			}
			if utf16.IsSurrogate(r) {
				odd |= oddSurrogate
				r = utf8.RuneError
			}
			b = utf8.AppendRune(b, r)
		}
	}
}

func (p *parser) escape(start int) (rune, error) {
	if p.pos+1 >= len(p.s) {
		return 0, p.fail(start, "Unterminated string starting at")
	}
	c := p.s[p.pos+1]
	if c == 'u' {
		r, ok := p.hex4(p.pos)
		if !ok {
			return 0, p.fail(p.pos+1, "Invalid \\uXXXX escape")
		}
		p.pos += 6
		if utf16.IsSurrogate(r) {
			if low, ok := p.hex4(p.pos); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					p.pos += 6
					return pair, nil
				}
			}
		}
		return r, nil
	}
	i := strings.IndexByte(`"\/bfnrt`, c)
	if i < 0 {
		return 0, p.fail(p.pos, "Invalid \\escape")
	}
	p.pos += 2
	return rune("\"\\/\b\f\n\r\t"[i]), nil
}

// hex4 reads the \uXXXX at pos.
func (p *parser) hex4(pos int) (rune, bool) {
	if pos+6 > len(p.s) || p.s[pos] != '\\' || p.s[pos+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[pos+2:pos+6], 16, 32)
	return rune(n), err == nil
}
