package throttle

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// Doubled is first·2ⁿ⁻¹, kept from overflowing.
func Doubled(first time.Duration, n int) time.Duration {
	if n > 30 || first > math.MaxInt64>>n {
		return math.MaxInt64 / 2
	}
	return first << max(n-1, 0)
}

// Jitter adds up to a fifth, so that clients which failed together do not come
// back together. It never subtracts: a server's Retry-After is a promise.
func Jitter(d time.Duration) time.Duration {
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
