package ingest

import (
	"cmp"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// parseTimestamp reads what pydantic takes for a datetime, to the microsecond, fractions cut off.
// naive reports a date without a zone.
func parseTimestamp(v Value) (at time.Time, naive bool, p *Problem) {
	switch v.Kind {
	case Int, Float:
		at, reason := fromUnix(v.Text)
		if reason != "" {
			return at, false, &Problem{
				Type: "datetime_parsing", Msg: "Input should be a valid datetime, " + reason,
				Ctx: map[string]string{"error": reason},
			}
		}
		return at, false, nil
	case String:
		at, naive, reason := fromText(v.Text)
		if reason != "" {
			return at, false, &Problem{
				Type: "datetime_from_date_parsing", Msg: "Input should be a valid datetime or date, " + reason,
				Ctx: map[string]string{"error": reason},
			}
		}
		return at, naive, nil
	default:
		return at, false, &Problem{Type: "datetime_type", Msg: "Input should be a valid datetime"}
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

// dateTime is a date with a time. Seconds and zone may be absent.
var dateTime = regexp.MustCompile(`^(.{10})[Tt _](\d\d:\d\d)(:\d\d(?:[.,]\d+)?)?([Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d))?$`)

const hour = "2006-01-02T15"

// fromText reads a date with an optional time and zone. reason is "" on success.
func fromText(s string) (at time.Time, naive bool, reason string) {
	if isNumber(s) {
		at, reason = fromUnix(s)
		return at, false, reason
	}
	if len(s) < len(time.DateOnly) {
		return at, false, "input is too short"
	}
	var err error
	usual := len(s) > len(hour) && s[len(hour)] == ':' && strings.HasSuffix(s, "Z")
	if !usual || at.UnmarshalText([]byte(s)) != nil {
		strict := s + "T00:00:00Z"
		if naive = len(s) == len(time.DateOnly); !naive {
			m := dateTime.FindStringSubmatch(s)
			if m == nil {
				return at, false, "unexpected extra characters at the end of the input"
			}
			zone := "Z"
			if m[5] != "" {
				zone = m[5] + m[6] + ":" + m[7]
			}
			naive = m[4] == ""
			strict = m[1] + "T" + m[2] + strings.Replace(cmp.Or(m[3], ":00"), ",", ".", 1) + zone
		}
		err = at.UnmarshalText([]byte(strict))
	}
	if err != nil || at.Year() < 1 {
		return at, false, "day, hour, minute or second value is outside expected range"
	}
	return at.UTC().Truncate(time.Microsecond), naive, ""
}

// isNumber reports whether s is an integer or decimal literal without an exponent.
func isNumber(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	return whole != "" && strings.Trim(whole, "0123456789") == "" && strings.Trim(fraction, "0123456789") == ""
}
