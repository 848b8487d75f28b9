package ledger

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/encode"
)

var entryTime = time.Date(2026, 3, 1, 12, 30, 45, 123456789, time.UTC)

func entryNow() time.Time { return entryTime.Add(time.Second) }

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
						if want := bytes.Repeat([]byte{byte(e.Seq)}, len(e.data)); !bytes.Equal(e.data, want) {
							t.Errorf("entry %d was written over", e.Seq)
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
				e.Seq = uint64(i)
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

func TestLoadCountsBoth(t *testing.T) {
	var l load
	var entries, bytes int64
	random := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		n, b := random.Int64N(1000), random.Int64N(1<<24)
		if random.IntN(2) == 0 {
			n, b = -min(n, entries), -min(b, bytes)
		}
		if entries+n > maxEntries || bytes+b > maxBytes {
			continue
		}
		entries, bytes = entries+n, bytes+b
		if gotEntries, gotBytes := l.add(n, b); gotEntries != entries || gotBytes != bytes || l.entries() != entries || l.bytes() != bytes {
			t.Fatalf("%d entries of %d bytes, not %d of %d", gotEntries, gotBytes, entries, bytes)
		}
	}
}

// A body stays as it was handed out while its compressor makes others.
func TestBodiesStayAsTheyWere(t *testing.T) {
	encoding := encodingOf(&config{}, "0123456789abcdef-", entryNow)
	rec := encode.New(encoding)
	tr := &transport{now: entryNow}
	var others sync.WaitGroup
	for seed := range 4 {
		others.Go(func() {
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			var bodies, wants [][]byte
			for range 30 {
				f := encoding.Formats[random.IntN(2)]
				var entries []*entry
				var wholes [][]byte
				size := 0
				for i := range 1 + random.IntN(300) {
					r := slog.NewRecord(entryTime, 0, strings.Repeat("m", random.IntN(400)), 0)
					r.AddAttrs(slog.Int("i", i), slog.String("text", strings.Repeat("abc", random.IntN(100))))
					seq := random.Uint64() >> 1
					data, end := rec.Append(nil, f, rec.Root(), context.Background(), &r, seq)
					e := &entry{data: data, Ending: end, format: f}
					if i%3 == 0 {
						e = &entry{data: e.whole(), format: f}
					}
					entries, wholes, size = append(entries, e), append(wholes, e.whole()), size+e.size()
				}
				before, between, after := f.Frame(len(entries), size)
				wants = append(wants, slices.Concat(before, bytes.Join(wholes, between), after))
				bodies = append(bodies, tr.body(f, entries, false))
			}
			for i, body := range bodies {
				zr, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					continue
				}
				if got, err := io.ReadAll(zr); err != nil || !bytes.Equal(got, wants[i]) {
					t.Errorf("body %d is another: %v", i, err)
				}
			}
		})
	}
	others.Wait()
}
