package ledger

import (
	"bytes"
	"runtime"
	"sync"
	"testing"
)

func TestSizeClassesFitAndWasteLittle(t *testing.T) {
	for n := 1; n <= maxPooled; n++ {
		class, capacity := sizeClass(n)
		if class < 0 || class >= len(entryPools) || capacity < n || n > 1<<minPooledBits && capacity-n >= n/8+1 {
			t.Fatalf("%d bytes: class %d, capacity %d", n, class, capacity)
		}
		if again, same := sizeClass(capacity); again != class || same != capacity {
			t.Fatalf("%d bytes: class %d of %d, but %d of %d for the capacity", n, class, capacity, again, same)
		}
	}
}

func TestHugeEntriesAreNotPooled(t *testing.T) {
	newEntry(make([]byte, maxPooled+1)).free() // must not panic
	if e := newEntry(make([]byte, maxPooled)); cap(e.data) != maxPooled {
		t.Errorf("capacity %d", cap(e.data))
	}
}

// Entries of a slab keep their bytes until they are freed, whoever frees the
// others, and slabs are used again.
func TestEntriesOfASlabKeepTheirBytes(t *testing.T) {
	const writing, each = 4, 5_000
	entries := make(chan *entry, 1000)
	var freeing, logging sync.WaitGroup
	for range 2 {
		freeing.Go(func() {
			var kept []*entry // freed in another order than they came
			for e := range entries {
				kept = append(kept, e)
				if len(kept) == 500 {
					for i := range kept {
						e := kept[(i*7)%len(kept)]
						if want := bytes.Repeat([]byte{byte(e.seq)}, len(e.data)); !bytes.Equal(e.data, want) {
							t.Errorf("entry %d was written over", e.seq)
						}
						e.free()
					}
					kept = kept[:0]
				}
			}
		})
	}
	for range writing {
		logging.Go(func() {
			w := &writer{made: warmUp}
			for i := range each {
				data := append(w.space(), bytes.Repeat([]byte{byte(i)}, 1+i%3000)...)
				if i%100 == 57 { // as when a value is cut again after it grew
					data = append(data, make([]byte, slabBytes)...)[:10]
				}
				e := w.entry(data, i%50 == 0)
				e.seq = uint64(i)
				if e.urgent != (i%50 == 0) || (e.slab == nil) != (e.urgent || len(e.data) > maxInSlab) {
					t.Errorf("entry %d: urgent %v, in a slab %v", i, e.urgent, e.slab != nil)
				}
				entries <- e
			}
		})
	}
	logging.Wait()
	close(entries)
	freeing.Wait()
}

func TestSlabComesBackWhenAllIsFreed(t *testing.T) {
	for _, made := range []int{0, 1, slabEntries} {
		s := newSlab()
		for range made {
			s.add(make([]byte, 100)).free()
		}
		if s.room() != (made < slabEntries) {
			t.Errorf("with %d entries: room is %v", made, s.room())
		}
		if s.held.Load() == 0 {
			t.Errorf("with %d entries: released while its writer has it", made)
		}
		s.leave()
		if n := s.held.Load(); n != 0 {
			t.Errorf("with %d entries: %d still held", made, n)
		}
	}
}

// A program that logs a record now and then, and collects garbage in between,
// does not keep a whole slab for each.
func TestRareEntriesHoldNoSlabs(t *testing.T) {
	for range 50 {
		runtime.GC()
		runtime.GC() // the first only marks what is in a pool as idle
		w := writers.Get().(*writer)
		if e := w.entry(append(w.space(), "x"...), false); e.slab != nil {
			t.Fatal("the entry of a fresh writer is in a slab")
		}
		w.close()
	}
}
