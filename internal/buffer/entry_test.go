package buffer

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"unsafe"
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
	NewEntry(make([]byte, maxPooled+1)).Free() // must not panic
	if e := NewEntry(make([]byte, maxPooled)); cap(e.Data) != maxPooled {
		t.Errorf("capacity %d", cap(e.Data))
	}
}

// Entries of a slab keep their bytes until they are freed, whoever frees the
// others, and slabs are used again.
func TestEntriesOfASlabKeepTheirBytes(t *testing.T) {
	const writing, each = 4, 5_000
	entries := make(chan *Entry, 1000)
	var freeing, logging sync.WaitGroup
	for range 2 {
		freeing.Go(func() {
			var kept []*Entry // freed in another order than they came
			for e := range entries {
				kept = append(kept, e)
				if len(kept) == 500 {
					for i := range kept {
						e := kept[(i*7)%len(kept)]
						if want := bytes.Repeat([]byte{byte(e.Seq)}, len(e.Data)); !bytes.Equal(e.Data, want) {
							t.Errorf("entry %d was written over", e.Seq)
						}
						e.Free()
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
				data := append(w.Space(), bytes.Repeat([]byte{byte(i)}, 1+i%3000)...)
				if i%100 == 57 { // as when a value is cut again after it grew
					data = append(data, make([]byte, slabBytes)...)[:10]
				}
				e := w.Entry(data, i%50 == 0)
				e.Seq = uint64(i)
				if e.Urgent != (i%50 == 0) || (e.slab == nil) != (e.Urgent || len(e.Data) > maxInSlab) {
					t.Errorf("entry %d: urgent %v, in a slab %v", i, e.Urgent, e.slab != nil)
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
			s.add(make([]byte, 10)).Free()
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
	var q Queue
	for range 50 {
		runtime.GC()
		runtime.GC() // the first only marks what is in a pool as idle
		w := q.Writer()
		if e := w.Entry(append(w.Space(), "x"...), false); e.slab != nil {
			t.Fatal("the entry of a fresh writer is in a slab")
		}
		w.Close()
	}
}

func TestUsageCountsBoth(t *testing.T) {
	var u usage
	var entries, bytes int64
	random := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		n, b := random.Int64N(1000), random.Int64N(1<<24)
		if random.IntN(2) == 0 {
			n, b = -min(n, entries), -min(b, bytes)
		}
		if entries+n > MaxEntries || bytes+b > MaxBytes {
			continue
		}
		entries, bytes = entries+n, bytes+b
		if gotEntries, gotBytes := u.add(n, b); gotEntries != entries || gotBytes != bytes || u.entries() != entries || u.bytes() != bytes {
			t.Fatalf("%d entries of %d bytes, not %d of %d", gotEntries, gotBytes, entries, bytes)
		}
	}
}

// However large entries are, a slab is mostly their bytes and what is counted for them.
func TestSlabsWasteLittle(t *testing.T) {
	for size := 40; size <= maxInSlab; size += 13 {
		s, counted := &slab{data: make([]byte, 0, slabBytes)}, 0
		for s.room() {
			counted += s.add(make([]byte, size)).memory()
		}
		held := slabBytes + int(unsafe.Sizeof(*s))
		for _, c := range s.chunks {
			if c != nil {
				held += int(unsafe.Sizeof(*c))
			}
		}
		if held > counted*5/4 {
			t.Errorf("entries of %d bytes: %d held, %d counted", size, held, counted)
		}
	}
}
