package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// newReal returns a handler that speaks over real connections to url.
func newReal(t *testing.T, url string, change func(*ledger.Options)) (*ledger.Handler, *noteTaker) {
	t.Helper()
	notes := &noteTaker{}
	opts := &ledger.Options{APIKey: ledgertest.APIKey, BaseURL: url, Diagnostics: notes, RetryBackoff: 20 * time.Millisecond, NetworkBackoff: 20 * time.Millisecond, BreakerDelay: 100 * time.Millisecond}
	if change != nil {
		change(opts)
	}
	h, err := ledger.NewHandler(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = h.Shutdown(ctx)
	})
	return h, notes
}

func flushed(t *testing.T, h *ledger.Handler) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := h.Flush(ctx); err != nil {
		t.Fatalf("%v; %+v", err, h.Metrics())
	}
}

func TestRequestsAreWhatTheServerTakes(t *testing.T) {
	server := ledgertest.NewServer(ledgertest.WithBodies())
	defer server.Close()
	h, _ := newReal(t, server.URL+"/", nil)
	for i := range 500 {
		slog.New(h).Info("request served", "n", i, "path", "/checkout")
	}
	flushed(t, h)
	requests := server.Requests()
	if len(requests) != 1 || requests[0].Status != 202 {
		t.Fatalf("requests: %+v", requests)
	}
	r := requests[0]
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Content-Encoding": "gzip", "User-Agent": "ledger-sdk-go/" + ledger.Version,
		"Authorization": "Bearer " + ledgertest.APIKey, "X-Api-Key": ledgertest.APIKey,
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r.Path != "/api/v1/ingest/batch" || r.Method != "POST" {
		t.Errorf("%s %s", r.Method, r.Path)
	}
	if r.WireSize > r.Size/5 {
		t.Errorf("%d bytes on the wire of %d", r.WireSize, r.Size)
	}
}

func TestCompressionCanBeSwitchedOff(t *testing.T) {
	server := ledgertest.NewServer()
	defer server.Close()
	h, _ := newReal(t, server.URL, func(o *ledger.Options) { o.DisableCompression = true })
	slog.New(h).Info("plain")
	flushed(t, h)
	if r := server.Requests()[0]; r.Encoding != "" || r.WireSize != r.Size {
		t.Errorf("request %+v", r)
	}
}

// The server's oldest generation does not know gzip, and answers 400 to all of it.
func TestServerWithoutGzipCostsNoEntry(t *testing.T) {
	server := ledgertest.NewServer()
	defer server.Close()
	server.SetFault(func(r *ledgertest.Request) ledgertest.Fault {
		if r.Encoding == "gzip" {
			return ledgertest.Status(400, `{"detail":"There was an error parsing the body"}`)
		}
		return ledgertest.OK()
	})
	h, notes := newReal(t, server.URL, nil)
	for range 10 {
		slog.New(h).Info("old server")
	}
	flushed(t, h)
	slog.New(h).Info("once more")
	flushed(t, h)
	if n := len(server.Entries()); n != 11 {
		t.Errorf("%d entries, want 11", n)
	}
	if n := len(server.Requests()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	for began := time.Now(); !strings.Contains(notes.String(), "gzip"); time.Sleep(time.Millisecond) { // told in the background
		if time.Since(began) > 20*time.Second {
			t.Fatalf("diagnostics:\n%s", notes)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var strayed atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	defer elsewhere.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, code)
		}))
		h, _ := newReal(t, server.URL, func(o *ledger.Options) { o.BreakerDelay = time.Hour })
		slog.New(h).Info("hello")
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if err := h.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d: Flush: %v", code, err)
		}
		cancel()
		if st := h.Status(); st.Status != "unhealthy" || st.CircuitBreakerOpen || !strings.Contains(fmt.Sprint(st.Issues), "not an ingest endpoint") {
			t.Errorf("%d: status %+v", code, st)
		}
		if m := h.Metrics(); m.Errors["not_found"] == 0 {
			t.Errorf("%d: metrics %+v", code, m.Errors)
		}
		server.Close()
	}
	if n := strayed.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

