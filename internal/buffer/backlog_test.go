package buffer

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// Whatever happens to entries in whatever order, none is lost or doubled, the loads
// are those of what is there, and after Evict the budget is kept by all that no
// attempt has. What Evict drops are ordinary entries before urgent ones, oldest
// first.
func TestBacklogKeepsItsBudgetAndLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := &stats.Counters{Started: time.Now()}
		limits := QueueLimits{MaxEntries: 20, MaxBytes: 20 * laneEntry(0).memory(), BatchEntries: 5, BatchBytes: 1 << 20}
		q := NewQueue(limits, count)
		emptied := 0
		b := NewBacklog(q, func(batch *Batch[int]) {
			if batch.Size() > 0 {
				t.Error("a batch that is not empty is reported as emptied")
			}
			emptied++
		})
		alive := make(map[uint64]*Entry) // neither dropped nor settled; those that the queue drops stay
		var attempted []*Batch[int]
		settle := func(e *Entry) {
			if alive[e.Seq] != e {
				t.Fatalf("entry %d was settled twice", e.Seq)
			}
			delete(alive, e.Seq)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1:
				for range rapid.IntRange(1, 8).Draw(t, "pushed") {
					e := laneEntry(uint64(count.Logged.Add(1)))
					e.Urgent = rapid.Bool().Draw(t, "urgent")
					alive[e.Seq] = e
					q.Push(e)
				}
			case 2:
				if batch := b.Cut(5, 1<<20); batch != nil {
					b.Join(batch, 5, 1<<20, func(*Batch[int]) bool { return rapid.Bool().Draw(t, "may join") })
				}
			case 3:
				if len(b.Held) > 0 {
					batch := b.Take(rapid.IntRange(0, len(b.Held)-1).Draw(t, "which"))
					b.Active[batch] = struct{}{}
					batch.BeginAttempt()
					attempted = append(attempted, batch)
				}
			case 4:
				if len(attempted) == 0 {
					break
				}
				batch := attempted[0]
				attempted = attempted[1:]
				delete(b.Active, batch)
				switch n := batch.Size(); rapid.IntRange(0, 2).Draw(t, "outcome") {
				case 0:
					b.Hold(batch)
				case 1:
					if n > 1 {
						b.Hold(batch, batch.Split(n/2))
					} else {
						b.Hold(batch)
					}
				default:
					for _, e := range batch.TakeAt([]int{0}) {
						settle(e)
					}
					b.Hold(batch)
				}
			default:
				var before []*Entry // what may go, in the order in which it is to go
				for _, held := range b.Held {
					before = append(before, held.entries...)
				}
				before = append(before, slices.Concat(b.forming[:]...)...)
				SortBySeq(before)
				var dropped []*Entry
				b.Evict(func(*Entry) bool { return false }, func(e *Entry) { settle(e); dropped = append(dropped, e) })
				if q.over() {
					t.Fatal("the budget is exceeded after Evict")
				}
				for class, urgent := range []bool{false, true} {
					var went []uint64
					for _, e := range dropped {
						if e.Urgent == urgent {
							went = append(went, e.Seq)
						}
					}
					if !slices.IsSorted(went) {
						t.Fatalf("class %d went as %v", class, went)
					}
				}
				if slices.ContainsFunc(dropped, func(e *Entry) bool { return e.Urgent }) &&
					slices.ContainsFunc(before, func(e *Entry) bool { return !e.Urgent && alive[e.Seq] != nil }) {
					t.Fatal("an urgent entry went before an ordinary one")
				}
			}
			check(t, b, attempted)
		}
		left := b.Close()
		for _, e := range left {
			if alive[e.Seq] == nil {
				t.Fatalf("entry %d is left, and was settled", e.Seq)
			}
			delete(alive, e.Seq)
		}
		if !slices.IsSortedFunc(left, func(a, b *Entry) int { return int(a.Seq) - int(b.Seq) }) {
			t.Error("what is left is not in the order of logging")
		}
		if dropped := count.Tally().TotalDropped; int64(len(alive)) > dropped {
			t.Errorf("%d entries are gone, and %d were dropped", len(alive), dropped)
		}
		if n, bytes := q.droppable(); n != 0 || bytes != 0 || q.attempted.entries() != 0 {
			t.Errorf("after Close %d entries of %d bytes, %d attempted", n, bytes, q.attempted.entries())
		}
	})
}

// check holds the loads against what there is.
func check(t *rapid.T, b *Backlog[int], attempted []*Batch[int]) {
	held, inAttempts := len(b.forming[0])+len(b.forming[1]), 0
	for _, batch := range b.Held {
		held += len(batch.entries)
	}
	for _, batch := range attempted {
		inAttempts += len(batch.entries)
	}
	if got := b.queue.held.entries(); got != int64(held) {
		t.Fatalf("%d held, counted %d", held, got)
	}
	if got := b.queue.attempted.entries(); got != int64(inAttempts) {
		t.Fatalf("%d being attempted, counted %d", inAttempts, got)
	}
	ordinary, urgent := b.queue.ordinary.entries(), b.queue.urgent.entries()
	if got := b.queue.queued.entries(); got != ordinary+urgent {
		t.Fatalf("%d queued, counted %d", ordinary+urgent, got)
	}
	if got := b.queue.urgents.Load(); got != urgent {
		t.Fatalf("%d urgent ones queued, counted %d", urgent, got)
	}
}

// entries is how many there are in the lane itself.
func (l *lane) entries() (n int64) {
	for e := l.first; e != nil; e = e.next.Load() {
		if e != &l.stub && !e.mark {
			n++
		}
	}
	return n
}
