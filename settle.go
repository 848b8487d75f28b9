package ledger

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/spill"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/throttle"
)

// A batch is entries on their way, with what its attempts have shown so far.
type batch = buffer.Batch[notes]

// notes are what the batcher and the sender know of a batch.
type notes struct {
	// The batcher's.
	since        time.Time // when its oldest entry was logged, at the earliest
	notBefore    time.Time // no round begins before
	tried        int64     // when the last round began, in rounds; 0 before the first
	failedRounds int       // that ended on a 5xx
	lastFailed   int64     // successes when the last of those ended
	aside        bool      // the round it is in does not count: see suspect
	halving      *halving  // of which this is a piece; nil for most
	piece        bool      // was cut off another, or is what remained
	born         int64     // successes when the piece was cut
	doubted      bool      // its only entry was refused once, and may go once more
	failedAlone  bool      // its only entry failed a full round, and may fail one more

	// The sender's.
	failures  int   // attempts since the last success
	forbidden int64 // successes when an attempt last got a 403, and one; 0 for never
	blames    int   // how often in a row others were taken between two of those
}

// A halving is the search for an entry that the server fails on, by sending
// ever smaller pieces of one batch. There is one at a time, so that an outage,
// which looks the same, does not shatter every batch.
type halving struct {
	began  int64 // successes when it began
	pieces int   // not settled yet
	taken  bool  // a piece was taken
}

// A roundResult is what a round came to.
type roundResult struct {
	batch  *batch
	last   outcome // of the last attempt that was made; outcomeNone when none was
	server bool    // so many were refused, and none taken, that it is the server and not the entries
	full   bool    // as many attempts as retries and breaker allow in a row failed, and nobody else's
	beside bool    // others were taken between its first failure and its last: the batch fails, not the server
	delay  time.Duration
}

// A fate is what becomes of a batch after a round.
type fate int

const (
	hold      fate = iota // it goes again, as it is
	halve                 // it goes again, in two pieces
	fit                   // what the quota has room for goes again at once, the rest waits
	delivered             // the server has it, but for those it rejected
	dropSome              // the entries at positions are dropped; the others go again
	dropAll
)

// A verdict is what an outcome means for a batch and its entries.
type verdict struct {
	fate
	notes     notes            // the batch's from now on
	wait      time.Duration    // before it goes again
	rejected  int              // how many the server rejected of what it took; it does not say reliably which
	positions []int            // of dropSome
	reason    stats.DropReason // of dropAll
}

// judge decides what becomes of a batch of n entries after a round. successes is
// how many requests the server took so far, of any batch; searching is whether a
// halving is under way. judge changes nothing.
func judge(n int, of notes, r roundResult, successes int64, searching bool) verdict {
	v := verdict{notes: of}
	switch last := r.last; last.kind {
	case outcomeTaken:
		v.fate, v.rejected = delivered, min(last.answer.Rejected, n)
	case outcomeRefused, outcomeTooLarge:
		v.judgeRefused(n, last, r.server)
	case outcomeQuota:
		if left := last.answer.Left; left > 0 && left < n {
			v.fate = fit
		}
	case outcomeServerError:
		v.wait = r.delay
		v.judgeFailed(n, r, successes, searching)
	case outcomeNone: // something held it up; ask again soon, but not in a spin
		v.wait = retryHeld
	default:
		v.wait = r.delay
	}
	return v
}

// retryHeld is when a batch is tried again whose round made no attempt.
const retryHeld = 10 * time.Millisecond

// judgeRefused drops the entries that the server names, or halves the batch to
// find them. What is left goes again at once: nothing of it was taken.
// Where it is the server that is at fault, the batch is kept as it is.
func (v *verdict) judgeRefused(n int, out outcome, server bool) {
	switch {
	case out.again:
	case out.kind == outcomeRefused && len(out.answer.Positions) > 0:
		v.fate, v.positions = dropSome, out.answer.Positions
	case server:
	case n > 1:
		v.fate = halve
	case out.status == http.StatusBadRequest && !v.notes.doubted:
		v.notes.doubted = true // a body cut or garbled on its way gets a 400 too
	case out.kind == outcomeTooLarge:
		v.fate, v.reason = dropAll, stats.TooLarge
	default:
		v.fate, v.reason = dropAll, stats.Rejected
	}
}

