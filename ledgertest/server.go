package ledgertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// APIKey is the key a server accepts unless [WithAPIKeys] says otherwise. It has the form of a real one.
const APIKey = "ledger_TestKey-0123456789_abcdefghijklmnopqrstuvwx"

// Limits a server starts with, those of a real server's defaults.
const (
	DefaultPerMinute  = 1000
	DefaultPerHour    = 50000
	DefaultDailyQuota = 100000
)

// DefaultIdleTimeout is when a server closes an idle connection, as the real one does.
const DefaultIdleTimeout = 5 * time.Second

// A Protocol says which generation of the API a server speaks.
type Protocol int

const (
	Native Protocol        = 1 << iota // POST /api/v1/ingest/batch and /single; servers before 2.0
	OTLP                               // POST /v1/logs; servers from 2.0 on
	Both   = Native | OTLP             // no real server does, a deployment in progress looks like it
)

// A Server is a Ledger server for tests. Make one with [New] in a test, or with [NewServer]. Its methods are safe for
// concurrent use.
type Server struct {
	// URL is the base URL, without a trailing slash. It stays the same over [Server.Stop] and [Server.Start].
	URL string

	addr       string // to listen on; once listening, the address with its port
	inMemory   bool
	maxBody    int64 // 0 means no proxy in front
	maxMessage int64 // ingest.MaxBody, less in a test of ours
	keepBodies bool
	idle       time.Duration
	clock      func() time.Time

	works works

	life    sync.Mutex     // held by Start, Stop and Close
	running sync.WaitGroup // the listener and the handlers

	mu       sync.Mutex
	http     *http.Server
	protocol Protocol
	keys     []string
	limits   limits
	stored   stored
	requests []*Request
	script   []Fault
	always   Fault
	choose   func(*Request) Fault
	changed  chan struct{}   // closed and replaced whenever stored or requests change
	up       context.Context // done while the server is down
	down     func()
}

// An Option changes how a server starts.
type Option func(*Server)

// WithAPIKeys replaces the accepted keys. With none, every request is refused.
func WithAPIKeys(keys ...string) Option { return func(s *Server) { s.keys = slices.Clone(keys) } }

// WithProtocol sets the protocol spoken at first, [Native] by default.
func WithProtocol(p Protocol) Option { return func(s *Server) { s.protocol = p } }

// WithRateLimits sets how many requests, and under OTLP records, a minute and an hour may have; zero or less means
// no limit. The defaults are [DefaultPerMinute] and [DefaultPerHour].
func WithRateLimits(perMinute, perHour int) Option {
	return func(s *Server) { s.limits.perMinute, s.limits.perHour = perMinute, perHour }
}

// WithDailyQuota sets how many entries a UTC day may have; zero or less means no limit. The default is
// [DefaultDailyQuota].
func WithDailyQuota(entries int) Option { return func(s *Server) { s.limits.quota = entries } }

// WithClock sets the time by which limits, quotas and timestamps are judged and which the Date header tells. The
// default is time.Now. It is called from many goroutines.
func WithClock(now func() time.Time) Option { return func(s *Server) { s.clock = now } }

// WithMaxBodyBytes makes the server answer 413, as a proxy before it would, to a body of more than n bytes as sent.
// Zero or less means that no proxy is there.
func WithMaxBodyBytes(n int64) Option { return func(s *Server) { s.maxBody = max(0, n) } }

// WithAddr sets the address to listen on. The default is a free port of 127.0.0.1.
func WithAddr(addr string) Option { return func(s *Server) { s.addr = addr } }

// WithIdleTimeout sets after what time an idle connection is closed. Zero or less means [DefaultIdleTimeout].
// It is measured by the real clock.
func WithIdleTimeout(d time.Duration) Option {
	return func(s *Server) {
		if s.idle = d; d <= 0 {
			s.idle = DefaultIdleTimeout
		}
	}
}

// WithBodies keeps the body of every request for [Server.Requests].
func WithBodies() Option { return func(s *Server) { s.keepBodies = true } }

