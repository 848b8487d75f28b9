package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	if !strings.Contains(notes.String(), "gzip") {
		t.Errorf("diagnostics:\n%s", notes)
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
		want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 35 * time.Second, 35 * time.Second, 0}
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
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_ = h.Flush(ctx)
			m := h.Metrics()
			var errors int64
			for _, n := range m.Errors {
				errors += n
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
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
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
