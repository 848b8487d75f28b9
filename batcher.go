package ledger

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/crash"
	"github.com/ledger-sdk/ledger-go/internal/spill"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/throttle"
)

// A batcher is the one goroutine that decides when there is a batch, and which one
// goes next. It hands batches to the sender, and carries out what judge says of
// their rounds. Everything here but the channels belongs to that goroutine.
type batcher struct {
	config *config
	queue  *buffer.Queue
	count  *stats.Counters
	sender *sender
	report *diagnostics
	encode func(context.Context, slog.Record) *buffer.Entry // of the handler's own records
	now    func() time.Time

	results chan roundResult
	waits   chan *waiter
	quit    chan struct{} // closed to end: what is left is dropped
	stopped chan struct{} // closed when it has ended
	counted chan struct{} // closed when nothing is left, and another may have the spool
	left    int           // entries dropped at the end; read after counted

	ctx    context.Context // of every round
	cancel context.CancelFunc

	backlog *buffer.Backlog[notes]
	disk    *spill.Spill[notes]
	since   time.Time // when the oldest queued entry may have come; zero when there is none
	owed    int64     // queued entries that are to go now
	rounds  int64
	freshAt int64 // rounds when a new batch was last picked
	search  *halving
	aside   *batch // the suspect in a round
	rush    throttle.Rush
	look    time.Time // when to look for a rush again; zero for not by itself
	paced   time.Time // when the rate limit lets another batch through; zero for now
	waiters []*waiter
	hurried time.Time                  // when pauses last ended for a waiter
	crashes atomic.Pointer[crash.File] // nil without a spool
}

// bodyBytes is where a batch is full: what a format puts around its entries, OTLP
// about a kibibyte, has to fit too.
const bodyBytes = maxBody - 1<<10

