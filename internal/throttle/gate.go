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
	Refusing           // request after request is refused, and none taken
	QuotaUsedUp        // the daily quota is used up
	Unauthorized       // the server refuses the API key
	Misdirected        // the URL is not an ingest endpoint
)

// A Gate decides how many attempts may be under way: as many of the pool as the
// server has a use for while it takes entries, one after a failure, none during a
// pause. Before the first success it is one for a while, so that a server that is
// down at start-up sees no burst. It is safe for concurrent use.
type Gate struct {
	now func() time.Time

	mu       sync.Mutex
	underWay int
	why      Cause     // why careful; kept until a success
	until    time.Time // no attempt begins before
	firm     time.Time // the same, of pauses that Press does not end
	next     time.Time // when the attempt is due that a failed one is followed by
	last     time.Time // when the last attempt began
	pauses   uint64    // how many began
	spell    Cause     // of the last pause for [Spell], until a success
	again    int       // how many in a row there were for it
	refusals int       // in a row, for [Refuse]
	proven   bool      // an attempt has succeeded since the last failure
	since    time.Time // when the first unproven attempt began
	pace     pace
	changed  chan struct{}
}

// A Place is that of an attempt under way.
type Place struct {
	began  time.Time
	load   time.Duration // of the pace when it began
	pauses uint64        // that had begun before it did
}

// Trial is how long the first attempt goes alone.
const Trial = time.Second

// NewGate makes a gate for at most pool attempts at once.
func NewGate(pool int, now func() time.Time) *Gate {
	return &Gate{pace: newPace(pool), now: now, changed: make(chan struct{})}
}

// widthLocked is how many attempts may be under way at once, outside a pause.
func (g *Gate) widthLocked() int {
	switch {
	case g.why != NoCause:
		return 1
	case g.proven || !g.since.IsZero() && g.now().Sub(g.since) >= Trial:
		return g.pace.width
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
func (g *Gate) Enter(ctx context.Context) (Place, bool) {
	for {
		g.mu.Lock()
		now := g.now()
		switch {
		case now.Before(g.until):
			g.mu.Unlock()
			return Place{}, false
		case g.underWay < g.widthLocked():
			g.pace.reckon(now, g.underWay)
			g.underWay++
			if g.since.IsZero() {
				g.since = now
			}
			g.last = now
			place := Place{began: now, load: g.pace.load, pauses: g.pauses}
			g.mu.Unlock()
			return place, true
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Place{}, false
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
func (g *Gate) Leave(p Place, learnt Lesson) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pace.reckon(g.now(), g.underWay)
	g.underWay--
	if learnt != nil {
		learnt(g, p)
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// A Lesson is what an attempt taught about sending as a whole; nil is nothing.
// Leave applies it.
type Lesson func(*Gate, Place)

// Pause stops all sending for d because of why; d may be 0. Only Resume ends it early.
func Pause(why Cause, d time.Duration) Lesson {
	return func(g *Gate, _ Place) {
		g.pauseLocked(why, d)
		g.firmLocked(d)
	}
}

// Fail notes that an attempt failed, and that it is followed by another after d.
func Fail(d time.Duration) Lesson {
	return func(g *Gate, _ Place) {
		g.pauseLocked(Failing, 0)
		g.next = g.now().Add(d)
	}
}

// Spell stops all sending because of why, for delay(n) the n-th time in a row.
// Attempts side by side that end for the same reason are one time. Press ends a soft
// pause early.
func Spell(why Cause, soft bool, delay func(n int) time.Duration) Lesson {
	return func(g *Gate, p Place) { g.spellLocked(why, soft, p, delay) }
}

func (g *Gate) spellLocked(why Cause, soft bool, p Place, delay func(n int) time.Duration) {
	switch {
	case g.spell != why:
		g.spell, g.again = why, 0
	case p.pauses != g.pauses:
		return
	}
	g.again++
	d := delay(g.again)
	g.pauseLocked(why, d)
	if !soft {
		g.firmLocked(d)
	}
}

// firmLocked keeps Press from ending a pause of d that begins now.
func (g *Gate) firmLocked(d time.Duration) {
	if until := g.now().Add(d); until.After(g.firm) {
		g.firm = until
	}
}

// Refuse notes that a request was refused. After most in a row, without one that
// was taken, it is rather the server that is at fault: then all sending stops as for
// [Spell].
func Refuse(most int, delay func(n int) time.Duration) Lesson {
	return func(g *Gate, p Place) {
		if g.refusals++; g.refusals >= most {
			g.spellLocked(Refusing, true, p, delay)
		}
	}
}

// Recognize notes that the server read a request, and then what it taught. Neither
// the key nor the URL is wrong where the request began after the last pause, but
// nothing was taken yet.
func Recognize(then Lesson) Lesson {
	return func(g *Gate, p Place) {
		if (g.why == Unauthorized || g.why == Misdirected) && p.pauses == g.pauses {
			g.why = Failing
		}
		if then != nil {
			then(g, p)
		}
	}
}

// Doubt lets one attempt go alone again, for a while.
func Doubt(g *Gate, _ Place) {
	g.proven = false
	g.since = time.Time{}
}

// Clear opens the gate: the server took n units. That it took some before it said
// that they were too many, or that key or URL are wrong, does not end the pause that
// this began.
func Clear(n int) Lesson {
	return func(g *Gate, p Place) {
		g.pace.answer(p.began, p.load, n)
		g.refusals = 0
		switch g.why {
		case Throttled, QuotaUsedUp, Unauthorized, Misdirected:
			if p.pauses != g.pauses {
				return
			}
		}
		g.proven = true
		g.why, g.spell, g.again = NoCause, NoCause, 0
	}
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
	if d > 0 {
		g.pauses++
	}
	if until := g.now().Add(d); until.After(g.until) {
		g.until = until
	}
}

// Rest pauses all sending for d, if the server still fails for all.
func (g *Gate) Rest(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why == Failing {
		g.pauseLocked(Failing, d)
	}
}

// Resume ends a pause: the next attempt may begin now. What the pause was for
// holds until an attempt succeeds.
func (g *Gate) Resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until, g.firm = time.Time{}, time.Time{}
}

// Press ends a pause that nobody asked for.
func (g *Gate) Press() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = g.firm
}

// Due returns when the last attempt began and when the next one is due. It reports
// whether that is still to come, with none under way, and Press would hasten it.
func (g *Gate) Due() (last, next time.Time, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next = g.until
	if g.why == Failing && g.next.After(next) {
		next = g.next
	}
	now := g.now()
	return g.last, next, g.why != NoCause && g.underWay == 0 && next.After(now) && !g.firm.After(now)
}

// Firm reports whether sending is in a pause that Press does not end.
func (g *Gate) Firm() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.firm.After(g.now())
}

// Holding returns why sending is held or careful.
func (g *Gate) Holding() Cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.why
}
