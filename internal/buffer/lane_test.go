package buffer

import (
	"math"
	"sync"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/wire"
	"pgregory.net/rapid"
)

// However entries are taken out of a lane, they come in the order in which they went
// in.
func TestLaneIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l lane
		l.init()
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
					l.push(laneEntry(pushed))
				}
			case 2:
				n := rapid.IntRange(1, 8).Draw(t, "n")
				budget := rapid.Int64Range(1, 1000).Draw(t, "bytes")
				entries := l.take(nil, n, budget, false)
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

// What is marked is all taken, whatever comes meanwhile; and no more than that is
// taken, whatever else takes entries out.
func TestLaneTakesWhatIsMarked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l lane
		l.init()
		var pushed uint64
		queued := make(map[uint64]bool)
		push := func(label string) {
			for range rapid.IntRange(0, 5).Draw(t, label) {
				pushed++
				queued[pushed] = true
				l.push(laneEntry(pushed))
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
			out(l.take(nil, rapid.IntRange(1, 3).Draw(t, "taken"), 1000, false)...)
			marked, last := len(queued), pushed
			l.mark()
			for {
				entries := l.take(nil, rapid.IntRange(1, 8).Draw(t, "n"), rapid.Int64Range(1, 1000).Draw(t, "bytes"), true)
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

func (plainFormat) Head(data []byte, most int) (wire.Level, []byte) {
	return wire.Level(data[0]), data[1:min(len(data), 1+most)]
}

// Callers push at once while others take out: each entry comes out once, those of one
// caller in their order, and none is hidden once its push has returned.
func TestLaneLosesNothingBetweenCallers(t *testing.T) {
	const callers, each = 4, 20_000
	var l lane
	l.init()
	var pushing sync.WaitGroup
	for c := range callers {
		pushing.Go(func() {
			for i := range each {
				l.push(laneEntry(uint64(c*each + i)))
			}
		})
	}
	all := make(chan []*Entry)
	pushed := make(chan struct{})
	var taking sync.Mutex
	for i := range 2 {
		go func() {
			var own []*Entry
			defer func() { all <- own }()
			for last := false; ; {
				before := len(own)
				taking.Lock()
				if i == 0 {
					own = l.take(own, 7, math.MaxInt64, false)
				} else if e := l.receive(); e != nil {
					own = append(own, e)
				}
				taking.Unlock()
				if last && len(own) == before {
					return
				}
				select {
				case <-pushed:
					last = true
				default:
				}
			}
		}()
	}
	pushing.Wait()
	close(pushed)
	seen := make(map[uint64]bool)
	for range 2 {
		next := [callers]uint64{}
		for _, e := range <-all {
			if seen[e.Seq] {
				t.Fatalf("entry %d came twice", e.Seq)
			}
			seen[e.Seq] = true
			if c := e.Seq / each; e.Seq < next[c] {
				t.Fatalf("entry %d came after %d", e.Seq, next[c])
			} else {
				next[c] = e.Seq
			}
		}
	}
	if len(seen) != callers*each {
		t.Errorf("%d entries came, want %d", len(seen), callers*each)
	}
}

// Batches of what was marked come to an end, and hold all of it, while more urgent
// entries come in all the time than fit them.
func TestBatchesHoldWhatWasMarked(t *testing.T) {
	q := NewQueue(QueueLimits{MaxEntries: 1000, MaxBytes: 1 << 20, BatchEntries: 10, BatchBytes: 1 << 20}, &stats.Counters{})
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
	q := NewQueue(QueueLimits{MaxEntries: 10, MaxBytes: int(min(int64(math.MaxInt), MaxBytes)), BatchEntries: 10, BatchBytes: 1 << 20}, &stats.Counters{})
	for range 10 {
		if q.Push(&Entry{Data: make([]byte, 1000), Format: plainFormat{}}); q.over() {
			t.Fatal("ten entries of ten are too many")
		}
	}
	if n, b := q.queued.get(); n != 10 || b != 10*int64(1000+EntryOverhead) {
		t.Errorf("%d entries of %d bytes", n, b)
	}
}
