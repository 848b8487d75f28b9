package ledger

import (
	"testing"

	"pgregory.net/rapid"
)

// However entries are taken out of a lane, and whichever of its channels is
// open, they come in the order in which they went in; and a mark is passed when
// the last entry before it has been taken, neither sooner nor later.
func TestLaneIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLane(1000)
		var pushed, taken uint64
		type mark struct {
			end    [2]int
			pushed uint64
		}
		var marks []mark
		check := func(entries ...*entry) {
			for _, e := range entries {
				if taken++; e.seq != taken {
					t.Fatalf("entry %d came as number %d", e.seq, taken)
				}
			}
		}
		received := rapid.Bool().Draw(t, "received") // what is received passes no mark
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				for range rapid.IntRange(1, 5).Draw(t, "n") {
					pushed++
					l.channels[l.open.Load()] <- &entry{ending: ending{seq: pushed}, data: make([]byte, 100)}
				}
			case 2:
				n := rapid.IntRange(1, 8).Draw(t, "n")
				budget := rapid.Int64Range(1, 1000).Draw(t, "bytes")
				entries := l.take(nil, n, budget)
				if len(entries) > n || len(entries) == 0 && taken < pushed {
					t.Fatalf("%d entries of %d at once, with %d queued", len(entries), n, pushed-taken)
				}
				if most := 1 + budget/int64(100+entryOverhead); int64(len(entries)) > most {
					t.Fatalf("%d entries in %d bytes", len(entries), budget)
				}
				check(entries...)
			case 3:
				if !received {
					marks = append(marks, mark{l.end(), pushed})
				} else if e := l.receive(); e != nil {
					check(e)
				} else if taken < pushed {
					t.Fatalf("nothing comes of %d queued", pushed-taken)
				}
			}
			for _, m := range marks {
				if passed := l.passed(m.end); passed != (taken >= m.pushed) {
					t.Fatalf("%d taken, mark after %d: passed %t", taken, m.pushed, passed)
				}
			}
		}
	})
}