// judgeFailed halves a batch that keeps failing, to find the entry that the server
// fails on, or drops that entry; but only as far as other requests show that it
// is the batch and not the server.
func (v *verdict) judgeFailed(n int, r roundResult, successes int64, searching bool) {
	of := &v.notes
	of.failedRounds++
	of.lastFailed = successes
	if of.halving == nil && !searching && of.failedRounds >= 2 {
		of.halving = &halving{began: successes, pieces: 1}
		of.born = -1 // the first cut needs no success
	}
	switch {
	case of.halving == nil:
	case n > 1 && successes > of.born:
		v.fate = halve
	case n > 1 || !r.full:
	case successes > of.halving.began && (of.halving.taken || r.beside && of.failedAlone):
		v.fate, v.reason = dropAll, stats.Rejected
	case r.beside:
		of.failedAlone = true // no piece beside it was taken, so others must be in one more round
	}
}

// suspect reports whether it is rather the batch that the server fails on than
// the server that fails: since the batch last failed others were taken. Such a
// batch is tried on, but nobody waits while it backs off.
func (b *batcher) suspect(batch *batch) bool {
	return batch.Notes.failedRounds > 0 && b.count.Successes.Load() > batch.Notes.lastFailed
}

// mayStart reports whether a round for a held batch may be started beside those
// under way: of suspects there is one at a time.
func (b *batcher) mayStart(batch *batch) bool { return b.aside == nil || !b.suspect(batch) }

// settle carries out what becomes of a batch after its round.
func (b *batcher) settle(r roundResult) {
	batch := r.batch
	delete(b.backlog.Active, batch)
	if b.aside == batch {
		b.aside = nil
	}
	n := batch.Size()
	if r.server {
		b.report.Tell("refusing", slog.LevelWarn, meanings[outcomeRefused].issue)
	}
	v := judge(n, batch.Notes, r, b.count.Successes.Load(), b.search != nil)
	batch.Notes = v.notes
	batch.Notes.notBefore = b.now().Add(v.wait)
	if b.search == nil {
		b.search = v.notes.halving
	}
	switch v.fate {
	case hold:
		b.backlog.Hold(batch)
	case halve:
		b.backlog.Hold(batch, b.split(batch, n/2))
	case fit:
		rest := b.split(batch, r.last.answer.Left)
		rest.Notes.tried = batch.Notes.tried // so that the batch is first
		b.backlog.Hold(batch, rest)
	case delivered:
		b.count.Sent.Add(int64(n - v.rejected))
		if v.notes.halving != nil {
			v.notes.halving.taken = true
		}
		for i, e := range batch.Empty() {
			if i < v.rejected {
				b.drop(e, stats.Rejected)
			} else {
				b.disk.Release(e)
			}
		}
		b.done(batch)
	case dropSome:
		for _, e := range batch.TakeAt(v.positions) {
			b.drop(e, stats.Rejected)
		}
		b.backlog.Hold(batch)
	case dropAll:
		for _, e := range batch.Empty() {
			b.drop(e, v.reason)
		}
		b.done(batch)
	}
}

// drop settles an entry that was taken out of the queue as dropped.
func (b *batcher) drop(e *buffer.Entry, why stats.DropReason) {
	b.count.DropInFlight(why, e.Notice)
	b.disk.Release(e)
}

// split leaves n entries in a batch and returns the rest as another.
func (b *batcher) split(old *batch, n int) *batch {
	rest := old.Split(n)
	old.Notes.piece, old.Notes.failures = true, 0
	if old.Notes.halving != nil {
		old.Notes.halving.pieces++
		old.Notes.born = b.count.Successes.Load()
	}
	rest.Notes = old.Notes
	rest.Notes.tried, rest.Notes.aside = 0, false
	return rest
}

// done notes that a batch is settled.
func (b *batcher) done(batch *batch) {
	h := batch.Notes.halving
	if h == nil {
		return
	}
	h.pieces--
	if h.pieces == 0 && b.search == h {
		b.search = nil
	}
	batch.Notes.halving = nil
}

// contentForbidden reports whether a 403 is about one of the n entries of b, not
// about the key. A firewall before the server that dislikes a text answers so
// (ledger-wire 1.4). The sign is that others were taken between two that b got, and
// again: once may be the answer to a request from before the key was revoked. Pieces
// of such a batch are cut without the sign, but not dropped.
func (s *sender) contentForbidden(b *batch, n int) bool {
	successes := s.count.Successes.Load()
	since := b.Notes.forbidden > 0 && successes >= b.Notes.forbidden
	b.Notes.forbidden = successes + 1
	if since {
		b.Notes.blames++
	} else if b.Notes.blames < 2 {
		b.Notes.blames = 0
	}
	return b.Notes.blames >= 2 && (since || n > 1)
}

