package ingest

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// parseTimestamp reads what pydantic takes for a datetime, to the microsecond, fractions cut off.
// naive reports a date without a zone.
func parseTimestamp(v Value) (at time.Time, naive bool, p *problem) {
	switch v.Kind {
	case Int, Float:
		at, reason := fromUnix(v.Text)
		if reason != "" {
			return at, false, &problem{
				Type: "datetime_parsing", Msg: "Input should be a valid datetime, " + reason,
				Ctx: map[string]string{"error": reason},
			}
		}
		return at, false, nil
	case String:
		at, naive, reason := fromText(v.Text)
		if reason != "" {
			return at, false, &problem{
				Type: "datetime_from_date_parsing", Msg: "Input should be a valid datetime or date, " + reason,
				Ctx: map[string]string{"error": reason},
			}
		}
		return at, naive, nil
	default:
		return at, false, &problem{Type: "datetime_type", Msg: "Input should be a valid datetime"}
	}
}

// fromUnix reads a number as seconds since 1970, or as milliseconds above 2e10. reason is "" on success.
func fromUnix(number string) (at time.Time, reason string) {
	f, _ := strconv.ParseFloat(number, 64)
	if math.IsNaN(f) {
		return at, "NaN values not permitted"
	}
	perSecond := 1.0
	if math.Abs(f) > 2e10 {
		perSecond = 1000
	}
	switch seconds := f / perSecond; {
	case seconds >= 253402300800: // 10000-01-01
		return at, "dates after 9999 are not supported as unix timestamps"
	case seconds < -62135596800: // 0001-01-01
		return at, "dates before 0001 are not supported as unix timestamps"
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if perSecond == 1 {
			return time.Unix(n, 0).UTC(), ""
		}
		return time.UnixMilli(n).UTC(), ""
	}
	whole, fraction := math.Modf(f / perSecond)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1000).UTC(), ""
}

// fromText reads a date with an optional time and zone. reason is "" on success.
func fromText(s string) (at time.Time, naive bool, reason string) {
	if isNumber(s) {
		at, reason = fromUnix(s)
		return at, false, reason
	}
	if len(s) < len("2006-01-02") {
		return at, false, "input is too short"
	}
	year, ok1 := digitsAt(s, 0, 4)
	month, ok2 := digitsAt(s, 5, 2)
	day, ok3 := digitsAt(s, 8, 2)
	if !ok1 || !ok2 || !ok3 || s[4] != '-' || s[7] != '-' {
		return at, false, "invalid date separator, expected `-`"
	}
	// time.Date normalises 31 April to 1 May; a date that is not one changes.
	if d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC); year < 1 || int(d.Month()) != month || d.Day() != day {
		return at, false, "day value is outside expected range"
	}
	if len(s) == len("2006-01-02") {
		return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC), true, ""
	}
	if !strings.ContainsRune("Tt _", rune(s[10])) {
		return at, false, "invalid datetime separator, expected `T`, `t`, `_` or space"
	}
	clock := s[11:]
	hour, ok1 := digitsAt(clock, 0, 2)
	minute, ok2 := digitsAt(clock, 3, 2)
	if !ok1 || !ok2 || clock[2] != ':' || hour > 23 || minute > 59 {
		return at, false, "invalid time"
	}
	rest := clock[5:]
	var second, micros int
	if strings.HasPrefix(rest, ":") {
		if second, ok1 = digitsAt(rest, 1, 2); !ok1 || second > 59 {
			return at, false, "second value is outside expected range of 0-59"
		}
		rest = rest[3:]
		if rest != "" && (rest[0] == '.' || rest[0] == ',') {
			n := 1
			for n < len(rest) && isDigit(rest[n]) {
				n++
			}
			if n == 1 {
				return at, false, "second fraction is missing"
			}
			micros, _ = strconv.Atoi((rest[1:n] + "000000")[:6])
			rest = rest[n:]
		}
	}
	offset, naive, ok := parseZone(rest)
	if !ok {
		return at, false, "invalid timezone offset"
	}
	at = time.Date(year, time.Month(month), day, hour, minute, second, micros*1000, time.UTC)
	return at.Add(-offset), naive, ""
}

// parseZone reads Z, ±hh:mm, ±hhmm, or nothing.
func parseZone(s string) (offset time.Duration, naive, ok bool) {
	switch {
	case s == "":
		return 0, true, true
	case s == "Z" || s == "z":
		return 0, false, true
	case s[0] != '+' && s[0] != '-':
		return 0, false, false
	}
	digits := s[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = digits[:2] + digits[3:]
	}
	hours, ok1 := digitsAt(digits, 0, 2)
	minutes, ok2 := digitsAt(digits, 2, 2)
	if !ok1 || !ok2 || len(digits) != 4 || hours > 23 || minutes > 59 {
		return 0, false, false
	}
	offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[0] == '-' {
		offset = -offset
	}
	return offset, false, true
}

// digitsAt reads the n digits at position at.
func digitsAt(s string, at, n int) (int, bool) {
	if len(s) < at+n {
		return 0, false
	}
	number := 0
	for _, c := range []byte(s[at : at+n]) {
		if !isDigit(c) {
			return 0, false
		}
		number = number*10 + int(c-'0')
	}
	return number, true
}

// isNumber reports whether s is an integer or decimal literal without an exponent.
func isNumber(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	return whole != "" && strings.Trim(whole, "0123456789") == "" && strings.Trim(fraction, "0123456789") == ""
}
