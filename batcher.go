package ledger

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/spool"
	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// A batcher is the one goroutine that turns queued entries into batches, hands
// them to the sender, and settles what came of them. Everything here but the
// channels belongs to that goroutine.
type batcher struct {
	config *config
	queue  *queue
	count  *stats.Counters
	sender *sender
	report *diagnostics
	encode func(context.Context, slog.Record) *entry // of the handler's own records
	now    func() time.Time

	results chan roundResult
	waits   chan *waiter
	quit    chan struct{} // closed to end: what is left is dropped
	stopped chan struct{} // closed when it has ended
	left    int           // entries dropped at the end; read after stopped

	ctx    context.Context // of every round
	cancel context.CancelFunc

	held    []*batch            // waiting for a round, oldest first
	active  map[*batch]struct{} // in a round
	forming []*entry            // the next batch's first entries, which are held
	formed  [maxTaken]*entry    // where they are
	since   time.Time           // when the oldest queued entry may have come; zero when there is none
	owed    int64               // queued entries that are to go now
	rounds  int64
	search  *halving
	aside   *batch // the suspect in a round
	waiters []*waiter

	spool   *spool.Spool              // nil without one
	crashes atomic.Pointer[crashFile] // nil without a spool
	claim   *spool.Claim              // of the one batch that was read back
	claimed int                       // entries of it not settled yet
	resting time.Time                 // no entry is written to the spool before
	// unreadable is how many of the spool's lost entries are counted.
	unreadable int64
}

// A waiter waits until every entry up to a mark is settled.
type waiter struct {
	ctx    context.Context
	mark   uint64
	notice bool // a notice of drops is still to be queued, and waited for
	done   chan struct{}
}

// retryHeld is when a batch is tried again whose round made no attempt.
const retryHeld = 10 * time.Millisecond

// grace is how long a round may take to return once it was told to.
const grace = 50 * time.Millisecond

func newBatcher(c *config, q *queue, count *stats.Counters, s *sender, report *diagnostics, now func() time.Time) *batcher {
	b := &batcher{
		config:  c,
		queue:   q,
		count:   count,
		sender:  s,
		report:  report,
		now:     now,
		results: make(chan roundResult),
		waits:   make(chan *waiter),
		quit:    make(chan struct{}),
		stopped: make(chan struct{}),
		active:  make(map[*batch]struct{}),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// run is the goroutine. Each turn does all that can be done now, and then waits
// for the next thing to happen.
func (b *batcher) run() {
	defer close(b.stopped)
	b.openSpool()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		b.evict()
		b.announce()
		b.stamp()
		b.dispatch()
		b.answer()
		if d, ok := b.nextTurn(); ok {
			timer.Reset(d)
		} else {
			timer.Stop()
		}
		select {
		case <-b.queue.wake:
		case <-timer.C:
		case r := <-b.results:
			b.settle(r)
		case w := <-b.waits:
			w.notice = b.count.Lost.Load() > 0
			b.waiters = append(b.waiters, w)
			b.announce()
			b.drain()
		case <-b.quit:
			b.finish()
			return
		}
	}
}

// drain takes what is queued into batches, for somebody who waits for it. What
// comes meanwhile is left, or a drain that loggers keep up with would not end.
func (b *batcher) drain() {
	b.queue.urgent.mark()
	b.queue.ordinary.mark()
	for batch := b.fill((*lane).takeMarked); batch != nil; batch = b.fill((*lane).takeMarked) {
		if !b.join(batch) {
			b.held = append(b.held, batch)
		}
		b.evict() // what came meanwhile may be more urgent
	}
}

// join adds a batch to another one that waits for its first round, if there is
// such and they fit; it reports whether they did. Those who flush often do not
// send a request for each entry then.
func (b *batcher) join(fresh *batch) bool {
	most := min(b.config.FlushSize, b.sender.largest())
	for _, other := range slices.Backward(b.held) {
		switch first, ok := other.first(); {
		case !ok || first >= spooledSeq || other.tried != 0 || other.piece:
		case other.size()+fresh.size() > most || bodySize(other)+bodySize(fresh) > maxBody:
			return false
		default:
			entries := slices.Concat(other.empty(), fresh.empty())
			sortBySeq(entries)
			other.keep(entries)
			return true
		}
	}
	return false
}

// around is about what OTLP puts around a body; Ledger's own puts less.
const around = 1 << 10

// bodySize is how large a body of the batch is, before compression.
func bodySize(b *batch) int {
	size := around
	for _, e := range b.entries {
		size += e.size() + 1
	}
	return size
}

func sortBySeq(entries []*entry) {
	slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(a.Seq, b.Seq) })
}

