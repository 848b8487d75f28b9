package ledgertest

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The server is written in Python, and what it takes and measures depends on how Python reads JSON: NaN is a number,
// half a surrogate pair is a character, integers have no bound. encoding/json forgives or refuses other things, so
// this file reads JSON the server's way.

type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindInt
	kindFloat
	kindText
	kindList
	kindObject
)

// oddity marks what a value holds, at any depth, that a later stage of the server trips over.
type oddity uint8

const (
	oddNonFinite oddity = 1 << iota // NaN, an infinity, or a literal that overflows
	oddHugeInt                      // an integer outside -2^63 .. 2^64-1
	oddSurrogate                    // a lone surrogate
	oddNUL                          // U+0000 in a string
)

// value is one JSON value. The zero value is null.
type value struct {
	kind  kind
	truth bool
	odd   oddity
	depth int // 0 for a scalar, 1 for a flat list or object
	size  int // length of the text Python's json.dumps would write

	text    string // a string's characters; a number's digits as Python prints them
	raw     []byte // the text as sent; shares the body's memory
	items   []value
	members []member
}

type member struct {
	name  string
	value value
}

func (v value) get(name string) (value, bool) {
	for i := range v.members {
		if v.members[i].name == name {
			return v.members[i].value, true
		}
	}
	return value{}, false
}

// truthy reports what Python's bool would say.
func (v value) truthy() bool {
	switch v.kind {
	case kindBool:
		return v.truth
	case kindInt, kindFloat:
		f, _ := strconv.ParseFloat(v.text, 64)
		return f != 0
	case kindText:
		return v.text != ""
	case kindList:
		return len(v.items) > 0
	case kindObject:
		return len(v.members) > 0
	default:
		return false
	}
}

// MarshalJSON writes the value as it was sent. It must not be called for a value with oddNonFinite.
func (v value) MarshalJSON() ([]byte, error) {
	if v.raw == nil {
		return []byte("null"), nil
	}
	return v.raw, nil
}

func textValue(s string) value {
	v := value{kind: kindText, text: s, size: 2}
	for _, r := range s {
		v.size += runeSize(r)
		if r == 0 {
			v.odd |= oddNUL
		}
	}
	return v
}

func boolValue(b bool) value {
	if b {
		return value{kind: kindBool, truth: true, size: 4}
	}
	return value{kind: kindBool, size: 5}
}

func intValue(digits string) value {
	if digits == "-0" {
		digits = "0"
	}
	v := value{kind: kindInt, text: digits, size: len(digits)}
	_, errSigned := strconv.ParseInt(digits, 10, 64)
	_, errUnsigned := strconv.ParseUint(digits, 10, 64)
	if errSigned != nil && errUnsigned != nil {
		v.odd = oddHugeInt
	}
	return v
}

func floatValue(f float64) value {
	v := value{kind: kindFloat, text: pythonFloat(f)}
	v.size = len(v.text)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		v.odd = oddNonFinite
	}
	return v
}

func listValue(items []value) value {
	v := value{kind: kindList, items: items, depth: 1, size: 2}
	for i := range items {
		v.adopt(i, items[i])
	}
	return v
}

func objectValue(members []member) value {
	v := value{kind: kindObject, members: members, depth: 1, size: 2}
	for i := range members {
		name := textValue(members[i].name)
		v.adopt(i, members[i].value)
		v.size += name.size + len(": ")
		v.odd |= name.odd
	}
	return v
}

// adopt adds what child number i contributes to its parent.
func (v *value) adopt(i int, child value) {
	size := child.size
	if child.kind == kindNull {
		size = len("null")
	}
	if i > 0 {
		size += len(", ")
	}
	v.size += size
	v.odd |= child.odd
	v.depth = max(v.depth, child.depth+1)
}

// runeSize is what json.dumps spends on r with its default ensure_ascii.
func runeSize(r rune) int {
	switch {
	case r == '"', r == '\\', r == '\n', r == '\r', r == '\t', r == '\b', r == '\f':
		return 2
	case r >= 0x20 && r < 0x7f:
		return 1
	case r > 0xffff:
		return 12
	default:
		return 6
	}
}

// pythonFloat prints f as Python's repr does: the shortest digits, an exponent below 1e-4 and from 1e16 on.
func pythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// errUnreadable means a body on which Python's parser gives up other than by a syntax error.
var errUnreadable = errors.New("there was an error parsing the body")

// A syntaxError is Python's JSONDecodeError; pos counts code points.
type syntaxError struct {
	pos int
	msg string
}

func (e *syntaxError) Error() string { return e.msg + ": char " + strconv.Itoa(e.pos) }

const (
	maxJSONDepth = 3000 // about where Python's parser runs out of stack
	maxIntDigits = 4300 // Python's own limit, sys.set_int_max_str_digits

	// maxNodes is this package's own bound: a hostile body of a hundred million empty lists costs no more than 300 MB.
	maxNodes = 2 << 20
)

