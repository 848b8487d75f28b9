package ledger

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A sender carries a batch through one round: attempts with retries between
// them, each behind the breaker, the gate and the rate limit. It decides what an
// outcome means for sending as a whole; what it means for the batch's entries is
// the batcher's to decide.
//
// Retry is the outermost policy, so each attempt counts in the breaker. The
// breaker is used by permit rather than as an executor, because an executor
// takes every outcome that is no failure for a success, and 429, 401 or 413 are
// neither.
type sender struct {
	config    *config
	transport *transport
	gate      *gate
	limiter   *limiter
	breaker   circuitbreaker.CircuitBreaker[outcome]
	retry     retrypolicy.RetryPolicy[outcome]
	count     *counters
	report    *diagnostics
	protocols *protocols
	now       func() time.Time

	pacing    atomic.Int32 // rounds that wait for the rate limit
	timeout   atomic.Int64 // of the next attempt, a time.Duration
	throttles atomic.Int32 // consecutive 429s, for the ordinary backoff
	quotas    atomic.Int32 // consecutive answers that the quota is used up
	gzipTaken atomic.Bool  // the server has taken a compressed body
	gzipTried atomic.Bool  // a refused body was tried without compression
}

func newSender(c *config, p *protocols, count *counters, report *diagnostics, now func() time.Time) *sender {
	s := &sender{
		config:    c,
		transport: newTransport(c, now),
		gate:      newGate(c.HTTPPoolSize, now),
		limiter:   newLimiter(c, now),
		count:     count,
		report:    report,
		protocols: p,
		now:       now,
		breaker: circuitbreaker.NewBuilder[outcome]().
			WithFailureThreshold(uint(min(c.BreakerThreshold, never))).
			WithDelay(c.BreakerDelay).
			WithSuccessThreshold(1).
			Build(),
	}
	s.retry = retrypolicy.NewBuilder[outcome]().
		// A round ends when the breaker opens: the next probe is another's turn.
		HandleIf(func(o outcome, _ error) bool { return o.failed() && !s.breakerOpen() }).
		WithMaxRetries(min(max(c.MaxRetries, 0), never)).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[outcome]) time.Duration { return e.LastResult().delay }).
		ReturnLastFailure().
		Build()
	s.timeout.Store(int64(c.HTTPTimeout))
	return s
}

// never is a number of attempts that no handler comes to. The breaker has a bit for
// each that it waits for.
const never = 1 << 20

// failed reports whether the attempt failed in a way that waiting may mend.
func (o outcome) failed() bool {
	return o.kind == outcomeServerError || o.kind == outcomeNetworkError
}

// final reports whether the server has said its word on the entries: they stay
// out of reach of overflow until the batcher has settled them.
func (o outcome) final() bool {
	return o.kind == outcomeTaken || o.kind == outcomeRefused || o.kind == outcomeTooLarge
}

// A roundResult is what a round came to.
type roundResult struct {
	batch *batch
	last  outcome // of the last attempt that was made; outcomeNone when none was
	full  bool    // as many attempts as retries and breaker allow in a row failed, and nobody else's
	// beside means that others were taken between the round's first failure and
	// its last: the surest sign that it is the batch and not the server.
	beside bool
	delay  time.Duration
}

// room reports how many rounds may run at once, and when to ask again; the zero
// time means after the next outcome.
func (s *sender) room() (width int, next time.Time) {
	if wait := s.breaker.RemainingDelay(); wait > 0 {
		return 0, s.now().Add(wait)
	}
	return s.gate.room()
}

// largest is how many entries a request may carry for the rate limit's sake.
func (s *sender) largest() int {
	if s.protocols.sending().Cost(2) > 1 {
		return s.limiter.portion()
	}
	return math.MaxInt
}

// breakerOpen reports whether the breaker lets nothing through. The breaker's
// own state stays open after its delay until somebody asks for a permit.
func (s *sender) breakerOpen() bool { return s.breaker.RemainingDelay() > 0 }

// tripped reports whether the breaker has opened and no probe has succeeded since.
func (s *sender) tripped() bool { return !s.breaker.IsClosed() }

