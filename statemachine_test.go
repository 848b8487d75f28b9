package ledger_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
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
	Do   string // log, wait, flush, mood
	N    int    // entries to log
	Kind string // of entry: plain, error, big, reject, poison
	For  time.Duration
	Mood string
}

func drawSteps(t *rapid.T) []step {
	moodNames := slices.Sorted(maps.Keys(moods))
	durations := rapid.SampledFrom([]time.Duration{time.Millisecond, 100 * time.Millisecond, time.Second, 6 * time.Second, time.Minute, 11 * time.Minute})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		switch do := rapid.SampledFrom([]string{"log", "log", "wait", "flush", "mood", "mood"}).Draw(t, "do"); do {
		case "log":
			return step{
				Do: do, N: rapid.IntRange(1, 60).Draw(t, "n"),
				Kind: rapid.SampledFrom([]string{"plain", "plain", "error", "big", "reject", "poison"}).Draw(t, "kind"),
			}
		case "mood":
			return step{Do: do, Mood: rapid.SampledFrom(moodNames).Draw(t, "mood")}
		default:
			return step{Do: do, For: durations.Draw(t, "for")}
		}
	}), 1, 25).Draw(t, "steps")
}

// A witness is a transport that notes which entries the server has said it took.
type witness struct {
	next http.RoundTripper

	mu    sync.Mutex
	taken map[string]int // by log_id
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	resp, err := w.next.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusAccepted {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, id := range logIDs(body) {
			w.taken[id]++
		}
	}
	return resp, err
}

func logIDs(body io.Reader) (ids []string) {
	raw, _ := io.ReadAll(body)
	if zr, err := gzip.NewReader(bytes.NewReader(raw)); err == nil {
		raw, _ = io.ReadAll(zr)
	}
	var envelope struct {
		Logs []struct {
			ID string `json:"log_id"`
		} `json:"logs"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil {
		panic(err)
	}
	for _, e := range envelope.Logs {
		ids = append(ids, e.ID)
	}
	return ids
}

// play runs one program and returns what went wrong, or "".
func play(t *testing.T, steps []step, shutdown time.Duration) (fault string) {
	synctest.Test(t, func(t *testing.T) {
		complain := func(format string, args ...any) {
			if fault == "" {
				fault = fmt.Sprintf(format, args...)
			}
		}
		server := ledgertest.NewInMemory()
		defer server.Close()
		w := &witness{next: server.Transport(), taken: make(map[string]int)}
		h, err := ledger.NewHandler(&ledger.Options{
			APIKey: ledgertest.APIKey, HTTPTransport: w, Diagnostics: slog.DiscardHandler,
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
					// What overflows while flushing is told of afterwards.
					m := h.Metrics()
					notices := int(m.Flusher.TotalLogged) - logged
					if m.Buffer.CurrentSize+m.Buffer.InFlight > notices {
						complain("after Flush: %d queued, %d in flight", m.Buffer.CurrentSize, m.Buffer.InFlight)
					}
				}
				cancel()
			case "mood":
				server.Always(moods[s.Mood]())
			}
			law()
			synctest.Wait()
			law()
			if m := h.Metrics(); m.Buffer.CurrentSize > m.Buffer.MaxSize {
				complain("%d queued of %d", m.Buffer.CurrentSize, m.Buffer.MaxSize)
			}
		}
		if shutdown == 0 { // let everything end well
			server.Always(ledgertest.OK())
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
		if m.Buffer.CurrentSize != 0 || m.Buffer.InFlight != 0 {
			complain("after Shutdown: %d queued, %d in flight", m.Buffer.CurrentSize, m.Buffer.InFlight)
		}
		if m.Flusher.TotalLogged < int64(logged) {
			complain("%d logged, %d counted", logged, m.Flusher.TotalLogged)
		}
		var took int64
		for id, n := range w.taken {
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
	rapid.Check(t, func(rt *rapid.T) {
		steps := drawSteps(rt)
		shutdown := rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(rt, "shutdown")
		if fault := play(t, steps, shutdown); fault != "" {
			rt.Fatalf("%s", fault)
		}
	})
}
