package ledgerview

import (
	"hash/maphash"
	"sort"
	"strings"
	"sync"
	"time"
)

const (
	defaultMaxBytes = 256 << 20
	minMaxBytes     = 256 << 10
	maxSegment      = 1 << 20
	minSegment      = 16 << 10
)

// A ring keeps the newest records within a bound of bytes, and lets go of the oldest, a segment at a time.
type ring struct {
	maxBytes    int
	segmentSize int
	seed        maphash.Seed

	mu       sync.RWMutex
	segments []*segment // oldest first; the last one takes records
	nextID   uint64
	bytes    int               // of the segments but the last
	seen     map[uint64]uint64 // hash of a log_id → id of the record
	count    counts
	grown    chan struct{} // closed and replaced when records come; nil while nobody waits
	recent   meter
}

// counts are since the start, or since all was forgotten.
type counts struct {
	received    uint64
	kept        uint64
	evicted     uint64
	refused     uint64
	redelivered uint64
}

func newRing(maxBytes int64) *ring {
	if maxBytes <= 0 {
		maxBytes = defaultMaxBytes
	}
	size := int(max(maxBytes, minMaxBytes))
	return &ring{
		maxBytes:    size,
		segmentSize: min(max(size/32, minSegment), maxSegment),
		seed:        maphash.MakeSeed(),
		nextID:      1,
		seen:        make(map[uint64]uint64),
	}
}

// maxRecord is the largest a record's texts may be.
func (g *ring) maxRecord() int { return g.maxBytes / 4 }

// add stores records in their order, and returns how many of them were known already.
// A record whose log_id is known is counted and marked, not stored again; unless what is known was refused: then the
// new one takes its place.
func (g *ring) add(records []packed, now time.Time) (known int) {
	if len(records) == 0 {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range records {
		if g.addOne(&records[i]) {
			known++
		}
	}
	g.recent.add(now, len(records))
	if g.grown != nil {
		close(g.grown)
		g.grown = nil
	}
	return known
}

func (g *ring) addOne(p *packed) (known bool) {
	g.count.received++
	refused := p.flags&flagRefused != 0
	if refused {
		g.count.refused++
	}
	if p.logHash != 0 {
		if s, i := g.find(g.seen[p.logHash]); s != nil && g.sameLogID(s, i, p) {
			if s.rows[i].flags&flagRefused == 0 || refused {
				g.mark(s, i, func(m uint32) uint32 { return m&markHidden | min(m&markCount+1, markCount) })
				g.count.redelivered++
				return true
			}
			g.mark(s, i, func(m uint32) uint32 { return m | markHidden })
			s.hidden.Add(1)
			g.count.kept--
			g.count.redelivered++
		}
	}
	s := g.room(len(p.data))
	r := p.row
	r.at, r.size = uint32(len(s.data)), uint32(len(p.data))
	r.labels = intern(&s.labels, s.index.labels, p.labels, &s.index.bytes)
	if p.route != (route{}) {
		r.route = 1 + intern(&s.routes, s.index.routes, p.route, &s.index.bytes)
	}
	if p.failure != (failure{}) {
		r.failure = 1 + intern(&s.failures, s.index.failures, p.failure, &s.index.bytes)
	}
	s.times.add(&r)
	s.rows = append(s.rows, r)
	s.data = append(s.data, p.data...)
	if r.logHash != 0 {
		g.seen[r.logHash] = g.nextID
		s.hashes++
	}
	p.id = g.nextID
	g.nextID++
	g.count.kept++
	return false
}

// mark changes the marks of a record, and counts the memory that may take.
func (g *ring) mark(s *segment, i int, change func(uint32) uint32) {
	before := s.bytes()
	s.setMark(i, change)
	if s != g.segments[len(g.segments)-1] {
		g.bytes += s.bytes() - before
	}
}

// sameLogID tells a record that came again from one whose log_id has the same hash.
func (g *ring) sameLogID(s *segment, i int, p *packed) bool {
	r := &s.rows[i]
	return string(readParts(s.data[r.at:r.at+r.size]).logID) == string(readParts(p.data).logID)
}

// room returns the segment that takes n more bytes, having let go of as many old ones as that takes.
func (g *ring) room(n int) *segment {
	var s *segment
	if len(g.segments) > 0 {
		s = g.segments[len(g.segments)-1]
	}
	if s == nil || !s.fits(n) || s.index.bytes > g.segmentSize {
		if s != nil {
			s.seal()
			g.bytes += s.bytes()
		}
		s = newSegment(g.nextID, max(g.segmentSize, n))
		g.segments = append(g.segments, s)
	}
	// What the record may make the segment grow by, beside its texts: append doubles the rows.
	const growth = rowSize + hashCost + entryCost
	for len(g.segments) > 1 && g.bytes+s.bytes()+growth+len(s.rows)*rowSize > g.maxBytes {
		g.evict()
	}
	return s
}

// evict lets go of the oldest segment.
func (g *ring) evict() {
	s := g.segments[0]
	g.segments[0] = nil
	g.segments = g.segments[1:]
	for i := range s.rows {
		if h := s.rows[i].logHash; h != 0 && g.seen[h] == s.first+uint64(i) {
			delete(g.seen, h)
		}
	}
	kept := uint64(len(s.rows)) - uint64(s.hidden.Load())
	g.count.kept -= kept
	g.count.evicted += kept
	g.bytes -= s.bytes()
}

// passedBy counts records of a file that were too many to be kept.
func (g *ring) passedBy(n uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count.received += n
	g.count.evicted += n
}

// find returns where the record with the id is, or nil.
func (g *ring) find(id uint64) (*segment, int) {
	i := sort.Search(len(g.segments), func(i int) bool { return g.segments[i].first > id }) - 1
	if i < 0 {
		return nil, 0
	}
	s := g.segments[i]
	if at := id - s.first; at < uint64(len(s.rows)) {
		return s, int(at)
	}
	return nil, 0
}

// forget lets go of all records and begins to count anew. Ids go on.
func (g *ring) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.segments, g.bytes, g.count = nil, 0, counts{}
	clear(g.seen)
}