// InMemory makes a server without a listener, to be reached by [Server.Transport] or [Server.Handler]. Its URL is fit
// for requests through Transport; nothing listens there. It starts no goroutine of its own and so can be used in a
// testing/synctest bubble, where it must be made inside the bubble.
func InMemory() Option { return func(s *Server) { s.inMemory, s.URL = true, "http://127.0.0.1:1" } }

// NewServer starts a server on loopback. Like httptest.NewServer it panics when it cannot listen.
// The caller must Close it; [New] does that by itself.
func NewServer(opts ...Option) *Server {
	s := &Server{
		addr:       "127.0.0.1:0",
		maxMessage: ingest.MaxBody,
		clock:      time.Now,
		idle:       DefaultIdleTimeout,
		protocol:   Native,
		keys:       []string{APIKey},
		limits:     limits{perMinute: DefaultPerMinute, perHour: DefaultPerHour, quota: DefaultDailyQuota},
		changed:    make(chan struct{}),
	}
	for _, o := range opts {
		if o != nil {
			o(s)
		}
	}
	s.Start()
	return s
}

// NewInMemory is [NewServer] with the option [InMemory].
func NewInMemory(opts ...Option) *Server {
	return NewServer(append(slices.Clip(opts), InMemory())...)
}

// Start brings the server up again after [Server.Stop], on the same port and with everything it had stored. It does
// nothing to a server that is up, and panics when the port is taken.
func (s *Server) Start() {
	s.life.Lock()
	defer s.life.Unlock()
	if s.isUp() {
		return
	}
	srv := &http.Server{Handler: s.Handler(), IdleTimeout: s.idle, ConnContext: withKeys}
	if s.inMemory {
		srv.SetKeepAlivesEnabled(false)
	} else {
		listener, err := net.Listen("tcp", s.addr)
		if err != nil {
			panic(fmt.Sprintf("ledgertest: listen: %v", err))
		}
		s.addr = listener.Addr().String()
		if s.URL == "" {
			s.URL = "http://" + s.addr
		}
		s.running.Go(func() { _ = srv.Serve(listener) }) // always an error: the server was closed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.http = srv
	s.up, s.down = context.WithCancel(context.Background())
}

// Stop takes the server down: open connections are cut, new ones refused, until [Server.Start]. What was stored is
// kept. It returns when no request is being handled any more, so it must not be called by a fault.
func (s *Server) Stop() {
	s.life.Lock()
	defer s.life.Unlock()
	if !s.isUp() {
		return
	}
	s.mu.Lock()
	s.down()
	s.mu.Unlock()
	_ = s.http.Close() // the listener's error would not help anyone
	s.running.Wait()
}

// Close is [Server.Stop] for good. What was stored can still be read. Closing twice does nothing.
func (s *Server) Close() { s.Stop() }

func (s *Server) isUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up != nil && s.up.Err() == nil
}

// Reset forgets entries, requests, faults and all that was counted towards limits and quota. Settings stay.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored, s.requests = stored{}, nil
	s.script, s.always, s.choose = nil, Fault{}, nil
	s.limits = limits{perMinute: s.limits.perMinute, perHour: s.limits.perHour, quota: s.limits.quota}
	s.wake()
}

// SetProtocol changes the protocol spoken from the next request on.
func (s *Server) SetProtocol(p Protocol) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.protocol = p
}

// SetAPIKeys replaces the accepted keys from the next request on. Unlike a real server it remembers neither good
// nor bad keys for a while.
func (s *Server) SetAPIKeys(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = slices.Clone(keys)
}

// SetRateLimits changes the limits of [WithRateLimits]; what was counted stays counted.
func (s *Server) SetRateLimits(perMinute, perHour int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits.perMinute, s.limits.perHour = perMinute, perHour
}

// SetDailyQuota changes the limit of [WithDailyQuota] and sets how much of it is used today.
func (s *Server) SetDailyQuota(entries, used int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits.quota = entries
	*s.limits.usage(s.clock()) = used
}

// begin admits one request to a server that is up, which is then the case until up ends.
func (s *Server) begin() (up context.Context, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok = s.up.Err() == nil; ok {
		s.running.Add(1)
	}
	return s.up, ok
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
