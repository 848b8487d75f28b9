package buffer

import (
	"math"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/wire"
	"pgregory.net/rapid"
)

// However entries are taken out of a lane, and whichever of its channels is
// open, they come in the order in which they went in.
func TestLaneIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLane(1000)
		var pushed, taken uint64
		check := func(entries ...*Entry) {
			for _, e := range entries {
				if taken++; e.Seq != taken {
					t.Fatalf("entry %d came as number %d", e.Seq, taken)
				}
			}
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				for range rapid.IntRange(1, 5).Draw(t, "n") {
					pushed++
					l.channels[l.open.Load()] <- laneEntry(pushed)
				}
			case 2:
				n := rapid.IntRange(1, 8).Draw(t, "n")
				budget := rapid.Int64Range(1, 1000).Draw(t, "bytes")
				entries := l.take(nil, n, budget)
				if len(entries) > n || len(entries) == 0 && taken < pushed {
					t.Fatalf("%d entries of %d at once, with %d queued", len(entries), n, pushed-taken)
				}
				if most := 1 + budget/int64(laneEntry(0).memory()); int64(len(entries)) > most {
					t.Fatalf("%d entries in %d bytes", len(entries), budget)
				}
				check(entries...)
			case 3:
				if e := l.receive(); e != nil {
					check(e)
				} else if taken < pushed {
					t.Fatalf("nothing comes of %d queued", pushed-taken)
				}
			}
		}
	})
}

// What is marked is all taken, whatever comes meanwhile, also from callers that
// do not know yet which channel is open; and no more than that is taken, whatever
// else takes entries out.
func TestLaneTakesWhatIsMarked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLane(1000)
		var pushed uint64
		queued := make(map[uint64]bool)
		push := func(label string) {
			for range rapid.IntRange(0, 5).Draw(t, label) {
				pushed++
				queued[pushed] = true
				l.channels[rapid.Uint32Range(0, 1).Draw(t, "channel")] <- laneEntry(pushed)
			}
		}
		out := func(entries ...*Entry) {
			for _, e := range entries {
				if !queued[e.Seq] {
					t.Fatalf("entry %d came out twice", e.Seq)
				}
				delete(queued, e.Seq)
			}
		}
		for range rapid.IntRange(1, 20).Draw(t, "rounds") {
			push("before")
			out(l.take(nil, rapid.IntRange(1, 3).Draw(t, "taken"), 1000)...)
			marked, last := len(queued), pushed
			l.mark()
			for {
				entries := l.takeMarked(nil, rapid.IntRange(1, 8).Draw(t, "n"), rapid.Int64Range(1, 1000).Draw(t, "bytes"))
				if len(entries) == 0 {
					break
				}
				out(entries...)
				if marked -= len(entries); marked < 0 {
					t.Fatal("more was taken than was marked")
				}
				push("meanwhile")
				if rapid.Bool().Draw(t, "received") {
					if e := l.receive(); e != nil {
						out(e)
					}
				}
			}
			for seq := range queued {
				if seq <= last {
					t.Fatalf("entry %d was marked and is left", seq)
				}
			}
		}
	})
}

func laneEntry(seq uint64) *Entry {
	return &Entry{Ending: wire.Ending{Seq: seq}, Data: make([]byte, 100), Format: plainFormat{}}
}

// plainFormat is a format whose entries are their messages, after a level.
type plainFormat struct{ wire.Format }

func (plainFormat) Head(data []byte) (wire.Level, []byte) { return wire.Level(data[0]), data[1:] }

// Batches of what was marked come to an end, and hold all of it, while more urgent
// entries come in all the time than fit them.
func TestBatchesHoldWhatWasMarked(t *testing.T) {
	q := NewQueue(QueueLimits{MaxEntries: 1000, MaxBytes: 1 << 20, BatchEntries: 10, BatchBytes: 1 << 20}, &stats.Counters{}, time.Now)
	b := NewBacklog(q, func(*Batch[int]) {})
	seq := uint64(0)
	push := func(n int, urgent bool) {
		for range n {
			seq++
			e := laneEntry(seq)
			e.Urgent = urgent
			q.Push(e)
		}
	}
	push(25, false)
	push(5, true)
	last := seq
	b.Mark()
	taken := uint64(0)
	for batch := b.CutMarked(10, 1<<20); batch != nil; batch = b.CutMarked(10, 1<<20) {
		for _, e := range batch.entries {
			if taken++; e.Seq > last {
				t.Fatalf("entry %d was taken, which came later", e.Seq)
			}
		}
		push(20, true)
		push(3, false)
	}
	if taken != last {
		t.Errorf("%d entries were taken, want %d", taken, last)
	}
}

// The largest budgets do not overflow what counts them.
func TestLargestBudgets(t *testing.T) {
	q := NewQueue(QueueLimits{MaxEntries: 10, MaxBytes: int(min(int64(math.MaxInt), MaxBytes)), BatchEntries: 10, BatchBytes: 1 << 20}, &stats.Counters{}, time.Now)
	for range 10 {
		if q.Push(&Entry{Data: make([]byte, 1000), Format: plainFormat{}}); q.over() {
			t.Fatal("ten entries of ten are too many")
		}
	}
	if n, b := q.queued.get(); n != 10 || b != 10*int64(1000+EntryOverhead) {
		t.Errorf("%d entries of %d bytes", n, b)
	}
}
