package ledger

import (
	"math"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// plainByte holds the bytes that stand in a JSON string as they are: ASCII
// without controls, quote and backslash.
var plainByte = func() (t [256]bool) {
	for c := ' '; c <= '~'; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// Words of eight equal bytes: what one instruction does to all bytes of a text.
const ones, highs uint64 = 0x0101010101010101, 0x8080808080808080

// isPlain reports whether s needs neither an escape nor a check: it is ASCII
// that stands in a JSON string as it is.
func isPlain(s string) bool {
	n := len(s)
	if n < 8 {
		return plainWord(shortWord(s, ones*' '))
	}
	for i := 0; i+8 < n; i += 8 {
		if !plainWord(load64(s[i:])) {
			return false
		}
	}
	return plainWord(load64(s[n-8:]))
}

// plainWord is isPlain for eight bytes at once: one below ' ', equal to '"' or
// '\\', or with the high bit set leaves a high bit in the sum.
func plainWord(x uint64) bool {
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return (x|(x-ones*' ')|(quote-ones)|(slash-ones))&highs == 0
}

// shortWord returns less than eight bytes, some of them perhaps twice, as a word
// with fill in the places left over.
func shortWord(s string, fill uint64) uint64 {
	switch n := len(s); {
	case n >= 4:
		return load32(s) | load32(s[n-4:])<<32
	case n > 0:
		return fill<<24 | uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	return fill
}

// load64 returns the first eight bytes of s as a word, by one instruction where the
// processor has it.
func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// load32 is load64 for four bytes.
func load32(s string) uint64 {
	_ = s[3]
	return uint64(uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24)
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD and NUL disappears, since the server's database refuses it.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	if isPlain(s) {
		b = append(b, s...)
	} else {
		b = appendEscaped(b, s)
	}
	return append(b, '"')
}

// appendEscaped appends the inside of a JSON string.
func appendEscaped(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainByte[c] || c == 0x7f {
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

// appendText appends s as the server can store it: valid UTF-8 without NUL.
func appendText(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c != 0 && c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != 0 && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		b = append(b, s[start:i]...)
		if r != 0 {
			b = append(b, "\uFFFD"...)
		}
		i += size
		start = i
	}
	return append(b, s[start:]...)
}

// cleanText returns s as the server can store it; it allocates only for a text
// that has to change.
func cleanText(s string) string {
	if isStorable(s) {
		return s
	}
	return string(appendText(make([]byte, 0, len(s)+8), s))
}

func hasNUL(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return true
		}
	}
	return false
}

// appendFloat appends f as encoding/json does, except that NaN and infinities
// become strings, and that a magnitude of 2^63 or more has an exponent: without
// one the server would read an integer outside 64 bits and answer 500 for the
// whole batch (ledger-wire 2.5).
func appendFloat(b []byte, f float64) []byte {
	// A number of at most three decimals and fifteen digits is its own shortest
	// text, because division rounds correctly: this is most of what is logged,
	// and saves the search for the shortest.
	if thousands := f * 1000; math.Abs(thousands) < 1e15 {
		n := int64(thousands)
		if float64(n)/1000 == f && (n != 0 || !math.Signbit(f)) {
			return appendThousandths(b, n)
		}
	}
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"+Inf"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Inf"`...)
	}
	abs := math.Abs(f)
	if abs != 0 && (abs < 1e-6 || abs >= 1<<63) {
		b = strconv.AppendFloat(b, f, 'e', -1, 64)
		if n := len(b); n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
			b[n-2] = b[n-1] // e-09 to e-9, as encoding/json
			b = b[:n-1]
		}
		return b
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// appendThousandths appends n/1000 without trailing zeros.
func appendThousandths(b []byte, n int64) []byte {
	if n < 0 {
		b = append(b, '-')
		n = -n
	}
	b = strconv.AppendInt(b, n/1000, 10)
	if rest := n % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

const secondsPerDay = 86_400

// twoDigits holds 00 to 99: half the divisions of a digit at a time.
const twoDigits = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

func putTwo(b []byte, n int) {
	n *= 2
	b[0], b[1] = twoDigits[n], twoDigits[n+1]
}

func appendTwo(b []byte, n int) []byte {
	return append(b, twoDigits[2*n], twoDigits[2*n+1])
}

const dateTimeSize = len("2006-01-02T15:04:05")

// A date is the text of a day's times, with zeros for the time.
type date struct {
	day  int64 // counted from 1970-01-01
	text [dateTimeSize]byte
}

// civil returns the date of a day counted from 1970-01-01, for years -400 to 9999.
// The algorithm is that of Cassio Neri and Lorenz Schneider, as in package time,
// whose calls take twice as long. Its years begin in March, so that the leap day
// is the last, and 400 years earlier.
func civil(day int64) (year, month, dayOfMonth int) {
	n := 4*uint32(day+719_468+146_097) + 3
	century, n := n/146_097, n%146_097|3
	p := 2_939_745 * uint64(n)
	dayOfYear := uint32(p) / 2_939_745 / 4
	n = 2141*dayOfYear + 197_913
	year, month, dayOfMonth = int(100*century+uint32(p>>32))-400, int(n>>16), int(n&0xFFFF/2141)+1
	if dayOfYear >= 306 { // January and February
		year++
		month -= 12
	}
	return year, month, dayOfMonth
}

// appendDate appends the text of a date.
func appendDate(b []byte, day int64) []byte {
	year, month, dom := civil(day)
	n := len(b)
	b = append(b, "0000-00-00T00:00:00"...)
	t := b[n : n+dateTimeSize : n+dateTimeSize]
	putTwo(t, year/100)
	putTwo(t[2:], year%100)
	putTwo(t[5:], month)
	putTwo(t[8:], dom)
	return b
}

// today is the date of nearly all times, which takes longest to write.
var today atomic.Pointer[date]

func noteToday(sec int64) {
	day := sec / secondsPerDay
	if d := today.Load(); d == nil || d.day != day {
		d := &date{day: day}
		appendDate(d.text[:0], day)
		today.Store(d)
	}
}

// appendDateTime appends YYYY-MM-DDTHH:MM:SS of Unix seconds in years 0 to 9999.
func appendDateTime(b []byte, sec int64) []byte {
	day := sec / secondsPerDay
	rest := int(sec - day*secondsPerDay)
	if rest < 0 {
		day--
		rest += secondsPerDay
	}
	n := len(b)
	if d := today.Load(); d != nil && d.day == day {
		b = append(b, d.text[:]...)
	} else {
		b = appendDate(b, day)
	}
	t := b[n : n+dateTimeSize : n+dateTimeSize]
	putTwo(t[11:], rest/3600)
	putTwo(t[14:], rest/60%60)
	putTwo(t[17:], rest%60)
	return b
}

// appendMicros appends a dot and six digits.
func appendMicros(b []byte, micros int) []byte {
	n := len(b)
	b = append(b, ".000000"...)
	t := b[n : n+7 : n+7]
	putTwo(t[1:], micros/10_000)
	putTwo(t[3:], micros/100%100)
	putTwo(t[5:], micros%100)
	return b
}

const microTimeSize = dateTimeSize + len(".000000")

// appendMicroTime appends a time in years 0 to 9999 to the microsecond, without
// its zone.
func appendMicroTime(b []byte, sec int64, nsec int) []byte {
	return appendMicros(appendDateTime(b, sec), nsec/1000)
}

// appendTime appends t as RFC 3339 with nanoseconds, trailing zeros dropped, as
// [time.RFC3339Nano] does. Other than the standard JSONHandler's its text always
// reads back: a year outside 0 to 9999 is written with its sign and all digits,
// and an offset outside a day is written in UTC.
func appendTime(b []byte, t time.Time) []byte {
	_, offset := t.Zone()
	if offset%60 != 0 || offset <= -secondsPerDay || offset >= secondsPerDay {
		t, offset = t.UTC(), 0 // RFC 3339 knows no seconds in an offset
	}
	sec := t.Unix() + int64(offset)
	if sec < -62_167_219_200 || sec >= 253_402_300_800 { // years 0000 to 9999
		year := t.Year()
		if year >= 0 {
			b = append(b, '+')
		}
		b = strconv.AppendInt(b, int64(year), 10)
		return t.AppendFormat(b, "-01-02T15:04:05.999999999Z07:00")
	}
	b = appendDateTime(b, sec)
	if n := t.Nanosecond(); n != 0 {
		b = appendMicros(b, n/1000)
		b = append(b, byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	if offset == 0 {
		return append(b, 'Z')
	}
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	b = append(b, sign)
	b = appendTwo(b, offset/3600)
	b = append(b, ':')
	return appendTwo(b, offset/60%60)
}
