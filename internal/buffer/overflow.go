package buffer

import (
	"math"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// evictAtOnce bounds what is taken out before room is looked at again.
const evictAtOnce = 1000

// Evict drops the oldest entries while the budget is exceeded: entries that no
// attempt has, ordinary ones first. spare may keep one elsewhere; release is called with
// each of the others after it was counted. At a time no more goes than fits the budget:
// there are other things to do beside loggers that keep up with it.
func (b *Backlog[N]) Evict(spare func(*Entry) bool, release func(*Entry)) {
	for left := b.queue.maxEntries; b.queue.over(); {
		if left <= 0 {
			b.queue.Poke()
			return
		}
		victims := b.TakeOldest(1, evictAtOnce)
		if len(victims) == 0 {
			return // attempts have all
		}
		left -= int64(len(victims))
		for _, e := range victims {
			if spare(e) {
				continue
			}
			b.queue.lost.add(e)
			b.queue.count.DropInFlight(stats.Overflow, e.Notice)
			release(e)
		}
	}
}

// TakeOldest takes out the entries that are to go first, as many as there are beyond
// a share of the budget, but at most n; none when none can go.
func (b *Backlog[N]) TakeOldest(share float64, n int) (victims []*Entry) {
	x := b.queue.Excess(share)
	for i := range slices.Backward(b.forming[:]) {
		l, urgent := b.lanes()[i], i == 0
		for x.Some() && len(victims) < n {
			before := len(victims)
			if victims = b.takeHeld(victims, urgent, &x, n); len(victims) > before {
				continue
			}
			if victims = b.takeForming(victims, i, &x, n); len(victims) > before {
				continue
			}
			e, left := b.queue.popIf(l, func() Excess { return b.queue.Excess(share) })
			if !left.Some() || e == nil && !urgent && b.queue.arriving() {
				return victims // callers have made room, or are about to leave an entry that may go
			}
			if e == nil {
				x = Excess{min(x.entries, left.entries), min(x.bytes, left.bytes)}
				break
			}
			b.queue.count.Taken.Add(1)
			x.less(e)
			victims = append(victims, e)
		}
	}
	return victims
}

// takeHeld takes the oldest entries of a class out of the batch that has the
// oldest of all, as long as no other has an older one.
func (b *Backlog[N]) takeHeld(victims []*Entry, urgent bool, x *Excess, n int) []*Entry {
	for before := len(victims); ; {
		from, next := b.oldestOf(urgent)
		if from == nil {
			return victims
		}
		victims = from.takeOldest(victims, urgent, next, x, n)
		if i := slices.Index(b.Held, from); i >= 0 && from.Size() == 0 {
			b.emptied(b.Take(i))
		}
		if len(victims) > before {
			return victims
		} // otherwise an attempt has just begun
	}
}

// oldestOf returns the batch with the oldest entry of a class that can be
// dropped, nil for none, and the sequence that the next batch has such from.
func (b *Backlog[N]) oldestOf(urgent bool) (from *Batch[N], next uint64) {
	oldest := uint64(math.MaxUint64)
	next = oldest
	for candidate := range b.Batches() {
		switch seq, ok := candidate.oldest(urgent); {
		case !ok:
		case seq < oldest:
			from, oldest, next = candidate, seq, oldest
		default:
			next = min(next, seq)
		}
	}
	return from, next
}

func (b *Backlog[N]) takeForming(victims []*Entry, i int, x *Excess, n int) []*Entry {
	forming := b.forming[i]
	for len(forming) > 0 && x.Some() && len(victims) < n {
		e := forming[0]
		b.queue.held.add(-1, -int64(e.memory()))
		x.less(e)
		victims = append(victims, e)
		forming[0], forming = nil, forming[1:]
	}
	b.forming[i] = forming
	return victims
}
