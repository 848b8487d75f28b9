package ledgertest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// limits are what the server counts per project. They are guarded by Server.mu.
type limits struct {
	perMinute, perHour int // 0 means unlimited
	quota              int // entries per UTC day; 0 means unlimited

	requests window // one per request
	items    window // one per OTLP record
	used     int    // of the quota, on day
	day      int64
}

// A window counts in fixed windows aligned to the epoch. Denied requests count too.
type window struct {
	minute, hour           int64
	minuteCount, hourCount int
}

func (w *window) add(now time.Time, n int) {
	minute, hour := now.Unix()/60, now.Unix()/3600
	if minute != w.minute {
		w.minute, w.minuteCount = minute, 0
	}
	if hour != w.hour {
		w.hour, w.hourCount = hour, 0
	}
	w.minuteCount += n
	w.hourCount += n
}

func over(count, limit int) bool { return limit > 0 && count > limit }

// usage returns today's use of the quota.
func (l *limits) usage(now time.Time) *int {
	if day := now.Unix() / 86400; day != l.day {
		l.day, l.used = day, 0
	}
	return &l.used
}

func (l *limits) header(h http.Header) {
	if l.perMinute > 0 {
		h.Set("X-Ratelimit-Limit-Minute", strconv.Itoa(l.perMinute))
	}
	if l.perHour > 0 {
		h.Set("X-Ratelimit-Limit-Hour", strconv.Itoa(l.perHour))
	}
}

// admitRequest counts one request and says how it is refused, or nil.
func (l *limits) admitRequest(now time.Time) *answer {
	l.requests.add(now, 1)
	var text, wait string
	switch {
	case over(l.requests.hourCount, l.perHour):
		text, wait = fmt.Sprintf("Hourly rate limit exceeded. Current: %d, Limit: %d", l.requests.hourCount, l.perHour), "3600"
	case over(l.requests.minuteCount, l.perMinute):
		text, wait = fmt.Sprintf("Per-minute rate limit exceeded. Current: %d, Limit: %d", l.requests.minuteCount, l.perMinute), "60"
	default:
		return nil
	}
	a := detail(http.StatusTooManyRequests, text)
	a.Header.Set("Retry-After", wait)
	l.header(a.Header)
	if l.perMinute > 0 {
		a.Header.Set("X-Ratelimit-Remaining-Minute", strconv.Itoa(max(0, l.perMinute-l.requests.minuteCount)))
	}
	if l.perHour > 0 {
		a.Header.Set("X-Ratelimit-Remaining-Hour", strconv.Itoa(max(0, l.perHour-l.requests.hourCount)))
	}
	return a
}

// admitRecords counts OTLP records towards rate limit and quota and says how they are refused, or nil. An empty
// request costs nothing.
func (l *limits) admitRecords(b *ingest.Batch, now time.Time) *answer {
	n := len(b.Entries)
	if n == 0 {
		return nil
	}
	l.items.add(now, n)
	if over(l.items.minuteCount, l.perMinute) || over(l.items.hourCount, l.perHour) {
		a := detail(http.StatusTooManyRequests, "Ingestion rate limit exceeded")
		a.Header.Set("Retry-After", "60")
		return a
	}
	used := l.usage(now)
	if l.quota > 0 && *used+n > l.quota {
		return b.PartialSuccess(n, fmt.Sprintf("Daily logs quota exceeded (%d/%d)", *used, l.quota))
	}
	*used += n
	return nil
}

// checkQuota refuses every request once the day's quota is used up.
func (l *limits) checkQuota(now time.Time) *answer {
	used := *l.usage(now)
	if l.quota <= 0 || used < l.quota {
		return nil
	}
	return detail(http.StatusPaymentRequired, fmt.Sprintf("Daily quota exceeded: %d/%d", used, l.quota))
}

// authenticate checks the request's API key and says how it is refused, or nil. User tokens are not simulated:
// a Bearer value that does not begin ledger_ is always malformed.
func authenticate(h http.Header, known []string) *answer {
	if key := h.Get("X-Api-Key"); key != "" {
		return checkKey(key, known)
	}
	words := strings.Fields(h.Get("Authorization"))
	switch {
	case len(words) == 0:
		return challenge("Missing authentication header (X-API-Key or Authorization)")
	case len(words) == 1:
		return checkKey(words[0], known)
	case len(words) > 2 || !strings.EqualFold(words[0], "bearer"):
		return challenge("Invalid Authorization header format")
	case !strings.HasPrefix(words[1], "ledger_"):
		return detail(http.StatusUnauthorized, "Invalid or malformed token")
	default:
		return checkKey(words[1], known)
	}
}

func checkKey(key string, known []string) *answer {
	if slices.Contains(known, key) {
		return nil
	}
	return detail(http.StatusUnauthorized, "Invalid or expired API key")
}

func challenge(text string) *answer {
	a := detail(http.StatusUnauthorized, text)
	a.Header.Set("Www-Authenticate", "Bearer")
	return a
}
