package throttle

import (
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// A Breaker lets nothing through for a while after a number of attempts failed in a
// row, whatever they were for; then one attempt decides. It is safe for concurrent
// use.
type Breaker struct {
	of circuitbreaker.CircuitBreaker[any]
}

// NewBreaker opens after threshold failures, for delay. Whoever wants none gives a
// large threshold: the breaker keeps a bit for each failure.
func NewBreaker(threshold int, delay time.Duration) Breaker {
	return Breaker{circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(threshold)).
		WithDelay(delay).
		WithSuccessThreshold(1).
		Build()}
}

// Wait is how long the breaker lets nothing through. Its own state stays open
// after that until somebody asks for a permit.
func (b Breaker) Wait() time.Duration { return b.of.RemainingDelay() }

// Open reports whether the breaker lets nothing through.
func (b Breaker) Open() bool { return b.Wait() > 0 }

// Tripped reports whether the breaker has opened and no attempt has succeeded since.
func (b Breaker) Tripped() bool { return !b.of.IsClosed() }

// Resume ends the time in which the breaker lets nothing through: one attempt
// decides now.
func (b Breaker) Resume() {
	if b.Open() {
		b.of.HalfOpen()
	}
}

// Enter asks for a permit, which is given back with Succeed, Fail or Neither.
func (b Breaker) Enter() bool { return b.of.TryAcquirePermit() }

func (b Breaker) Succeed() { b.of.RecordSuccess() }
func (b Breaker) Fail()    { b.of.RecordFailure() }

// Neither gives the permit back for an attempt that says nothing of the server's
// health, or was not made: it must not close a half-open breaker.
func (b Breaker) Neither() {
	if b.of.IsHalfOpen() {
		// The breaker has no call that gives a permit back. Entering half-open anew
		// does.
		b.of.Open()
		b.of.HalfOpen()
	}
}