func TestTimeoutDoublesUpToThirtyFiveSeconds(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.BreakerThreshold = 100 }, func(r *rig) {
		var mu sync.Mutex
		var lengths []time.Duration
		next := r.server.Transport()
		h, err := ledger.NewHandler(&ledger.Options{
			APIKey: ledgertest.APIKey, Protocol: r.protocol, Diagnostics: slog.DiscardHandler, BreakerThreshold: 100,
			HTTPTransport: roundTripper(func(req *http.Request) (*http.Response, error) {
				began := time.Now()
				resp, err := next.RoundTrip(req)
				mu.Lock()
				lengths = append(lengths, time.Since(began))
				mu.Unlock()
				return resp, err
			}),
		})
		if err != nil {
			r.Fatal(err)
		}
		r.server.Script(ledgertest.Repeat(5, ledgertest.Hang())...)
		slog.New(h).Info("patience")
		if err := h.Flush(r.Context()); err != nil {
			r.Fatal(err)
		}
		want := []time.Duration{15 * time.Second, 30 * time.Second, 35 * time.Second, 35 * time.Second, 35 * time.Second, 0}
		if fmt.Sprint(lengths) != fmt.Sprint(want) {
			r.Errorf("timeouts %v, want %v", lengths, want)
		}
		if err := h.Shutdown(r.Context()); err != nil {
			r.Error(err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestHostileAnswersCostLittle(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"endless JSON": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(`{"detail":[`, 1000)); err != nil {
					return
				}
			}
		},
		"endless 422": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(422)
			_, _ = io.WriteString(w, `{"detail":[`)
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(`{"loc":["body","logs",99,"x"],"input":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},`, 1000)); err != nil {
					return
				}
			}
		},
		"huge header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Huge", strings.Repeat("x", 200<<10))
			w.WriteHeader(202)
		},
		"a login page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		},
		"a gzip of zeros": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(503)
		},
		"an unknown code": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(799) },
		"teapot":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(answer)
			defer server.Close()
			h, notes := newReal(t, server.URL, func(o *ledger.Options) { o.BreakerDelay, o.HTTPTimeout = time.Hour, 300*time.Millisecond })
			slog.New(h).Info("hello")
			slog.New(h).Info("again")
			var m ledger.Metrics
			var errors int64
			for began := time.Now(); errors == 0 && time.Since(began) < time.Minute; {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_ = h.Flush(ctx)
				cancel()
				m = h.Metrics()
				for _, n := range m.Errors {
					errors += n
				}
			}
			if errors == 0 || m.Flusher.LastError == "" || len(m.Flusher.LastError) > 1000 {
				t.Errorf("metrics %+v", m)
			}
			if m.Flusher.TotalLogsSent != 0 {
				t.Errorf("%d counted as sent", m.Flusher.TotalLogsSent)
			}
			if strings.Count(notes.String(), "\n") > 2 {
				t.Errorf("diagnostics:\n%s", notes)
			}
		})
	}
}

func TestRoundTripperThatPanicsOrAnswersNothing(t *testing.T) {
	for name, f := range map[string]roundTripper{
		"panics":  func(*http.Request) (*http.Response, error) { panic("at the disco " + ledgertest.APIKey) },
		"nothing": func(*http.Request) (*http.Response, error) { return nil, nil },
		"tells":   func(*http.Request) (*http.Response, error) { return nil, errors.New("bad key " + ledgertest.APIKey) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, notes := newReal(t, "http://localhost:1", func(o *ledger.Options) { o.HTTPTransport = f })
			slog.New(h).Info("hello")
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err := h.Flush(ctx)
			m := h.Metrics()
			if err == nil || m.Errors["network_error"] == 0 {
				t.Errorf("%v, %+v", err, m.Errors)
			}
			if text := fmt.Sprint(err, m, notes); strings.Contains(text, ledgertest.APIKey) {
				t.Errorf("the key is told: %s", text)
			}
		})
	}
}

func TestServerThatComesBackGetsEverything(t *testing.T) {
	server := ledgertest.NewServer()
	defer server.Close()
	h, _ := newReal(t, server.URL, func(o *ledger.Options) { o.FlushInterval = 10 * time.Millisecond })
	log := slog.New(h)
	log.Info("before")
	flushed(t, h)
	server.Stop()
	for range 100 {
		log.Info("during")
	}
	for h.Status().ConsecutiveFailures == 0 {
		time.Sleep(time.Millisecond)
	}
	server.Start()
	log.Info("after")
	flushed(t, h)
	if n := len(server.Entries()); n != 102 {
		t.Errorf("%d entries, want 102", n)
	}
	if st := h.Status(); st.Status != "healthy" {
		t.Errorf("status %+v", st)
	}
}

