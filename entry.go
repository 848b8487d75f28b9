package ledger

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// An entry is one encoded record on its way. Its bytes are the same at every
// attempt; whoever takes it out of the queue owns it, and frees it.
type entry struct {
	data   []byte
	seq    uint64     // the order of logging, also within log_id
	format wireFormat // what data is encoded in
	urgent bool       // Error and above: dropped last
	notice bool       // tells of drops, so its own drop is not told
	slab   *slab      // what the entry and its data are part of; nil when they are their own
}

// free gives the entry back; nobody may hold it any more.
func (e *entry) free() {
	if e.slab != nil {
		e.slab.release(1)
		return
	}
	capacity := cap(e.data)
	if capacity > maxPooled {
		return
	}
	class, want := sizeClass(capacity)
	if capacity != want {
		return // grown elsewhere, as a transcoded entry is
	}
	*e = entry{data: e.data[:0]}
	entryPools[class].Put(e)
}

// A slab holds entries one after the other in one piece of memory, which costs
// the goroutine that logs and the one that compresses far fewer cache misses
// than entries that lie anywhere. It is used again when all of them are free.
type slab struct {
	held    atomic.Int32 // entries not yet freed, those not yet made included, and one for its writer
	used    int
	entries [slabEntries]entry
	data    []byte
}

const (
	slabBytes   = 32 << 10
	slabEntries = 96
	// maxInSlab is where an entry becomes too large to leave little of a slab
	// unused.
	maxInSlab = slabBytes / 16
	// warmUp is how many entries a writer makes before it takes a slab. Idle
	// pools are emptied at each collection, so in a program that logs little
	// every entry may come from a new writer, and must not hold a slab each.
	warmUp = slabEntries
)

var slabs = sync.Pool{New: func() any { return &slab{data: make([]byte, 0, slabBytes)} }}

func newSlab() *slab {
	s := slabs.Get().(*slab)
	s.held.Store(slabEntries + 1)
	s.used, s.data = 0, s.data[:0]
	return s
}

// add returns a new entry of the slab with a copy of data, or nil when there is
// no room.
func (s *slab) add(data []byte) *entry {
	start := len(s.data)
	if s.used == slabEntries || len(data) > cap(s.data)-start {
		return nil
	}
	s.data = append(s.data, data...)
	e := &s.entries[s.used]
	s.used++
	*e = entry{data: s.data[start:len(s.data):len(s.data)], slab: s}
	return e
}

// leave is for the writer to call when it adds no more.
func (s *slab) leave() { s.release(int32(slabEntries-s.used) + 1) }

func (s *slab) release(n int32) {
	if s.held.Add(-n) == 0 {
		slabs.Put(s)
	}
}

// A writer is what one call of Handle makes an entry with: a buffer to encode
// in, and the slab to put the entry into.
type writer struct {
	buffer []byte
	slab   *slab
	made   int
}

var writers = sync.Pool{New: func() any { return &writer{buffer: make([]byte, 0, 1<<10)} }}

// close gives the writer back for another call; a buffer that grew large is not
// kept.
func (w *writer) close() {
	if cap(w.buffer) > maxPooled {
		w.buffer = nil
	}
	writers.Put(w)
}

// entry returns an entry with a copy of what is in the buffer. Those that may
// stay long after their neighbours, or are large, are their own.
func (w *writer) entry(urgent bool) *entry {
	w.made++
	if urgent || len(w.buffer) > maxInSlab || w.made <= warmUp {
		e := newEntry(w.buffer)
		e.urgent = urgent
		return e
	}
	if w.slab == nil {
		w.slab = newSlab()
	}
	e := w.slab.add(w.buffer)
	if e == nil {
		w.slab.leave()
		w.slab = newSlab()
		e = w.slab.add(w.buffer)
	}
	return e
}

// Entries of their own come from pools by size, so that a full queue holds little
// more than the bytes it counts: sizes are rounded up to an eighth of their power
// of two. Nothing above maxPooled goes back, or one huge record would stay for
// ever.
const (
	minPooledBits = 7 // 128 bytes
	maxPooledBits = 16
	maxPooled     = 1 << maxPooledBits
	stepBits      = 3
)

var entryPools [(maxPooledBits - minPooledBits + 1) << stepBits]sync.Pool

// sizeClass returns the pool for n bytes and the capacity of its entries.
func sizeClass(n int) (class, capacity int) {
	if n <= 1<<minPooledBits {
		return 0, 1 << minPooledBits
	}
	exponent := bits.Len(uint(n-1)) - 1 // 2^exponent < n <= 2^(exponent+1)
	step := (n - 1 - 1<<exponent) >> (exponent - stepBits)
	class = 1 + (exponent-minPooledBits)<<stepBits + step
	return class, 1<<exponent + (step+1)<<(exponent-stepBits)
}

// newEntry returns an entry with a copy of data.
func newEntry(data []byte) *entry {
	class, capacity := sizeClass(len(data))
	if len(data) > maxPooled {
		return &entry{data: append([]byte(nil), data...)}
	}
	e, _ := entryPools[class].Get().(*entry)
	if e == nil {
		e = &entry{data: make([]byte, 0, capacity)}
	}
	e.data = append(e.data[:0], data...)
	return e
}
