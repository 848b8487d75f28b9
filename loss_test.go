package ledger_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/internal/chaos"
	"github.com/ledger-sdk/ledger-go/ledgertest"
	"pgregory.net/rapid"
)

// The state-machine test: random programs of logging, flushing, time passing and
// a server in every mood, under a fake clock. Nothing may be lost but for the
// reasons that are counted, and the counts must be the server's.

// moods are what a server may be like for a while.
var moods = map[string]func() ledgertest.Fault{
	"ok":           ledgertest.OK,
	"rejects":      func() ledgertest.Fault { return ledgertest.RejectWhere(marked("reject")) },
	"400":          func() ledgertest.Fault { return ledgertest.Poison(marked("poison"), 400) },
	"413":          func() ledgertest.Fault { return ledgertest.Poison(marked("poison"), 413) },
	"422":          func() ledgertest.Fault { return ledgertest.Poison(marked("poison"), 422) },
	"422 blind":    func() ledgertest.Fault { return ledgertest.PoisonBlind(marked("poison"), 422) },
	"500 poison":   func() ledgertest.Fault { return ledgertest.Poison(marked("poison"), 500) },
	"401":          func() ledgertest.Fault { return ledgertest.Status(401, `{"detail":"Invalid or expired API key"}`) },
	"402":          func() ledgertest.Fault { return ledgertest.Status(402, `{"detail":"Daily quota exceeded: 1/1"}`) },
	"403":          func() ledgertest.Fault { return ledgertest.Status(403, "") },
	"404":          func() ledgertest.Fault { return ledgertest.Status(404, `{"detail":"Not Found"}`) },
	"408":          func() ledgertest.Fault { return ledgertest.Status(408, "") },
	"429 soon":     func() ledgertest.Fault { return ledgertest.RetryAfter(429, "7") },
	"429 zero":     func() ledgertest.Fault { return ledgertest.RetryAfter(429, "0") },
	"429 nonsense": func() ledgertest.Fault { return ledgertest.RetryAfter(429, "soon, or -1") },
	"429 for ever": func() ledgertest.Fault { return ledgertest.RetryAfter(429, "99999999999999999999") },
	"429 date": func() ledgertest.Fault {
		return ledgertest.RetryAfter(429, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
	},
	"500":               func() ledgertest.Fault { return ledgertest.Status(500, "") },
	"503":               func() ledgertest.Fault { return ledgertest.RetryAfter(503, "20") },
	"hangs":             ledgertest.Hang,
	"slow":              func() ledgertest.Fault { return ledgertest.Delay(3 * time.Second) },
	"too slow":          func() ledgertest.Fault { return ledgertest.Delay(8 * time.Second) },
	"reset before body": ledgertest.ResetBeforeBody,
	"reset after body":  ledgertest.ResetAfterBody,
	"truncated answer":  ledgertest.TruncatedAnswer,
	"endless answer":    func() ledgertest.Fault { return ledgertest.EndlessAnswer(500) },
	"redirect":          func() ledgertest.Fault { return ledgertest.Redirect("http://elsewhere.example/") },
	"another's page":    func() ledgertest.Fault { return ledgertest.HTML(200) },
	"garbage":           func() ledgertest.Fault { return ledgertest.Garbage(500) },
}

func marked(with string) func(ledgertest.Entry) bool {
	return func(e ledgertest.Entry) bool { return strings.HasPrefix(e.Message, with) }
}

// A step is one thing that happens; its fields are what rapid draws and shrinks.
type step struct {
	Do   string // log, wait, flush, mood, upgrade, downgrade
	N    int    // entries to log
	Kind string // of entry: plain, error, big, reject, poison
	For  time.Duration
	Mood string
}

func drawSteps(t *rapid.T) []step {
	moodNames := append(slices.Sorted(maps.Keys(moods)), "quota", "quota", "quota")
	durations := rapid.SampledFrom([]time.Duration{time.Millisecond, 100 * time.Millisecond, time.Second, 6 * time.Second, time.Minute, 11 * time.Minute})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		switch do := rapid.SampledFrom([]string{"log", "log", "log", "wait", "wait", "flush", "mood", "mood", "mood", "mood", "upgrade", "downgrade"}).Draw(t, "do"); do {
		case "log":
			return step{
				Do: do, N: rapid.IntRange(1, 60).Draw(t, "n"),
				Kind: rapid.SampledFrom([]string{"plain", "plain", "error", "big", "reject", "poison"}).Draw(t, "kind"),
			}
		case "mood":
			return step{Do: do, Mood: rapid.SampledFrom(moodNames).Draw(t, "mood")}
		case "wait", "flush":
			return step{Do: do, For: durations.Draw(t, "for")}
		default:
			return step{Do: do}
		}
	}), 1, 25).Draw(t, "steps")
}

