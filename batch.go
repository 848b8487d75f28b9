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
	onWire  bool // an attempt has the entries, or the server's word is in

	// The batcher's own.
	notBefore    time.Time // no round begins before
	tried        int64     // when the last round began, in rounds; 0 before the first
	failedRounds int       // that ended on a 5xx
	lastFailed   int64     // successes when the last of those ended
	aside        bool      // the round it is in does not count: see suspect
	halving      *halving  // of which this is a piece; nil for most
	born         int64     // successes when the piece was cut
	doubted      bool      // its only entry was refused once, and may go once more
	accused      bool      // its only entry failed a full round, and may fail one more

	failures int // the sender's: failed attempts since the last success
}

// newBatch makes a batch of entries, which from now on are held.
func newBatch(q *queue, entries []*entry) *batch {
	b := batchOfHeld(q, entries)
	q.held.add(int64(len(entries)), int64(b.bytes))
	return b
}

// batchOfHeld makes a batch of entries that are held already.
func batchOfHeld(q *queue, entries []*entry) *batch {
	b := &batch{queue: q, entries: entries}
	for _, e := range entries {
		b.bytes += e.memory()
	}
	return b
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
	b.entries, b.bytes = nil, 0
	return entries
}

// oldest returns the first entry of a class that can be dropped now, or nil.
func (b *batch) oldest(urgent bool) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.onWire {
		return nil
	}
	for _, e := range b.entries {
		if e.urgent == urgent {
			return e
		}
	}
	return nil
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
	return b.entries[0].seq, true
}

// A halving is the search for an entry that the server fails on, by sending
// ever smaller pieces of one batch. There is one at a time, so that an outage,
// which looks the same, does not shatter every batch.
type halving struct {
	began  int64 // successes when it began
	pieces int   // not settled yet
	taken  bool  // a piece was taken
}
