package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// silentHandler is for diagnostics that nobody reads: Handle never returns,
// until the test ends.
type silentHandler struct{ until <-chan struct{} }

func (s silentHandler) Enabled(context.Context, slog.Level) bool { return true }
func (s silentHandler) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s silentHandler) WithGroup(string) slog.Handler            { return s }
func (s silentHandler) Handle(context.Context, slog.Record) error {
	<-s.until
	return nil
}

// Under a fake clock a call that waits for anything lets time pass, or ends the
// test as a deadlock. Handle does neither, in any mood of the server, with a full
// buffer and diagnostics that block.
func TestHandleLetsNoTimePass(t *testing.T) {
	for name, mood := range moods {
		t.Run(name, func(t *testing.T) {
			until := make(chan struct{})
			inBubble(t, func(o *ledger.Options) {
				until = make(chan struct{})
				o.MaxBufferSize, o.FlushSize, o.MaxBufferBytes = 100, 10, 64<<10
				o.Diagnostics = silentHandler{until}
			}, func(r *rig) {
				defer close(until)
				r.server.Always(mood())
				flushing, cancel := context.WithCancel(r.Context())
				defer cancel()
				for range 6 {
					began := time.Now()
					for i := range 120 {
						r.log.Info("ordinary", "i", i)
						r.log.Error("urgent", "text", strings.Repeat("x", 10*i))
					}
					if passed := time.Since(began); passed != 0 {
						r.Fatalf("logging let %v pass", passed)
					}
					go func() { _ = r.handler.Flush(flushing) }()
					r.wait(7 * time.Second)
				}
			})
		})
	}
}

// stuck is a RoundTripper that respects nothing, not even its context.
func stuck(until <-chan struct{}) roundTripper {
	return func(*http.Request) (*http.Response, error) {
		<-until
		return nil, http.ErrServerClosed
	}
}

// Everything behind the queue is blocked for good: all attempts, the
// diagnostics, a Flush and a Shutdown. Sixteen goroutines log on nevertheless;
// were one of them to wait, it would wait for ever.
func TestHandleReturnsWhileEverythingIsBlocked(t *testing.T) {
	until := make(chan struct{})
	defer close(until)
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: ledgertest.APIKey, HTTPTransport: stuck(until), Diagnostics: silentHandler{until},
		MaxBufferSize: 500, FlushSize: 50, HTTPPoolSize: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var waiting, logging sync.WaitGroup
	waiting.Go(func() { _ = h.Flush(ctx) })
	const each = 3000
	for g := range 16 {
		logging.Go(func() {
			log := slog.New(h).With("g", g)
			for i := range each {
				log.Log(ctx, slog.Level(4*(i%4)), "hello", "i", i)
				if g == 0 && i == each/2 {
					waiting.Go(func() { _ = h.Shutdown(ctx) })
				}
			}
		})
	}
	returned := make(chan struct{})
	go func() { logging.Wait(); close(returned) }()
	select {
	case <-returned:
	case <-time.After(time.Minute):
		t.Fatal("a call of Handle waits")
	}
	if m := h.Metrics(); lawBroken(m) || m.Flusher.TotalLogged < 16*each {
		t.Errorf("metrics %+v", m)
	}
	cancel()
	waiting.Wait()
}

// BenchmarkHandleWhileTheServerHangs is the cost of logging into a full buffer
// that nobody empties, and what the slowest calls take.
func BenchmarkHandleWhileTheServerHangs(b *testing.B) {
	until := make(chan struct{})
	h, err := ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, HTTPTransport: stuck(until), Diagnostics: slog.DiscardHandler})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		close(until)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Shutdown(ctx)
	}()
	log := slog.New(h)
	for range 30_000 {
		log.Info("fills the buffer", "method", "GET", "status", 200)
	}
	benchmarkSlowest(b, log)
}