// A witness is a transport that notes which requests the server has answered
// that it took them.
type witness struct {
	next http.RoundTripper

	mu    sync.Mutex
	sent  int
	taken map[string]bool // by number of request
}

const witnessHeader = "X-Number"

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.sent++
	number := fmt.Sprint(w.sent)
	w.mu.Unlock()
	r = r.Clone(r.Context())
	r.Header.Set(witnessHeader, number)
	resp, err := w.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusAccepted && resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") == "text/html" {
		return resp, err
	}
	body, readErr := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), errorReader{readErr}))
	if !bytes.Contains(body, []byte("quota exceeded")) {
		w.mu.Lock()
		w.taken[number] = true
		w.mu.Unlock()
	}
	return resp, nil
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) {
	if e.err == nil {
		return 0, io.EOF
	}
	return 0, e.err
}

// ids counts how often the server has said that it took an entry.
func (w *witness) ids(server *ledgertest.Server) map[string]int {
	counts := make(map[string]int)
	for _, r := range server.Requests() {
		if !w.taken[r.Header.Get(witnessHeader)] {
			continue
		}
		for _, e := range r.Entries {
			counts[e.LogID]++
		}
	}
	return counts
}

// A stage is where a program is played: a handler beside a server, under a fake
// clock. It keeps the first thing that went wrong.
type stage struct {
	ctx      context.Context
	protocol ledger.Protocol
	spooling bool
	server   *ledgertest.Server
	witness  *witness
	handler  *ledger.Handler
	log      *slog.Logger
	logged   int
	guilty   int // logged that some server refuses
	fault    string
}

// play runs one program and returns what went wrong, or "".
func play(t *testing.T, protocol ledger.Protocol, dir string, program func(*stage), shutdown time.Duration) (fault string) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{
			ctx: t.Context(), protocol: protocol, spooling: dir != "",
			server: ledgertest.NewInMemory(ledgertest.WithProtocol(ledgertest.Native), ledgertest.WithRateLimits(0, 0), ledgertest.WithDailyQuota(0)),
		}
		defer s.server.Close()
		if protocol == ledger.ProtocolOTLP {
			s.server.SetProtocol(ledgertest.OTLP)
		}
		s.witness = &witness{next: s.server.Transport(), taken: make(map[string]bool)}
		h, err := ledger.NewHandler(&ledger.Options{
			APIKey: ledgertest.APIKey, Protocol: protocol, SpoolDir: dir, SpoolMaxBytes: 256 << 10,
			SpoolAfter:    map[bool]time.Duration{true: -1}[shutdown == time.Minute], // in a third of the programs only under pressure
			HTTPTransport: s.witness, Diagnostics: slog.DiscardHandler, RequestsPerMinute: 1e6, RequestsPerHour: 1e6,
			MaxBufferSize: 100, FlushSize: 20, MaxBufferBytes: 64 << 10, HTTPPoolSize: 3,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.handler, s.log = h, slog.New(h)
		program(s)
		if shutdown == 0 { // let everything end well
			s.endWell()
		}
		s.shutdown(max(shutdown, time.Second))
		s.audit()
		synctest.Wait()
		fault = s.fault
	})
	return fault
}

func (s *stage) complain(format string, args ...any) {
	if s.fault == "" {
		s.fault = fmt.Sprintf(format, args...)
	}
}

func (s *stage) checkLaw() {
	if m := s.handler.Metrics(); lawBroken(m) {
		s.complain("law broken: %+v", m)
	}
}

// heal makes the server a healthy one.
func (s *stage) heal() {
	s.server.Always(ledgertest.OK())
	s.server.SetDailyQuota(0, 0)
}

// become puts the server in a mood.
func (s *stage) become(mood string) {
	s.heal()
	if mood == "quota" {
		s.server.SetDailyQuota(1, 1)
		return
	}
	s.server.Always(moods[mood]())
}

func (s *stage) write(n int, kind string) {
	for i := range n {
		s.logged++
		switch kind {
		case "error":
			s.log.Error("error", "n", i)
		case "big":
			s.log.Info("big", "text", strings.Repeat("x", 2000))
		case "reject", "poison":
			s.guilty++
			fallthrough
		default:
			s.log.Info(kind, "n", i)
		}
	}
}

