package buffer

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// An Entry is one encoded record on its way. Its bytes are the same at every
// attempt; whoever takes it out of the queue owns it, and frees it.
type Entry struct {
	Data []byte // without heading and ending, unless it is whole
	wire.Ending
	Format wire.Format // what data is encoded in
	Urgent bool        // Error and above: dropped last
	Notice bool        // reports drops, so its own drop is not reported
	Copy   uint32      // where whoever copies entries notes their copies; 0 for none
	mark   bool        // it is none, but marks a place in a lane
	slab   *slab       // what the entry and its data are part of; nil when they are their own

	next atomic.Pointer[Entry] // in a lane
}

// EntryOverhead is what an entry takes beside its data.
const EntryOverhead = int(unsafe.Sizeof(Entry{}))

// memory is what the entry counts against MaxBufferBytes.
func (e *Entry) memory() int { return len(e.Data) + EntryOverhead }

// Size is that of the whole entry.
func (e *Entry) Size() int {
	if e.Kinds == (wire.Kinds{}) {
		return len(e.Data)
	}
	return e.Format.WholeSize(len(e.Data), e.Ending)
}

// Whole returns the whole entry, in memory of its own unless data are that.
func (e *Entry) Whole() []byte {
	if e.Kinds == (wire.Kinds{}) {
		return e.Data
	}
	return wire.Whole(e.Format, e.Data, e.Ending)
}

// AppendTo appends the whole entry.
func (e *Entry) AppendTo(b []byte) []byte {
	if e.Kinds == (wire.Kinds{}) {
		return append(b, e.Data...)
	}
	return e.Format.AppendWhole(b, e.Data, e.Ending)
}

// Attribute makes the entry one of another program; nil is one that nobody knows.
func (e *Entry) Attribute(to *wire.Origin) {
	if to == nil || *to == e.Format.Origin() {
		return
	}
	if p, err := e.Format.Parse(e.Whole()); err == nil {
		p.From = to
		e.Data, e.Kinds = e.Format.Emit(p), wire.Kinds{}
	}
}

// Free gives the entry back; nobody may hold it any more.
func (e *Entry) Free() {
	if e.slab != nil {
		e.slab.release(1)
		return
	}
	capacity := cap(e.Data)
	if capacity > maxPooled {
		return
	}
	class, want := sizeClass(capacity)
	if capacity != want {
		return // grown elsewhere, as a transcoded entry is
	}
	*e = Entry{Data: e.Data[:0]}
	entryPools[class].Put(e)
}

// A slab holds entries one after the other in one piece of memory, which costs
// the goroutine that logs and the one that compresses far fewer cache misses
// than entries that lie anywhere. It is used again when all of them are free.
//
// All its entries are of one queue: what one handler keeps must not keep what
// another's traffic went through.
type slab struct {
	held   atomic.Int32 // entries not yet freed, those not yet made included, and one for its writer
	used   int
	chunks [slabEntries / chunkEntries]*chunk // as many as were needed: large entries are few
	data   []byte
}

type chunk [chunkEntries]Entry

const (
	slabBytes    = 32 << 10
	slabEntries  = 512 // of the smallest
	chunkEntries = 16
	// maxInSlab is where an entry becomes too large to leave little of a slab
	// unused.
	maxInSlab = slabBytes / 16
	// warmUp is how many entries a writer makes before it takes a slab. Idle
	// pools are emptied at each collection, so in a program that logs little
	// every entry may come from a new writer, and must not hold a slab each.
	warmUp = 160
)

var slabs = sync.Pool{New: func() any { return &slab{data: make([]byte, 0, slabBytes)} }}

func newSlab() *slab {
	s := slabs.Get().(*slab)
	s.held.Store(slabEntries + 1)
	s.used, s.data = 0, s.data[:0]
	return s
}

// room reports whether the slab can take another entry, up to maxInSlab.
func (s *slab) room() bool {
	return s.used < slabEntries && cap(s.data)-len(s.data) >= maxInSlab
}

// add returns the next entry of the slab. Usually data are in the slab already,
// after those of the entry before.
func (s *slab) add(data []byte) *Entry {
	start, end := len(s.data), len(s.data)+len(data)
	s.data = s.data[:end]
	if len(data) > 0 && &data[0] != &s.data[start] {
		copy(s.data[start:], data)
	}
	c := s.chunks[s.used/chunkEntries]
	if c == nil {
		c = new(chunk)
		s.chunks[s.used/chunkEntries] = c
	}
	e := &c[s.used%chunkEntries]
	s.used++
	*e = Entry{Data: s.data[start:end:end], slab: s}
	return e
}

// leave is for the writer to call when it adds no more.
func (s *slab) leave() { s.release(int32(slabEntries-s.used) + 1) }

func (s *slab) release(n int32) {
	if s.held.Add(-n) == 0 {
		slabs.Put(s)
	}
}

// A writer is what one call of Handle makes an entry with: the place to encode
// it in.
type writer struct {
	home   *sync.Pool
	buffer []byte // before there is a slab
	slab   *slab
	made   int
}

// Writer returns a writer for entries of this queue, which is to be closed.
func (q *Queue) Writer() *writer {
	if w, ok := q.writers.Get().(*writer); ok {
		return w
	}
	return &writer{home: &q.writers, buffer: make([]byte, 0, 1<<10)}
}

// Space returns where to encode an entry: an empty slice, to be appended to and
// then given to the method entry.
func (w *writer) Space() []byte {
	if w.made++; w.made <= warmUp {
		return w.buffer[:0]
	}
	if w.slab != nil && !w.slab.room() {
		w.slab.leave()
		w.slab = nil
	}
	if w.slab == nil {
		w.slab = newSlab()
	}
	used := len(w.slab.data)
	return w.slab.data[used:used]
}

// Entry makes data, which began as the space, an entry. Those that may stay
// long after their neighbours, or are large, get memory of their own.
func (w *writer) Entry(data []byte, urgent bool) *Entry {
	if w.slab != nil && !urgent && len(data) <= maxInSlab {
		return w.slab.add(data)
	}
	e := NewEntry(data)
	e.Urgent = urgent
	switch {
	case w.slab == nil && cap(data) <= maxPooled:
		w.buffer = data
	case w.slab != nil && cap(data) != cap(w.slab.data)-len(w.slab.data):
		w.slab.leave() // too full for what is logged here
		w.slab = nil
	}
	return e
}

// Close gives the writer back for another call.
func (w *writer) Close() { w.home.Put(w) }

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

// NewEntry returns an entry with a copy of data.
func NewEntry(data []byte) *Entry {
	class, capacity := sizeClass(len(data))
	if len(data) > maxPooled {
		return &Entry{Data: append([]byte(nil), data...)}
	}
	e, _ := entryPools[class].Get().(*Entry)
	if e == nil {
		e = &Entry{Data: make([]byte, 0, capacity)}
	}
	e.Data = append(e.Data[:0], data...)
	return e
}