// fill makes a batch of the oldest queued entries that the method takes, at most
// FlushSize and maxBody; nil when there are none. Entries at Error and above come
// first when there are more than fit, but for the few that are forming; within
// the batch the order is that of logging.
func (b *batcher) fill(method taking) *batch {
	most := min(b.config.FlushSize, b.sender.largest())
	waiting := b.waiting()
	entries := make([]*entry, 0, min(waiting, int64(most)))
	size := around
	for len(entries) < most && b.form(method, most-len(entries)) {
		e := b.forming[0]
		if size += e.size() + 1; size > maxBody && len(entries) > 0 {
			break
		}
		entries = append(entries, e)
		b.forming[0], b.forming = nil, b.forming[1:]
	}
	b.owed = max(b.owed-int64(len(entries)), 0)
	switch {
	case b.waiting() == 0:
		b.since, b.owed = time.Time{}, 0
	case int64(len(entries)) >= waiting:
		b.since = b.now() // what waits now came after we looked
	}
	if len(entries) == 0 {
		return nil
	}
	sortBySeq(entries)
	return batchOfHeld(b.queue, entries)
}

// form reports whether entries are forming, and takes out some, at most n, if
// none are.
func (b *batcher) form(method taking, n int) bool {
	for _, l := range []*lane{&b.queue.urgent, &b.queue.ordinary} {
		if len(b.forming) > 0 {
			return true
		}
		b.forming = b.queue.take(l, method, b.formed[:0], n)
		if taken := len(b.forming); taken > 0 {
			b.count.Taken.Add(int64(taken))
		}
	}
	return len(b.forming) > 0
}

// waiting is how many entries wait to be made into a batch.
func (b *batcher) waiting() int64 { return b.queue.queued.entries() + int64(len(b.forming)) }

// stamp notes that something has come into the empty queue, also while nothing
// can be sent: the wait for a connection is part of FlushInterval.
func (b *batcher) stamp() {
	if b.since.IsZero() && b.waiting() > 0 {
		b.since = b.now()
	}
}

// due reports whether what is queued makes a batch now: it is enough, or old
// enough.
func (b *batcher) due() bool {
	if b.waiting() == 0 {
		return false
	}
	b.stamp()
	waiting := b.waiting()
	if b.now().Sub(b.since) >= b.config.FlushInterval {
		b.owed = waiting
	}
	return b.owed > 0 || waiting >= int64(b.config.FlushSize) || b.queue.queued.bytes() >= b.queue.wakeBytes
}

// dispatch starts as many rounds as may run now.
func (b *batcher) dispatch() {
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
		next.tried, next.aside = b.rounds, b.suspect(next)
		if next.aside {
			b.aside = next
		}
		b.active[next] = struct{}{}
		go func() {
			result := b.sender.round(b.ctx, next)
			select {
			case b.results <- result:
			case <-b.stopped:
			}
		}()
	}
}

// suspect reports whether it is rather the batch that the server fails on than
// the server that fails: since the batch last failed others were taken. Such a
// batch is tried on, but nobody waits while it backs off.
func (b *batcher) suspect(batch *batch) bool {
	return batch.failedRounds > 0 && b.count.Successes.Load() > batch.lastFailed
}

// mayStart reports whether a round for a held batch may be started beside those
// under way: of suspects there is one at a time.
func (b *batcher) mayStart(batch *batch) bool { return b.aside == nil || !b.suspect(batch) }

// ordinary is how many rounds are under way that count against the width.
func (b *batcher) ordinary() int {
	if b.aside != nil {
		return len(b.active) - 1
	}
	return len(b.active)
}