func (s *stage) flush(within time.Duration) {
	ctx, cancel := context.WithTimeout(s.ctx, within)
	defer cancel()
	before := time.Now()
	err := s.handler.Flush(ctx)
	if took := time.Since(before); took > within {
		s.complain("Flush took %v of %v", took, within)
	}
	if err == nil {
		// What overflows while flushing is reported afterwards. What is on
		// disk, or on its way back from there, is not waited for.
		m := s.handler.Metrics()
		notices := int(m.Flusher.TotalLogged) - s.logged
		if !s.spooling && m.Buffer.CurrentSize+m.Buffer.InFlight > notices {
			s.complain("after Flush: %d queued, %d in flight", m.Buffer.CurrentSize, m.Buffer.InFlight)
		}
	}
}

// do does one step.
func (s *stage) do(next step) {
	switch next.Do {
	case "log":
		s.write(next.N, next.Kind)
	case "wait":
		time.Sleep(next.For)
	case "flush":
		s.flush(next.For)
	case "mood":
		s.become(next.Mood)
	case "upgrade", "downgrade":
		if s.protocol == ledger.ProtocolAuto {
			s.server.SetProtocol(map[string]ledgertest.Protocol{"upgrade": ledgertest.OTLP, "downgrade": ledgertest.Native}[next.Do])
		}
	}
	s.checkLaw()
	synctest.Wait()
	s.checkLaw()
	if m := s.handler.Metrics(); m.Buffer.CurrentSize > m.Buffer.MaxSize {
		s.complain("%d queued of %d", m.Buffer.CurrentSize, m.Buffer.MaxSize)
	}
}

func (s *stage) endWell() {
	s.heal()
	for range 3 {
		time.Sleep(time.Hour)
		synctest.Wait()
		s.checkLaw()
	}
	if m := s.handler.Metrics(); m.Buffer.CurrentSize+m.Buffer.InFlight != 0 || m.Buffer.Dropped["closed"] != 0 {
		s.complain("a healthy server was left with %d queued and %d in flight", m.Buffer.CurrentSize, m.Buffer.InFlight)
	}
}

func (s *stage) shutdown(within time.Duration) {
	ctx, cancel := context.WithTimeout(s.ctx, within)
	defer cancel()
	before := time.Now()
	_ = s.handler.Shutdown(ctx)
	if took := time.Since(before); took > within {
		s.complain("Shutdown took %v of %v", took, within)
	}
	s.checkLaw()
}

// audit compares what was counted with what the server has.
func (s *stage) audit() {
	m := s.handler.Metrics()
	if m.Buffer.CurrentSize != 0 || m.Buffer.InFlight != 0 || m.Buffer.Spooled != 0 && !s.spooling {
		s.complain("after Shutdown: %d queued, %d in flight", m.Buffer.CurrentSize, m.Buffer.InFlight)
	}
	if m.Flusher.TotalLogged < int64(s.logged) {
		s.complain("%d logged, %d counted", s.logged, m.Flusher.TotalLogged)
	}
	var took int64
	for id, n := range s.witness.ids(s.server) {
		if n != 1 {
			s.complain("the server said %d times that it took %s", n, id)
		}
		took++
	}
	if rejected := m.Buffer.Dropped["rejected"]; took < m.Flusher.TotalLogsSent || took > m.Flusher.TotalLogsSent+rejected {
		s.complain("the server took %d, %d are counted as sent and %d as rejected", took, m.Flusher.TotalLogsSent, rejected)
	}
}

func TestNothingIsLostUncounted(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		steps := drawSteps(rt)
		shutdown := rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(rt, "shutdown")
		protocol := rapid.SampledFrom([]ledger.Protocol{ledger.ProtocolLedger, ledger.ProtocolOTLP, ledger.ProtocolAuto}).Draw(rt, "protocol")
		spool := ""
		if rapid.IntRange(0, 3).Draw(rt, "spool") == 3 {
			runs++
			spool = filepath.Join(dir, fmt.Sprint(runs))
			defer func() { _ = os.RemoveAll(spool) }()
		}
		program := func(s *stage) {
			for _, next := range steps {
				s.do(next)
			}
		}
		if fault := play(t, protocol, spool, program, shutdown); fault != "" {
			rt.Fatalf("%s", fault)
		}
	})
}

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
