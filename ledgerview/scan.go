package ledgerview

import (
	"context"
	"encoding/json"
	"runtime"
	"sync"
	"sync/atomic"
)

// A filter says which records are wanted.
type filter struct {
	match    matcher // nil matches all
	from, to int64   // by the record's time in microseconds; from ≤ time < to
	run      uint32  // 0 for any
}

// everything is a filter that lets all pass.
var everything = filter{from: minTime, to: maxTime}

const (
	minTime = -1 << 63
	maxTime = 1<<63 - 1
)

// A cursor stands on one record of a view, and reads its texts when they are asked for.
type cursor struct {
	view *view
	row  *row
	id   uint64
	at   int

	parts   parts
	read    bool
	walk    leafWalk
	scratch []byte
}

func (c *cursor) move(v *view, i int) {
	c.view, c.row, c.at, c.id, c.read = v, &v.rows[i], i, v.first+uint64(i), false
}

func (c *cursor) texts() *parts {
	if !c.read {
		c.parts, c.read = c.view.texts(c.at), true
	}
	return &c.parts
}

func (c *cursor) labels() *labels { return &c.view.labels[c.row.labels] }

// route returns the request's route, or nil.
func (c *cursor) route() *route {
	if c.row.route == 0 {
		return nil
	}
	return &c.view.routes[c.row.route-1]
}

// failure returns the type and the fingerprint of the record's error, or nil.
func (c *cursor) failure() *failure {
	if c.row.failure == 0 {
		return nil
	}
	return &c.view.failures[c.row.failure-1]
}

// text returns what a span of the row covers.
func (c *cursor) text(s span) []byte {
	if s.size == 0 {
		return nil
	}
	at := c.row.at + s.at
	return c.view.data[at : at+s.size]
}

// mark returns how often the record came again, and whether another took its place.
func (c *cursor) mark() (redelivered uint32, hidden bool) {
	m := c.view.mark(c.at)
	return m & markCount, m&markHidden != 0
}

func encodeNotes(notes []note) []byte {
	if len(notes) == 0 {
		return nil
	}
	b, err := json.Marshal(notes)
	if err != nil {
		return nil // cannot be: notes are strings
	}
	return b
}

// wants reports whether the filter lets the record pass.
func (f *filter) wants(c *cursor) bool {
	if c.row.time < f.from || c.row.time >= f.to || f.run != 0 && c.row.run != f.run {
		return false
	}
	if _, hidden := c.mark(); hidden {
		return false
	}
	return f.match == nil || f.match(c)
}

// mayHold reports whether the view can hold a record within the filter's time.
func (f *filter) mayHold(v *view) bool { return v.times.newest >= f.from && v.times.oldest < f.to }

// aggregate lets each of a few workers look at the records of some views, and merges what they found.
// New makes a worker; look is called for each record that the filter wants. It returns early when ctx ends.
func aggregate[T any](ctx context.Context, snap *snapshot, f *filter, create func() T, look func(T, *cursor), merge func(T)) {
	workers := min(runtime.GOMAXPROCS(0), len(snap.views))
	var next atomic.Int64
	var mu sync.Mutex
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			var c cursor
			mine := create()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(snap.views) {
					break
				}
				v := &snap.views[i]
				if !f.mayHold(v) {
					continue
				}
				for at := range v.rows {
					if c.move(v, at); f.wants(&c) {
						look(mine, &c)
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			merge(mine)
		})
	}
	all.Wait()
}

// A hit is a record that was found.
type hit struct {
	view *view
	at   int
}

// search returns the first limit records that the filter wants with ids after `after` and before `before`, from the
// newest down, or from the oldest up. Scanned is how many were looked at.
func search(ctx context.Context, snap *snapshot, f *filter, after, before uint64, limit int, up bool) (hits []hit, scanned int) {
	views := make([]*view, 0, len(snap.views))
	for i := range snap.views {
		v := &snap.views[i]
		if v.first < before && v.first+uint64(len(v.rows)) > after+1 {
			views = append(views, v)
		}
	}
	if !up {
		for i, j := 0, len(views)-1; i < j; i, j = i+1, j-1 {
			views[i], views[j] = views[j], views[i]
		}
	}
	// As many views side by side as there are processors; usually the first holds enough, so it goes alone.
	wave := 1
	for len(views) > 0 && len(hits) < limit && ctx.Err() == nil {
		n := min(wave, len(views))
		found, looked := make([][]hit, n), make([]int, n)
		var all sync.WaitGroup
		for i, v := range views[:n] {
			look := func() { found[i], looked[i] = searchView(v, f, after, before, limit-len(hits), up) }
			if n == 1 {
				look()
			} else {
				all.Go(look)
			}
		}
		all.Wait()
		for i := range n {
			if len(hits) < limit {
				hits = append(hits, found[i][:min(len(found[i]), limit-len(hits))]...)
				scanned += looked[i]
			}
		}
		views = views[n:]
		wave = runtime.GOMAXPROCS(0)
	}
	return hits, scanned
}

func searchView(v *view, f *filter, after, before uint64, limit int, up bool) (hits []hit, scanned int) {
	low, high := 0, len(v.rows)
	if after >= v.first {
		low = int(after - v.first + 1)
	}
	if before < v.first+uint64(high) {
		high = int(before - v.first)
	}
	if !f.mayHold(v) {
		return nil, max(0, high-low)
	}
	var c cursor
	for n := range max(0, high-low) {
		at := low + n
		if !up {
			at = high - 1 - n
		}
		scanned++
		if c.move(v, at); f.wants(&c) {
			if hits = append(hits, hit{v, at}); len(hits) == limit {
				break
			}
		}
	}
	return hits, scanned
}
