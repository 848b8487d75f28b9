package ledgerview

import (
	"encoding/json"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// Limits of the API.
const (
	defaultLimit = 200
	maxLimit     = 10000
	maxBuckets   = 2000
)

// getRecords serves GET /api/records.
func (v *Viewer) getRecords(w http.ResponseWriter, r *http.Request) {
	p := readParams(r)
	f := p.filter()
	limit := int(p.number("limit", defaultLimit, 1, maxLimit))
	after := p.number("after", 0, 0, 1<<63)
	before := p.number("before", 1<<63, 0, 1<<63)
	up := p.values.Get("after") != ""
	if p.err != nil {
		answerFault(w, p.err)
		return
	}
	snap := v.ring.snapshot(after + 1)
	hits, scanned := search(r.Context(), &snap, &f, after, before, limit+1, up)
	more := len(hits) > limit
	hits = hits[:min(len(hits), limit)]

	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	b := append(make([]byte, 0, 32<<10), `{"records":[`...)
	var c cursor
	for i, h := range hits {
		if i > 0 {
			b = append(b, ',')
		}
		c.move(h.view, h.at)
		b = c.appendRecord(b, v.sources.own)
		if len(b) > maxEventLen {
			extendWrite(control)
			if _, err := w.Write(b); err != nil {
				panic(http.ErrAbortHandler) // half an answer must not look like a whole one
			}
			b = b[:0]
		}
	}
	b = append(b, `],`...)
	rest, err := json.Marshal(struct {
		Scanned int  `json:"scanned"`
		More    bool `json:"more"`
	}{scanned, more})
	if err == nil {
		b = append(b, rest[1:]...)
	}
	extendWrite(control)
	_, _ = w.Write(append(b, '\n'))
}

// deleteRecords serves DELETE /api/records.
func (v *Viewer) deleteRecords(w http.ResponseWriter, _ *http.Request) {
	v.ring.forget()
	v.runs.forget()
	w.WriteHeader(http.StatusNoContent)
}

// scope is what most of the API's questions begin with.
type scope struct {
	filter filter
	snap   snapshot
	line   timeline // without buckets when there is nothing to show
}

// readScope reads the parameters of a question about many records. It answers itself, and returns false, when there is
// a fault in them; check may read more of them before.
func (v *Viewer) readScope(w http.ResponseWriter, r *http.Request, buckets int, check func(*params)) (s scope, ok bool) {
	p := readParams(r)
	s.filter = p.filter()
	n := int(p.number("buckets", uint64(buckets), 1, maxBuckets))
	if check != nil {
		check(p)
	}
	if p.err != nil {
		answerFault(w, p.err)
		return s, false
	}
	s.snap = v.ring.snapshot(0)
	from, to, some := s.filter.window(&s.snap)
	if s.line = (timeline{from: from, to: to}); some {
		s.line.buckets = n
	}
	return s, true
}

// getHistogram serves GET /api/histogram.
func (v *Viewer) getHistogram(w http.ResponseWriter, r *http.Request) {
	s, ok := v.readScope(w, r, 60, nil)
	if !ok {
		return
	}
	type bucket struct {
		Time     timestamp `json:"time"`
		Debug    int       `json:"debug"`
		Info     int       `json:"info"`
		Warning  int       `json:"warning"`
		Error    int       `json:"error"`
		Critical int       `json:"critical"`
	}
	answer := struct {
		From    timestamp `json:"from"`
		To      timestamp `json:"to"`
		Buckets []bucket  `json:"buckets"`
	}{timestamp(s.line.from), timestamp(s.line.to), []bucket{}}
	if s.line.buckets > 0 {
		for i, n := range histogram(r.Context(), &s.snap, &s.filter, &s.line) {
			answer.Buckets = append(answer.Buckets, bucket{
				timestamp(s.line.start(i)), n[levelDebug], n[levelInfo], n[levelWarning], n[levelError], n[levelCritical],
			})
		}
	}
	answerJSON(w, http.StatusOK, answer)
}

// getErrors serves GET /api/errors.
func (v *Viewer) getErrors(w http.ResponseWriter, r *http.Request) {
	s, ok := v.readScope(w, r, 36, nil)
	if !ok {
		return
	}
	answerJSON(w, http.StatusOK, struct {
		From   timestamp `json:"from"`
		To     timestamp `json:"to"`
		Groups []*group  `json:"groups"`
	}{timestamp(s.line.from), timestamp(s.line.to), groupErrors(r.Context(), &s.snap, &s.filter, &s.line)})
}

// getRoutes serves GET /api/routes.
func (v *Viewer) getRoutes(w http.ResponseWriter, r *http.Request) {
	s, ok := v.readScope(w, r, 1, nil)
	if !ok {
		return
	}
	answerJSON(w, http.StatusOK, struct {
		From   timestamp     `json:"from"`
		To     timestamp     `json:"to"`
		Routes []*routeStats `json:"routes"`
	}{timestamp(s.line.from), timestamp(s.line.to), summarizeRoutes(r.Context(), &s.snap, &s.filter)})
}

// getLatency serves GET /api/latency.
func (v *Viewer) getLatency(w http.ResponseWriter, r *http.Request) {
	var points int
	s, ok := v.readScope(w, r, 60, func(p *params) { points = int(p.number("points", 0, 0, maxLimit)) })
	if !ok {
		return
	}
	buckets, newest := []latencyBucket{}, []latencyPoint{}
	if s.line.buckets > 0 {
		buckets, newest = latency(r.Context(), &s.snap, &s.filter, &s.line, points)
	}
	answerJSON(w, http.StatusOK, struct {
		From    timestamp       `json:"from"`
		To      timestamp       `json:"to"`
		Buckets []latencyBucket `json:"buckets"`
		Points  []latencyPoint  `json:"points"`
	}{timestamp(s.line.from), timestamp(s.line.to), buckets, newest})
}

// getStats serves GET /api/stats.
func (v *Viewer) getStats(w http.ResponseWriter, _ *http.Request) {
	st := v.ring.stats(time.Now())
	answerJSON(w, http.StatusOK, struct {
		Received    uint64      `json:"received"`
		Kept        uint64      `json:"kept"`
		Evicted     uint64      `json:"evicted"`
		Refused     uint64      `json:"refused"`
		Redelivered uint64      `json:"redelivered"`
		Bytes       int         `json:"bytes"`
		MaxBytes    int         `json:"max_bytes"`
		Rate        float64     `json:"rate"`
		Fault       *faultState `json:"fault"`
		Streams     int64       `json:"streams"`
		First       uint64      `json:"first_id"`
		Last        uint64      `json:"last_id"`
	}{
		st.received, st.kept, st.evicted, st.refused, st.redelivered, st.bytes, v.ring.maxBytes, st.rate,
		v.faults.current(time.Now()), v.streams.Load(), st.first, st.last,
	})
}

// getConfig serves GET /api/config.
func (v *Viewer) getConfig(w http.ResponseWriter, r *http.Request) {
	address := ""
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		address = local.String()
	}
	forward := ""
	if v.options.Forward != nil {
		forward = v.options.Forward.Redacted()
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	answerJSON(w, http.StatusOK, map[string]any{
		"version": version(), "started": timestamp(v.started.UnixMicro()), "address": address, "api_key": APIKey,
		"base_url": scheme + r.Host, "source": v.sources.root != nil, "forward": forward, "max_bytes": v.ring.maxBytes,
	})
}

// version is that of the module, as far as the build knows it.
func version() string {
	const module = "github.com/ledger-sdk/ledger-go"
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if build.Main.Path == module {
		return build.Main.Version
	}
	for _, m := range build.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown"
}