func newBatcher(c *config, q *buffer.Queue, count *stats.Counters, s *sender, report *diagnostics, opened func(), now func() time.Time) *batcher {
	b := &batcher{
		config: c, queue: q, count: count, sender: s, report: report, now: now,
		results: make(chan roundResult),
		waits:   make(chan *waiter),
		quit:    make(chan struct{}),
		stopped: make(chan struct{}),
		counted: make(chan struct{}),
	}
	b.backlog = buffer.NewBacklog(q, b.done)
	b.disk = spill.New(spill.Config{
		Dir: c.SpoolDir, MaxBytes: c.SpoolMaxBytes, After: c.SpoolAfter, Sync: c.SpoolSync,
		BatchBytes: bodyBytes, Tell: report.Tell, Format: s.protocols.Named, Opened: opened, Now: now,
	}, b.backlog, q, count)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// run is the goroutine. Each turn does all that can be done now, and then waits
// for the next thing to happen.
func (b *batcher) run() {
	defer close(b.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		b.makeRoom()
		if b.announce() {
			b.drain()
		}
		b.stamp()
		b.answer()
		b.hasten()
		b.press()
		b.dispatch()
		b.answer()
		if d, ok := b.nextTurn(); ok {
			timer.Reset(d)
		} else {
			timer.Stop()
		}
		select {
		case <-b.queue.Woken():
		case <-timer.C:
		case r := <-b.results:
			b.settle(r)
		case w := <-b.waits:
			b.admit(w)
		case <-b.quit:
			b.finish()
			return
		}
	}
}

// admit takes out what w waits for. At the end it goes to disk, too, while it is sent.
func (b *batcher) admit(w *waiter) {
	w.notice = b.count.Lost.Load() > 0
	b.waiters = append(b.waiters, w)
	_ = b.announce() // whether it wants to be drained or not
	b.drain()
	w.taken = true
	if w.last {
		b.disk.CopyAll()
	}
}

// drain takes what is queued into batches, for somebody who waits for it. What
// comes meanwhile is left, or a drain that loggers keep up with would not end.
// Batches join others that nothing is known against: those who flush often do not
// send a request for each entry then.
func (b *batcher) drain() {
	b.backlog.Mark()
	most, _ := b.sender.largest() // they wait: what may go at once will be split off
	for fresh := b.cut(b.backlog.CutMarked, most); fresh != nil; fresh = b.cut(b.backlog.CutMarked, most) {
		b.backlog.Join(fresh, most, bodyBytes, func(other *batch) bool {
			its := other.Notes
			return !its.piece && its.halving == nil && !its.doubted && !its.failedAlone && !b.suspect(other) && !spill.Spooled(other)
		})
		b.makeRoom() // what came meanwhile may be more urgent
	}
}

// cut makes a batch of what is queued, and notes since when the rest waits.
func (b *batcher) cut(cut func(n, bytes int) *batch, most int) *batch {
	waiting, n := b.backlog.Waiting(), 0
	fresh := cut(most, bodyBytes)
	if fresh != nil {
		n = fresh.Size()
		fresh.Notes.since = b.since
	}
	b.owed = max(b.owed-int64(n), 0)
	switch {
	case b.backlog.Waiting() == 0:
		b.since, b.owed = time.Time{}, 0
	case int64(n) >= waiting:
		b.since = b.now() // what waits now came after we looked
	}
	return fresh
}

// due reports whether what is queued makes a batch now: it is enough, or old
// enough.
func (b *batcher) due() bool {
	waiting := b.backlog.Waiting()
	if waiting == 0 {
		return false
	}
	b.stamp()
	if b.now().Sub(b.since) >= b.config.FlushInterval {
		b.owed = waiting
	}
	return b.owed > 0 || waiting >= int64(b.config.FlushSize) || b.backlog.Ready()
}

// allowance is how many of n entries may go as a new batch; none while they would wait
// for the rate limit. They stay where they are meanwhile: when the memory is full, whole
// batches of the newest go then, and not what is left of old ones.
func (b *batcher) allowance(n int64) int {
	_, most := b.sender.largest()
	if most = int(min(n, int64(most))); most > 0 {
		b.paced = b.sender.pace(most)
	}
	if b.paced.IsZero() {
		return most
	}
	return 0
}

// dispatch starts as many rounds as may run now.
func (b *batcher) dispatch() {
	b.paced = time.Time{}
	defer func() { b.sender.paced.Store(!b.paced.IsZero()) }()
	for {
		width, _ := b.sender.room()
		if b.ordinary() >= width {
			return
		}
		next := b.unspool(width)
		if next == nil {
			next = b.pick()
		}
		if next == nil {
			return
		}
		b.rounds++
		next.Notes.tried, next.Notes.aside = b.rounds, b.suspect(next)
		if next.Notes.aside {
			b.aside = next
			next.Notes.failures = 0 // it is not the server that is to be spared
		}
		b.backlog.Active[next] = struct{}{}
		patience := b.sender.patience
		go func() {
			result := b.sender.round(b.ctx, patience, next)
			select {
			case b.results <- result:
			case <-b.stopped:
			}
		}()
	}
}

// press has the next attempt made now where the wait for it would cost more than a
// batch, or where many wait for a server that has said only that they were too many.
func (b *batcher) press() {
	b.look = time.Time{}
	last, next, ok := b.sender.due()
	if !ok || b.disk.Root() != nil {
		return
	}
	now, size := b.now(), int64(b.config.FlushSize)
	press, later := b.rush.Look(now, last, next, b.count.Logged.Load(), b.queue.Room(), size)
	b.look = later
	if b.sender.gate.Holding() == throttle.Throttled && b.backlog.Waiting() >= size {
		longest := last.Add(4 * b.config.RetryBackoff)
		press = press || !now.Before(longest)
		if later.IsZero() || longest.Before(later) {
			b.look = longest
		}
	}
	if press {
		b.endPauses(b.sender.gate.Press)
	}
}

// endPauses has what is held go now; end is what ends the gate's pause.
func (b *batcher) endPauses(end func()) {
	for _, held := range b.backlog.Held {
		held.Notes.notBefore = time.Time{}
	}
	b.sender.resume(end)
}

// hasten ends every pause for who waits: for Flush once, when its deadline comes
// before the pause ends; for Shutdown at once, and again and again while the server
// fails. A server that answers, but takes nothing, is left alone then: each request
// is counted against its limits.
func (b *batcher) hasten() {
	if at := b.nextHurry(); at.IsZero() || b.now().Before(at) {
		return
	}
	b.hurried = b.now()
	for _, w := range b.waiters {
		w.hurry = false
	}
	b.endPauses(b.sender.gate.Resume)
}

// nextHurry is when pauses are to end for somebody, a second after they last did at the
// earliest; zero for nobody.
func (b *batcher) nextHurry() time.Time {
	fails := b.sender.breaker.Tripped() || b.sender.gate.Holding() == throttle.Failing
	if !slices.ContainsFunc(b.waiters, func(w *waiter) bool {
		return w.last && (w.hurry || fails) || w.hurry && b.nextAttempt().After(w.until)
	}) {
		return time.Time{}
	}
	return b.hurried.Add(time.Second)
}

// nextAttempt is when the next attempt begins without hurry, at the earliest.
func (b *batcher) nextAttempt() (at time.Time) {
	width, next := b.sender.room()
	if width == 0 {
		return next
	}
	if len(b.backlog.Active) > 0 {
		_, next, _ := b.sender.gate.Due()
		return next
	}
	for _, held := range b.backlog.Held {
		if at.IsZero() || held.Notes.notBefore.Before(at) {
			at = held.Notes.notBefore
		}
	}
	return at
}

// ordinary is how many rounds are under way that count against the width.
func (b *batcher) ordinary() int {
	if b.aside != nil {
		return len(b.backlog.Active) - 1
	}
	return len(b.backlog.Active)
}

// pick takes the batch that the next round is for: of those held the one tried
// longest ago, or a new one, so that batches which the server fails on cannot
// hold up the rest, or keep the breaker open.
func (b *batcher) pick() *batch {
	best, now := -1, b.now()
	for i, candidate := range b.backlog.Held {
		if !now.Before(candidate.Notes.notBefore) && b.mayStart(candidate) && (best < 0 || candidate.Notes.tried < b.backlog.Held[best].Notes.tried) {
			best = i
		}
	}
	// In an outage few batches are cut: they take turns, and only then a new one does.
	failing := best >= 0 && b.backlog.Held[best].Notes.failedRounds > 0 &&
		(len(b.backlog.Held) < b.config.HTTPPoolSize || b.backlog.Held[best].Notes.tried > b.freshAt)
	if b.sender.gate.Holding() == throttle.Refusing { // new entries may be others
		failing = b.rounds%2 == 0
	}
	repeated := best >= 0 && b.backlog.Held[best].Notes.tried != 0 && b.backlog.Held[best].Notes.tried == b.rounds
	if (best < 0 || failing) && b.due() || repeated && b.backlog.Waiting() > 0 {
		if fresh := b.cut(b.backlog.Cut, b.allowance(b.backlog.Waiting())); fresh != nil {
			b.freshAt = b.rounds
			return fresh
		}
	}
	if best < 0 {
		return nil
	}
	picked := b.backlog.Take(best)
	if _, most := b.sender.largest(); picked.Size() > most {
		rest := b.split(picked, most)
		b.backlog.Held = slices.Insert(b.backlog.Held, best, rest)
	}
	return picked
}

// nextTurn is how long until there is something to do that no channel announces.
func (b *batcher) nextTurn() (time.Duration, bool) {
	var at time.Time
	soonest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if b.count.Lost.Load() > 0 {
		now := b.now()
		if left := b.config.FlushInterval - b.count.Ago(now, b.count.LastDrop.Load()); left > 0 {
			soonest(now.Add(left))
		} // otherwise it waits for room, which comes with an outcome
	}
	soonest(b.look)
	soonest(b.paced)
	width, next := b.sender.room()
	if len(b.backlog.Held) > 0 || b.backlog.Waiting() > 0 || b.disk.Len() > 0 {
		soonest(next)
	}
	if b.ordinary() < width {
		for _, waiting := range b.backlog.Held {
			if b.mayStart(waiting) {
				soonest(waiting.Notes.notBefore)
			}
		}
		if due := b.since.Add(b.config.FlushInterval); b.backlog.Waiting() > 0 && !b.since.IsZero() && (b.paced.IsZero() || due.After(b.now())) {
			soonest(due)
		}
	}
	soonest(b.disk.NextCopy())
	soonest(b.nextHurry())
	return max(at.Sub(b.now()), 0), !at.IsZero()
}

// makeRoom has the oldest entries go to disk while memory is under pressure, or copies
// of them when they are not delivered soon. It drops what is over the budget even so.
func (b *batcher) makeRoom() {
	b.disk.Copy()
	if kept := b.disk.Relieve(); kept != nil {
		kept.Notes.tried, kept.Notes.since = b.rounds, cmp.Or(b.since, b.now())
		b.backlog.Hold(kept)
	}
	b.backlog.Evict(b.disk.Spare, b.disk.Release)
}

// unspool reads a batch back from disk; nil when there is none, when memory is
// better left to new entries, or when new entries need the place: half of them are theirs.
func (b *batcher) unspool(width int) *batch {
	if n := b.disk.Sending(); n > 0 && n >= width/2 || width == 1 && (len(b.backlog.Held) > 0 || b.due()) {
		return nil
	}
	since := b.disk.Since()
	batch := b.disk.Read(b.allowance(b.disk.Len()))
	if batch != nil {
		batch.Notes.since = since
	}
	return batch
}