// A snapshot is what the ring held at one moment.
type snapshot struct {
	views []view // oldest first
	next  uint64 // the id of the record that comes next
}

// first is the id of the oldest record, or the next when there is none.
func (s *snapshot) first() uint64 {
	if len(s.views) == 0 {
		return s.next
	}
	return s.views[0].first
}

// snapshot returns the records with ids from id on.
func (g *ring) snapshot(id uint64) snapshot {
	g.mu.RLock()
	defer g.mu.RUnlock()
	from := max(0, sort.Search(len(g.segments), func(i int) bool { return g.segments[i].first > id })-1)
	snap := snapshot{next: g.nextID, views: make([]view, 0, len(g.segments)-min(from, len(g.segments)))}
	for _, s := range g.segments[min(from, len(g.segments)):] {
		if len(s.rows) > 0 {
			snap.views = append(snap.views, s.view())
		}
	}
	return snap
}

// wait returns a channel that is closed when there are records with ids from next on.
func (g *ring) wait(next uint64) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.nextID > next {
		ready := make(chan struct{})
		close(ready)
		return ready
	}
	if g.grown == nil {
		g.grown = make(chan struct{})
	}
	return g.grown
}

// stats are the figures of a ring.
type stats struct {
	counts
	bytes       int
	first, last uint64
	rate        float64
}

func (g *ring) stats(now time.Time) stats {
	g.mu.RLock()
	defer g.mu.RUnlock()
	st := stats{counts: g.count, bytes: g.bytes, last: g.nextID - 1, first: g.nextID, rate: g.recent.rate(now)}
	if n := len(g.segments); n > 0 {
		st.bytes += g.segments[n-1].bytes()
		st.first = g.segments[0].first
	}
	return st
}

// span returns the times of the oldest and the newest record by their own time, of those that count.
func (s *snapshot) span() (from, to int64, ok bool) {
	for i := range s.views {
		t := &s.views[i].times
		if t.sane && !ok {
			from, to, ok = t.from, t.to, true
		}
		if t.sane {
			from, to = min(from, t.from), max(to, t.to)
		}
	}
	if ok || len(s.views) == 0 {
		return from, to, ok
	}
	from, to = s.views[0].times.oldest, s.views[0].times.newest
	for i := range s.views {
		from, to = min(from, s.views[i].times.oldest), max(to, s.views[i].times.newest)
	}
	return from, to, true
}

// hash is that of a log_id; 0 for none.
func (g *ring) hash(logID string) uint64 {
	if logID == "" {
		return 0
	}
	return max(1, maphash.String(g.seed, logID))
}

// pack makes a record ready to be stored.
func (g *ring) pack(r *record) packed {
	p := packed{labels: r.labels, row: row{
		time: r.time.UnixMicro(), received: r.received.UnixMicro(), level: r.level, run: r.run, logHash: g.hash(r.logID),
	}}
	if r.errorType != "" || r.errorMessage != "" {
		p.failure = failure{r.errorType, r.fingerprint}
	}
	if r.refused {
		p.flags |= flagRefused
	}
	limit := g.maxRecord()
	if size := len(r.message) + len(r.errorMessage) + len(r.stack) + len(r.attributes); size > limit {
		r.shrink(limit)
	}
	for _, n := range r.notes {
		p.flags |= noteFlags[n.Kind]
	}
	notes := encodeNotes(r.notes)
	p.data = joinParts(r.message, r.errorMessage, r.stack, r.logID, notes, r.attributes)
	p.facts(len(p.data)-len(r.attributes), r.attributes)
	return p
}

var noteFlags = map[string]uint8{
	noteRefused: flagRefused, noteCut: flagCut, noteMasked: flagMasked, noteLost: flagLost, noteAnalytics: flagAnalytics, noteForwarded: flagForwarded,
}

// shrink cuts a record that would take too large a part of the ring.
func (r *record) shrink(limit int) {
	if len(r.attributes) > limit/2 {
		r.attributes = nil
		r.notes = append(r.notes, note{noteCut, "attributes", "left out here: too large for -max-bytes"})
	}
	for _, text := range []*string{&r.message, &r.errorMessage, &r.stack} {
		if len(*text) > limit/8 {
			*text = strings.ToValidUTF8((*text)[:limit/8], "") + "… [truncated]"
			r.notes = append(r.notes, note{noteCut, "", "shortened here: too large for -max-bytes"})
		}
	}
}
