package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// What the batcher does when the buffer is full: which entries go, and how that
// is told.

// evict makes room: the oldest entries that are not on the wire go, those below
// Error first. With a spool they go to disk while there is still some room, and
// are dropped only over the budget.
func (b *batcher) evict() {
	b.spill()
	for b.queue.over() {
		e := b.takeOldest()
		if e == nil {
			return // all is on the wire
		}
		b.drop(e, dropOverflow)
	}
}

// takeOldest takes out the entry that is to go first; nil when none can.
func (b *batcher) takeOldest() *entry {
	for _, urgent := range []bool{false, true} {
		if e := b.takeHeld(urgent); e != nil {
			return e
		}
		l := &b.queue.ordinary
		if urgent {
			l = &b.queue.urgent
		}
		if e := b.queue.pop(l); e != nil {
			b.count.taken.Add(1)
			return e
		}
	}
	return nil
}

// takeHeld takes out the oldest entry of a class that had left the queue.
func (b *batcher) takeHeld(urgent bool) *entry {
	for {
		var oldest *entry
		var from *batch
		consider := func(candidate *batch) {
			if e := candidate.oldest(urgent); e != nil && (oldest == nil || e.seq < oldest.seq) {
				oldest, from = e, candidate
			}
		}
		for _, candidate := range b.held {
			consider(candidate)
		}
		for candidate := range b.active {
			consider(candidate)
		}
		switch {
		case oldest == nil:
			return b.takeForming(urgent)
		case from.remove(oldest):
			if i := slices.Index(b.held, from); i >= 0 && from.size() == 0 {
				b.held = slices.Delete(b.held, i, i+1)
				b.done(from)
			}
			return oldest
		} // else it went on the wire just now
	}
}

func (b *batcher) takeForming(urgent bool) *entry {
	for i, e := range b.forming {
		if e.urgent == urgent {
			b.forming = slices.Delete(b.forming, i, i+1)
			b.queue.held.add(-1, -int64(e.memory()))
			return e
		}
	}
	return nil
}

// announce queues the notice of what overflow has dropped, when the episode is
// over: nothing was dropped for FlushInterval, or somebody is flushing. It waits
// for a place, so that the notice itself makes nothing go.
func (b *batcher) announce() {
	lost := b.count.lost.Load()
	if lost == 0 {
		return
	}
	b.report.tell("overflow", slog.LevelWarn, "the buffer is full: the oldest entries are dropped", slog.Int64("so far", lost))
	if n, bytes := b.queue.offWire(); n >= b.queue.maxEntries || bytes >= b.queue.byteLimit() {
		return
	}
	wanted := slices.ContainsFunc(b.waiters, func(w *waiter) bool { return w.notice })
	last := time.Unix(0, b.count.lastDrop.Load())
	if !wanted && b.now().Sub(last) < b.config.FlushInterval {
		return
	}
	e := b.dropNotice(b.count.lost.Swap(0), time.Unix(0, b.count.lostFrom.Load()), last)
	seq := e.seq // e belongs to the queue once pushed
	b.queue.push(e)
	for _, w := range b.waiters {
		if w.notice {
			w.notice = false
			w.mark = max(w.mark, seq)
		}
	}
	if wanted {
		b.drain()
	}
}

// dropNotice is the entry that tells of drops by overflow.
func (b *batcher) dropNotice(dropped int64, since, until time.Time) *entry {
	r := slog.NewRecord(b.now(), slog.LevelWarn, fmt.Sprintf("ledger: dropped %d entries", dropped), 0)
	r.AddAttrs(slog.Int64("dropped", dropped), slog.String("reason", dropNames[dropOverflow]),
		slog.Time("since", since.UTC()), slog.Time("until", until.UTC()))
	e := b.encode(context.Background(), r)
	e.notice = true
	return e
}
