package jsontext

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Measure returns the length that sanitized JSON has when Python writes it, which
// is how the server measures it.
func Measure(text []byte) int {
	return MeasureAs(text, func(size int) int { return size })
}

// MeasureAs is Measure where each string that is a value, and no key, has the length
// that as returns for its own, both without quotes.
func MeasureAs(text []byte, as func(size int) int) int {
	n := 0
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := i + ValueEnd(text[i:])
			size := measureInside(text[i+1 : end-1])
			if end >= len(text) || text[end] != ':' {
				size = as(size)
			}
			n += len(`""`) + size
			i = end
		case c == ',' || c == ':':
			n += len(`, `)
			i++
		case c == '-' || '0' <= c && c <= '9':
			end := i + 1
			for end < len(text) && IsWordByte(text[end]) {
				end++
			}
			n += measureNumber(text[i:end])
			i = end
		default:
			n++
			i++
		}
	}
	return n
}

// measureInside measures the inside of a string, which has an escape where Python
// writes one, but for what is not ASCII and for DEL.
func measureInside(text []byte) int {
	n := len(text)
	for i := 0; i < len(text); {
		c, size := text[i], 1
		switch {
		case c == 0x7F:
			n += measureRune(0x7F) - 1
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			n += measureRune(r) - size
		}
		i += size
	}
	return n
}

// MeasureString is Measure for a string without its quotes.
func MeasureString(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if c := s[i]; ' ' <= c && c <= '~' && c != '"' && c != '\\' { // most are
			n++
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		n += measureRune(r)
		i += size
	}
	return n
}

func measureRune(r rune) int {
	switch {
	case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t' || r == '\b' || r == '\f':
		return 2
	case ' ' <= r && r <= '~':
		return 1
	case r > 0xFFFF:
		return 12
	}
	return 6
}

// CutMeasured returns s with a measure of at most limit, or the mark if that is more.
func CutMeasured(s string, limit int) string {
	if MeasureString(s) <= limit {
		return s
	}
	n := MeasureString(CutMark)
	for i, r := range s {
		if n += measureRune(r); n > limit {
			return s[:i] + CutMark
		}
	}
	return s
}

// measureNumber measures a number. Python writes an integer as it is, and any other
// number as its shortest text.
func measureNumber(text []byte) int {
	if !bytes.ContainsAny(text, ".eE") {
		return len(text)
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return len(text) + len("e+308")
	}
	return pythonFloatSize(f)
}

func pythonFloatSize(f float64) int {
	var buf [32]byte
	scientific := strconv.AppendFloat(buf[:0], f, 'e', -1, 64) // -1.2345e+06
	mark := slices.Index(scientific, 'e')
	exponent, _ := strconv.Atoi(string(scientific[mark+1:]))
	if exponent < -4 || exponent >= 16 {
		return len(scientific)
	}
	fixed := strconv.AppendFloat(buf[:0], f, 'f', -1, 64)
	if !slices.Contains(fixed, '.') {
		return len(fixed) + len(".0")
	}
	return len(fixed)
}
