package throttle

import (
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
	limit int     // the share in whole requests, as Metrics shows it; 0 where there is no limit
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

// setShare sets the limit; 0 means that there is none.
func (w *window) setShare(limit int, buffer float64) {
	if limit == 0 {
		w.limit, w.most = 0, math.MaxInt
		return
	}
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

// A Limiter keeps requests (under OTLP: records) within a share of the server's
// limits by minute and by hour, and within what others leave who share them. It is
// safe for concurrent use, and is asked once a request.
type Limiter struct {
	mu           sync.Mutex
	minute, hour *window
	others       fairShare
	buffer       float64
	given        Limits // by the options; 0 where they are the default
	logged       func() int64
	now          func() time.Time
}

// NewLimiter keeps fewer than share, in (0, 1], of limits in any minute and hour.
// given are the limits that were asked for, 0 where limits holds a default; what
// the server says does not raise them. logged is how many entries there have been to send.
func NewLimiter(limits, given Limits, share float64, logged func() int64, now func() time.Time) *Limiter {
	return &Limiter{
		minute: newWindow(time.Minute, limits.PerMinute, share),
		hour:   newWindow(time.Hour, limits.PerHour, share),
		buffer: share,
		given:  given,
		logged: logged,
		now:    now,
	}
}

// Take spends n if they fit now; otherwise it returns how long until they do.
func (l *Limiter) Take(n int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	wait := l.waitLocked(now, n)
	if wait == 0 {
		l.minute.add(now, n)
		l.hour.add(now, n)
		l.others.spend(now, n)
	}
	return wait
}

// Wait returns how long until n fit, as far as it can be told now.
func (l *Limiter) Wait(n int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waitLocked(l.now(), n)
}

func (l *Limiter) waitLocked(now time.Time, n int) time.Duration {
	l.minute.expire(now)
	l.hour.expire(now)
	return max(l.minute.wait(now, n), l.hour.wait(now, n), l.others.wait(now, l.logged()))
}

// Narrow makes less of how many requests may be under way, and of when that may
// change by itself, where others share the limit.
func (l *Limiter) Narrow(width int, next time.Time) (int, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if most, at := l.others.room(l.now()); most < width {
		return most, at
	}
	return width, next
}

// Shared reports whether others share the limit, as far as it shows.
func (l *Limiter) Shared() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.others.part > 0
}

// End notes that this client is about to end. What it would send in the next seconds
// beside others may go at once.
func (l *Limiter) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.others.end(l.now())
}

// Portions are the largest n to ask for, whole and where others share the limit.
// The whole is what fits now, but no less than a part of what ever fits, so that waiting
// for room does not end in scraps. With others it may be less: what is refused is
// counted, so each should risk little.
func (l *Limiter) Portions() (whole, shared int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.minute.expire(now)
	l.hour.expire(now)
	most := min(l.minute.most, l.hour.most)
	left := min(l.minute.most-l.minute.total, l.hour.most-l.hour.total)
	whole = max(left, most/leastPortion, 1)
	return whole, min(whole, l.others.portion())
}

// leastPortion is the part of what ever fits that is worth a request.
const leastPortion = 4

// Learn sets limits that an answer told, where lower ones were not given. A limit that
// an answer of success does not name does not exist; otherwise it stays.
func (l *Limiter) Learn(told Limits, success bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if success || told.PerMinute > 0 {
		l.minute.setShare(lower(told.PerMinute, l.given.PerMinute), l.buffer)
	}
	if success || told.PerHour > 0 {
		l.hour.setShare(lower(told.PerHour, l.given.PerHour), l.buffer)
	}
}

// lower is the lower of two limits, where 0 means none.
func lower(told, given int) int {
	if told > 0 && given > 0 {
		return min(told, given)
	}
	return max(told, given)
}

// Accepted notes that the server accepted a request of n, with so many entries.
func (l *Limiter) Accepted(n, entries int, told Told) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.others.roll(now, told.date, l.logged())
	l.others.accept(now, n, entries)
}

// Refused notes that the server refused a request because a limit is reached, although
// what this client sent is within it: others share it. It returns how long to wait:
// what the server asked for, or, where that is a constant, until its next minute or hour.
func (l *Limiter) Refused(told Told, asked time.Duration) time.Duration {
	if told.PerMinute == 0 && told.PerHour == 0 { // it may count otherwise
		return asked
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.others.roll(now, told.date, l.logged())
	switch {
	case told.hour && asked > 0:
		return min(l.others.untilHour(now), asked)
	case told.most:
		return l.others.refuse(now)
	default:
		return max(l.others.refuse(now), asked)
	}
}

// Rates are what a limiter used of its share, and the shares, 0 where there is no limit.
type Rates struct {
	Minute, MinuteShare int
	Hour, HourShare     int
}

// Rates reads the limiter for Metrics.
func (l *Limiter) Rates() Rates {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.minute.expire(now)
	l.hour.expire(now)
	return Rates{
		Minute: l.minute.total, MinuteShare: l.minute.limit,
		Hour: l.hour.total, HourShare: l.hour.limit,
	}
}
