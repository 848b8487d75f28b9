package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

type answer = ingest.Answer

func detail(status int, text string) *answer { return ingest.Detail(status, text) }

const pathSpans = "/api/v1/ingest/spans/batch"

// A tamper bends how an otherwise normal request is processed. The zero value bends nothing.
type tamper struct {
	refuse func([]Entry) *answer // answers instead of validation
	reject func(Entry) bool      // rejects an entry that was valid
	lose   func(Entry) bool      // loses an entry after it was acknowledged
	first  *int                  // stores no more than this many entries
}

// An exchange is one request on its way through the server.
type exchange struct {
	s   *Server
	w   *statusWriter
	r   *http.Request
	ctx context.Context // ends when the client leaves or the server goes down
	up  context.Context // ends when the server goes down

	request *Request
	body    []byte        // after gzip; nil when there is a fault
	fault   error         // of the body: ingest.ErrGzip or ingest.ErrTooLarge
	batch   *ingest.Batch // what the body holds, when the path is one for entries
}

// Handler returns the server's handler, for a listener or a RoundTripper of your own.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if keys, ok := r.Context().Value(keysKey{}).([]string); ok && keys != nil {
		r.Header["X-Api-Key"] = keys
	}
	up, ok := s.begin()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(up, cancel)()
	x := &exchange{s: s, r: r, ctx: ctx, up: up, request: &Request{
		Time:     s.clock(),
		Method:   r.Method,
		Path:     r.URL.Path,
		Header:   r.Header.Clone(),
		Encoding: r.Header.Get("Content-Encoding"),
	}}
	x.w = &statusWriter{ResponseWriter: w, x: x}
	if !ok {
		x.cut()
		return
	}
	defer s.running.Done()

	var fault Fault
	var choose func(*Request) Fault
	if r.Method == http.MethodPost {
		fault, choose = s.nextFault()
	}
	if fault.early {
		x.record()
		fault.do(x)
		return
	}
	if !x.readBody() {
		x.record()
		x.cut()
		return
	}
	x.decode()
	x.record()
	if choose != nil {
		seen := x.request.clone()
		fault = choose(&seen)
	}
	x.meet(fault)
}

// record makes the request visible to [Server.Requests].
func (x *exchange) record() {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.requests = append(x.s.requests, x.request)
	x.s.wake()
}

// readBody reports whether the client sent its whole body.
func (x *exchange) readBody() bool {
	limit := x.s.maxMessage
	wire, err := io.ReadAll(io.LimitReader(x.r.Body, limit+1))
	if err != nil {
		return false
	}
	x.request.WireSize = len(wire)
	x.body, x.fault = ingest.Decompress(wire, x.request.Encoding, limit)
	x.request.Size = len(x.body)
	if x.s.keepBodies {
		x.request.Body = x.body
	}
	return true
}

// decode reads the body as its path says, so that faults can look at the entries before the server does.
func (x *exchange) decode() {
	path := x.r.URL.Path
	if x.fault != nil || x.r.Method != http.MethodPost || path != ingest.PathBatch && path != ingest.PathSingle && path != ingest.PathLogs {
		return
	}
	x.batch = ingest.Decode(ingest.Request{
		Path: path, ContentType: x.r.Header.Get("Content-Type"), Body: x.body, MaxBytes: x.s.maxMessage,
	}, x.s.clock())
	if entries := x.batch.Entries; entries != nil {
		x.request.Entries = make([]Entry, len(entries))
		for i := range entries {
			x.request.Entries[i] = newEntry(&entries[i])
		}
	}
}

// process takes the request through the server's checks in their order and stores what passes.
func (x *exchange) process(t tamper) *answer {
	s, path := x.s, x.r.URL.Path
	if s.maxBody > 0 && int64(x.request.WireSize) > s.maxBody {
		return htmlAnswer(http.StatusRequestEntityTooLarge)
	}
	if x.fault == ingest.ErrGzip {
		return detail(http.StatusBadRequest, "Invalid gzip body")
	}
	if path == "/health" || path == "/health/deep" {
		return x.route(t, Both)
	}

	s.mu.Lock()
	protocol := s.protocol
	now := s.clock()
	refused := authenticate(x.r.Header, s.keys)
	if refused == nil {
		refused = s.limits.admitRequest(now)
	}
	if refused == nil && (path != ingest.PathLogs || protocol&OTLP == 0) {
		refused = s.limits.checkQuota(now)
	}
	s.mu.Unlock()
	if refused != nil {
		return refused
	}

	a := x.route(t, protocol)
	if path == ingest.PathLogs && a.Status == http.StatusInternalServerError {
		return a // without the headers that a middleware adds to what the route returns
	}
	s.mu.Lock()
	s.limits.header(a.Header)
	s.mu.Unlock()
	return a
}

// route finds the endpoint among those the protocol has.
func (x *exchange) route(t tamper, protocol Protocol) *answer {
	endpoint, method := x.endpoint(x.r.URL.Path, protocol)
	switch {
	case endpoint == nil:
		if short, ok := strings.CutSuffix(x.r.URL.Path, "/"); ok {
			if endpoint, _ := x.endpoint(short, protocol); endpoint != nil {
				a := &answer{Status: http.StatusTemporaryRedirect, Header: http.Header{}}
				a.Header.Set("Location", "http://"+x.r.Host+short)
				return a
			}
		}
		return detail(http.StatusNotFound, "Not Found")
	case x.r.Method != method:
		a := detail(http.StatusMethodNotAllowed, "Method Not Allowed")
		a.Header.Set("Allow", method)
		return a
	case x.fault == ingest.ErrTooLarge:
		return ingest.QueueFull()
	default:
		return endpoint(t)
	}
}