// Many goroutines log while others shut down: nothing panics, races or waits,
// and every record is counted once.
func TestLoggingDuringShutdown(t *testing.T) {
	server := ledgertest.NewServer()
	defer server.Close()
	h, _ := newReal(t, server.URL, nil)
	log := slog.New(h)
	var logging, closing sync.WaitGroup
	var calls, refused atomic.Int64
	stop := make(chan struct{})
	for range 8 {
		logging.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				calls.Add(1)
				if err := log.With("a", 1).Handler().Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelError, "m", 0)); err != nil {
					refused.Add(1)
				}
			}
		})
	}
	for range 4 {
		closing.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_ = h.Shutdown(ctx)
		})
	}
	closing.Wait()
	time.AfterFunc(20*time.Millisecond, func() { close(stop) })
	logging.Wait()
	m := h.Metrics()
	if m.Buffer.CurrentSize != 0 || m.Buffer.InFlight != 0 {
		t.Errorf("left: %+v", m.Buffer)
	}
	notices := m.Flusher.TotalLogged - calls.Load()
	if notices < 0 || notices > 2 || m.Flusher.TotalLogged != m.Flusher.TotalLogsSent+m.Buffer.TotalDropped {
		t.Errorf("%d calls, %+v", calls.Load(), m)
	}
	if got := int64(len(server.Entries())); got != m.Flusher.TotalLogsSent {
		t.Errorf("server has %d, counted %d", got, m.Flusher.TotalLogsSent)
	}
	if refused.Load() == 0 {
		t.Error("no record came after Shutdown")
	}
}

// A load balancer or a stub that says OK to everything has stored nothing.
func TestOKOfAnotherServerIsNoDelivery(t *testing.T) {
	const text, json = "Content-Type: text/plain", "Content-Type: application/json"
	for name, test := range map[string]struct {
		protocol ledger.Protocol
		body     string
		header   string
		taken    bool
	}{
		"text":                    {ledger.ProtocolLedger, "OK\n", text, false},
		"text, auto":              {ledger.ProtocolAuto, "OK\n", text, false},
		"text, OTLP":              {ledger.ProtocolOTLP, "OK\n", text, false},
		"JSON":                    {ledger.ProtocolLedger, `{"status":"ok"}`, json, false},
		"JSON, auto":              {ledger.ProtocolAuto, `{"status":"ok"}`, json, false},
		"an error":                {ledger.ProtocolAuto, `{"error":"unknown route"}`, json, false},
		"nothing":                 {ledger.ProtocolAuto, "", text, true},
		"an answer that was cut":  {ledger.ProtocolLedger, `{"accep`, json, true},
		"no members":              {ledger.ProtocolOTLP, "{}", json, true},
		"another backend's, OTLP": {ledger.ProtocolOTLP, `{"status":"ok"}`, json, true},
	} {
		t.Run(name, func(t *testing.T) {
			inOneBubble(t, test.protocol, nil, func(r *rig) {
				r.server.Always(ledgertest.Status(200, test.body, test.header))
				r.log.Info("hello")
				r.wait(10 * time.Second)
				sent, status := r.handler.Metrics().Flusher.TotalLogsSent, r.handler.Status().Status
				if taken := sent == 1 && status == "healthy"; taken != test.taken || !taken && status != "unhealthy" {
					r.Errorf("%d sent, %s, %d requests; diagnostics:\n%s", sent, status, len(r.server.Requests()), r.told())
				}
			})
		})
	}
}

// What an http.Client would put up with counts here too.
func TestAnswersOfOtherRoundTrippers(t *testing.T) {
	for name, body := range map[string]io.ReadCloser{"no body": nil, "a body that panics at its end": closingPanics{}} {
		t.Run(name, func(t *testing.T) {
			h, notes := newReal(t, "http://localhost:1", func(o *ledger.Options) {
				o.Protocol = ledger.ProtocolLedger
				o.HTTPTransport = roundTripper(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 202, Body: body}, nil
				})
			})
			slog.New(h).Info("hello")
			flushed(t, h)
			if m := h.Metrics(); m.Flusher.TotalLogsSent != 1 || m.Errors["network_error"] != 0 {
				t.Errorf("%+v\n%s", m, notes)
			}
		})
	}
}

type closingPanics struct{}

func (closingPanics) Read([]byte) (int, error) { return 0, io.EOF }
func (closingPanics) Close() error             { panic("closed") }

// muteBody gives nothing and does not end.
type muteBody struct{}

func (muteBody) Read([]byte) (int, error) { return 0, nil }
func (muteBody) Close() error             { return nil }

