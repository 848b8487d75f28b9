// Package buffer keeps entries in memory, within a budget, from the call that logged
// them until they are settled: entries and their memory, the queue, batches, and
// what goes when the budget is used up.
//
// Callers push, and one goroutine owns what comes out. Nobody waits for more than another
// who takes some entries out.
// The package must never know how an entry is sent, what an answer means, or that
// there is a disk.
package buffer

import (
	"sync"
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// A Queue is where callers leave entries and the batcher finds them: one lane for
// urgent entries, one for ordinary ones. Both share one budget with the entries that
// the batcher holds. Callers take no lock but to make room, which one does for all: the
// others wait for that one only where it is far behind.
//
// Entries that an attempt has do not count against the budget, because they cannot
// be dropped. But their bytes take up to 5/8 of the byte budget, so that memory stays
// near MaxBytes even while a slow server keeps every connection busy.
type Queue struct {
	ordinary, urgent lane

	maxEntries, maxBytes int64
	wakeEntries          int64 // queued entries that make a batch
	wakeBytes            int64
	few                  int // entries that are taken out at once, or too many for a moment; and their bytes
	fewBytes             int64

	wakeAbove float64     // see QueueLimits
	sealed    atomic.Bool // nobody takes entries out any more

	_         cacheLine
	queued    usage // in the lanes
	_         cacheLine
	urgents   atomic.Int64 // how many of queued are urgent
	held      usage        // taken out, and not being attempted
	attempted usage        // an attempt has them
	_         cacheLine

	writers sync.Pool // of *writer

	wake  chan struct{} // to the batcher: a threshold was crossed
	count *stats.Counters

	_      cacheLine
	taking sync.Mutex // who takes entries out is alone
	room   sync.Mutex // who makes room is alone, see makeRoom
	lost   sketch     // of what made room
	_      cacheLine
}

// At most maxTaken entries are taken out at once, and a 64th of either budget.
const maxTaken, takenShare = 128, 64

// QueueLimits is what a queue is given. A batch is full at BatchEntries, or at
// BatchBytes in a body.
type QueueLimits struct {
	MaxEntries, MaxBytes     int
	BatchEntries, BatchBytes int
	// WakeAbove is the share of the budget in use above which the batcher is woken at
	// each entry, for it to make room; 0 for the whole.
	WakeAbove float64
}

// NewQueue makes an empty queue, which counts what it drops in count.
func NewQueue(c QueueLimits, count *stats.Counters) *Queue {
	q := &Queue{
		maxEntries:  int64(c.MaxEntries),
		maxBytes:    int64(c.MaxBytes),
		wakeEntries: int64(c.BatchEntries),
		wakeBytes:   int64(min(c.BatchBytes, c.MaxBytes/4)), // well before bytes run out: attempts may have 5/8 of them
		few:         min(max(c.MaxEntries/takenShare, 1), maxTaken),
		fewBytes:    int64(min(max(c.MaxBytes/takenShare, 1), c.BatchBytes/4)), // what a full body leaves of them goes before urgent ones
		wakeAbove:   c.WakeAbove,
		wake:        make(chan struct{}, 1),
		count:       count,
	}
	q.ordinary.init()
	q.urgent.init()
	return q
}

// Push leaves e for the batcher. It does not wait for room: where there is none, the
// oldest entry goes, those below Error first. It reports false when the queue
// is sealed, and then e is counted as dropped.
func (q *Queue) Push(e *Entry) bool {
	size := int64(e.memory())
	n, b := q.queued.add(1, size)
	l := &q.ordinary
	if e.Urgent {
		l = &q.urgent
		q.urgents.Add(1)
	}
	l.push(e)
	// Others leave it to whoever is about to push, so the look at the budget comes behind that.
	q.makeRoom()
	if n == 1 || n == q.wakeEntries || b >= q.wakeBytes && b-size < q.wakeBytes || q.strained() {
		q.Poke()
	}
	if q.sealed.Load() {
		q.dropAll()
		return false
	}
	return true
}

// Poke wakes the batcher, if it is not awake already.
func (q *Queue) Poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// strained reports whether the batcher has to see to the budget.
func (q *Queue) strained() bool {
	return q.wakeAbove > 0 && q.Pressed(q.wakeAbove) || q.held.entries() > 0 && q.over()
}

func (q *Queue) byteLimit() int64 {
	return q.maxBytes - min(q.attempted.bytes(), q.maxBytes/8*5)
}

// An Excess is what there is too much of, where it is not negative.
type Excess struct{ entries, bytes int64 }

// Some reports whether there is too much of anything.
func (x Excess) Some() bool { return x.entries > 0 || x.bytes > 0 }

// excessAlone is what the lanes alone hold beyond the budget: what is dropped from
// them for that would have to go in any case.
func (q *Queue) excessAlone() Excess {
	n, b := q.queued.get()
	return Excess{n - q.maxEntries, b - q.byteLimit()}
}

// less takes e off.
func (x *Excess) less(e *Entry) {
	x.entries--
	x.bytes -= int64(e.memory())
}

// Excess is what the lanes and the batcher's droppable entries have beyond
// a share of the budget.
func (q *Queue) Excess(share float64) Excess {
	n, b := q.droppable()
	return Excess{n - int64(share*float64(q.maxEntries)), b - int64(share*float64(q.byteLimit()))}
}

// over reports whether the budget is exceeded.
func (q *Queue) over() bool { return q.Excess(1).Some() }

// Pressed reports whether more than share of the budget is in use: where a spool
// begins to take entries, before the budget makes them go.
func (q *Queue) Pressed(share float64) bool { return q.Excess(share).Some() }

// droppable is what counts against the budget: in the lanes and held.
func (q *Queue) droppable() (entries, bytes int64) {
	n, b := q.queued.get()
	heldEntries, heldBytes := q.held.get()
	return n + heldEntries, b + heldBytes
}

// Len is how many entries are in the lanes.
func (q *Queue) Len() int { return int(q.queued.entries()) }

// Taken is how many entries were taken out, and are held or being attempted.
func (q *Queue) Taken() int64 { return q.held.entries() + q.attempted.entries() }

// Woken receives when the batcher is to look at the queue.
func (q *Queue) Woken() <-chan struct{} { return q.wake }

// Budget is how many entries and bytes there may be.
func (q *Queue) Budget() (entries, bytes int) { return int(q.maxEntries), int(q.maxBytes) }

// Room is how many more entries there is room for, when they are as large as those
// that there are.
func (q *Queue) Room() int64 {
	n, bytes := q.droppable()
	room := q.maxEntries - n
	if bytes > 0 {
		room = min(room, (q.byteLimit()-bytes)*n/bytes)
	}
	return max(room, 0)
}

// Utilization is the larger share of the two budgets that is in use, attempts
// included.
func (q *Queue) Utilization() float64 {
	n, b := q.droppable()
	attempted, attemptedBytes := q.attempted.get()
	return max(float64(n+attempted)/float64(q.maxEntries), float64(b+attemptedBytes)/float64(q.maxBytes), 0)
}

// QueuedBytes is the memory of the entries in the lanes.
func (q *Queue) QueuedBytes() int64 { return q.queued.bytes() }

// pop takes the oldest entry out of a lane; nil when there is none. It is for who has
// locked.
func (q *Queue) pop(l *lane) *Entry {
	e := l.receive()
	if e != nil {
		q.gone(l, 1, int64(e.memory()))
	}
	return e
}

// gone notes that entries have left a lane. Between the two counts arriving takes urgent
// ones for ordinary ones on their way, which does no harm; the other way round it would
// miss some.
func (q *Queue) gone(l *lane, n, bytes int64) {
	if l == &q.urgent {
		q.urgents.Add(-n)
	}
	q.queued.add(-n, -bytes)
}

// arriving reports whether callers are about to leave ordinary entries, where there are
// none yet.
func (q *Queue) arriving() bool { return q.queued.entries() > q.urgents.Load() }

// popIf takes the oldest entry out of a lane if there is too much, and returns what that
// was; the entry is nil when there is none, or not too much. Callers and the owner make
// room at once: who looks and takes has to be one at a time, or two entries go for one
// that is too many.
func (q *Queue) popIf(l *lane, tooMuch func() Excess) (*Entry, Excess) {
	q.taking.Lock()
	defer q.taking.Unlock()
	x := tooMuch()
	if !x.Some() {
		return nil, x
	}
	return q.pop(l), x
}

// take moves at most n entries to the end of entries, the oldest of the lane, or of
// those marked in it, and holds them. They are few, since until all are out they
// are counted as queued: the count is in memory that callers would wait for if it
// changed at every entry.
func (q *Queue) take(l *lane, marked bool, entries []*Entry, n int) []*Entry {
	before := len(entries)
	q.taking.Lock()
	entries = l.take(entries, min(n, q.few), q.fewBytes, marked)
	q.taking.Unlock()
	taken, bytes := int64(len(entries)-before), int64(0)
	if taken == 0 {
		return entries
	}
	for _, e := range entries[before:] {
		bytes += int64(e.memory())
	}
	q.held.add(taken, bytes)
	q.gone(l, taken, bytes)
	return entries
}

// tellEvery is how many entries make room for one time that the batcher is woken: it
// has to know that entries are being lost, but not of each, and waking costs as much as
// ten calls of Handle.
const tellEvery = 1024

// makeRoom drops the oldest entries that may go as long as the lanes hold too many. One
// caller does that for all that come meanwhile: they leave it to that one, unless it
// has come to be far behind.
func (q *Queue) makeRoom() {
	for x := q.excessAlone(); x.Some(); x = q.excessAlone() {
		if !q.room.TryLock() {
			if x.entries <= int64(q.few) && x.bytes <= q.fewBytes {
				return
			}
			q.room.Lock()
		}
		var victims [8]*Entry
		n := q.takeOldest(victims[:])
		for _, e := range victims[:n] {
			q.lost.add(e)
			if lost := q.count.DropQueued(stats.Overflow, e.Notice); lost%tellEvery == 1 {
				q.Poke()
			}
			e.Free()
		}
		q.room.Unlock()
		if n == 0 {
			q.Poke() // the batcher sees to what others have left meanwhile, relying on us
			return
		}
	}
}

// takeOldest takes out the entries that go first, as many as there are too many, and
// tells how many; those that callers are about to leave go before urgent ones.
func (q *Queue) takeOldest(victims []*Entry) (n int) {
	q.taking.Lock()
	defer q.taking.Unlock()
	for ; n < len(victims) && q.excessAlone().Some(); n++ {
		e := q.pop(&q.ordinary)
		if e == nil && !q.arriving() {
			e = q.pop(&q.urgent)
		}
		if e == nil {
			break
		}
		victims[n] = e
	}
	return n
}

// TakeLost returns the commonest messages among the entries that made room since the
// last call, at most ten.
func (q *Queue) TakeLost() []Lost { return q.lost.take() }

// dropAll drops what is queued, as closed.
func (q *Queue) dropAll() {
	q.taking.Lock()
	defer q.taking.Unlock()
	for _, l := range []*lane{&q.ordinary, &q.urgent} {
		for e := q.pop(l); e != nil; e = q.pop(l) {
			q.count.DropQueued(stats.Closed, e.Notice)
			e.Free()
		}
	}
}
