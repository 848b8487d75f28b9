package ledger

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/ledger-sdk/ledger-go/internal/body"
	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/protocol"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/throttle"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A sender carries a batch through one round: attempts with retries between
// them, each behind the breaker, the gate and the rate limit. It decides what an
// outcome means for sending as a whole; what it means for the batch's entries is
// the batcher's to decide.
//
// A round is one composition of failsafe-go policies: retry, a place among the
// attempts, rate limit, breaker, attempt. Retry is the outermost, so each attempt
// counts in the breaker. The rate limit comes before the breaker, so that no
// half-open permit is held while it waits.
type sender struct {
	config    *config
	transport *transport
	gate      *throttle.Gate
	limiter   *throttle.Limiter
	delays    throttle.Delays
	breaker   throttle.Breaker
	retry     retrypolicy.RetryPolicy[outcome]
	count     *stats.Counters
	report    *diagnostics
	protocols *protocol.Chooser
	now       func() time.Time

	pacing    atomic.Int32    // rounds that wait for the rate limit
	paced     atomic.Bool     // entries wait for it that are in no round
	timeout   atomic.Int64    // of the next attempt, a time.Duration
	patience  context.Context // of the rounds that begin now: they wait no longer once it ends
	hurry     context.CancelFunc
	gzipTaken atomic.Bool // the server has taken a compressed body
	gzipTried atomic.Bool // a refused body was tried without compression
}

func newSender(c *config, p *protocol.Chooser, count *stats.Counters, report *diagnostics, now func() time.Time) *sender {
	s := &sender{
		config: c, count: count, report: report, protocols: p, now: now,
		transport: newTransport(c, now),
		gate:      throttle.NewGate(c.HTTPPoolSize, now),
		limiter:   throttle.NewLimiter(throttle.Limits{PerMinute: c.RequestsPerMinute, PerHour: c.RequestsPerHour}, c.givenLimits, c.RateLimitBuffer, count.Logged.Load, now),
		delays:    throttle.Delays{First: c.RetryBackoff, FirstNetwork: c.NetworkBackoff, Most: c.BreakerDelay, MostAsked: c.MaxRetryAfter},
		breaker:   throttle.NewBreaker(min(c.BreakerThreshold, maxAttempts), c.BreakerDelay),
	}
	s.retry = retrypolicy.NewBuilder[outcome]().
		// A round ends when the breaker opens: the next probe is another's turn.
		HandleIf(func(o outcome, _ error) bool { return o.failed() && !o.once && !s.breaker.Open() }).
		WithMaxRetries(min(max(c.MaxRetries, 0), maxAttempts)).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[outcome]) time.Duration { return e.LastResult().delay }).
		ReturnLastFailure().
		Build()
	s.timeout.Store(int64(c.HTTPTimeout))
	s.patience, s.hurry = context.WithCancel(context.Background())
	return s
}

// resume ends pauses, so that an attempt can be made now: that of all sending as end
// does, the breaker's, and those between the attempts of a round. The batcher calls it.
func (s *sender) resume(end func()) {
	end()
	s.breaker.Resume()
	s.hurry()
	s.patience, s.hurry = context.WithCancel(context.Background())
}

// due reports when the last attempt began and when the next one is due, in a pause
// that press would end.
func (s *sender) due() (last, next time.Time, ok bool) {
	last, next, ok = s.gate.Due()
	if wait := s.breaker.Wait(); wait > 0 {
		return last, s.now().Add(wait), !s.gate.Firm()
	}
	return last, next, ok
}

// maxAttempts is more than a round waits for, or a breaker, which keeps a bit for each.
const maxAttempts = 1 << 20

// room reports how many rounds may run at once, and when to ask again; the zero
// time means after the next outcome.
func (s *sender) room() (width int, next time.Time) {
	if wait := s.breaker.Wait(); wait > 0 {
		return 0, s.now().Add(wait)
	}
	return s.limiter.Narrow(s.gate.Room())
}

// largest is how many entries a batch and a request may have.
func (s *sender) largest() (batch, request int) {
	batch, request = s.config.FlushSize, s.config.FlushSize
	if s.protocols.Sending().Cost(2) > 1 {
		whole, shared := s.limiter.Portions()
		batch, request = min(batch, whole), min(request, shared)
	}
	return batch, request
}

// pace reports when the rate limit lets a batch of n entries through; the zero time
// means now.
func (s *sender) pace(n int) (at time.Time) {
	if wait := s.limiter.Wait(s.protocols.Sending().Cost(n)); wait > 0 {
		s.report.pacing()
		at = s.now().Add(wait)
	}
	return at
}

