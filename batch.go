package ledger

import (
	"slices"
	"sync"
	"time"
)

// A batch is entries on their way together, in the order they were logged. The
// batcher owns it; a sender has it for a round, in which the batcher may still
// drop entries while they are not on the wire.
type batch struct {
	queue *queue // whose budget the entries count against

	mu      sync.Mutex // guards what follows, between the batcher and a sender
	entries []*entry
	bytes   int
	urgent  int  // how many of the entries are
	onWire  bool // an attempt has the entries, or the server's word is in

	// The batcher's own.
	notBefore    time.Time // no round begins before
	tried        int64     // when the last round began, in rounds; 0 before the first
	failedRounds int       // that ended on a 5xx
	lastFailed   int64     // successes when the last of those ended
	aside        bool      // the round it is in does not count: see suspect
	halving      *halving  // of which this is a piece; nil for most
	piece        bool      // was cut off another, or is what remained
	born         int64     // successes when the piece was cut
	doubted      bool      // its only entry was refused once, and may go once more
	accused      bool      // its only entry failed a full round, and may fail one more

	// The sender's.
	failures  int   // attempts since the last success
	forbidden int64 // successes when an attempt last got a 403, and one; 0 for never
	blames    int   // how often in a row others were taken between two of those
}

// newBatch makes a batch of entries, which from now on are held.
func newBatch(q *queue, entries []*entry) *batch {
	b := &batch{queue: q}
	b.keep(entries)
	return b
}

// batchOfHeld makes a batch of entries that are held already.
func batchOfHeld(q *queue, entries []*entry) *batch {
	b := &batch{queue: q}
	b.put(entries)
	return b
}

// put sets the entries.
func (b *batch) put(entries []*entry) {
	b.entries, b.bytes, b.urgent = entries, 0, 0
	for _, e := range entries {
		b.bytes += e.memory()
		if e.urgent {
			b.urgent++
		}
	}
}

// keep has the batch, whose entries are out, hold these.
func (b *batch) keep(entries []*entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(entries)
	b.queue.held.add(int64(len(entries)), int64(b.bytes))
}

func (b *batch) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.entries)
}

// lift puts the entries on the wire: until land nobody changes or drops them.
func (b *batch) lift() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onWire = true
	q, n, size := b.queue, int64(len(b.entries)), int64(b.bytes)
	q.held.add(-n, -size)
	q.wire.add(n, size)
	return b.entries
}

// land takes the entries off the wire again, back into the budget.
func (b *batch) land() {
	b.mu.Lock()
	b.landLocked()
	b.mu.Unlock()
	if b.queue.over() {
		b.queue.poke()
	}
}

func (b *batch) landLocked() {
	if !b.onWire {
		return
	}
	b.onWire = false
	q, n, size := b.queue, int64(len(b.entries)), int64(b.bytes)
	q.wire.add(-n, -size)
	q.held.add(n, size)
}

// empty takes all entries out, wherever they are, for their owner to settle.
func (b *batch) empty() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.landLocked()
	entries := b.entries
	b.queue.held.add(-int64(len(entries)), -int64(b.bytes))
	b.put(nil)
	return entries
}

// oldest is the sequence of the first entry of a class that can be dropped now;
// false when there is none.
func (b *batch) oldest(urgent bool) (seq uint64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hasLocked(urgent) {
		for _, e := range b.entries {
			if e.urgent == urgent {
				return e.Seq, true
			}
		}
	}
	return 0, false
}

// hasLocked reports whether there are entries of a class to be dropped.
func (b *batch) hasLocked(urgent bool) bool {
	return !b.onWire && (urgent && b.urgent > 0 || !urgent && b.urgent < len(b.entries))
}

// takeOldest moves entries of a class to the end of victims, the oldest, until
// they make up for x or there are n victims; none from the sequence below on.
func (b *batch) takeOldest(victims []*entry, urgent bool, below uint64, x *excess, n int) []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.hasLocked(urgent) {
		return victims
	}
	taken, bytes, kept, i := 0, 0, 0, 0
	for ; i < len(b.entries); i++ {
		e := b.entries[i]
		if e.Seq >= below || !x.some() || len(victims) >= n {
			break
		}
		if e.urgent == urgent {
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

// remove takes e out, unless it went on the wire meanwhile.
func (b *batch) remove(e *entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.entries, e)
	if b.onWire || i < 0 {
		return false
	}
	b.entries = slices.Delete(b.entries, i, i+1)
	b.bytes -= e.memory()
	if e.urgent {
		b.urgent--
	}
	b.queue.held.add(-1, -int64(e.memory()))
	return true
}

// first is the sequence of the oldest entry; false when there is none.
func (b *batch) first() (seq uint64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.entries) == 0 {
		return 0, false
	}
	return b.entries[0].Seq, true
}

// A halving is the search for an entry that the server fails on, by sending
// ever smaller pieces of one batch. There is one at a time, so that an outage,
// which looks the same, does not shatter every batch.
type halving struct {
	began  int64 // successes when it began
	pieces int   // not settled yet
	taken  bool  // a piece was taken
}