// round sends b until the server has said its word on it, the retries are used
// up, or something holds all sending. It returns when ctx ends.
func (s *sender) round(ctx context.Context, b *batch) roundResult {
	result := roundResult{batch: b}
	attempts, before := 0, int64(0)
	alone, clean := int64(0), true // failures since the last success; whether all were this batch's
	// The executor's own result is not used: it is lost when ctx ends while an
	// attempt succeeds.
	_, _ = failsafe.With(s.retry).WithContext(ctx).Get(func() (outcome, error) {
		out := s.attempt(ctx, b)
		if out.kind != outcomeNone {
			if attempts++; attempts == 1 {
				s.count.flushes.Add(1)
				before = s.count.successes.Load()
			}
			result.last = out
			if out.failed() {
				streak := s.count.consecutive.Load()
				if streak == 1 {
					alone = 0 // others were taken just now
				}
				alone++
				clean = clean && alone == streak
			}
		}
		return out, nil
	})
	if attempts == 0 {
		return result
	}
	if result.last.final() {
		s.count.flushesOK.Add(1)
	} else {
		s.count.flushesFailed.Add(1)
	}
	s.count.lastFlush.Store(s.now().UnixNano())
	if result.last.failed() {
		result.full = clean && attempts > min(max(s.config.MaxRetries, 0), s.config.BreakerThreshold-1)
		result.beside = s.count.successes.Load() > before
		result.delay = s.rest(b, result.last)
	}
	return result
}

// attempt makes one request for b, when all that guards sending lets it.
func (s *sender) attempt(ctx context.Context, b *batch) (out outcome) {
	if s.breakerOpen() || !s.gate.enter(ctx) {
		return outcome{}
	}
	learnt := func(*gate) {}
	defer func() { s.gate.leave(learnt) }()

	format := s.protocols.sending()
	if !s.permit(ctx, format, b) || !s.breaker.TryAcquirePermit() {
		return outcome{}
	}
	entries := b.lift()
	if len(entries) == 0 { // overflow took them meanwhile
		s.releasePermit()
		b.land()
		return outcome{}
	}
	entries = s.protocols.inFormat(entries, format)
	began, timeout := s.now(), time.Duration(s.timeout.Load())
	out = s.transport.send(ctx, format, entries, timeout)
	out.took = s.now().Sub(began)
	if out.status == http.StatusForbidden && s.contentForbidden(b, len(entries)) {
		out.kind = outcomeRefused
	}
	if out.timedOut { // of what this attempt had: others side by side add nothing
		s.timeout.Store(int64(min(2*timeout, max(maxTimeout, s.config.HTTPTimeout))))
	}
	if !out.final() {
		b.land()
	}
	if ctx.Err() != nil && out.kind == outcomeNetworkError {
		s.releasePermit() // our own doing, not the server's
		return outcome{}
	}
	learnt = s.learn(b, &out)
	return out
}

// contentForbidden reports whether it is rather one of the n entries of b that a
// 403 is about than the key: only something before the server answers so
// (ledger-wire 1.4), such as a firewall that dislikes a text. The sign of it is
// that others were taken between two that b got, and again: once may be the
// answer to a request from before the key was revoked. Pieces of such a batch are
// cut on without, but not dropped.
func (s *sender) contentForbidden(b *batch, n int) bool {
	successes := s.count.successes.Load()
	since := b.forbidden > 0 && successes >= b.forbidden
	b.forbidden = successes + 1
	if since {
		b.blames++
	} else if b.blames < 2 {
		b.blames = 0
	}
	return b.blames >= 2 && (since || n > 1)
}

// permit waits until the rate limit lets b through, and then spends its cost. It
// gives up when ctx ends, or when something begins to hold sending.
func (s *sender) permit(ctx context.Context, format wire.Format, b *batch) bool {
	for ctx.Err() == nil && !s.gate.paused() && !s.breakerOpen() {
		n := b.size()
		if n == 0 {
			return false
		}
		wait := s.limiter.take(format.Cost(n))
		if wait == 0 {
			return true
		}
		s.report.tell("rate limit", slog.LevelWarn, rateLimitUsed+": entries wait")
		s.pacing.Add(1)
		err := sleep(ctx, wait)
		s.pacing.Add(-1)
		if err != nil {
			return false
		}
	}
	return false
}

const rateLimitUsed = "the share of the server's rate limit is used up (RequestsPerMinute, RequestsPerHour, RateLimitBuffer)"

// releasePermit gives the breaker its permit back without saying how the attempt
// went. The breaker has no call for it; entering half-open anew is one.
func (s *sender) releasePermit() {
	if s.breaker.IsHalfOpen() {
		s.breaker.Open()
		s.breaker.HalfOpen()
	}
}

