package throttle

import (
	"math"
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		value, date string
		want        time.Duration
	}{
		"absent":            {},
		"seconds":           {value: "120", want: 2 * time.Minute},
		"fraction":          {value: "1.5", want: 1500 * time.Millisecond},
		"spaces":            {value: " 7 ", want: 7 * time.Second},
		"zero":              {value: "0"},
		"negative":          {value: "-5"},
		"nonsense":          {value: "soon"},
		"not a number":      {value: "NaN"},
		"infinite":          {value: "Inf", want: math.MaxInt64},
		"twenty digits":     {value: "99999999999999999999", want: math.MaxInt64},
		"date":              {value: "Sun, 01 Mar 2026 12:00:30 GMT", want: 30 * time.Second},
		"date in the past":  {value: "Sun, 01 Mar 2026 11:00:00 GMT"},
		"by the server":     {value: "Sun, 01 Mar 2026 15:00:30 GMT", date: "Sun, 01 Mar 2026 15:00:00 GMT", want: 30 * time.Second},
		"RFC 850":           {value: "Sunday, 01-Mar-26 12:00:30 GMT", want: 30 * time.Second},
		"date, Date broken": {value: "Sun, 01 Mar 2026 12:00:30 GMT", date: "now", want: 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Retry-After": {test.value}, "Date": {test.date}}
			if got := ParseRetryAfter(h, now); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestReadTold(t *testing.T) {
	for value, want := range map[string]int{"": 0, " 7 ": 7, "0": 0, "-5": 0, "x": 0, "99999999999999999999": 0} {
		told := ReadTold(http.Header{"X-Ratelimit-Limit-Minute": {value}, "X-Ratelimit-Limit-Hour": {value}})
		if told.Limits != (Limits{want, want}) {
			t.Errorf("%q became %v", value, told.Limits)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("1e400", "Sun, 01 Mar 2026 12:00:00 GMT")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		d := ParseRetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, time.Unix(1e9, 0))
		if d < 0 {
			t.Errorf("%v from %q, %q", d, value, date)
		}
		if capped := jitter(min(d, 10*time.Minute)); capped < 0 || capped > 12*time.Minute {
			t.Errorf("%v after the cap", capped)
		}
	})
}