// BenchmarkHandleWhileItSpills is the cost of logging while all of it goes to disk,
// because memory is short and the server hangs.
func BenchmarkHandleWhileItSpills(b *testing.B) {
	until := make(chan struct{})
	h, err := ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, HTTPTransport: stuck(until), Diagnostics: slog.DiscardHandler, SpoolDir: b.TempDir(), SpoolMaxBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		close(until)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Shutdown(ctx)
	}()
	log := slog.New(h)
	for range 30_000 {
		log.Info("fills the buffer", "method", "GET", "status", 200)
	}
	benchmarkSlowest(b, log)
	m := h.Metrics().Buffer
	b.ReportMetric(float64(m.Spooled)/float64(b.N), "spooled/op")
	b.ReportMetric(float64(m.TotalDropped)/float64(b.N), "dropped/op")
}

// benchmarkSlowest logs from all processors, and reports what the slowest calls took.
func benchmarkSlowest(b *testing.B, log *slog.Logger) {
	var mu sync.Mutex
	var all []time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var own []time.Duration
		for pb.Next() {
			began := time.Now()
			log.Info("hello", "method", "GET", "status", 200, "elapsed", 45*time.Millisecond)
			own = append(own, time.Since(began))
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, own...)
	})
	b.StopTimer()
	slices.Sort(all)
	for name, share := range map[string]float64{"p50-ns": 0.5, "p99-ns": 0.99, "p99.9-ns": 0.999} {
		b.ReportMetric(float64(all[int(share*float64(len(all)-1))]), name)
	}
	b.ReportMetric(float64(all[len(all)-1])/1e6, "longest-ms")
}

// down is a transport to a server that cannot be reached.
var down = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("down") })

// Functions that are frozen between calls flush at the end of each: that must not
// cost each call a request of its own.
func TestFlushOfEachCallSharesRequests(t *testing.T) {
	limits := func(o *ledger.Options) { o.RequestsPerMinute, o.RequestsPerHour = 1000, 50_000 }
	t.Run("more calls than requests allowed", func(t *testing.T) {
		inOneBubble(t, ledger.ProtocolLedger, limits, func(r *rig) {
			for range 40 * 60 * 3 { // forty a second
				r.log.Info("call served")
				_ = r.flush(20 * time.Millisecond)
				r.wait(5 * time.Millisecond)
			}
			if m := r.handler.Metrics(); m.Buffer.TotalDropped > 0 || m.Buffer.InFlight > 3000 {
				r.Errorf("%d requests, %+v", len(r.server.Requests()), m.Buffer)
			}
		})
	})
	t.Run("an outage", func(t *testing.T) {
		inOneBubble(t, ledger.ProtocolLedger, limits, func(r *rig) {
			r.server.Always(ledgertest.Status(503, ""))
			for range 2000 {
				r.log.Info("call served")
				_ = r.flush(20 * time.Millisecond)
				r.wait(80 * time.Millisecond)
			}
			before := len(r.server.Requests())
			r.server.Always(ledgertest.OK())
			r.mustFlush()
			if n := len(r.server.Requests()) - before; n > 30 || r.stored() != 2000 {
				r.Errorf("%d requests for %d entries", n, r.stored())
			}
		})
	})
}

// What is left at Shutdown's deadline is counted before it returns, however much
// there is to drop. It gives itself a second for that, which a busy machine may not
// give it; but of several tries at least one must do, and then all is counted.
func TestShutdownOfALargeBufferCounts(t *testing.T) {
	for range 5 {
		if shutDownLargeBuffer(t) {
			return
		}
	}
	t.Error("Shutdown never had the time to count")
}

// shutDownLargeBuffer reports whether Shutdown had the time to count.
func shutDownLargeBuffer(t *testing.T) bool {
	const size = 50_000
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: ledgertest.APIKey, Diagnostics: slog.DiscardHandler, MaxBufferSize: size, MaxBufferBytes: 1 << 30, HTTPTransport: down,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for range size {
			slog.New(h).Error("x")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_ = h.Flush(ctx)
		cancel()
	}
	const deadline = time.Second
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	began := time.Now()
	first := h.Shutdown(ctx)
	m, took := h.Metrics(), time.Since(began)
	second := h.Shutdown(t.Context())
	if took > deadline+time.Second {
		t.Logf("Shutdown took %v", took)
		return false
	}
	if m.Buffer.CurrentSize+m.Buffer.InFlight > 0 || lawBroken(m) {
		t.Errorf("%v; %+v", first, m)
	}
	if fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("the first call said %v, the second %v", first, second)
	}
	return true
}