// parseJSON reads one JSON text as Python's json.loads does. The error is errUnreadable or a *syntaxError.
// The value keeps slices of data.
func parseJSON(data []byte) (value, error) {
	if !utf8.Valid(data) {
		return value{}, errUnreadable
	}
	if rest := string(data[:min(3, len(data))]); rest == "\ufeff" {
		data = data[3:]
	}
	p := parser{data: data}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return value{}, err
	}
	p.space()
	if p.pos < len(p.data) {
		return value{}, p.fail(p.pos, "Extra data")
	}
	return v, nil
}

type parser struct {
	data  []byte
	pos   int
	nodes int
}

func (p *parser) fail(pos int, msg string) error {
	return &syntaxError{pos: utf8.RuneCount(p.data[:min(pos, len(p.data))]), msg: msg}
}

func (p *parser) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.data) {
		return p.data[p.pos]
	}
	return 0
}

func (p *parser) word(w string) bool {
	if len(p.data)-p.pos >= len(w) && string(p.data[p.pos:p.pos+len(w)]) == w {
		p.pos += len(w)
		return true
	}
	return false
}

func (p *parser) value(depth int) (value, error) {
	if p.nodes++; depth > maxJSONDepth || p.nodes > maxNodes {
		return value{}, errUnreadable
	}
	start := p.pos
	v, err := p.bare(depth)
	v.raw = p.data[start:p.pos:p.pos]
	return v, err
}

func (p *parser) bare(depth int) (value, error) {
	switch c := p.peek(); {
	case c == '"':
		return p.string()
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.list(depth)
	case p.word("null"):
		return value{size: 4}, nil
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
		return value{}, p.fail(p.pos, "Expecting value")
	}
}

func (p *parser) list(depth int) (value, error) {
	p.pos++
	p.space()
	if p.peek() == ']' {
		p.pos++
		return listValue(nil), nil
	}
	var items []value
	for {
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		items = append(items, v)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return listValue(items), nil
		default:
			return value{}, p.fail(p.pos, "Expecting ',' delimiter")
		}
	}
}

func (p *parser) object(depth int) (value, error) {
	p.pos++
	p.space()
	if p.peek() == '}' {
		p.pos++
		return objectValue(nil), nil
	}
	var members []member
	var odd oddity // of names: textValue cannot see a lone surrogate any more
	place := map[string]int{}
	for {
		p.space()
		if p.peek() != '"' {
			return value{}, p.fail(p.pos, "Expecting property name enclosed in double quotes")
		}
		name, err := p.string()
		if err != nil {
			return value{}, err
		}
		odd |= name.odd
		p.space()
		if p.peek() != ':' {
			return value{}, p.fail(p.pos, "Expecting ':' delimiter")
		}
		p.pos++
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		if i, ok := place[name.text]; ok {
			members[i].value = v // the last one wins
		} else {
			place[name.text] = len(members)
			members = append(members, member{name.text, v})
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			v := objectValue(members)
			v.odd |= odd
			return v, nil
		default:
			return value{}, p.fail(p.pos, "Expecting ',' delimiter")
		}
	}
}

func (p *parser) number() (value, error) {
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
		return value{}, p.fail(start, "Expecting value")
	}
	whole := p.pos
	if p.peek() == '.' && p.pos+1 < len(p.data) && isDigit(p.data[p.pos+1]) {
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
	literal := string(p.data[start:p.pos])
	if p.pos > whole {
		f, _ := strconv.ParseFloat(literal, 64) // an overflow is an infinity, as in Python
		return floatValue(f), nil
	}
	if len(literal) > maxIntDigits {
		return value{}, errUnreadable
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
func (p *parser) string() (value, error) {
	start := p.pos
	p.pos++
	from := p.pos
	for p.pos < len(p.data) && p.data[p.pos] != '"' && p.data[p.pos] != '\\' && p.data[p.pos] >= 0x20 {
		p.pos++
	}
	if p.peek() == '"' { // the usual string has no escapes
		v := textValue(string(p.data[from:p.pos]))
		p.pos++
		return v, nil
	}
	b := append([]byte(nil), p.data[from:p.pos]...)
	var odd oddity
	for {
		if p.pos >= len(p.data) {
			return value{}, p.fail(start, "Unterminated string starting at")
		}
		c := p.data[p.pos]
		switch {
		case c == '"':
			p.pos++
			v := textValue(string(b))
			v.odd |= odd
			return v, nil
		case c < 0x20:
			return value{}, p.fail(p.pos, "Invalid control character at")
		case c != '\\':
			b = append(b, c)
			p.pos++
		default:
			r, err := p.escape(start)
			if err != nil {
				return value{}, err
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
	if p.pos+1 >= len(p.data) {
		return 0, p.fail(start, "Unterminated string starting at")
	}
	c := p.data[p.pos+1]
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
	if pos+6 > len(p.data) || p.data[pos] != '\\' || p.data[pos+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.data[pos+2:pos+6]), 16, 32)
	return rune(n), err == nil
}
