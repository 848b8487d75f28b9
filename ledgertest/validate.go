package ledgertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A problem is one item of a 422 answer's detail.
type problem struct {
	Type  string `json:"type"`
	Loc   []any  `json:"loc"`
	Msg   string `json:"msg"`
	Input value  `json:"input"`
	Ctx   any    `json:"ctx,omitempty"`
}

// unspeakable reports whether the server could not put the problem's input into an answer.
func (p problem) unspeakable() bool { return p.Input.odd&(oddNonFinite|oddSurrogate) != 0 }

func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("ledgertest: encode an answer: %v", err)) // a bug here: every answer is plain data
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// A candidate is an entry of a request on its way through the checks.
type candidate struct {
	entry      Entry
	naive      bool // the timestamp has no zone
	attributes value
	text       oddity // of the entry's own texts
}

// Fields of an entry, in the order in which the gateway's schema declares and reports them.
var (
	levels      = []string{"debug", "info", "warning", "error", "critical"}
	logTypes    = []string{"console", "logger", "exception", "database", "endpoint", "custom"}
	importances = []string{"critical", "high", "standard", "low"}

	enumFields = []struct {
		name, fallback string
		words          []string
		place          func(*Entry) *string
	}{
		{"level", "", levels, func(e *Entry) *string { return &e.Level }},
		{"log_type", "logger", logTypes, func(e *Entry) *string { return &e.LogType }},
		{"importance", "standard", importances, func(e *Entry) *string { return &e.Importance }},
	}

	textFields = []struct {
		name  string
		limit int // code points
		place func(*Entry) *string
	}{
		{"message", 10000, func(e *Entry) *string { return &e.Message }},
		{"error_type", 255, func(e *Entry) *string { return &e.ErrorType }},
		{"error_message", 5000, func(e *Entry) *string { return &e.ErrorMessage }},
		{"stack_trace", 50000, func(e *Entry) *string { return &e.StackTrace }},
		{"environment", 20, func(e *Entry) *string { return &e.Environment }},
		{"release", 100, func(e *Entry) *string { return &e.Release }},
		{"sdk_version", 20, func(e *Entry) *string { return &e.SDKVersion }},
		{"platform", 50, func(e *Entry) *string { return &e.Platform }},
		{"platform_version", 50, func(e *Entry) *string { return &e.PlatformVersion }},
	}
)

// checkEntry applies the gateway's schema to one entry. What is wrong is listed, with loc as the prefix of each
// place, and left out of the candidate.
func checkEntry(v value, loc []any) (candidate, []problem) {
	c := candidate{entry: Entry{Raw: v.raw}}
	if v.kind != kindObject {
		return c, []problem{notAnObject(v, loc)}
	}
	var problems []problem
	report := func(p problem, field string) {
		p.Loc = append(loc[:len(loc):len(loc)], field)
		problems = append(problems, p)
	}

	if f, ok := v.get("timestamp"); !ok {
		report(missing(v), "timestamp")
	} else if at, naive, p := parseTimestamp(f); p != nil {
		report(*p, "timestamp")
	} else {
		c.entry.Timestamp, c.naive = at, naive
	}

	for _, spec := range enumFields {
		f, ok := v.get(spec.name)
		switch {
		case !ok && spec.fallback == "":
			report(missing(v), spec.name)
		case !ok:
			*spec.place(&c.entry) = spec.fallback
		case f.kind == kindText && oneOf(f.text, spec.words):
			*spec.place(&c.entry) = f.text
		default:
			expected := "'" + strings.Join(spec.words[:len(spec.words)-1], "', '") + "' or '" + spec.words[len(spec.words)-1] + "'"
			report(problem{
				Type: "literal_error", Msg: "Input should be " + expected, Input: f,
				Ctx: map[string]string{"expected": expected},
			}, spec.name)
		}
	}

	for _, spec := range textFields {
		f, ok := v.get(spec.name)
		switch {
		case !ok || f.kind == kindNull:
		case f.kind != kindText:
			report(problem{Type: "string_type", Msg: "Input should be a valid string", Input: f}, spec.name)
		case f.odd&oddSurrogate != 0:
			report(problem{
				Type: "string_unicode", Msg: "Input should be a valid string, unable to parse raw data as a unicode string", Input: f,
			}, spec.name)
		case utf8.RuneCountInString(f.text) > spec.limit:
			report(problem{
				Type: "string_too_long", Msg: fmt.Sprintf("String should have at most %d characters", spec.limit), Input: f,
				Ctx: map[string]int{"max_length": spec.limit},
			}, spec.name)
		default:
			*spec.place(&c.entry) = f.text
			c.text |= f.odd
		}
	}

	if f, ok := v.get("attributes"); ok && f.kind != kindNull {
		if f.kind != kindObject {
			report(problem{Type: "dict_type", Msg: "Input should be a valid dictionary", Input: f}, "attributes")
		} else {
			c.attributes = f
			c.entry.Attributes = f.plainMap()
		}
	}
	// The server drops log_id with every unknown field; it is kept here to tell duplicates.
	if f, ok := v.get("log_id"); ok && f.kind == kindText {
		c.entry.LogID = f.text
	}
	return c, problems
}

func missing(in value) problem {
	return problem{Type: "missing", Msg: "Field required", Input: in}
}

func notAnObject(v value, loc []any) problem {
	return problem{
		Type: "model_attributes_type", Loc: loc,
		Msg:   "Input should be a valid dictionary or object to extract fields from",
		Input: v,
	}
}

func oneOf(s string, words []string) bool {
	for _, w := range words {
		if s == w {
			return true
		}
	}
	return false
}

// parseTimestamp reads what pydantic takes for a datetime, to the microsecond, fractions cut off.
// naive reports a date without a zone.
func parseTimestamp(v value) (at time.Time, naive bool, p *problem) {
	switch v.kind {
	case kindInt, kindFloat:
		at, reason := fromUnix(v.text)
		if reason != "" {
			return at, false, &problem{
				Type: "datetime_parsing", Msg: "Input should be a valid datetime, " + reason, Input: v,
				Ctx: map[string]string{"error": reason},
			}
		}
		return at, false, nil
	case kindText:
		at, naive, reason := fromText(v.text)
		if reason != "" {
			return at, false, &problem{
				Type: "datetime_from_date_parsing", Msg: "Input should be a valid datetime or date, " + reason, Input: v,
				Ctx: map[string]string{"error": reason},
			}
		}
		return at, naive, nil
	default:
		return at, false, &problem{Type: "datetime_type", Msg: "Input should be a valid datetime", Input: v}
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
