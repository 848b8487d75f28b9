package jsontext

import (
	"strconv"
	"sync/atomic"
	"time"
)

const secondsPerDay = 86_400

// twoDigits holds 00 to 99. Two digits at a time take half the divisions.
const twoDigits = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

func putTwo(b []byte, n int) {
	n *= 2
	b[0], b[1] = twoDigits[n], twoDigits[n+1]
}

func appendTwo(b []byte, n int) []byte {
	return append(b, twoDigits[2*n], twoDigits[2*n+1])
}

const dateTimeSize = len("2006-01-02T15:04:05")

// A date is the text of a day's first second.
type date struct {
	day  int64 // counted from 1970-01-01
	text [dateTimeSize]byte
}

// civil returns the date of a day counted from 1970-01-01, for years -400 to 9999.
// The algorithm is by Cassio Neri and Lorenz Schneider, as in package time, whose
// calls take twice as long. Its years begin in March, so that the leap day is the
// last day.
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

// today is the date of nearly all times. It takes longest to write.
var today atomic.Pointer[date]

// NoteToday makes times of the day of sec, in Unix seconds, fast to write.
func NoteToday(sec int64) {
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

// MicroTimeSize is how many bytes AppendMicroTime appends.
const MicroTimeSize = dateTimeSize + len(".000000")

// AppendMicroTime appends a time in UTC, without its zone and in years 0 to 9999,
// to the microsecond.
func AppendMicroTime(b []byte, sec int64, nsec int) []byte {
	return appendMicros(appendDateTime(b, sec), nsec/1000)
}

// AppendTime appends t as [time.RFC3339Nano] does. Unlike the standard JSONHandler's,
// its text always reads back: a year outside 0 to 9999 gets a sign and all its
// digits, and a time whose offset RFC 3339 cannot express is written in UTC.
func AppendTime(b []byte, t time.Time) []byte {
	_, offset := t.Zone()
	if offset%60 != 0 || offset <= -secondsPerDay || offset >= secondsPerDay {
		t, offset = t.UTC(), 0
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
