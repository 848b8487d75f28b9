package buffer

import (
	"slices"
	"sync"
)

// A Batch is entries on their way together, in the order they were logged. Its
// owner is the goroutine that cut it. A sender has it for a round, in which the
// owner may still take entries out while no attempt has them.
//
// N is what its owner notes about it.
type Batch[N any] struct {
	Notes N

	queue *Queue // whose budget the entries count against

	mu        sync.Mutex // guards what follows, between the owner and a sender
	entries   []*Entry
	bytes     int
	urgent    int  // how many of the entries are
	attempted bool // an attempt has the entries, or the server's word on them is in
}

// NewBatch makes a batch of entries that were not held until now.
func NewBatch[N any](q *Queue, entries []*Entry) *Batch[N] {
	b := &Batch[N]{queue: q}
	b.Keep(entries)
	return b
}

// put sets the entries.
func (b *Batch[N]) put(entries []*Entry) {
	b.entries, b.bytes, b.urgent = entries, 0, 0
	for _, e := range entries {
		b.bytes += e.memory()
		if e.Urgent {
			b.urgent++
		}
	}
}

// Keep gives entries to an empty batch; from now on they are held.
func (b *Batch[N]) Keep(entries []*Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(entries)
	b.queue.held.add(int64(len(entries)), int64(b.bytes))
}

// Size is how many entries the batch has.
func (b *Batch[N]) Size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.entries)
}

// BodySize is how many bytes the entries take in a body, before compression.
func (b *Batch[N]) BodySize() (size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		size += bodySize(e)
	}
	return size
}

// bodySize is what an entry takes in a body: itself, and what stands between two.
func bodySize(e *Entry) int { return e.Size() + 1 }

// BeginAttempt hands the entries to an attempt: until EndAttempt nobody changes or
// drops them, and they do not count against the budget.
func (b *Batch[N]) BeginAttempt() []*Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempted = true
	q, n, size := b.queue, int64(len(b.entries)), int64(b.bytes)
	q.held.add(-n, -size)
	q.attempted.add(n, size)
	return b.entries
}

// EndAttempt puts the entries back into the budget. Without an attempt it does
// nothing.
func (b *Batch[N]) EndAttempt() {
	b.mu.Lock()
	b.endAttemptLocked()
	b.mu.Unlock()
	if b.queue.over() {
		b.queue.Poke()
	}
}

func (b *Batch[N]) endAttemptLocked() {
	if !b.attempted {
		return
	}
	b.attempted = false
	q, n, size := b.queue, int64(len(b.entries)), int64(b.bytes)
	q.attempted.add(-n, -size)
	q.held.add(n, size)
}

// Empty takes all entries out, wherever they are, for the owner to settle.
func (b *Batch[N]) Empty() []*Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endAttemptLocked()
	entries := b.entries
	b.queue.held.add(-int64(len(entries)), -int64(b.bytes))
	b.put(nil)
	return entries
}

// Split leaves the first n entries in the batch and returns the rest as another.
// Its notes are zero.
func (b *Batch[N]) Split(n int) *Batch[N] {
	entries := b.Empty()
	rest := NewBatch[N](b.queue, slices.Clone(entries[n:]))
	b.Keep(entries[:n:n])
	return rest
}

// TakeAt takes out the entries at positions, which ascend without repeats. The
// batch is not being attempted any more.
func (b *Batch[N]) TakeAt(positions []int) (taken []*Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endAttemptLocked()
	var bytes int64
	kept := make([]*Entry, 0, len(b.entries)-len(positions))
	for i, e := range b.entries {
		if len(taken) < len(positions) && positions[len(taken)] == i {
			taken = append(taken, e)
			bytes += int64(e.memory())
		} else {
			kept = append(kept, e)
		}
	}
	b.put(kept)
	b.queue.held.add(-int64(len(taken)), -bytes)
	return taken
}

// oldest is the sequence of the first entry of a class that can be dropped now;
// false when there is none.
func (b *Batch[N]) oldest(urgent bool) (seq uint64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hasLocked(urgent) {
		for _, e := range b.entries {
			if e.Urgent == urgent {
				return e.Seq, true
			}
		}
	}
	return 0, false
}

// hasLocked reports whether there are entries of a class to be dropped.
func (b *Batch[N]) hasLocked(urgent bool) bool {
	return !b.attempted && (urgent && b.urgent > 0 || !urgent && b.urgent < len(b.entries))
}

// takeOldest moves entries of a class to the end of victims, the oldest, until
// they make up for x or there are n victims; none from the sequence below on.
func (b *Batch[N]) takeOldest(victims []*Entry, urgent bool, below uint64, x *Excess, n int) []*Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.hasLocked(urgent) {
		return victims
	}
	taken, bytes, kept, i := 0, 0, 0, 0
	for ; i < len(b.entries); i++ {
		e := b.entries[i]
		if e.Seq >= below || !x.Some() || len(victims) >= n {
			break
		}
		if e.Urgent == urgent {
			x.less(e)
			victims = append(victims, e)
			taken++
			bytes += e.memory()
		} else {
			b.entries[kept] = e
			kept++
		}
	}
	b.entries = slices.Delete(b.entries, kept, i)
	b.bytes -= bytes
	if urgent {
		b.urgent -= taken
	}
	b.queue.held.add(-int64(taken), -int64(bytes))
	return victims
}

// each calls yield with the entries until that returns false.
func (b *Batch[N]) each(yield func(*Entry) bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		if !yield(e) {
			return false
		}
	}
	return true
}

// First is the sequence of the oldest entry; false when there is none.
func (b *Batch[N]) First() (seq uint64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.entries) == 0 {
		return 0, false
	}
	return b.entries[0].Seq, true
}
