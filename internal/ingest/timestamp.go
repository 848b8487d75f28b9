package ingest

import (
	"math"
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

// fromText reads a date with an optional time and zone. reason is "" on success.
func fromText(s string) (at time.Time, naive bool, reason string) {
	if isNumber(s) {
		at, reason = fromUnix(s)
		return at, false, reason
	}
	if len(s) < len(time.DateOnly) {
		return at, false, "input is too short"
	}
	layout, naive := layoutOf(s)
	if layout == "" {
		return at, false, "unexpected extra characters at the end of the input"
	}
	if len(s) > len(time.DateOnly) && s[len(time.DateOnly)] != 'T' {
		s = s[:len(time.DateOnly)] + "T" + s[len("2006-01-02T"):]
	}
	at, err := time.Parse(layout, strings.TrimSuffix(s, "z"))
	if err != nil || at.Year() < 1 {
		return at, false, "day, hour, minute or second value is outside expected range"
	}
	return at.UTC().Truncate(time.Microsecond), naive, ""
}

const (
	hourLayout   = "2006-01-02T15"
	minuteLayout = hourLayout + ":04"
	secondLayout = minuteLayout + ":05" // and a fraction, if there is one
)

var zoneLayouts = [2][3]string{ // without a zone, with Z or ±hh:mm, with ±hhmm
	{minuteLayout, minuteLayout + "Z07:00", minuteLayout + "-0700"},
	{secondLayout, secondLayout + "Z07:00", secondLayout + "-0700"},
}

// layoutOf returns how a text is to be parsed, or "" when time.Parse would take for a time what pydantic does not.
func layoutOf(s string) (layout string, naive bool) {
	switch {
	case len(s) == len(time.DateOnly):
		return time.DateOnly, true
	case len(s) <= len(hourLayout) || s[len(hourLayout)] != ':' || !strings.ContainsRune("Tt _", rune(s[len(time.DateOnly)])):
		return "", false
	}
	layouts := &zoneLayouts[0]
	if len(s) > len(minuteLayout) && s[len(minuteLayout)] == ':' {
		layouts = &zoneLayouts[1]
	}
	i := strings.IndexAny(s[len(hourLayout):], "Zz+-")
	if i < 0 {
		return layouts[0], true
	}
	switch zone := s[len(hourLayout)+i:]; {
	case zone == "z":
		return layouts[0], false
	case zone == "Z":
		return layouts[1], false
	case len(zone) < len("-0700") || len(zone) > len("-07:00") || zone[1:3] > "23" || zone[len(zone)-2:] > "59":
		return "", false
	case len(zone) == len("-0700"):
		return layouts[2], false
	default:
		return layouts[1], false
	}
}

// isNumber reports whether s is an integer or decimal literal without an exponent.
func isNumber(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	return whole != "" && strings.Trim(whole, "0123456789") == "" && strings.Trim(fraction, "0123456789") == ""
}