// A waiter waits until every entry up to a mark is settled.
type waiter struct {
	ctx    context.Context
	mark   uint64
	notice bool      // a notice of drops is still to be queued, and waited for
	until  time.Time // its deadline
	hurry  bool      // pauses are to end for it
	last   bool      // it is Shutdown's: pauses end for it again and again
	taken  bool      // what it waits for was taken out of the queue
	done   chan struct{}
}

// answer tells the waiters whose entries are all settled.
func (b *batcher) answer() {
	if len(b.waiters) == 0 {
		return
	}
	b.waiters = slices.DeleteFunc(b.waiters, func(w *waiter) bool {
		if w.ctx.Err() != nil {
			return true
		}
		if w.notice || !b.settled(w) {
			return false
		}
		close(w.done)
		return true
	})
}

// settled reports whether all that w waits for is settled, but for a notice. Shutdown
// waits for every answer, too, so that nothing is sent twice, and for what comes back
// from disk while the server takes entries.
func (b *batcher) settled(w *waiter) bool {
	oldest, any := b.backlog.OldestTaken()
	return w.taken && (!any || oldest > w.mark) && (!w.last || len(b.backlog.Active) == 0 && !b.unspools())
}

// unspools reports whether entries come back from disk, and nothing holds them up. A
// batch of them may be held for a moment: hasten ends rounds before their first attempt.
func (b *batcher) unspools() bool {
	s := b.sender
	return (b.disk.Len() > 0 && b.disk.MayRead() || slices.ContainsFunc(b.backlog.Held, spill.Spooled)) &&
		s.gate.Holding() == throttle.NoCause && !s.breaker.Tripped() && !s.waitsForLimit() && !s.limiter.Shared()
}

// announce queues the notice of what overflow has dropped, when the episode is
// over: nothing was dropped for FlushInterval, or somebody is flushing. It waits
// for a place, so that the notice itself makes nothing go, also when what is being sent
// comes back; but not when it is all that somebody still waits for: loggers may keep
// the buffer full for ever.
func (b *batcher) announce() (wanted bool) {
	lost := b.count.Lost.Load()
	if lost == 0 {
		return false
	}
	b.report.Tell("overflow", slog.LevelWarn, "the buffer is full: the oldest entries are dropped", slog.Int64("so far", lost))
	wanted = slices.ContainsFunc(b.waiters, func(w *waiter) bool { return w.notice })
	if b.queue.Utilization() >= 1 && !slices.ContainsFunc(b.waiters, func(w *waiter) bool { return w.notice && b.settled(w) }) {
		return false
	}
	now, last := b.now(), b.count.LastDrop.Load()
	if !wanted && b.count.Ago(now, last) < b.config.FlushInterval {
		return false
	}
	lost = b.count.Lost.Swap(0)
	first := cmp.Or(b.count.LostFrom.Swap(0), last) // 0 where a drop has just come between
	e := b.dropNotice(lost, now.Add(-b.count.Ago(now, first)), now.Add(-b.count.Ago(now, last)))
	seq := e.Seq // e belongs to the queue once pushed
	b.queue.Push(e)
	for _, w := range b.waiters {
		if w.notice {
			w.notice = false
			w.mark = max(w.mark, seq)
		}
	}
	return wanted
}

// dropNotice is the entry that reports drops by overflow: how many, since when, and
// the commonest messages among them.
func (b *batcher) dropNotice(dropped int64, since, until time.Time) *buffer.Entry {
	r := slog.NewRecord(b.now(), slog.LevelWarn, fmt.Sprintf("ledger: dropped %d entries", dropped), 0)
	r.AddAttrs(slog.Int64("dropped", dropped), slog.String("reason", stats.Overflow.String()),
		slog.Time("since", since.UTC()), slog.Time("until", until.UTC()), slog.Any("messages", b.queue.TakeLost()))
	e := b.encode(context.Background(), r)
	e.Notice, e.Urgent = true, true // what it tells would be lost with it
	return e
}

// grace is how long a round may take to return once it was told to.
const grace = 50 * time.Millisecond

// finish ends all rounds, and drops what is left or leaves it to the spool. A
// round that does not return within grace is abandoned.
func (b *batcher) finish() {
	b.cancel()
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	for waiting := true; waiting && len(b.backlog.Active) > 0; {
		select {
		case r := <-b.results:
			b.settle(r)
		case <-timeout.C:
			waiting = false
		}
	}
	for _, e := range b.disk.Keep(b.backlog.Close()) {
		b.drop(e, stats.Closed)
		b.left++
	}
	b.crashes.Load().Close()
	synced := b.disk.Leave()
	close(b.counted)
	synced()
	b.answer()
}
