// Package throttle decides when a request may go: how many attempts at a time, how
// long all sending pauses, and how many requests fit the server's rate limit.
//
// The sender of package ledger calls it. It must never know what a request
// carries, nor what a status code means.
package throttle

import (
	"context"
	"sync"
	"time"
)

// A Cause is why the gate lets nothing, or only one probe, through.
type Cause int

const (
	NoCause      Cause = iota
	Failing            // the last attempt failed
	Throttled          // 429: a pause for all, but no sign of trouble
	QuotaUsedUp        // the daily quota is used up
	Unauthorized       // the server refuses the API key
	Misdirected        // the URL is not an ingest endpoint
)

// A Gate decides how many attempts may be under way: the whole pool while the
// server takes entries, one after a failure, none during a pause. Before the first
// success it is one for a while, so that a server that is down at start-up sees no
// burst. It is safe for concurrent use.
type Gate struct {
	pool int
	now  func() time.Time

	mu       sync.Mutex
	underWay int
	why      Cause     // why careful; kept until a success
	until    time.Time // no attempt begins before
	proven   bool      // an attempt has succeeded since the last failure
	since    time.Time // when the first unproven attempt began
	changed  chan struct{}
}

// Trial is how long the first attempt goes alone.
const Trial = time.Second

// NewGate makes a gate for at most pool attempts at once.
func NewGate(pool int, now func() time.Time) *Gate {
	return &Gate{pool: pool, now: now, changed: make(chan struct{})}
}

// widthLocked is how many attempts may be under way at once, outside a pause.
func (g *Gate) widthLocked() int {
	switch {
	case g.why != NoCause && g.why != Throttled:
		return 1
	case g.proven || !g.since.IsZero() && g.now().Sub(g.since) >= Trial:
		return g.pool
	default:
		return 1
	}
}

// Room reports how many attempts may be under way at once, and when that may
// change by itself; the zero time means that it will not.
func (g *Gate) Room() (width int, next time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if now.Before(g.until) {
		return 0, g.until
	}
	width = g.widthLocked()
	if !g.proven && g.why == NoCause && !g.since.IsZero() {
		if end := g.since.Add(Trial); end.After(now) {
			next = end
		}
	}
	return width, next
}

// Enter takes a place for an attempt; Leave gives it back. It waits while the
// attempts under way leave no room, and returns false when sending is paused or
// ctx ends.
func (g *Gate) Enter(ctx context.Context) bool {
	for {
		g.mu.Lock()
		now := g.now()
		switch {
		case now.Before(g.until):
			g.mu.Unlock()
			return false
		case g.underWay < g.widthLocked():
			g.underWay++
			if g.since.IsZero() {
				g.since = now
			}
			g.mu.Unlock()
			return true
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// Paused reports whether sending is paused now.
func (g *Gate) Paused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now().Before(g.until)
}

// Leave gives the place back, and applies what the attempt taught.
func (g *Gate) Leave(learnt Lesson) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underWay--
	if learnt != nil {
		learnt(g)
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// A Lesson is what an attempt taught about sending as a whole; nil is nothing.
// Leave applies it.
type Lesson func(*Gate)

// Pause stops all sending for d because of why; d may be 0.
func Pause(why Cause, d time.Duration) Lesson {
	return func(g *Gate) { g.pauseLocked(why, d) }
}

// Doubt lets one attempt go alone again, for a while.
func Doubt(g *Gate) {
	g.proven = false
	g.since = time.Time{}
}

// Recognize notes that the server read a request that began after the last
// pause. Neither the key nor the URL is wrong, but nothing was taken yet.
func Recognize(g *Gate) {
	if (g.why == Unauthorized || g.why == Misdirected) && !g.now().Before(g.until) {
		g.why = Failing
	}
}

// Clear opens the gate: the server took entries.
func Clear(g *Gate) {
	g.why = NoCause
	g.proven = true
}

// pauseLocked stops all sending for d because of why. A pause never ends early
// for a shorter one, and a 429 does not hide a graver cause.
func (g *Gate) pauseLocked(why Cause, d time.Duration) {
	if why != Throttled {
		g.why = why
		g.proven = false
	} else if g.why == NoCause {
		g.why = Throttled
	}
	if until := g.now().Add(d); until.After(g.until) {
		g.until = until
	}
}

// Resume ends a pause: the next attempt may begin now. What the pause was for
// holds until an attempt succeeds.
func (g *Gate) Resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = time.Time{}
}

// Rest pauses all sending for d, if the server still fails for all.
func (g *Gate) Rest(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why == Failing {
		g.pauseLocked(Failing, d)
	}
}

// Holding returns why sending is held or careful.
func (g *Gate) Holding() Cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.why
}
