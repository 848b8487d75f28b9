package ledger

import (
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// A queue is where callers leave entries and the batcher finds them, in buffered
// channels used without waiting: one lane for urgent entries, one for ordinary
// ones. Both share one budget with the entries that the batcher holds. Nothing here
// locks.
//
// Entries that an attempt has do not count against the budget, because they cannot
// be dropped. But their bytes take up to 5/8 of the byte budget, so that memory stays
// near MaxBytes even while a slow server keeps every connection busy.
type queue struct {
	ordinary, urgent lane

	maxEntries, maxBytes int64
	wakeEntries          int64 // queued entries that make a batch
	wakeBytes            int64
	few                  int // entries that are taken out at once, and their bytes
	fewBytes             int64

	queued    load // in the channels
	held      load // taken out, and not being attempted
	attempted load // an attempt has them

	wakeAbove float64 // see queueLimits

	sealed atomic.Bool   // nobody takes entries out any more
	wake   chan struct{} // to the batcher: a threshold was crossed
	count  *stats.Counters
	now    func() time.Time
}

// At most maxTaken entries are taken out at once, and a 64th of either budget.
const maxTaken, takenShare = 128, 64

// queueLimits is what a queue is given. A batch is full at BatchEntries, or at
// BatchBytes in a body.
type queueLimits struct {
	MaxEntries, MaxBytes     int
	BatchEntries, BatchBytes int
	// WakeAbove is the share of the budget in use above which the batcher is woken at
	// each entry, for it to make room; 0 for the whole.
	WakeAbove float64
}

func newQueue(c queueLimits, count *stats.Counters, now func() time.Time) *queue {
	return &queue{
		ordinary:    newLane(c.MaxEntries),
		urgent:      newLane(c.MaxEntries),
		maxEntries:  int64(c.MaxEntries),
		maxBytes:    int64(c.MaxBytes),
		wakeEntries: int64(c.BatchEntries),
		wakeBytes:   int64(min(c.BatchBytes, c.MaxBytes/4)), // well before bytes run out: attempts may have 5/8 of them
		few:         min(max(c.MaxEntries/takenShare, 1), maxTaken),
		fewBytes:    int64(min(max(c.MaxBytes/takenShare, 1), c.BatchBytes/4)), // what a full body leaves of them goes before urgent ones
		wakeAbove:   c.WakeAbove,
		wake:        make(chan struct{}, 1),
		count:       count,
		now:         now,
	}
}

// push leaves e for the batcher. It never waits: where there is no room, the
// oldest entry goes, those below Error first. It reports false when the queue
// is sealed, and then e is counted as dropped.
func (q *queue) push(e *entry) bool {
	size := int64(e.memory())
	n, b := q.queued.add(1, size)
	l := &q.ordinary
	if e.urgent {
		l = &q.urgent
	}
	for sent := false; !sent; {
		select {
		case l.channels[l.open.Load()] <- e:
			sent = true
		default:
			q.dropFrom(l)
		}
	}

	// e belongs to others from here on.
	if n > q.maxEntries || b > q.byteLimit() {
		for q.overAlone() && (q.dropFrom(&q.ordinary) || q.dropFrom(&q.urgent)) {
		}
	}
	if n == 1 || n == q.wakeEntries || b >= q.wakeBytes && b-size < q.wakeBytes || q.strained(n, b) {
		q.poke()
	}
	if q.sealed.Load() {
		q.dropAll()
		return false
	}
	return true
}

// poke wakes the batcher, if it is not awake already.
func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// strained reports whether the batcher has to see to the budget, with n entries
// of b bytes in the channels.
func (q *queue) strained(n, b int64) bool {
	if q.wakeAbove > 0 && q.pressed(q.wakeAbove) {
		return true
	}
	heldEntries, heldBytes := q.held.get()
	return heldEntries > 0 && (n+heldEntries > q.maxEntries || b+heldBytes > q.byteLimit())
}

func (q *queue) byteLimit() int64 {
	return q.maxBytes - min(q.attempted.bytes(), q.maxBytes/8*5)
}

// overAlone reports whether the channels alone hold more than the budget, so
// that what is dropped from them would have to go in any case.
func (q *queue) overAlone() bool {
	n, b := q.queued.get()
	return n > q.maxEntries || b > q.byteLimit()
}

// An excess is what there is too much of, where it is not negative.
type excess struct{ entries, bytes int64 }

func (x excess) some() bool { return x.entries > 0 || x.bytes > 0 }

// less takes e off.
func (x *excess) less(e *entry) {
	x.entries--
	x.bytes -= int64(e.memory())
}

// excess is what the channels and the batcher's droppable entries have beyond
// a share of the budget.
func (q *queue) excess(share float64) excess {
	n, b := q.droppable()
	return excess{n - int64(share*float64(q.maxEntries)), b - int64(share*float64(q.byteLimit()))}
}

// over reports whether the budget is exceeded.
func (q *queue) over() bool { return q.excess(1).some() }

// pressed reports whether more than share of the budget is in use: where a spool
// begins to take entries, before the budget makes them go.
func (q *queue) pressed(share float64) bool { return q.excess(share).some() }

// droppable is what counts against the budget: in the channels and held.
func (q *queue) droppable() (entries, bytes int64) {
	n, b := q.queued.get()
	heldEntries, heldBytes := q.held.get()
	return n + heldEntries, b + heldBytes
}

// budget is how many entries and bytes there may be.
func (q *queue) budget() (entries, bytes int) { return int(q.maxEntries), int(q.maxBytes) }

// full reports whether there is no room for one more entry.
func (q *queue) full() bool {
	n, bytes := q.droppable()
	return n >= q.maxEntries || bytes >= q.byteLimit()
}

// utilization is the larger share of the two budgets that is in use, attempts
// included.
func (q *queue) utilization() float64 {
	n, b := q.droppable()
	attempted, attemptedBytes := q.attempted.get()
	return max(float64(n+attempted)/float64(q.maxEntries), float64(b+attemptedBytes)/float64(q.maxBytes), 0)
}

// queuedBytes is the memory of the entries in the channels.
func (q *queue) queuedBytes() int64 { return q.queued.bytes() }

// ready reports whether so many bytes are queued that they make a batch.
func (q *queue) ready() bool { return q.queued.bytes() >= q.wakeBytes }

// pop takes the oldest entry out of a lane; nil when there is none.
func (q *queue) pop(l *lane) *entry {
	e := l.receive()
	if e != nil {
		q.queued.add(-1, -int64(e.memory()))
	}
	return e
}

// take moves at most n entries to the end of entries, the oldest that the method
// takes of the lane, and holds them. They are few, since until all are out they
// are counted as queued: the count is in memory that callers would wait for if it
// changed at every entry.
func (q *queue) take(l *lane, method taking, entries []*entry, n int) []*entry {
	before := len(entries)
	entries = method(l, entries, min(n, q.few), q.fewBytes)
	taken, bytes := int64(len(entries)-before), int64(0)
	if taken == 0 {
		return entries
	}
	for _, e := range entries[before:] {
		bytes += int64(e.memory())
	}
	q.held.add(taken, bytes)
	q.queued.add(-taken, -bytes)
	return entries
}

// taking is one of the methods [lane.take] and [lane.takeMarked].
type taking = func(l *lane, entries []*entry, n int, bytes int64) []*entry

// dropFrom drops a lane's oldest entry to make room.
func (q *queue) dropFrom(l *lane) bool {
	e := q.pop(l)
	if e == nil {
		return false
	}
	q.count.DropQueued(stats.Overflow, e.notice, q.now())
	e.free()
	return true
}

// dropAll drops what is queued, as closed.
func (q *queue) dropAll() {
	for _, l := range []*lane{&q.ordinary, &q.urgent} {
		for e := q.pop(l); e != nil; e = q.pop(l) {
			q.count.DropQueued(stats.Closed, e.notice, q.now())
			e.free()
		}
	}
}
