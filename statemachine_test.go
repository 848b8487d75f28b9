package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
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
	Do   string // log, wait, flush, mood, quota, upgrade, downgrade
	N    int    // entries to log
	Kind string // of entry: plain, error, big, reject, poison
	For  time.Duration
	Mood string
}

func drawSteps(t *rapid.T) []step {
	moodNames := slices.Sorted(maps.Keys(moods))
	durations := rapid.SampledFrom([]time.Duration{time.Millisecond, 100 * time.Millisecond, time.Second, 6 * time.Second, time.Minute, 11 * time.Minute})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		switch do := rapid.SampledFrom([]string{"log", "log", "log", "wait", "wait", "flush", "mood", "mood", "mood", "quota", "upgrade", "downgrade"}).Draw(t, "do"); do {
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

// play runs one program and returns what went wrong, or "".
func play(t *testing.T, protocol ledger.Protocol, dir string, steps []step, shutdown time.Duration) (fault string) {
	synctest.Test(t, func(t *testing.T) {
		complain := func(format string, args ...any) {
			if fault == "" {
				fault = fmt.Sprintf(format, args...)
			}
		}
		server := ledgertest.NewInMemory(ledgertest.WithProtocol(ledgertest.Native), ledgertest.WithRateLimits(0, 0), ledgertest.WithDailyQuota(0))
		defer server.Close()
		healthy := func() {
			server.Always(ledgertest.OK())
			server.SetDailyQuota(0, 0)
		}
		if protocol == ledger.ProtocolOTLP {
			server.SetProtocol(ledgertest.OTLP)
		}
		w := &witness{next: server.Transport(), taken: make(map[string]bool)}
		h, err := ledger.NewHandler(&ledger.Options{
			APIKey: ledgertest.APIKey, Protocol: protocol, SpoolDir: dir, SpoolMaxBytes: 256 << 10,
			HTTPTransport: w, Diagnostics: slog.DiscardHandler, RequestsPerMinute: 1e6, RequestsPerHour: 1e6,
			MaxBufferSize: 100, FlushSize: 20, MaxBufferBytes: 64 << 10, HTTPPoolSize: 3,
		})
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(h)
		law := func() {
			m := h.Metrics()
			if m.Buffer.CurrentSize < 0 || m.Buffer.InFlight < 0 || m.Flusher.TotalLogged != m.Flusher.TotalLogsSent+m.Buffer.TotalDropped+
				int64(m.Buffer.CurrentSize)+int64(m.Buffer.InFlight)+m.Buffer.Spooled {
				complain("law broken: %+v", m)
			}
		}
		logged := 0
		for _, s := range steps {
			switch s.Do {
			case "log":
				for i := range s.N {
					logged++
					switch s.Kind {
					case "error":
						log.Error("error", "n", i)
					case "big":
						log.Info("big", "text", strings.Repeat("x", 2000))
					default:
						log.Info(s.Kind, "n", i)
					}
				}
			case "wait":
				time.Sleep(s.For)
			case "flush":
				ctx, cancel := context.WithTimeout(t.Context(), s.For)
				before := time.Now()
				err := h.Flush(ctx)
				if took := time.Since(before); took > s.For {
					complain("Flush took %v of %v", took, s.For)
				}
				if err == nil {
					// What overflows while flushing is told of afterwards. What is on
					// disk, or on its way back from there, is not waited for.
					m := h.Metrics()
					notices := int(m.Flusher.TotalLogged) - logged
					if dir == "" && m.Buffer.CurrentSize+m.Buffer.InFlight > notices {
						complain("after Flush: %d queued, %d in flight", m.Buffer.CurrentSize, m.Buffer.InFlight)
					}
				}
				cancel()
			case "mood":
				healthy()
				server.Always(moods[s.Mood]())
			case "quota":
				healthy()
				server.SetDailyQuota(1, 1)
			case "upgrade", "downgrade":
				if protocol == ledger.ProtocolAuto {
					server.SetProtocol(map[string]ledgertest.Protocol{"upgrade": ledgertest.OTLP, "downgrade": ledgertest.Native}[s.Do])
				}
			}
			law()
			synctest.Wait()
			law()
			if m := h.Metrics(); m.Buffer.CurrentSize > m.Buffer.MaxSize {
				complain("%d queued of %d", m.Buffer.CurrentSize, m.Buffer.MaxSize)
			}
		}
		if shutdown == 0 { // let everything end well
			healthy()
			for range 3 {
				time.Sleep(time.Hour)
				synctest.Wait()
				law()
			}
			if m := h.Metrics(); m.Buffer.CurrentSize+m.Buffer.InFlight != 0 || m.Buffer.Dropped["closed"] != 0 {
				complain("a healthy server was left with %d queued and %d in flight", m.Buffer.CurrentSize, m.Buffer.InFlight)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), max(shutdown, time.Second))
		defer cancel()
		before := time.Now()
		_ = h.Shutdown(ctx)
		if took := time.Since(before); took > max(shutdown, time.Second) {
			complain("Shutdown took %v of %v", took, shutdown)
		}
		law()
		m := h.Metrics()
		if m.Buffer.CurrentSize != 0 || m.Buffer.InFlight != 0 || m.Buffer.Spooled != 0 && dir == "" {
			complain("after Shutdown: %d queued, %d in flight", m.Buffer.CurrentSize, m.Buffer.InFlight)
		}
		if m.Flusher.TotalLogged < int64(logged) {
			complain("%d logged, %d counted", logged, m.Flusher.TotalLogged)
		}
		var took int64
		for id, n := range w.ids(server) {
			if n != 1 {
				complain("the server said %d times that it took %s", n, id)
			}
			took++
		}
		if rejected := m.Buffer.Dropped["rejected"]; took < m.Flusher.TotalLogsSent || took > m.Flusher.TotalLogsSent+rejected {
			complain("the server took %d, %d are counted as sent and %d as rejected", took, m.Flusher.TotalLogsSent, rejected)
		}
		synctest.Wait()
	})
	return fault
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
		if fault := play(t, protocol, spool, steps, shutdown); fault != "" {
			rt.Fatalf("%s", fault)
		}
	})
}