// round sends b until the server has said its word on it, the retries are used up,
// something holds all sending, or ctx ends.
//
// When patience ends before, the round ends instead of pausing; an attempt that is
// being made goes on.
func (s *sender) round(ctx, patience context.Context, b *batch) roundResult {
	waits, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(patience, stop)()
	r := &round{sender: s, batch: b, patience: patience, result: roundResult{batch: b}, alone: true}
	// The executor's own result is not used: it is lost when its context ends while
	// an attempt succeeds.
	_, _ = failsafe.With(
		s.retry,
		guard(r.counted),
		guard(r.oneOfFew),
		guard(r.withinRateLimit),
		guard(r.throughBreaker),
	).WithContext(waits).Get(func() (outcome, error) { return r.attempt(ctx), nil })
	return r.end()
}

type guard = throttle.Guard[outcome]

// A round is a batch's attempts with the retries between them.
type round struct {
	*sender
	batch    *batch
	patience context.Context
	emptied  bool        // overflow took the last entries while it waited
	format   wire.Format // of the attempt that is being made
	result   roundResult
	attempts int
	before   int64 // successes when the first attempt had ended
	failures int64 // since the last success
	alone    bool  // all failures in a row were this batch's
}

// counted keeps account of the round.
func (r *round) counted(_ context.Context, next func() outcome) outcome {
	out := next()
	if out.kind == outcomeNone {
		return out
	}
	if r.attempts++; r.attempts == 1 {
		r.count.Flushes.Add(1)
		r.before = r.count.Successes.Load()
	}
	out.once = r.batch.Notes.halving != nil && r.batch.Size() > 1 // it is to be halved on
	r.result.last = out
	r.result.server = r.gate.Holding() == throttle.Refusing
	if out.failed() {
		inARow := r.count.Consecutive.Load()
		if inARow == 1 {
			r.failures = 0 // others were taken just now
		}
		r.failures++
		r.alone = r.alone && r.failures == inARow
	}
	return out
}

// end is what the round came to.
func (r *round) end() roundResult {
	if r.attempts == 0 {
		return r.result
	}
	last := r.result.last
	if last.final() {
		r.count.FlushesOK.Add(1)
	} else {
		r.count.FlushesFailed.Add(1)
	}
	r.count.LastFlush.Store(r.now().UnixNano())
	switch {
	case !last.failed():
	case r.emptied: // it has waited, and the next batch need not
	case r.patience.Err() != nil:
		r.result.last = outcome{} // the round was cut short: the batch goes again at once
	default:
		r.result.full = r.alone && r.attempts > min(max(r.config.MaxRetries, 0), r.config.BreakerThreshold-1)
		r.result.beside = r.count.Successes.Load() > r.before
		// While the server fails for all, all sending rests; a batch that only it
		// fails on rests alone.
		r.result.delay = r.delays.Rest(last.kind == outcomeNetworkError, r.batch.Notes.failures)
		if !r.batch.Notes.aside {
			r.gate.Rest(r.result.delay)
		}
	}
	return r.result
}

// oneOfFew waits for a place beside the attempts under way. There is none while
// sending is paused.
func (r *round) oneOfFew(ctx context.Context, next func() outcome) (out outcome) {
	if r.breaker.Open() {
		return outcome{}
	}
	place, ok := r.gate.Enter(ctx)
	if !ok {
		return outcome{}
	}
	defer func() { r.gate.Leave(place, out.lesson) }()
	r.format = r.protocols.Sending()
	return next()
}

// withinRateLimit waits until the rate limit lets the batch through, and then
// spends its cost. It gives up when ctx ends, or when something begins to hold
// sending.
func (r *round) withinRateLimit(ctx context.Context, next func() outcome) outcome {
	for ctx.Err() == nil && !r.gate.Paused() && !r.breaker.Open() {
		n := r.batch.Size()
		if n == 0 {
			r.emptied = true
			break
		}
		cost, at := r.format.Cost(n), r.now()
		wait := r.limiter.Take(cost)
		if wait == 0 {
			out := next()
			if out.unheard {
				r.limiter.Refund(cost, at)
			}
			return out
		}
		r.report.pacing()
		r.pacing.Add(1)
		err := throttle.Sleep(ctx, wait)
		r.pacing.Add(-1)
		if err != nil {
			break
		}
	}
	return outcome{}
}

// throughBreaker takes a permit of the breaker, and tells it how the attempt went.
// The breaker's own executor would take every outcome that is no failure for a
// success. A 429, 401 or 413 is neither.
func (r *round) throughBreaker(_ context.Context, next func() outcome) outcome {
	if !r.breaker.Enter() {
		return outcome{unheard: true}
	}
	out := next()
	switch {
	case out.kind == outcomeTaken:
		r.breaker.Succeed()
	case out.failed():
		r.breaker.Fail()
	default:
		r.breaker.Neither()
	}
	return out
}

