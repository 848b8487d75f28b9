package ledger

import (
	"context"
	"math"
	"sync"
	"time"
)

// A window keeps what was sent within the last span, so that no stretch of that
// length, wherever it begins, holds more than the share. A token bucket that
// keeps this law has to halve the rate; a log of send times need not.
//
// Sends close together are kept as one, stamped with the latest, which makes the
// window a little stricter and its memory a thousand entries at most.
type window struct {
	span  time.Duration
	limit int     // the share in whole requests, as Metrics shows it
	most  int     // what is let through: fewer than the share, at least one
	sends []sends // oldest first
	total int
}

type sends struct {
	first, last time.Time
	count       int
}

// slack is added to a window's span: requests may reach the server a little
// closer together than they left.
const slack = 100 * time.Millisecond

// newWindow allows fewer than limit×buffer a span, but at least one.
func newWindow(span time.Duration, limit int, buffer float64) *window {
	w := &window{span: span}
	w.setShare(limit, buffer)
	return w
}

func (w *window) setShare(limit int, buffer float64) {
	share := float64(limit) * buffer
	// 1000×0.9 must not become 899.999…
	share = min(math.Round(share*1e6)/1e6, math.MaxInt32)
	w.limit = int(share)
	w.most = max(1, int(math.Ceil(share))-1)
}

func (w *window) expire(now time.Time) {
	gone := 0
	for gone < len(w.sends) && now.Sub(w.sends[gone].last) >= w.span+slack {
		w.total -= w.sends[gone].count
		gone++
	}
	w.sends = append(w.sends[:0], w.sends[gone:]...)
}

// wait returns how long until n more fit; w has been expired. More than ever
// fits waits for an empty window.
func (w *window) wait(now time.Time, n int) time.Duration {
	n = min(n, w.most)
	room := w.most - w.total
	for _, s := range w.sends {
		if room >= n {
			break
		}
		room += s.count
		if room >= n {
			return s.last.Add(w.span + slack).Sub(now)
		}
	}
	return 0
}

func (w *window) add(now time.Time, n int) {
	w.total += n
	if last := len(w.sends) - 1; last >= 0 && now.Sub(w.sends[last].first) < w.span/1000 {
		w.sends[last].last = now
		w.sends[last].count += n
		return
	}
	w.sends = append(w.sends, sends{now, now, n})
}

// A limiter keeps requests (under OTLP: records) within a share of the server's
// limits by minute and by hour. It is safe for concurrent use, and is asked once
// a request.
type limiter struct {
	mu           sync.Mutex
	minute, hour *window
	buffer       float64
	given        serverLimits // by the options; 0 where they are the default
	now          func() time.Time
}

func newLimiter(c *config, now func() time.Time) *limiter {
	return &limiter{
		minute: newWindow(time.Minute, c.RequestsPerMinute, c.RateLimitBuffer),
		hour:   newWindow(time.Hour, c.RequestsPerHour, c.RateLimitBuffer),
		buffer: c.RateLimitBuffer,
		given:  c.givenLimits,
		now:    now,
	}
}

// take spends n if they fit now, and else returns how long until they do.
func (l *limiter) take(n int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.minute.expire(now)
	l.hour.expire(now)
	if wait := max(l.minute.wait(now, n), l.hour.wait(now, n)); wait > 0 {
		return wait
	}
	l.minute.add(now, n)
	l.hour.add(now, n)
	return 0
}

// portion is the largest n to ask for: what fits now, but no less than a part of
// what ever fits, so that waiting for room does not end in scraps.
func (l *limiter) portion() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.minute.expire(now)
	l.hour.expire(now)
	most := min(l.minute.most, l.hour.most)
	left := min(l.minute.most-l.minute.total, l.hour.most-l.hour.total)
	return max(left, most/leastPortion, 1)
}

// leastPortion is the part of what ever fits that is worth a request.
const leastPortion = 4

// learn sets limits that the server told of, where lower ones were not given; 0
// leaves one as it is.
func (l *limiter) learn(told serverLimits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if told.perMinute > 0 {
		l.minute.setShare(lower(told.perMinute, l.given.perMinute), l.buffer)
	}
	if told.perHour > 0 {
		l.hour.setShare(lower(told.perHour, l.given.perHour), l.buffer)
	}
}

// lower is the lower of two limits, of which given may be 0 for none.
func lower(told, given int) int {
	if given > 0 {
		return min(told, given)
	}
	return told
}

// rates reads the limiter for Metrics.
func (l *limiter) rates() RateLimiterMetrics {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.minute.expire(now)
	l.hour.expire(now)
	return RateLimiterMetrics{
		CurrentRate:       l.minute.total,
		LimitPerMinute:    l.minute.limit,
		CurrentHourlyRate: l.hour.total,
		LimitPerHour:      l.hour.limit,
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
