package httplog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// truncated ends a text that was cut, as it does in package ledger.
const truncated = "… [truncated]"

// printable returns s fit for every log: invalid UTF-8, control characters and
// others that do not show are percent-encoded, and what exceeds limit bytes is
// cut at a character.
func printable(s string, limit int) string {
	if len(s) <= limit && isPrintableASCII(s) {
		return s
	}
	return string(appendPrintable(nil, s, limit))
}

// appendPrintable appends s as [printable] returns it.
func appendPrintable(b []byte, s string, limit int) []byte {
	if len(s) <= limit && isPrintableASCII(s) {
		return append(b, s...)
	}
	start, fits := len(b), len(b) // fits: the length of b that leaves room for truncated
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		shown := unicode.IsPrint(r) && (r != utf8.RuneError || size > 1)
		need := size
		if !shown {
			need = 3 * size
		}
		if len(b)-start+need > limit {
			return append(b[:fits], truncated...)
		}
		if shown {
			b = append(b, s[i:i+size]...)
		} else {
			for _, c := range []byte(s[i : i+size]) {
				b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
			}
		}
		if len(b)-start+len(truncated) <= limit {
			fits = len(b)
		}
		i += size
	}
	return b
}

// isPrintableASCII reports whether s consists of the characters from space to
// tilde. It looks at eight bytes at a time, the last eight included, some of
// which it then sees twice.
func isPrintableASCII(s string) bool {
	if len(s) < 8 {
		for i := range len(s) {
			if s[i] < ' ' || s[i] > '~' {
				return false
			}
		}
		return true
	}
	strange := strangeBytes(eightBytes(s[len(s)-8:]))
	for ; len(s) > 8; s = s[8:] {
		strange |= strangeBytes(eightBytes(s))
	}
	return strange == 0
}

// strangeBytes is not 0 when one of the eight bytes is outside of the range: such
// a byte has its highest bit set, or gets it when a space is taken away or one is
// added.
func strangeBytes(x uint64) uint64 {
	const high, spaces, ones = 0x8080808080808080, 0x2020202020202020, 0x0101010101010101
	return (x | (x - spaces) | (x + ones)) & high
}

// eightBytes returns the first eight bytes of s as one number. The compiler makes
// one load of it.
func eightBytes(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// cutText cuts s, which is valid UTF-8, at a character to at most limit bytes,
// the mark of the cut included.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	kept := s[:limit-len(truncated)]
	return kept[:len(kept)-incomplete([]byte(kept[max(0, len(kept)-utf8.UTFMax):]))] + truncated
}

// incomplete returns the number of bytes at the end of b that begin a character
// without ending it.
func incomplete(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}

// isToken reports whether s is a token of RFC 9110, as methods and the names of
// headers are.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
