package ledgerview

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// maxRuns is how many runs are remembered. Of more the one that was seen longest ago is forgotten.
const maxRuns = 1000

// A run is one process of a service, from its start to its end, as far as its records give it away:
//
//   - The SDKs for Go begin every log_id with 16 characters that are made once a handler, then a dash and a number.
//   - OTLP loggers may say service.instance.id, or process.pid.
//   - Lines of one pipe are one run, and so are the records of one file.
//
// A service that tells nothing of the kind has one run.
type run struct {
	Run         uint32    `json:"run"`
	Service     string    `json:"service"`
	Release     string    `json:"release"`
	Environment string    `json:"environment"`
	Protocol    string    `json:"protocol"`
	FirstSeen   timestamp `json:"first_seen"`
	LastSeen    timestamp `json:"last_seen"`
	Count       int       `json:"count"`
	First       uint64    `json:"first_id"`

	key runKey
}

type runKey struct{ service, instance string }

// runs gives numbers to runs, in the order in which they are seen.
type runs struct {
	mu       sync.Mutex
	last     uint32
	byKey    map[runKey]*run
	byNumber map[uint32]*run
}

func newRuns() *runs { return &runs{byKey: make(map[runKey]*run), byNumber: make(map[uint32]*run)} }

// instanceOf returns what tells a record's process from others.
func instanceOf(r *record) string {
	const prefix = 16
	if len(r.logID) == prefix+1+16 && r.logID[prefix] == '-' {
		return r.logID[:prefix]
	}
	for _, name := range []string{"service.instance.id", "process.pid"} {
		if v := member(r.attributes, name); len(v) > 0 && len(v) <= 200 {
			return strings.Trim(string(v), `"`)
		}
	}
	return ""
}

// number returns the run of a record; instance is "" when nothing tells it.
func (s *runs) number(r *record, instance string) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := runKey{r.labels.service, instance}
	known := s.byKey[key]
	if known == nil {
		if len(s.byKey) >= maxRuns {
			s.forgetOldest()
		}
		s.last++
		known = &run{
			Run: s.last, Service: r.labels.service, Release: r.labels.release, Environment: r.labels.environment,
			Protocol: r.labels.protocol,
		}
		known.Service, known.Release = strings.Clone(known.Service), strings.Clone(known.Release)
		known.Environment = strings.Clone(known.Environment)
		key = runKey{known.Service, strings.Clone(instance)}
		known.key = key
		s.byKey[key], s.byNumber[s.last] = known, known
	}
	return known.Run
}

// stored notes records that the ring has taken.
func (s *runs) stored(records []packed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range records {
		p := &records[i]
		r := s.byNumber[p.run]
		if r == nil || p.id == 0 {
			continue
		}
		at := timestamp(p.time)
		if r.Count == 0 {
			r.First, r.FirstSeen, r.LastSeen = p.id, at, at
		}
		r.FirstSeen, r.LastSeen = min(r.FirstSeen, at), max(r.LastSeen, at)
		r.Count++
	}
}

func (s *runs) forgetOldest() {
	var oldest *run
	for _, r := range s.byKey {
		if oldest == nil || r.LastSeen < oldest.LastSeen {
			oldest = r
		}
	}
	delete(s.byKey, oldest.key)
	delete(s.byNumber, oldest.Run)
}

// forget begins to count anew. A process that goes on keeps its number.
func (s *runs) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.byKey {
		r.Count = 0
	}
}

// list returns copies of the runs with records, the newest first.
func (s *runs) list() []run {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]run, 0, len(s.byKey))
	for _, r := range s.byKey {
		if r.Count > 0 {
			list = append(list, *r)
		}
	}
	slices.SortFunc(list, func(a, b run) int { return cmp.Compare(b.Run, a.Run) })
	return list
}

// getRuns serves GET /api/runs.
func (v *Viewer) getRuns(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]any{"runs": v.runs.list()})
}
