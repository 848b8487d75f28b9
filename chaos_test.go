package ledger_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/internal/chaos"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

var (
	chaosSeed = flag.Uint64("chaos.seed", 0, "seed of the chaos test; 0 takes CHAOS_SEED, and without it draws one")
	chaosFor  = flag.Duration("chaos.for", 4*time.Second, "how long the chaos test logs, for each protocol")
)

func drawSeed(t *testing.T) uint64 {
	seed := *chaosSeed
	if text := os.Getenv("CHAOS_SEED"); seed == 0 && text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
		seed = n
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again with: go test -run '^%s$' -chaos.seed=%d", strings.Split(t.Name(), "/")[0], seed)
	return seed
}

// A stopwatch keeps the longest of many times.
type stopwatch struct{ longest atomic.Int64 }

func (s *stopwatch) note(d time.Duration) {
	for longest := s.longest.Load(); int64(d) > longest; longest = s.longest.Load() {
		if s.longest.CompareAndSwap(longest, int64(d)) {
			return
		}
	}
}

func lawBroken(m ledger.Metrics) bool {
	return m.Buffer.CurrentSize < 0 || m.Buffer.InFlight < 0 || m.Flusher.TotalLogged !=
		m.Flusher.TotalLogsSent+m.Buffer.TotalDropped+int64(m.Buffer.CurrentSize)+int64(m.Buffer.InFlight)+m.Buffer.Spooled
}

// Over a network in every bad mood, to a server that is restarted meanwhile,
// every entry arrives as long as the buffer suffices. It arrives twice only when
// the answer was lost, and then the server can tell by its log_id.
func TestChaosLosesNothing(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		seed := drawSeed(t)
		served := ledgertest.Native
		if protocol == ledger.ProtocolOTLP {
			served = ledgertest.OTLP
		}
		server := ledgertest.NewServer(ledgertest.WithProtocol(served), ledgertest.WithRateLimits(0, 0), ledgertest.WithDailyQuota(0))
		defer server.Close()
		proxy, err := chaos.New(strings.TrimPrefix(server.URL, "http://"), seed)
		if err != nil {
			t.Fatal(err)
		}
		defer proxy.Close()
		connections := &http.Transport{MaxIdleConnsPerHost: 6, IdleConnTimeout: 4 * time.Second, DisableCompression: true}
		defer connections.CloseIdleConnections()
		w := &witness{next: connections, taken: make(map[string]bool)}
		h, err := ledger.NewHandler(&ledger.Options{
			APIKey: ledgertest.APIKey, BaseURL: proxy.URL(), Protocol: protocol, HTTPTransport: w, Diagnostics: slog.DiscardHandler,
			MaxBufferSize: 500_000, MaxBufferBytes: 1 << 30, FlushSize: 50, FlushInterval: 10 * time.Millisecond,
			HTTPPoolSize: 6, HTTPTimeout: 200 * time.Millisecond, RetryBackoff: 5 * time.Millisecond, NetworkBackoff: 5 * time.Millisecond,
			BreakerDelay: 50 * time.Millisecond, RequestsPerMinute: 1e7, RequestsPerHour: 1e9,
		})
		if err != nil {
			t.Fatal(err)
		}

		ctx, calm := context.WithTimeout(t.Context(), *chaosFor)
		defer calm()
		var everything sync.WaitGroup
		everything.Go(func() { proxy.Wander(ctx, chaos.Moods(), 20*time.Millisecond, 150*time.Millisecond) })
		restarts := 0
		everything.Go(func() { restarts = restart(ctx, server, seed) })
		samples := 0
		everything.Go(func() {
			for ctx.Err() == nil {
				if m := h.Metrics(); lawBroken(m) {
					t.Errorf("law broken: %+v", m)
					return
				}
				_ = h.Status()
				samples++
				time.Sleep(time.Millisecond)
			}
		})
		var slowest stopwatch
		var logged atomic.Int64
		for g := range 16 {
			everything.Go(func() {
				random := rand.New(rand.NewPCG(seed, uint64(g)))
				log := slog.New(h).With("g", g)
				for i := 0; ctx.Err() == nil; i++ {
					level := slog.Level(4 * random.IntN(4))
					began := time.Now()
					log.Log(ctx, level, "chaos", "id", fmt.Sprint(g, "/", i), "text", strings.Repeat("x", random.IntN(300)))
					slowest.note(time.Since(began))
					logged.Add(1)
					if random.IntN(3) == 0 {
						time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
					}
				}
			})
		}
		everything.Wait()
		end, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := h.Shutdown(end); err != nil {
			t.Fatalf("Shutdown: %v; %+v", err, h.Metrics())
		}

		m := h.Metrics()
		if lawBroken(m) || m.Buffer.TotalDropped != 0 || m.Flusher.TotalLogged != logged.Load() || m.Flusher.TotalLogsSent != logged.Load() {
			t.Errorf("logged %d, metrics %+v", logged.Load(), m)
		}
		arrived := make(map[any]bool)
		for _, e := range server.Entries() {
			arrived[e.Attributes["id"]] = true
		}
		if int64(len(arrived)) != logged.Load() || len(arrived) != len(server.Entries()) {
			t.Errorf("logged %d, %d arrived under %d ids", logged.Load(), len(arrived), len(server.Entries()))
		}
		first := make(map[string]string)
		for _, e := range server.Received() {
			if raw, ok := first[e.LogID]; ok && raw != string(e.Raw) {
				t.Errorf("%s arrived twice and differs:\n%s\n%s", e.LogID, raw, e.Raw)
			}
			first[e.LogID] = string(e.Raw)
		}
		for id, n := range w.ids(server) {
			if n != 1 {
				t.Errorf("%s was sent again after an answer that it was taken", id)
			}
		}
		stats := proxy.Stats()
		if stats.Faults() == 0 || restarts == 0 || samples == 0 {
			t.Errorf("nothing happened: %+v, %d restarts", stats, restarts)
		}
		t.Logf("%d logged, all arrived, %d twice; %d requests, %d faults (%+v), %d restarts; law held %d times; longest Handle %v",
			logged.Load(), server.Duplicates(), len(server.Requests()), stats.Faults(), stats, restarts, samples, time.Duration(slowest.longest.Load()))
	})
}

// restart takes the server down and up again until ctx ends, and leaves it up.
func restart(ctx context.Context, server *ledgertest.Server, seed uint64) (n int) {
	random := rand.New(rand.NewPCG(seed, 99))
	for ; ; n++ {
		select {
		case <-time.After(time.Duration(200+random.IntN(600)) * time.Millisecond):
		case <-ctx.Done():
			return n
		}
		server.Stop()
		time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
		server.Start()
	}
}
