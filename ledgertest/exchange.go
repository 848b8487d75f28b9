package ledgertest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// maxMessage is the real server's own cap on a message between its parts, and ours on a body before and after gzip.
const maxMessage = 100 << 20

// An answer is what the server says to one request.
type answer struct {
	status int
	header http.Header
	body   []byte
	hang   bool // never say it
}

func jsonAnswer(status int, body []byte) *answer {
	return &answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

func detail(status int, text string) *answer {
	return jsonAnswer(status, encodeJSON(map[string]string{"detail": text}))
}

func queueFull() *answer {
	a := detail(http.StatusServiceUnavailable, "Service temporarily unavailable - queue full")
	a.header.Set("Retry-After", "60")
	return a
}

// A tamper bends how an otherwise normal request is processed. The zero value bends nothing.
type tamper struct {
	refuse func([]Entry) *answer // answers instead of validation
	reject func(Entry) bool      // rejects an entry that was valid
	lose   func(Entry) bool      // loses an entry after it was acknowledged
	first  *int                  // stores no more than this many entries
}

// An exchange is one request on its way through the server.
type exchange struct {
	s    *Server
	w    *statusWriter
	r    *http.Request
	gone <-chan struct{} // closed when the server goes down

	request  *Request
	body     []byte // after gzip
	badGzip  bool
	tooLarge bool
	native   *nativeBatch // what the body holds when the path is one of the native protocol
	otlp     *otlpBatch   // the same for OTLP
}

// Handler returns the server's handler, for a listener or a RoundTripper of your own.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	gone, ok := s.begin()
	x := &exchange{s: s, r: r, gone: gone, request: &Request{
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
	defer s.handlers.Done()

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
	x.body = wire
	x.tooLarge = int64(len(wire)) > limit
	if strings.EqualFold(x.request.Encoding, "gzip") && !x.tooLarge {
		x.body, err = gunzip(wire, limit)
		x.badGzip = err != nil
		x.tooLarge = int64(len(x.body)) > limit
	}
	if x.tooLarge {
		x.body = nil
	}
	x.request.Size = len(x.body)
	if x.s.keepBodies {
		x.request.Body = x.body
	}
	return true
}

// gunzip returns at most one byte more than limit.
func gunzip(wire []byte, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(wire))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, limit+1))
}

// decode reads the body as its path says, so that faults can look at the entries before the server does.
func (x *exchange) decode() {
	if x.badGzip || x.tooLarge || x.r.Method != http.MethodPost {
		return
	}
	switch contentType := x.r.Header.Get("Content-Type"); x.r.URL.Path {
	case pathBatch, pathSingle:
		x.native = decodeNative(x.body, contentType, x.r.URL.Path == pathSingle)
		x.request.Entries = x.native.entries()
	case pathLogs:
		x.otlp = decodeOTLP(x.body, contentType, x.s.clock())
		x.request.Entries = x.otlp.entries()
	}
}

// process takes the request through the server's checks in their order and stores what passes.
func (x *exchange) process(t tamper) *answer {
	s, path := x.s, x.r.URL.Path
	if s.maxBody > 0 && int64(x.request.WireSize) > s.maxBody {
		return htmlAnswer(http.StatusRequestEntityTooLarge)
	}
	if x.badGzip {
		return detail(http.StatusBadRequest, "Invalid gzip body")
	}
	if strings.HasPrefix(path, "/health") {
		return x.route(t, Both)
	}

	s.mu.Lock()
	protocol := s.protocol
	now := s.clock()
	refused := authenticate(x.r.Header, func(key string) bool { return slices.Contains(s.keys, key) })
	if refused == nil {
		refused = s.limits.admitRequest(now)
	}
	if refused == nil && (path != pathLogs || protocol&OTLP == 0) {
		refused = s.limits.checkQuota(now)
	}
	s.mu.Unlock()
	if refused != nil {
		return refused
	}

	a := x.route(t, protocol)
	s.mu.Lock()
	s.limits.header(a.header)
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
				a := &answer{status: http.StatusTemporaryRedirect, header: http.Header{}}
				a.header.Set("Location", "http://"+x.r.Host+short)
				return a
			}
		}
		return detail(http.StatusNotFound, "Not Found")
	case x.r.Method != method:
		a := detail(http.StatusMethodNotAllowed, "Method Not Allowed")
		a.header.Set("Allow", method)
		return a
	case x.tooLarge:
		return queueFull()
	default:
		return endpoint(t)
	}
}

func (x *exchange) endpoint(path string, protocol Protocol) (run func(tamper) *answer, method string) {
	switch {
	case path == pathBatch && protocol&Native != 0, path == pathSingle && protocol&Native != 0:
		return x.ingestNative, http.MethodPost
	case path == pathLogs && protocol&OTLP != 0:
		return x.ingestOTLP, http.MethodPost
	case path == "/health" || path == "/health/deep":
		return func(tamper) *answer { return jsonAnswer(http.StatusOK, []byte(`{"status":"healthy"}`)) }, http.MethodGet
	case path == "/api/v1/queue/depth":
		return func(tamper) *answer {
			return jsonAnswer(http.StatusOK, []byte(`{"project_id":1,"queue_depth":0}`))
		}, http.MethodGet
	case path == "/api/v1/settings":
		return func(tamper) *answer { return x.settings() }, http.MethodGet
	default:
		return nil, ""
	}
}

// settings answers with the parts a client may configure itself by.
func (x *exchange) settings() *answer {
	s := x.s
	s.mu.Lock()
	defer s.mu.Unlock()
	used := *s.limits.usage(s.clock())
	return jsonAnswer(http.StatusOK, encodeJSON(map[string]any{
		"project_id": 1, "project_name": "test", "project_slug": "test", "environment": "test",
		"rate_limits": map[string]int{"requests_per_minute": s.limits.perMinute, "requests_per_hour": s.limits.perHour},
		"quotas":      map[string]int{"daily_quota": s.limits.quota, "daily_usage": used, "quota_remaining": s.limits.quota - used},
		"constraints": map[string]int{
			"max_batch_size": maxBatch, "max_message_length": 10000, "max_error_message_length": 5000,
			"max_stack_trace_length": 50000, "max_attributes_size_bytes": 102400, // as wrong as the real one
		},
		"features": map[string]bool{"compression": false}, // likewise
	}))
}

// send writes a, or hangs if that is what a says.
func (x *exchange) send(a *answer) {
	if a.hang {
		x.hang()
		return
	}
	for name, values := range a.header {
		x.w.Header()[name] = values
	}
	x.w.WriteHeader(a.status)
	_, _ = x.w.Write(a.body) // a client that has left is its own affair
}

// hang keeps the connection open and silent until the client leaves or the server goes down.
func (x *exchange) hang() {
	select {
	case <-x.r.Context().Done():
	case <-x.gone:
	}
	x.cut()
}

// cut resets the connection.
func (x *exchange) cut() {
	if c, ok := x.w.ResponseWriter.(interface{ cut() }); ok {
		c.cut()
		return
	}
	conn, _, err := http.NewResponseController(x.w.ResponseWriter).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
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
	if !w.wrote && status >= 200 {
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