// pick takes the batch that the next round is for: of those held the one tried
// longest ago, or a new one, so that batches which the server fails on cannot
// hold up the rest, or keep the breaker open.
func (b *batcher) pick() *batch {
	best := -1
	now := b.now()
	for i, candidate := range b.held {
		if !now.Before(candidate.notBefore) && b.mayStart(candidate) && (best < 0 || candidate.tried < b.held[best].tried) {
			best = i
		}
	}
	// In an outage few batches are cut, whatever trickles in; they take turns.
	failing := best >= 0 && b.held[best].failedRounds > 0 && len(b.held) < b.config.HTTPPoolSize
	repeated := best >= 0 && b.held[best].tried != 0 && b.held[best].tried == b.rounds
	if (best < 0 || failing) && b.due() || repeated && b.waiting() > 0 {
		if fresh := b.fill((*lane).take); fresh != nil {
			return fresh
		}
	}
	if best < 0 {
		return nil
	}
	picked := b.held[best]
	b.held = slices.Delete(b.held, best, best+1)
	if most := b.sender.largest(); picked.size() > most {
		rest := b.split(picked, most)
		b.held = slices.Insert(b.held, best, rest)
	}
	return picked
}

// nextTurn is how long until there is something to do that nobody will tell of.
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
		} // else it waits for room, which comes with an outcome
	}
	width, next := b.sender.room()
	if len(b.held) > 0 || b.waiting() > 0 || b.spooled() > 0 {
		soonest(next)
	}
	if b.ordinary() < width {
		for _, waiting := range b.held {
			if b.mayStart(waiting) {
				soonest(waiting.notBefore)
			}
		}
		if b.waiting() > 0 && !b.since.IsZero() {
			soonest(b.since.Add(b.config.FlushInterval))
		}
	}
	return max(at.Sub(b.now()), 0), !at.IsZero()
}

// answer tells the waiters whose entries are all settled.
func (b *batcher) answer() {
	if len(b.waiters) == 0 {
		return
	}
	oldest, any := b.oldestInFlight()
	b.waiters = slices.DeleteFunc(b.waiters, func(w *waiter) bool {
		if w.ctx.Err() != nil {
			return true
		}
		if w.notice || any && oldest <= w.mark {
			return false
		}
		close(w.done)
		return true
	})
}

func (b *batcher) oldestInFlight() (oldest uint64, any bool) {
	consider := func(seq uint64, ok bool) {
		if ok && (!any || seq < oldest) {
			oldest, any = seq, true
		}
	}
	for _, waiting := range b.held {
		consider(waiting.first())
	}
	for sending := range b.active {
		consider(sending.first())
	}
	for _, e := range b.forming {
		consider(e.Seq, true)
	}
	return oldest, any
}

// finish ends all rounds, and drops what is left or leaves it to the spool. A
// round that does not return within grace is abandoned.
func (b *batcher) finish() {
	b.cancel()
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	for waiting := true; waiting && len(b.active) > 0; {
		select {
		case r := <-b.results:
			b.settle(r)
		case <-timeout.C:
			waiting = false
		}
	}
	b.queue.sealed.Store(true)
	left := slices.Clone(b.forming)
	for _, e := range left {
		b.queue.held.add(-1, -int64(e.memory()))
	}
	for _, batch := range b.held {
		left = append(left, batch.empty()...)
	}
	for _, l := range []*lane{&b.queue.urgent, &b.queue.ordinary} {
		for e := b.queue.pop(l); e != nil; e = b.queue.pop(l) {
			b.count.Taken.Add(1)
			left = append(left, e)
		}
	}
	for abandoned := range b.active {
		for _, e := range abandoned.empty() {
			// The round may still read e: what is freed is another.
			copied := *e
			copied.data, copied.slab = slices.Clone(e.data), nil
			left = append(left, &copied)
		}
	}
	b.held, b.active, b.forming = nil, nil, nil
	clear(b.formed[:])
	sortBySeq(left)
	for _, e := range b.closeSpool(left) {
		b.drop(e, stats.Closed)
		b.left++
	}
	b.answer()
}
