package ledgerview

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
	"unsafe"
)

// segmentRows is the most records a segment holds.
const segmentRows = 4096

// A segment holds consecutive records: of each a row of fixed size, and its texts in one piece of memory. Segments are
// only appended to, and forgotten whole, so a reader needs no lock after it has taken a [view].
type segment struct {
	first uint64 // id of the first row
	rows  []row
	data  []byte
	dictionary
	index  *dictionaryIndex // nil when the segment takes no more
	hashes int              // rows with a log_id
	times  times
	marks  atomic.Pointer[[]atomic.Uint32] // nil while no record has a mark
	hidden atomic.Int32                    // rows with markHidden
}

// A row is the part of a record that is looked at when all are looked at.
type row struct {
	time     int64 // microseconds since 1970
	received int64
	logHash  uint64 // of the log_id; 0 without one
	at       uint32 // where the record's texts begin in data
	size     uint32
	labels   uint32
	run      uint32
	route    uint32 // 1 + index of the route; 0 when the record is no request
	failure  uint32 // 1 + index of type and fingerprint of the error; 0 without an error
	trace    span
	request  span
	duration float32 // milliseconds
	status   int16
	level    level
	flags    uint8
}

// Flags of a row.
const (
	flagRefused uint8 = 1 << iota
	flagCut
	flagMasked
	flagLost
	flagAnalytics
	flagForwarded
)

// A span is a text within a record's texts.
type span struct{ at, size uint32 }

// Marks tell what happened to a record after it was stored: how often it came again, and whether it is still shown.
const (
	markHidden = 1 << 31
	markCount  = markHidden - 1
)

// dictionary holds what many rows of a segment share.
type dictionary struct {
	labels   []labels
	routes   []route
	failures []failure
}

func (l labels) clone() labels {
	for _, text := range []*string{&l.protocol, &l.service, &l.environment, &l.release, &l.logType, &l.importance} {
		*text = strings.Clone(*text)
	}
	return l
}

func (l labels) size() int {
	return len(l.protocol) + len(l.service) + len(l.environment) + len(l.release) + len(l.logType) + len(l.importance)
}

type route struct{ method, path string }

func (r route) clone() route { return route{strings.Clone(r.method), strings.Clone(r.path)} }
func (r route) size() int    { return len(r.method) + len(r.path) }

type failure struct{ kind, fingerprint string }

func (f failure) clone() failure { return failure{strings.Clone(f.kind), strings.Clone(f.fingerprint)} }
func (f failure) size() int      { return len(f.kind) + len(f.fingerprint) }

// dictionaryIndex finds the entries of a dictionary while the segment grows.
type dictionaryIndex struct {
	labels   map[labels]uint32
	routes   map[route]uint32
	failures map[failure]uint32
	bytes    int
}

const (
	rowSize     = int(unsafe.Sizeof(row{}))
	segmentBase = int(unsafe.Sizeof(segment{})) + 512
	hashCost    = 40  // of one log_id in the ring's map of them
	entryCost   = 160 // of one dictionary entry, its place in the index included
)

func newSegment(first uint64, size int) *segment {
	return &segment{first: first, data: make([]byte, 0, size), index: &dictionaryIndex{
		labels: map[labels]uint32{}, routes: map[route]uint32{}, failures: map[failure]uint32{},
	}}
}

// bytes is what the segment counts against the ring's bound.
func (s *segment) bytes() int {
	n := segmentBase + cap(s.rows)*rowSize + cap(s.data) + s.hashes*hashCost
	n += (cap(s.labels))*int(unsafe.Sizeof(labels{})) + cap(s.routes)*int(unsafe.Sizeof(route{})) + cap(s.failures)*int(unsafe.Sizeof(failure{}))
	if s.index != nil {
		n += s.index.bytes
	}
	if marks := s.marks.Load(); marks != nil {
		n += 4 * len(*marks)
	}
	return n
}

// fits reports whether a record whose texts take n bytes has room.
func (s *segment) fits(n int) bool {
	return len(s.rows) < segmentRows && len(s.data)+n <= cap(s.data)
}

