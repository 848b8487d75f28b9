package ingest

import (
	"encoding/binary"
	"errors"
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

// decodeText is what Python's json.loads does to bytes: UTF-16 is told by its byte order mark or by where the zeros
// are. Two differences from Python: UTF-32 is unreadable, and a lone surrogate in UTF-16 becomes U+FFFD.
func decodeText(body []byte) (text string, ok bool) {
	var order binary.ByteOrder
	switch {
	case len(body) < 2:
	case body[0] == 0xfe && body[1] == 0xff, body[0] == 0 && body[1] != 0:
		order = binary.BigEndian
	case body[0] == 0xff && body[1] == 0xfe, body[0] != 0 && body[1] == 0:
		order = binary.LittleEndian
	}
	if order == nil {
		text = string(body)
		return strings.TrimPrefix(text, "\ufeff"), utf8.ValidString(text)
	}
	units := make([]uint16, len(body)/2)
	for i := range units {
		units[i] = order.Uint16(body[2*i:])
	}
	return strings.TrimPrefix(string(utf16.Decode(units)), "\ufeff"), len(body)%2 == 0
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

// word passes over w, if it stands there.
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
	p.word("-")
	if !p.word("0") && !p.digits() {
		return Value{}, p.fail(start, "Expecting value")
	}
	whole := p.pos
	if p.word(".") && !p.digits() {
		p.pos = whole
	}
	if mark := p.pos; p.word("e") || p.word("E") {
		_ = p.word("+") || p.word("-")
		if !p.digits() {
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

// digits passes over digits, and reports whether there are any.
func (p *parser) digits() bool {
	start := p.pos
	for isDigit(p.peek()) {
		p.pos++
	}
	return p.pos > start
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