// Whatever a RoundTripper does with its goroutine, the batch comes back.
func TestRoundTripperThatNeverAnswers(t *testing.T) {
	for name, do := range map[string]func() (*http.Response, error){
		"ends its goroutine": func() (*http.Response, error) { runtime.Goexit(); return nil, nil },
		"has a mute body":    func() (*http.Response, error) { return &http.Response{StatusCode: 500, Body: muteBody{}}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			server := ledgertest.NewServer()
			defer server.Close()
			var attempts atomic.Int32
			h, notes := newReal(t, "http://ledger", func(o *ledger.Options) {
				o.HTTPTimeout = 50 * time.Millisecond
				o.HTTPTransport = roundTripper(func(r *http.Request) (*http.Response, error) {
					if attempts.Add(1) == 1 {
						return do()
					}
					return server.Transport().RoundTrip(r)
				})
			})
			slog.New(h).Info("hello")
			flushed(t, h)
			if m := h.Metrics(); m.Flusher.TotalLogsSent != 1 || len(server.Entries()) != 1 {
				t.Errorf("%+v\n%s", m, notes)
			}
		})
	}
}

// One that ignores its context costs the attempt, not all sending; and no
// more are given up than the pool has places.
func TestRoundTripperThatHeedsNoContext(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, nil, func(r *rig) {
		until := make(chan struct{})
		var attempts, stuck atomic.Int32
		stuck.Store(1)
		h, err := ledger.NewHandler(&ledger.Options{
			APIKey: ledgertest.APIKey, Diagnostics: r.notes, HTTPPoolSize: 3, RequestsPerHour: 1e6,
			HTTPTransport: roundTripper(func(request *http.Request) (*http.Response, error) {
				if attempts.Add(1) <= stuck.Load() {
					<-until
					return &http.Response{StatusCode: 202}, nil
				}
				return r.server.Transport().RoundTrip(request)
			}),
		})
		if err != nil {
			r.Fatal(err)
		}
		slog.New(h).Info("one")
		r.wait(time.Minute)
		if m := h.Metrics(); r.stored() != 1 || m.Flusher.TotalLogsSent != 1 || m.Errors["network_error"] != 1 {
			r.Errorf("%d stored, %+v", r.stored(), m)
		}
		stuck.Store(1e6)
		for range 10 {
			slog.New(h).Info("more")
			r.wait(time.Hour)
		}
		if n := attempts.Load(); n < 4 || n > 2+2*3 || h.Status().Healthy {
			r.Errorf("%d attempts, most of which have not returned; %+v", n, h.Status())
		}
		close(until)
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		_ = h.Shutdown(ctx)
	})
}

// Ten answers of 101 are ten failed attempts, not the end of sending: what follows
// one is no body, and does not end by itself.
func TestSwitchingProtocolsIsNoEnd(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 10 }, func(r *rig) {
		r.server.Script(ledgertest.Repeat(12, ledgertest.Status(101, ""))...)
		r.burst(200)
		r.wait(10 * time.Minute)
		if n := r.stored(); n != 200 {
			r.Errorf("%d of 200 entries arrived", n)
		}
	})
}

func TestSwitchingProtocolsOnARealConnection(t *testing.T) {
	server := ledgertest.NewServer()
	defer server.Close()
	var answers atomic.Int32
	switching := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers.Add(1) > 12 {
			server.Handler().ServeHTTP(w, r)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
	}))
	defer switching.Close()
	h, notes := newReal(t, switching.URL, func(o *ledger.Options) {
		o.RetryBackoff, o.NetworkBackoff, o.BreakerDelay = time.Millisecond, time.Millisecond, 10*time.Millisecond
	})
	slog.New(h).Info("hello")
	flushed(t, h)
	if n := len(server.Entries()); n != 1 {
		t.Errorf("%d entries arrived\n%s", n, notes)
	}
}

// TestProxiedProcess is what TestRequestsGoThroughTheProxy runs in a process of its
// own: net/http reads the variables once.
func TestProxiedProcess(t *testing.T) {
	if os.Getenv("TEST_PROXIED") == "" {
		t.Skip("run by TestRequestsGoThroughTheProxy")
	}
	h, _ := newReal(t, "http://ledger.example", nil)
	slog.New(h).Info("through the proxy")
	flushed(t, h)
}

func TestRequestsGoThroughTheProxy(t *testing.T) {
	t.Parallel()
	server := ledgertest.NewServer()
	defer server.Close()
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxiedProcess$")
	process.Env = append(os.Environ(), "TEST_PROXIED=1", "HTTP_PROXY="+server.URL, "NO_PROXY=")
	if out, err := process.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if entries := server.Entries(); len(entries) != 1 || entries[0].Message != "through the proxy" {
		t.Errorf("%d entries came through the proxy", len(entries))
	}
}