// seal gives back what the segment has allocated for more records.
func (s *segment) seal() {
	s.index = nil
	s.rows = append(make([]row, 0, len(s.rows)), s.rows...)
	if cap(s.data)-len(s.data) > len(s.data)/8 {
		s.data = append(make([]byte, 0, len(s.data)), s.data...)
	}
}

// A sharedText may hold texts that are parts of a request's body; clone returns it with texts of its own.
type sharedText[T any] interface {
	comparable
	clone() T
	size() int
}

// intern returns the place of value in list, which it may append to.
func intern[T sharedText[T]](list *[]T, index map[T]uint32, value T, bytes *int) uint32 {
	at, ok := index[value]
	if !ok {
		value = value.clone()
		at = uint32(len(*list))
		*list = append(*list, value)
		index[value] = at
		*bytes += entryCost + value.size()
	}
	return at
}

// A packed record is what a segment stores, made before the ring is locked.
type packed struct {
	row
	id      uint64 // that it got; 0 when it was known already
	labels  labels
	route   route
	failure failure
	data    []byte
}

// parts are the texts of a record as they lie in a segment.
type parts struct {
	message, errorMessage, stack, logID, notes, attributes []byte
}

// joinParts joins texts in the form that [readParts] reads.
func joinParts(message, errorMessage, stack, logID string, notes, attributes []byte) []byte {
	size := len(message) + len(errorMessage) + len(stack) + len(logID) + len(notes) + len(attributes)
	b := make([]byte, 0, size+5*binary.MaxVarintLen32)
	for _, n := range [...]int{len(message), len(errorMessage), len(stack), len(logID), len(notes)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = append(append(append(append(b, message...), errorMessage...), stack...), logID...)
	return append(append(b, notes...), attributes...)
}

func readParts(b []byte) (p parts) {
	var sizes [5]int
	for i := range sizes {
		n, width := binary.Uvarint(b)
		sizes[i], b = int(n), b[width:]
	}
	for i, part := range [...]*[]byte{&p.message, &p.errorMessage, &p.stack, &p.logID, &p.notes} {
		*part, b = b[:sizes[i]:sizes[i]], b[sizes[i]:]
	}
	p.attributes = b
	return p
}

// A view is what a segment held at one moment.
type view struct {
	*segment
	rows []row
	data []byte
	dictionary
	times times
}

func (s *segment) view() view {
	return view{segment: s, rows: s.rows, data: s.data, dictionary: s.dictionary, times: s.times}
}

// times are the oldest and the newest of some records' times. Those that are years away from when they were received
// come from a clock that is wrong, and do not count for the time that charts span.
type times struct {
	any            bool
	oldest, newest int64
	sane           bool
	from, to       int64 // of those that count
}

const saneMicros = 10 * 366 * 24 * 3600 * 1e6

func (t *times) add(r *row) {
	if !t.any {
		t.any, t.oldest, t.newest = true, r.time, r.time
	}
	t.oldest, t.newest = min(t.oldest, r.time), max(t.newest, r.time)
	if d := r.time - r.received; d > saneMicros || d < -saneMicros {
		return
	}
	if !t.sane {
		t.sane, t.from, t.to = true, r.time, r.time
	}
	t.from, t.to = min(t.from, r.time), max(t.to, r.time)
}

// mark returns the marks of row i.
func (s *segment) mark(i int) uint32 {
	if marks := s.marks.Load(); marks != nil && i < len(*marks) {
		return (*marks)[i].Load()
	}
	return 0
}

// setMark changes the marks of row i. The ring is locked.
func (s *segment) setMark(i int, change func(uint32) uint32) {
	marks := s.marks.Load()
	if marks == nil || i >= len(*marks) {
		grown := make([]atomic.Uint32, cap(s.rows))
		if marks != nil {
			for k := range *marks {
				grown[k].Store((*marks)[k].Load())
			}
		}
		marks = &grown
		s.marks.Store(marks)
	}
	(*marks)[i].Store(change((*marks)[i].Load()))
}

// texts returns the texts of row i.
func (v *view) texts(i int) parts {
	r := &v.rows[i]
	return readParts(v.data[r.at : r.at+r.size])
}
