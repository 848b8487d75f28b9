package throttle

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ParseRetryAfter reads how long a server asks to wait: seconds, fractions too,
// or a date, which is held against the answer's own Date so that a wrong clock on
// either side does not matter. 0 means that it asked for nothing usable.
func ParseRetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		switch nanos := seconds * float64(time.Second); {
		case math.IsNaN(nanos) || nanos <= 0:
			return 0
		case nanos >= math.MaxInt64:
			return math.MaxInt64
		default:
			return time.Duration(nanos)
		}
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(at.Sub(now), 0)
}

// Limits are the limits that an answer reported, in requests or records; 0
// where it did not.
type Limits struct{ PerMinute, PerHour int }

// ParseLimits reads the server's limits off any of its answers (ledger-wire 3.4).
func ParseLimits(h http.Header) Limits {
	read := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(h.Get(name)))
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	return Limits{PerMinute: read("X-RateLimit-Limit-Minute"), PerHour: read("X-RateLimit-Limit-Hour")}
}

// ParseDate reads the time of an answer by the server's clock; zero where it does not
// say.
func ParseDate(h http.Header) time.Time {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date
}

// HourUsedUp reports whether a 429 of a server that counts in fixed minutes and hours
// is about the hour.
func HourUsedUp(h http.Header) bool {
	return strings.TrimSpace(h.Get("X-RateLimit-Remaining-Hour")) == "0" || strings.TrimSpace(h.Get("Retry-After")) == "3600"
}