// learn notes what an outcome says of the server, and returns the change to the
// gate. The delay before a retry is part of it.
func (s *sender) learn(b *batch, out *outcome) func(*gate) {
	if out.format.Cost(2) > 1 {
		s.limiter.learn(out.limits)
	}
	s.count.outcome(*out)
	if out.kind == outcomeMisdirected && !out.stranger && s.protocols.refused(out.format) {
		s.releasePermit()
		return (*gate).doubtLocked // no trouble before the other protocol was tried
	}
	s.report.outcome(*out)
	switch out.kind {
	case outcomeTaken:
		s.breaker.RecordSuccess()
		s.count.successes.Add(1)
		s.count.consecutive.Store(0)
		s.throttles.Store(0)
		s.quotas.Store(0)
		b.failures = 0
		if !out.plain {
			s.gzipTaken.Store(true)
		}
		if s.protocols.taken(out.format) {
			s.report.switched(Protocol(out.format.Protocol()))
		}
		if out.plain && !s.config.DisableCompression {
			s.report.tell("gzip", slog.LevelWarn, "the server does not take gzip: sending uncompressed")
		}
		if out.took < s.config.HTTPTimeout { // else this server needs what it got
			s.timeout.Store(int64(s.config.HTTPTimeout))
		}
		return (*gate).clearLocked
	case outcomeServerError, outcomeNetworkError:
		s.breaker.RecordFailure()
		s.count.consecutive.Add(1)
		b.failures++
		out.delay = s.backoff(out.kind, b.failures)
		pause := time.Duration(0)
		if out.retryAfter > 0 {
			pause = jitter(min(out.retryAfter, s.config.MaxRetryAfter))
			out.delay = pause
		}
		return func(g *gate) { g.pauseLocked(causeFailing, pause) }
	}
	s.releasePermit()
	switch out.kind {
	case outcomeRefused:
		s.suspectGzip(out)
		if out.status == http.StatusUnprocessableEntity {
			return (*gate).recognizedLocked
		}
	case outcomeThrottled:
		pause := out.retryAfter
		if pause == 0 {
			pause = min(doubled(s.config.RetryBackoff, int(s.throttles.Add(1))), s.config.BreakerDelay)
		}
		pause = jitter(min(pause, s.config.MaxRetryAfter))
		return func(g *gate) { g.pauseLocked(causeThrottled, pause) }
	case outcomeQuota:
		// The quota is reset with the server's date, or raised by somebody.
		now := s.now().UTC()
		midnight := now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
		pause := min(doubled(s.config.BreakerDelay, int(s.quotas.Add(1))), max(s.config.MaxRetryAfter, s.config.BreakerDelay))
		pause = jitter(min(pause, midnight))
		return func(g *gate) { g.pauseLocked(causeQuota, pause) }
	case outcomeUnauthorized:
		return func(g *gate) { g.pauseLocked(causeUnauthorized, s.config.BreakerDelay) }
	case outcomeMisdirected:
		return func(g *gate) { g.pauseLocked(causeMisdirected, s.config.BreakerDelay) }
	}
	return func(*gate) {}
}

// suspectGzip has a refused body sent again without compression, once, as long
// as the server has taken no compressed one: its oldest generation does not
// know gzip (ledger-wire 0), and would cost every entry.
func (s *sender) suspectGzip(out *outcome) {
	switch {
	case out.status != http.StatusBadRequest || s.gzipTaken.Load() || s.config.DisableCompression:
	case !out.plain && s.gzipTried.CompareAndSwap(false, true):
		s.transport.plain.Store(true)
		out.again = true
	case out.plain:
		s.transport.plain.Store(false)
	}
}

// backoff is the delay after a batch's nth failure in a row: doubling, and never
// less than it says.
func (s *sender) backoff(kind outcomeKind, n int) time.Duration {
	first := s.config.RetryBackoff
	if kind == outcomeNetworkError {
		first = s.config.NetworkBackoff
	}
	// Within a round of the default length nothing is capped: 2, 4, 8 s.
	return jitter(min(doubled(first, n), max(s.config.BreakerDelay, 4*first)))
}

// rest is the pause after a round that ended without the server's word: the next
// step of the backoff, at most BreakerDelay. While the server fails for all, all
// sending rests; a batch that only it fails on rests alone.
func (s *sender) rest(b *batch, last outcome) time.Duration {
	first := s.config.RetryBackoff
	if last.kind == outcomeNetworkError {
		first = s.config.NetworkBackoff
	}
	delay := jitter(min(doubled(first, max(b.failures, 1)), s.config.BreakerDelay))
	if !b.aside {
		s.gate.rest(delay)
	}
	return delay
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

// trouble says in a few words why entries are not being delivered.
func (s *sender) trouble() string {
	if s.tripped() {
		return "the circuit breaker is open"
	}
	switch s.gate.holding() {
	case causeFailing:
		return "the server fails"
	case causeThrottled:
		return "the server's rate limit is reached"
	case causeQuota:
		return "the daily quota is used up"
	case causeUnauthorized:
		return "the server refuses the API key"
	case causeMisdirected:
		return "the URL is not an ingest endpoint"
	}
	if s.pacing.Load() > 0 {
		return rateLimitUsed
	}
	return "the server has not answered yet"
}
