package ingest

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
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

// fromHex is Python's bytes.fromhex, which takes spaces between bytes.
func fromHex(s string) ([]byte, error) {
	if strings.ContainsAny(s, " \t\n\r\v\f") {
		for _, word := range strings.Fields(s) {
			if len(word)%2 != 0 {
				return nil, hex.ErrLength
			}
		}
		s = strings.Join(strings.Fields(s), "")
	}
	return hex.DecodeString(s)
}

// fromBase64 is Python's urlsafe_b64decode after padding, which passes over what is not in the alphabet.
func fromBase64(s string) ([]byte, error) {
	s += strings.Repeat("=", 4-len(s)%4)
	var digits []byte
	padding := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '=':
			if padding++; len(digits)%4 >= 2 && len(digits)%4+padding >= 4 {
				return base64.RawStdEncoding.DecodeString(string(digits))
			}
			continue
		case c == '-':
			digits = append(digits, '+')
		case c == '_':
			digits = append(digits, '/')
		case isDigit(c), 'a' <= c|0x20 && c|0x20 <= 'z', c == '+', c == '/':
			digits = append(digits, c)
		default:
			continue
		}
		padding = 0
	}
	if len(digits)%4 != 0 {
		return nil, errors.New("incorrect padding")
	}
	return base64.RawStdEncoding.DecodeString(string(digits))
}

func bytesValue(b []byte) Value { return textValue(base64.StdEncoding.EncodeToString(b)) }
