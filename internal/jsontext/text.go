// Package jsontext writes and measures JSON: strings, numbers, times, and the
// members of objects. All it writes is what the server can store: valid UTF-8
// without NUL, and numbers within 64 bits.
//
// The formats and the encoder call it for each attribute, so it works on several
// bytes at once where it can. It must never know what an entry is.
package jsontext

import (
	"strings"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// PlainByte is true for the bytes that a JSON string holds unescaped: ASCII without
// controls, quote and backslash.
var PlainByte = func() (t [256]bool) {
	for c := ' '; c <= '~'; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// Words of eight equal bytes, to look at eight bytes of a text at once.
const ones, highs uint64 = 0x0101010101010101, 0x8080808080808080

// IsPlain reports whether a JSON string holds s unescaped and s is ASCII.
func IsPlain(s string) bool {
	n := len(s)
	if n < 8 {
		return plainWord(shortWord(s, ones*' '))
	}
	i := 0
	for ; i+16 < n; i += 16 {
		if (marks(Load64(s[i:]))|marks(Load64(s[i+8:])))&highs != 0 {
			return false
		}
	}
	return (i+8 >= n || plainWord(Load64(s[i:]))) && plainWord(Load64(s[n-8:]))
}

// plainWord is IsPlain for eight bytes at once.
func plainWord(x uint64) bool { return marks(x)&highs == 0 }

// marks returns a word with a high bit set where x has a byte below ' ', one equal to '"'
// or '\\', or one with its high bit set. Other bits mean nothing, nor do those after the
// first.
func marks(x uint64) uint64 {
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return x | (x - ones*' ') | (quote - ones) | (slash - ones)
}

// shortWord returns fewer than eight bytes as a word, some of them perhaps twice,
// with fill in the remaining places.
func shortWord(s string, fill uint64) uint64 {
	switch n := len(s); {
	case n >= 4:
		return Load32(s) | Load32(s[n-4:])<<32
	case n > 0:
		return fill<<24 | uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	return fill
}

// Load64 returns the first eight bytes of s as a word. The compiler makes one
// instruction of it where the processor has one.
func Load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// Load32 is Load64 for four bytes.
func Load32(s string) uint64 {
	_ = s[3]
	return uint64(uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24)
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
// NUL is left out: the server's database refuses it.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	if IsPlain(s) {
		b = append(b, s...)
	} else {
		b = AppendEscaped(b, s)
	}
	return append(b, '"')
}

// AppendEscaped is AppendString without the quotes.
func AppendEscaped(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if PlainByte[c] || c == 0x7f {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch {
		case c >= utf8.RuneSelf:
			b = append(b, "\uFFFD"...)
		case c == 0:
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(b, s[start:]...)
}

// Clean returns s as the server can store it: valid UTF-8 without NUL. It allocates
// only if s has to change.
func Clean(s string) string {
	if isStorable(s) {
		return s
	}
	return strings.Map(func(r rune) rune { // gives U+FFFD for each byte that is not UTF-8
		if r == 0 {
			return -1
		}
		return r
	}, s)
}

// isStorable reports whether the server can store s: valid UTF-8 without NUL.
func isStorable(s string) bool {
	n := len(s)
	if n < 8 {
		return storableWord(shortWord(s, ones)) || isStorableText(s)
	}
	i := 0
	for ; i+32 <= n; i += 32 { // four words at once, for long texts
		t := s[i : i+32]
		w, x, y, z := Load64(t), Load64(t[8:]), Load64(t[16:]), Load64(t[24:])
		if (w|x|y|z|(w-ones)|(x-ones)|(y-ones)|(z-ones))&highs != 0 {
			return isStorableText(s[i:])
		}
	}
	for ; i+8 < n; i += 8 {
		if !storableWord(Load64(s[i:])) {
			return isStorableText(s[i:])
		}
	}
	return storableWord(Load64(s[n-8:])) || isStorableText(s[i:])
}

// storableWord reports whether eight bytes are all ASCII without NUL.
func storableWord(x uint64) bool { return (x|(x-ones))&highs == 0 }

func isStorableText(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

// IsLetter reports whether c is an ASCII letter.
func IsLetter(c byte) bool { return (c|0x20)-'a' < 26 }
