package ledgerview

import (
	"cmp"
	"context"
	"hash/maphash"
	"net/http"
	"slices"
	"sync"
)

// A trace is the records with one trace_id, or, when they have none, with one request_id.
type trace struct {
	ID       string    `json:"id"`
	Key      string    `json:"key"` // trace_id or request_id
	Name     string    `json:"name"`
	Status   int       `json:"status"` // of the request; 0 when no record tells
	Level    string    `json:"level"`  // the worst
	Start    timestamp `json:"start"`
	End      timestamp `json:"end"`
	Duration float64   `json:"duration_ms"`
	Records  int       `json:"records"`
	Errors   int       `json:"errors"`
	Services []string  `json:"services"`
}

const (
	maxTraces   = 1000
	manyTraces  = 500_000 // that are collected; of more, those of the newest records are left out
	traceMinLen = 2

	maxTraceServices = 50
)

// A traceSum is what is collected of a trace. It holds no pointers, for there are many.
type traceSum struct {
	hash            uint64
	start, end      int64
	first           int64   // time of the first record, by its own time
	named           uint64  // id of the record that gives the name: the longest request, or the first record
	longest         float32 // duration of that request; below 0 without one
	records, errors int32
	worst           level
	wanted          bool // by the query
}

// traceSums are the traces that one worker has found.
type traceSums struct {
	index map[uint64]int32
	list  []traceSum
}

func newTraceSums() *traceSums { return &traceSums{index: make(map[uint64]int32)} }

// of returns the sum of a trace, or nil when there are too many.
func (s *traceSums) of(hash uint64) *traceSum {
	at, ok := s.index[hash]
	if !ok {
		if len(s.list) == manyTraces {
			return nil
		}
		at = int32(len(s.list))
		s.list = append(s.list, traceSum{hash: hash, start: maxTime, end: minTime, first: maxTime, longest: -1})
		s.index[hash] = at
	}
	return &s.list[at]
}

// traceID returns what a record's trace is known by.
func (c *cursor) traceID() (id []byte, key string) {
	if id = c.text(c.row.trace); len(id) > 0 {
		return id, "trace_id"
	}
	return c.text(c.row.request), "request_id"
}

// collectTraces returns all traces of which a record is wanted.
func collectTraces(ctx context.Context, snap *snapshot, f *filter, seed maphash.Seed) []traceSum {
	all := newTraceSums()
	unfiltered := everything
	aggregate(ctx, snap, &unfiltered, newTraceSums,
		func(mine *traceSums, c *cursor) {
			if id, _ := c.traceID(); len(id) > 0 {
				if t := mine.of(maphash.Bytes(seed, id)); t != nil {
					t.add(c)
					t.wanted = t.wanted || f.wants(c)
				}
			}
		},
		func(mine *traceSums) {
			if len(all.list) == 0 {
				all = mine
				return
			}
			for i := range mine.list {
				if t := all.of(mine.list[i].hash); t != nil {
					t.merge(&mine.list[i])
				}
			}
		})
	return slices.DeleteFunc(all.list, func(t traceSum) bool { return !t.wanted || t.records < traceMinLen })
}

func (t *traceSum) add(c *cursor) {
	r := c.row
	t.records++
	t.worst = max(t.worst, r.level)
	if r.level >= levelError {
		t.errors++
	}
	start := r.time
	if r.route > 0 {
		start -= int64(float64(r.duration) * 1000)
		if r.duration > t.longest {
			t.longest, t.named = r.duration, c.id
		}
	}
	if t.longest < 0 && r.time < t.first {
		t.named = c.id
	}
	t.first, t.start, t.end = min(t.first, r.time), min(t.start, start), max(t.end, r.time)
}

func (t *traceSum) merge(other *traceSum) {
	t.records += other.records
	t.errors += other.errors
	t.wanted = t.wanted || other.wanted
	t.worst = max(t.worst, other.worst)
	if other.longest > t.longest || t.longest < 0 && other.first < t.first {
		t.longest, t.named = other.longest, other.named
	}
	t.first, t.start, t.end = min(t.first, other.first), min(t.start, other.start), max(t.end, other.end)
}

// describeTraces looks at the records of a few traces again, for their texts.
func describeTraces(ctx context.Context, snap *snapshot, sums []traceSum, seed maphash.Seed) []*trace {
	list := make([]*trace, len(sums))
	place := make(map[uint64]int, len(sums))
	for i, t := range sums {
		place[t.hash] = i
		list[i] = &trace{
			Level: t.worst.String(), Start: timestamp(t.start), End: timestamp(t.end), Duration: float64(t.end-t.start) / 1000,
			Records: int(t.records), Errors: int(t.errors), Services: []string{},
		}
	}
	var mu sync.Mutex // few records get to it
	unfiltered := everything
	aggregate(ctx, snap, &unfiltered, func() struct{} { return struct{}{} },
		func(_ struct{}, c *cursor) {
			id, key := c.traceID()
			if len(id) == 0 {
				return
			}
			i, ok := place[maphash.Bytes(seed, id)]
			if !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			t := list[i]
			t.ID, t.Key = string(id), key
			if c.id == sums[i].named {
				t.Name = string(c.texts().message)
				if route := c.route(); route != nil {
					t.Name, t.Status = route.method+" "+route.path, int(c.row.status)
				}
			}
			if service := c.labels().service; service != "" && !slices.Contains(t.Services, service) && len(t.Services) < maxTraceServices {
				t.Services = append(t.Services, service)
			}
		}, func(struct{}) {})
	for _, t := range list {
		slices.Sort(t.Services)
	}
	return list
}

var traceOrders = map[string]func(a, b traceSum) int{
	"newest":  func(a, b traceSum) int { return cmp.Compare(b.end, a.end) },
	"slowest": func(a, b traceSum) int { return cmp.Compare(b.end-b.start, a.end-a.start) },
	"longest": func(a, b traceSum) int { return cmp.Compare(b.records, a.records) },
}

// getTraces serves GET /api/traces.
func (v *Viewer) getTraces(w http.ResponseWriter, r *http.Request) {
	var limit int
	var order func(a, b traceSum) int
	s, ok := v.readScope(w, r, 1, func(p *params) {
		limit = int(p.number("limit", defaultLimit, 1, maxTraces))
		if order = traceOrders[cmp.Or(p.values.Get("sort"), "newest")]; order == nil {
			p.fail("sort", "newest, slowest or longest is needed")
		}
	})
	if !ok {
		return
	}
	sums := collectTraces(r.Context(), &s.snap, &s.filter, v.ring.seed)
	slices.SortFunc(sums, func(a, b traceSum) int {
		return cmp.Or(order(a, b), cmp.Compare(b.end, a.end), cmp.Compare(b.named, a.named))
	})
	total := len(sums)
	answerJSON(w, http.StatusOK, map[string]any{
		"traces": describeTraces(r.Context(), &s.snap, sums[:min(total, limit)], v.ring.seed), "total": total,
	})
}