func (x *exchange) endpoint(path string, protocol Protocol) (run func(tamper) *answer, method string) {
	switch {
	case path == ingest.PathBatch && protocol&Native != 0, path == ingest.PathSingle && protocol&Native != 0:
		return x.ingest, http.MethodPost
	case path == ingest.PathLogs && protocol&OTLP != 0:
		return x.ingest, http.MethodPost
	case path == pathSpans && protocol&Native != 0:
		return func(tamper) *answer {
			return ingest.Unprocessable(ingest.Problem{Type: "missing", Loc: []any{"body", "spans"}, Msg: "Field required"})
		}, http.MethodPost
	case path == "/health" || path == "/health/deep":
		return func(tamper) *answer { return ingest.JSON(http.StatusOK, map[string]string{"status": "healthy"}) }, http.MethodGet
	case path == "/api/v1/queue/depth":
		return func(tamper) *answer {
			return ingest.JSON(http.StatusOK, map[string]int{"project_id": 1, "queue_depth": 0})
		}, http.MethodGet
	case path == "/api/v1/settings":
		return func(tamper) *answer { return x.settings() }, http.MethodGet
	default:
		return nil, ""
	}
}

// ingest answers a request for entries that has passed the door.
func (x *exchange) ingest(t tamper) *answer {
	s, b := x.s, x.batch
	if t.refuse != nil {
		if a := t.refuse(x.request.Entries); a != nil {
			return a
		}
	}
	now := s.clock()
	b.Judge(now, func(i int) string {
		if t.reject != nil && t.reject(x.request.Entries[i]) {
			return "rejected by the test"
		}
		return ""
	})
	otlp := x.r.URL.Path == ingest.PathLogs
	if otlp && b.Refusal == nil {
		s.mu.Lock()
		a := s.limits.admitRecords(b, now)
		s.mu.Unlock()
		if a != nil {
			return a
		}
	}
	answer := b.Answer()
	if b.Refusal == nil {
		if late, stored := x.work(); late != nil {
			answer = late
			if t.first == nil || stored < *t.first {
				t.first = &stored
			}
		}
	}
	taken := x.store(t, otlp)
	if answer.Status == http.StatusAccepted {
		s.mu.Lock()
		*s.limits.usage(now) += taken
		s.mu.Unlock()
	}
	return answer
}

// store stores what the verdicts say, and returns how many entries were taken. Of a request that fails half way only
// the first are stored.
func (x *exchange) store(t tamper, otlp bool) (taken int) {
	s, b := x.s, x.batch
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	left := len(b.Entries)
	if t.first != nil {
		left = *t.first
	}
	for i := range b.Entries {
		e := &b.Entries[i]
		if o := e.Verdict.Outcome; o == ingest.Rejected || o == ingest.Refused {
			continue
		}
		taken++
		if left--; left < 0 {
			continue
		}
		entry := x.request.Entries[i]
		entry.Notes = notes(e)
		if e.Verdict.Outcome == ingest.Lost || t.lose != nil && t.lose(entry) {
			s.stored.lost = append(s.stored.lost, entry)
			continue
		}
		fallback := ""
		if otlp {
			fallback = e.Identity()
		}
		s.stored.add(entry, otlp, fallback)
		if e.Verdict.BreaksAnalytics {
			s.stored.breaking = append(s.stored.breaking, entry)
		}
	}
	return taken
}

// settings answers with the parts a client may configure itself by.
func (x *exchange) settings() *answer {
	s := x.s
	s.mu.Lock()
	defer s.mu.Unlock()
	used := *s.limits.usage(s.clock())
	return ingest.JSON(http.StatusOK, map[string]any{
		"project_id": 1, "project_name": "test", "project_slug": "test", "environment": "test",
		"rate_limits": map[string]int{"requests_per_minute": s.limits.perMinute, "requests_per_hour": s.limits.perHour},
		"quotas":      map[string]int{"daily_quota": s.limits.quota, "daily_usage": used, "quota_remaining": s.limits.quota - used},
		"constraints": map[string]int{
			"max_batch_size": ingest.MaxEntries, "max_message_length": 10000, "max_error_message_length": 5000,
			"max_stack_trace_length": 50000, "max_attributes_size_bytes": 102400, // as wrong as the real one
		},
		"features": map[string]bool{"compression": false}, // likewise
	})
}

// hang keeps the connection open and silent until the client leaves or the server goes down.
func (x *exchange) hang() {
	<-x.ctx.Done()
	x.cut()
}

// cut resets the connection.
func (x *exchange) cut() {
	conn, _, err := http.NewResponseController(x.w.ResponseWriter).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		err = tcp.SetLinger(0) // a reset instead of an orderly end
	}
	_ = errors.Join(err, conn.Close()) // it is gone either way
}

// statusWriter notes the status in the request's record before the client can see it.
type statusWriter struct {
	http.ResponseWriter
	x     *exchange
	wrote bool
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.wrote && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.wrote = true
		w.Header().Set("Date", w.x.s.clock().UTC().Format(http.TimeFormat))
		w.x.s.mu.Lock()
		w.x.request.Status = status
		w.x.s.mu.Unlock()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) flush() error { return http.NewResponseController(w.ResponseWriter).Flush() }

// withBody returns the request with its body to be read again, after gzip.
func (x *exchange) withBody() *http.Request {
	r := x.r.Clone(x.r.Context())
	r.Body = io.NopCloser(bytes.NewReader(x.body))
	r.ContentLength = int64(len(x.body))
	r.Header.Del("Content-Encoding")
	return r
}
