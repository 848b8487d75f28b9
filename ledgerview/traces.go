package ledgerview

import (
	"cmp"
	"context"
	"net/http"
	"slices"
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

	wanted  bool // by the query
	worst   level
	longest float32 // duration of the request that gave the name
	first   int64
}

const (
	maxTraces   = 1000
	manyTraces  = 200000 // that are collected; of more, those of the oldest records are left out
	traceMinLen = 2

	maxTraceServices = 50
)

// traceID returns what a record's trace is known by.
func (c *cursor) traceID() (id []byte, key string) {
	if id = c.text(c.row.trace); len(id) > 0 {
		return id, "trace_id"
	}
	return c.text(c.row.request), "request_id"
}

// collectTraces returns all traces of which a record is wanted.
func collectTraces(ctx context.Context, snap *snapshot, f *filter) []*trace {
	all := map[string]*trace{}
	unfiltered := everything
	aggregate(ctx, snap, &unfiltered,
		func() map[string]*trace { return map[string]*trace{} },
		func(mine map[string]*trace, c *cursor) {
			id, key := c.traceID()
			if len(id) == 0 {
				return
			}
			t := mine[string(id)]
			if t == nil {
				if len(mine) == manyTraces {
					return
				}
				t = &trace{ID: string(id), Key: key, first: maxTime, Start: maxTime, End: minTime, longest: -1, Services: []string{}}
				mine[t.ID] = t
			}
			t.add(c)
			t.wanted = t.wanted || f.wants(c)
		},
		func(mine map[string]*trace) {
			for id, t := range mine {
				if have := all[id]; have != nil {
					have.merge(t)
				} else {
					all[id] = t
				}
			}
		})
	traces := make([]*trace, 0, len(all))
	for _, t := range all {
		if t.wanted && t.Records >= traceMinLen {
			slices.Sort(t.Services)
			t.Level = t.worst.String()
			t.Duration = float64(t.End-t.Start) / 1000
			traces = append(traces, t)
		}
	}
	return traces
}

func (t *trace) add(c *cursor) {
	r, l := c.row, c.labels()
	t.Records++
	t.worst = max(t.worst, r.level)
	if r.level >= levelError {
		t.Errors++
	}
	t.seen(l.service)
	start := r.time
	if route := c.route(); route != nil {
		start -= int64(float64(r.duration) * 1000)
		if r.duration > t.longest {
			t.longest, t.Status, t.Name = r.duration, int(r.status), route.method+" "+route.path
		}
	}
	if t.longest < 0 && r.time < t.first {
		t.Name = string(c.texts().message)
	}
	t.first = min(t.first, r.time)
	t.Start, t.End = min(t.Start, timestamp(start)), max(t.End, timestamp(r.time))
}

func (t *trace) seen(service string) {
	if service != "" && !slices.Contains(t.Services, service) && len(t.Services) < maxTraceServices {
		t.Services = append(t.Services, service)
	}
}

func (t *trace) merge(other *trace) {
	t.Records += other.Records
	t.Errors += other.Errors
	t.wanted = t.wanted || other.wanted
	t.worst = max(t.worst, other.worst)
	if other.longest > t.longest || t.longest < 0 && other.first < t.first {
		t.longest, t.Status, t.Name = other.longest, other.Status, other.Name
	}
	t.first = min(t.first, other.first)
	t.Start, t.End = min(t.Start, other.Start), max(t.End, other.End)
	for _, s := range other.Services {
		t.seen(s)
	}
}

var traceOrders = map[string]func(a, b *trace) int{
	"newest":  func(a, b *trace) int { return cmp.Compare(b.End, a.End) },
	"slowest": func(a, b *trace) int { return cmp.Compare(b.Duration, a.Duration) },
	"longest": func(a, b *trace) int { return cmp.Compare(b.Records, a.Records) },
}

// getTraces serves GET /api/traces.
func (v *Viewer) getTraces(w http.ResponseWriter, r *http.Request) {
	var limit int
	var order func(a, b *trace) int
	s, ok := v.readScope(w, r, 1, func(p *params) {
		limit = int(p.number("limit", defaultLimit, 1, maxTraces))
		if order = traceOrders[cmp.Or(p.values.Get("sort"), "newest")]; order == nil {
			p.fail("sort", "newest, slowest or longest is needed")
		}
	})
	if !ok {
		return
	}
	traces := collectTraces(r.Context(), &s.snap, &s.filter)
	slices.SortFunc(traces, func(a, b *trace) int { return cmp.Or(order(a, b), cmp.Compare(b.End, a.End), cmp.Compare(a.ID, b.ID)) })
	answerJSON(w, http.StatusOK, map[string]any{"traces": traces[:min(len(traces), limit)], "total": len(traces)})
}
