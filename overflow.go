package ledger

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// What the batcher does when the buffer is full: which entries go, and how that
// is told.

// evict makes room: the oldest entries that are not on the wire go, those below
// Error first. With a spool they go to disk while there is still some room, and
// are dropped only over the budget. In a turn no more than a buffer's worth goes:
// the batcher has other things to do beside loggers that keep up with it.
func (b *batcher) evict() {
	b.spill()
	for left := b.config.MaxBufferSize; b.queue.over(); {
		if left <= 0 {
			b.queue.poke()
			return
		}
		victims := b.takeOldest(b.queue.excess(1), evictAtOnce)
		if len(victims) == 0 {
			return // all is on the wire
		}
		left -= len(victims)
		now := b.now()
		for _, e := range victims {
			b.count.DropInFlight(stats.Overflow, e.notice, now)
			b.release(e)
		}
	}
}

// evictAtOnce bounds what is taken out before room is looked at again.
const evictAtOnce = 1000

// takeOldest takes out the entries that are to go first, as many as make up for
// x, but at most n; none when none can go.
func (b *batcher) takeOldest(x excess, n int) (victims []*entry) {
	for _, urgent := range []bool{false, true} {
		l := &b.queue.ordinary
		if urgent {
			l = &b.queue.urgent
		}
		for x.some() && len(victims) < n {
			before := len(victims)
			if victims = b.takeHeld(victims, urgent, &x, n); len(victims) > before {
				continue
			}
			if victims = b.takeForming(victims, urgent, &x, n); len(victims) > before {
				continue
			}
			e := b.queue.pop(l)
			if e == nil {
				break
			}
			b.count.Taken.Add(1)
			x.less(e)
			victims = append(victims, e)
		}
	}
	return victims
}

// takeHeld takes the oldest entries of a class out of the batch that has the
// oldest of all, as long as no other has an older one.
func (b *batcher) takeHeld(victims []*entry, urgent bool, x *excess, n int) []*entry {
	for before := len(victims); ; {
		from, next := b.oldestOf(urgent)
		if from == nil {
			return victims
		}
		victims = from.takeOldest(victims, urgent, next, x, n)
		if i := slices.Index(b.held, from); i >= 0 && from.size() == 0 {
			b.held = slices.Delete(b.held, i, i+1)
			b.done(from)
		}
		if len(victims) > before {
			return victims
		} // else it went on the wire just now
	}
}

// oldestOf returns the batch with the oldest entry of a class that can be
// dropped, nil for none, and the sequence that the next batch has such from.
func (b *batcher) oldestOf(urgent bool) (from *batch, next uint64) {
	oldest := uint64(math.MaxUint64)
	next = oldest
	consider := func(candidate *batch) {
		switch seq, ok := candidate.oldest(urgent); {
		case !ok:
		case seq < oldest:
			from, oldest, next = candidate, seq, oldest
		default:
			next = min(next, seq)
		}
	}
	for candidate := range b.active {
		consider(candidate)
	}
	for _, candidate := range b.held {
		consider(candidate)
	}
	return from, next
}

func (b *batcher) takeForming(victims []*entry, urgent bool, x *excess, n int) []*entry {
	b.forming = slices.DeleteFunc(b.forming, func(e *entry) bool {
		if e.urgent != urgent || !x.some() || len(victims) >= n {
			return false
		}
		b.queue.held.add(-1, -int64(e.memory()))
		x.less(e)
		victims = append(victims, e)
		return true
	})
	return victims
}

// announce queues the notice of what overflow has dropped, when the episode is
// over: nothing was dropped for FlushInterval, or somebody is flushing. It waits
// for a place, so that the notice itself makes nothing go.
func (b *batcher) announce() {
	lost := b.count.Lost.Load()
	if lost == 0 {
		return
	}
	b.report.tell("overflow", slog.LevelWarn, "the buffer is full: the oldest entries are dropped", slog.Int64("so far", lost))
	if n, bytes := b.queue.offWire(); n >= b.queue.maxEntries || bytes >= b.queue.byteLimit() {
		return
	}
	wanted := slices.ContainsFunc(b.waiters, func(w *waiter) bool { return w.notice })
	now, last := b.now(), b.count.LastDrop.Load()
	if !wanted && b.count.Ago(now, last) < b.config.FlushInterval {
		return
	}
	lost = b.count.Lost.Swap(0)
	first := cmp.Or(b.count.LostFrom.Swap(0), last) // 0 where a drop has just come between
	e := b.dropNotice(lost, now.Add(-b.count.Ago(now, first)), now.Add(-b.count.Ago(now, last)))
	seq := e.Seq // e belongs to the queue once pushed
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
	r.AddAttrs(slog.Int64("dropped", dropped), slog.String("reason", stats.Overflow.String()),
		slog.Time("since", since.UTC()), slog.Time("until", until.UTC()))
	e := b.encode(context.Background(), r)
	e.notice, e.urgent = true, true // what it tells would be lost with it
	return e
}
