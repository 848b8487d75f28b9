package throttle

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// Delays says how long to wait after a trouble that came n times in a row, n from 1.
// Each delay is the least; up to a fifth is added, so that clients which failed
// together do not come back together.
type Delays struct {
	First        time.Duration // after the server's own failure; it doubles
	FirstNetwork time.Duration // after a network error; it doubles
	Most         time.Duration // where doubling ends
	MostAsked    time.Duration // the most that a server may ask for
}

func (d Delays) first(network bool) time.Duration {
	if network {
		return d.FirstNetwork
	}
	return d.First
}

// Retry is the delay before the next attempt of a round. Within a round of the
// default length nothing is capped: 2, 4, 8 s.
func (d Delays) Retry(network bool, n int) time.Duration {
	first := d.first(network)
	return jitter(min(doubled(first, n), max(d.Most, 4*first)))
}

// Rest is the delay after a round that ended without the server's word.
func (d Delays) Rest(network bool, n int) time.Duration {
	return jitter(min(doubled(d.first(network), max(n, 1)), d.Most))
}

// Throttled is the pause after a 429 that asked for none.
func (d Delays) Throttled(n int) time.Duration { return d.Asked(min(doubled(d.First, n), d.Most)) }

// Asked is the delay that a server asked for with Retry-After.
func (d Delays) Asked(asked time.Duration) time.Duration { return jitter(min(asked, d.MostAsked)) }

// Refused is the pause after an answer that refused the API key. A key may be new to
// the server, which learns of it within half a minute (ledger-wire 1.4).
func (d Delays) Refused(n int) time.Duration { return jitter(min(doubled(firstRefused, n), d.Most)) }

const firstRefused = 5 * time.Second

// Quota is the pause while a quota is used up. It is reset with the server's date,
// or raised by somebody.
func (d Delays) Quota(n int, now time.Time) time.Duration {
	now = now.UTC()
	midnight := now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
	return jitter(min(doubled(d.Most, n), max(d.MostAsked, d.Most), midnight))
}

// doubled is first·2ⁿ⁻¹, kept from overflowing.
func doubled(first time.Duration, n int) time.Duration {
	if n > 30 || first > math.MaxInt64>>n {
		return math.MaxInt64 / 2
	}
	return first << max(n-1, 0)
}

// jitter adds up to a fifth, so that clients which failed together do not come
// back together. It never subtracts: a server's Retry-After is a promise.
func jitter(d time.Duration) time.Duration {
	if d <= 0 || d > math.MaxInt64/2 {
		return max(d, 0)
	}
	return d + time.Duration(rand.Int64N(int64(d/5)+1))
}

// Sleep waits for d, or until ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
