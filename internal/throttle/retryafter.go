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

// Told is what an answer says of the server's limits and its clock.
type Told struct {
	Limits
	date time.Time // by the server's clock; zero where it does not say
	hour bool      // of a 429: it is the hour that is used up
	most bool      // of a 429: Retry-After is a constant, the most that there can be to wait
}

// ReadTold reads any of the server's answers (ledger-wire 3.4).
func ReadTold(h http.Header) Told {
	read := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(h.Get(name)))
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	date, _ := http.ParseTime(h.Get("Date")) // zero otherwise
	after := strings.TrimSpace(h.Get("Retry-After"))
	return Told{
		Limits: Limits{PerMinute: read("X-RateLimit-Limit-Minute"), PerHour: read("X-RateLimit-Limit-Hour")},
		date:   date,
		hour:   after == "3600" || strings.TrimSpace(h.Get("X-RateLimit-Remaining-Hour")) == "0",
		most:   after == "3600" || after == "60",
	}
}
