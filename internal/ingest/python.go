package ingest

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
)

// What Python's own functions make of texts, bytes and numbers, where Go's differ.

const hexDigits = "0123456789abcdef"

// appendString appends s as json.dumps does with its default ensure_ascii.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		if i := strings.IndexRune("\"\\\n\r\t\b\f", r); i >= 0 {
			b = append(b, '\\', `"\nrtbf`[i])
			continue
		}
		if r >= 0x20 && r < 0x7f {
			b = append(b, byte(r))
			continue
		}
		units := []rune{r}
		if r > 0xffff {
			units = []rune{0xd800 + (r-0x10000)>>10, 0xdc00 + (r-0x10000)&0x3ff}
		}
		for _, u := range units {
			b = append(b, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
		}
	}
	return append(b, '"')
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

// fromHex is Python's bytes.fromhex, which passes over white space.
func fromHex(s string) ([]byte, error) { return hex.DecodeString(strings.Join(strings.Fields(s), "")) }

// fromBase64 is Python's urlsafe_b64decode, which passes over what is not in the alphabet and ends at the padding.
func fromBase64(s string) ([]byte, error) {
	s, _, _ = strings.Cut(s, "=")
	return base64.RawStdEncoding.DecodeString(strings.Map(func(r rune) rune {
		switch {
		case r == '-':
			return '+'
		case r == '_':
			return '/'
		case '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == '+', r == '/':
			return r
		default:
			return -1
		}
	}, s))
}
