package buffer

import (
	"sync"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// Callers and the owner make room at once, and not twice for the same excess: as many
// entries go as are too many, and no more.
func TestRoomIsMadeOnce(t *testing.T) {
	for _, limits := range []QueueLimits{
		{MaxEntries: 100, MaxBytes: 1 << 30},
		{MaxEntries: 10_000, MaxBytes: 100 * laneEntry(0).memory()},
	} {
		limits.BatchEntries, limits.BatchBytes = 10, 1<<20
		for range 300 {
			count := &stats.Counters{}
			q := NewQueue(limits, count)
			b := NewBacklog(q, func(*Batch[int]) {})
			for seq := range 50 {
				q.Push(laneEntry(uint64(seq)))
			}
			b.Hold(b.Cut(50, 1<<20)) // what the owner makes room with first
			var pushing sync.WaitGroup
			for g := range 2 {
				pushing.Go(func() {
					for i := range 120 {
						q.Push(laneEntry(uint64(100 + 1000*g + i)))
					}
				})
			}
			done := make(chan struct{})
			go func() { pushing.Wait(); close(done) }()
			for evicting := true; evicting; {
				select {
				case <-done:
					evicting = false
				default:
				}
				b.Evict(func(*Entry) bool { return false }, (*Entry).Free)
			}
			if n, _ := q.droppable(); n != 100 {
				t.Fatalf("%d entries are left of 290, want 100", n)
			}
		}
	}
}

// Urgent entries that the owner holds do not go for ordinary ones that come in while
// it makes room.
func TestRoomIsNotMadeOfUrgentEntriesByChance(t *testing.T) {
	for range 1000 {
		q := NewQueue(QueueLimits{MaxEntries: 100, MaxBytes: 1 << 30, BatchEntries: 10, BatchBytes: 1 << 20}, &stats.Counters{})
		b := NewBacklog(q, func(*Batch[int]) {})
		for seq := range 20 {
			e := laneEntry(uint64(seq))
			e.Urgent = true
			q.Push(e)
		}
		b.Hold(b.Cut(50, 1<<20))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for seq := range 300 {
				q.Push(laneEntry(uint64(100 + seq)))
			}
		}()
		for pushing := true; pushing; {
			select {
			case <-done:
				pushing = false
			default:
			}
			b.Evict(func(*Entry) bool { return false }, func(e *Entry) {
				if e.Urgent {
					t.Errorf("entry %d is urgent", e.Seq)
				}
			})
		}
		if t.Failed() {
			return
		}
	}
}

// Callers that push at once make room of what they push, and not of urgent entries
// because an ordinary one is on its way; and all they leave is within the budget.
func TestCallersMakeRoomOfOrdinaryEntriesFirst(t *testing.T) {
	for range 300 {
		q := NewQueue(QueueLimits{MaxEntries: 100, MaxBytes: 1 << 30, BatchEntries: 1000, BatchBytes: 1 << 20}, &stats.Counters{})
		for range 100 {
			e := laneEntry(0)
			e.Urgent = true
			q.Push(e)
		}
		var pushing sync.WaitGroup
		for range 4 {
			pushing.Go(func() {
				for range 50 {
					q.Push(laneEntry(0))
				}
			})
		}
		pushing.Wait()
		if n, urgent := q.Len(), q.urgents.Load(); n != 100 || urgent != 100 {
			t.Fatalf("%d entries are left, %d of them urgent; want 100", n, urgent)
		}
	}
}

// Callers push while the queue is closed: each entry is left or dropped, and none is
// queued any more.
func TestCloseBesideCallers(t *testing.T) {
	for range 300 {
		count := &stats.Counters{}
		q := NewQueue(QueueLimits{MaxEntries: 100, MaxBytes: 1 << 30, BatchEntries: 1000, BatchBytes: 1 << 20}, count)
		b := NewBacklog(q, func(*Batch[int]) {})
		const callers, each = 3, 200
		var pushing sync.WaitGroup
		for range callers {
			pushing.Go(func() {
				for i := range each {
					e := laneEntry(0)
					e.Urgent = i%5 == 0
					count.Logged.Add(1)
					q.Push(e)
				}
			})
		}
		left := len(b.Close())
		pushing.Wait()
		tally := count.Tally()
		if dropped := int(tally.TotalDropped); left+dropped != callers*each || q.Len() != 0 || q.Taken() != 0 || tally.Queued != 0 {
			t.Fatalf("%d left, %d dropped, %d queued, %d held: %+v", left, dropped, q.Len(), q.Taken(), tally)
		}
	}
}
