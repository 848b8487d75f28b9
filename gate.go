package ledger

import (
	"context"
	"sync"
	"time"
)

// A cause is why the gate lets nothing, or only one probe, through.
type cause int

const (
	causeNone         cause = iota
	causeFailing            // the last attempt failed
	causeThrottled          // 429: a pause for all, but no sign of trouble
	causeQuota              // the daily quota is used up
	causeUnauthorized       // the server refuses the API key
	causeMisdirected        // the URL is not an ingest endpoint
)

// A gate decides how many attempts may be in the air: the whole pool while the
// server takes entries, one after a failure, none during a pause. Until the
// server has proven itself it is one, too, for a while, so that a server that is
// down at start-up sees no burst.
type gate struct {
	pool int
	now  func() time.Time

	mu      sync.Mutex
	inAir   int
	why     cause     // why careful; kept until a success
	until   time.Time // no attempt begins before
	proven  bool      // an attempt has succeeded since the last failure
	since   time.Time // when the first unproven attempt began
	changed chan struct{}
}

// trial is how long the first attempt is alone in the air.
const trial = time.Second

func newGate(pool int, now func() time.Time) *gate {
	return &gate{pool: pool, now: now, changed: make(chan struct{})}
}

// widthLocked is how many attempts may be in the air at once, were it time.
func (g *gate) widthLocked() int {
	switch {
	case g.why != causeNone && g.why != causeThrottled:
		return 1
	case g.proven || !g.since.IsZero() && g.now().Sub(g.since) >= trial:
		return g.pool
	default:
		return 1
	}
}

// room reports how many rounds may run at once, and when that may change by
// itself; the zero time means it will not.
func (g *gate) room() (width int, next time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if now.Before(g.until) {
		return 0, g.until
	}
	width = g.widthLocked()
	if !g.proven && g.why == causeNone && !g.since.IsZero() {
		if end := g.since.Add(trial); end.After(now) {
			next = end
		}
	}
	return width, next
}

// enter takes a place in the air. It waits while others are there that it must
// not be beside, and returns false when sending is paused or ctx ends.
func (g *gate) enter(ctx context.Context) bool {
	for {
		g.mu.Lock()
		now := g.now()
		switch {
		case now.Before(g.until):
			g.mu.Unlock()
			return false
		case g.inAir < g.widthLocked():
			g.inAir++
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

// paused reports whether sending is paused now.
func (g *gate) paused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now().Before(g.until)
}

// leave gives the place back and lets update say what the attempt has taught.
func (g *gate) leave(update func(*gate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inAir--
	if update != nil {
		update(g)
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// pauseLocked stops all sending for d because of why. A pause never ends early
// for a shorter one, and a 429 does not hide a graver cause.
func (g *gate) pauseLocked(why cause, d time.Duration) {
	if why != causeThrottled {
		g.why = why
		g.proven = false
	} else if g.why == causeNone {
		g.why = causeThrottled
	}
	if until := g.now().Add(d); until.After(g.until) {
		g.until = until
	}
}

// rest pauses all sending for d, if the server still fails for all.
func (g *gate) rest(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why == causeFailing {
		g.pauseLocked(causeFailing, d)
	}
}

// doubtLocked has one attempt go alone again, for a while.
func (g *gate) doubtLocked() {
	g.proven = false
	g.since = time.Time{}
}

// recognizedLocked notes that the server has read a request that began after the
// last pause: neither the key nor the URL is wrong, but nothing was taken yet.
func (g *gate) recognizedLocked() {
	if (g.why == causeUnauthorized || g.why == causeMisdirected) && !g.now().Before(g.until) {
		g.why = causeFailing
	}
}

// clearLocked opens the gate: the server has taken entries.
func (g *gate) clearLocked() {
	g.why = causeNone
	g.proven = true
}

// holding returns why sending is held or careful.
func (g *gate) holding() cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.why
}