// attempt makes one request for the batch. The batch's entries are out of reach of
// overflow meanwhile, and stay so when the outcome is final.
func (r *round) attempt(ctx context.Context) outcome {
	b := r.batch
	entries := b.BeginAttempt()
	if len(entries) == 0 { // overflow took them meanwhile
		b.EndAttempt()
		r.emptied = true
		return outcome{unheard: true}
	}
	began, timeout := r.now(), time.Duration(r.timeout.Load())
	out := r.send(ctx, entries, timeout)
	out.took = r.now().Sub(began)
	if out.status == http.StatusForbidden && r.contentForbidden(b, len(entries)) {
		out.kind = outcomeRefused
	}
	if out.timedOut { // of what this attempt had: others side by side add nothing
		r.timeout.Store(int64(min(2*timeout, max(maxTimeout, r.config.HTTPTimeout))))
	}
	if !out.final() {
		b.EndAttempt()
	}
	if ctx.Err() != nil && out.kind == outcomeNetworkError {
		return outcome{} // our own doing, not the server's
	}
	r.learn(b, &out)
	return out
}

// send is the attempt itself. A panic in it is the fault of an entry: it counts as
// a refusal, so that the entry is looked for and only that one is lost.
func (r *round) send(ctx context.Context, entries []*buffer.Entry, timeout time.Duration) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			_, underWay := p.(body.ReadPanic)
			err := errors.New("ledger: sending panicked: " + errstack.PanicValue(p))
			r.report.Tell("panic", slog.LevelError, "sending panics: looking for the entry at fault, which is dropped", slog.String("error", err.Error()))
			out = outcome{kind: outcomeRefused, format: r.format, unheard: !underWay, err: err}
		}
	}()
	return r.transport.send(ctx, r.format, r.protocols.InFormat(entries, r.format), timeout)
}

// learn notes what an outcome says of the server, and adds delay and lesson to it.
func (s *sender) learn(b *batch, out *outcome) {
	if out.format.Cost(2) > 1 {
		s.limiter.Learn(out.told.Limits, out.kind == outcomeTaken)
	}
	if out.err != nil {
		text := out.err.Error()
		s.count.LastError.Store(&text)
	}
	s.count.Errors[out.counts()].Add(1)
	if out.kind == outcomeMisdirected && !out.stranger && s.protocols.Refused(out.format) {
		out.lesson = throttle.Doubt // no trouble before the other protocol was tried
		return
	}
	s.report.outcome(*out)
	switch out.kind {
	case outcomeTaken:
		s.learnTaken(b, out)
		out.lesson = throttle.Clear(b.Size())
	case outcomeRefused, outcomeTooLarge:
		s.suspectGzip(out)
		if !out.again && len(out.answer.Positions) == 0 && out.status != 0 {
			out.lesson = throttle.Refuse(mostRefusals, s.delays.Throttled)
		}
		if out.status == http.StatusUnprocessableEntity {
			out.lesson = throttle.Recognize(out.lesson)
		}
	case outcomeServerError, outcomeNetworkError:
		s.count.Consecutive.Add(1)
		b.Notes.failures++
		out.delay = s.delays.Retry(out.kind == outcomeNetworkError, b.Notes.failures)
		out.lesson = throttle.Fail(out.delay)
		if out.retryAfter > 0 {
			out.delay = s.delays.Asked(out.retryAfter)
			out.lesson = throttle.Pause(throttle.Failing, out.delay)
		}
	case outcomeThrottled:
		out.lesson = throttle.Spell(throttle.Throttled, true, s.delays.Throttled)
		if wait := s.limiter.Refused(out.told, s.delays.Asked(out.retryAfter)); wait > 0 {
			out.lesson = throttle.Pause(throttle.Throttled, wait)
		}
	case outcomeQuota:
		if out.answer.Left == 0 { // otherwise a smaller batch fits
			out.lesson = throttle.Spell(throttle.QuotaUsedUp, false, func(n int) time.Duration { return s.delays.Quota(n, s.now()) })
		}
	case outcomeUnauthorized:
		out.lesson = throttle.Spell(throttle.Unauthorized, false, s.delays.Refused)
	default:
		out.lesson = throttle.Pause(meanings[out.kind].cause, s.config.BreakerDelay)
	}
}

// mostRefusals is how many requests in a row may be refused, with none taken, until
// it is rather the server. One entry among a thousand is found in a dozen.
const mostRefusals = 20

// learnTaken notes that the server takes entries.
func (s *sender) learnTaken(b *batch, out *outcome) {
	s.count.Successes.Add(1)
	s.count.Consecutive.Store(0)
	s.count.LastSuccess.Store(s.count.Now())
	s.limiter.Accepted(out.format.Cost(b.Size()), b.Size(), out.told)
	b.Notes.failures = 0
	if !out.plain {
		s.gzipTaken.Store(true)
	}
	if s.protocols.Taken(out.format) {
		s.report.switched(out.format.Protocol())
	}
	if out.plain && !s.config.DisableCompression {
		s.report.Tell("gzip", slog.LevelWarn, "the server does not take gzip: sending uncompressed")
	}
	if out.took < s.config.HTTPTimeout { // otherwise the server needs what it got
		s.timeout.Store(int64(s.config.HTTPTimeout))
	}
}
