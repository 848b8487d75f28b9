package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// A rig is a handler on a ledgertest server in memory, under a fake clock.
type rig struct {
	*testing.T
	protocol ledger.Protocol
	server   *ledgertest.Server
	handler  *ledger.Handler
	log      *slog.Logger
	notes    *noteTaker // the diagnostics
	inAir    atomic.Int32
	most     atomic.Int32 // requests side by side
}

// inBubble runs test with a rig under a fake clock, once for each protocol.
// change may be nil. At the end the handler is shut down, and the law of
// accounting is checked.
func inBubble(t *testing.T, change func(*ledger.Options), test func(*rig)) {
	t.Helper()
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) { inOneBubble(t, protocol, change, test) })
}

// forProtocols runs test over Ledger's own protocol and over OTLP.
func forProtocols(t *testing.T, test func(*testing.T, ledger.Protocol)) {
	t.Helper()
	for _, protocol := range []ledger.Protocol{ledger.ProtocolLedger, ledger.ProtocolOTLP} {
		t.Run(string(protocol), func(t *testing.T) { test(t, protocol) })
	}
}

func inOneBubble(t *testing.T, protocol ledger.Protocol, change func(*ledger.Options), test func(*rig), of ...ledgertest.Option) {
	t.Helper()
	served := ledgertest.Native
	if protocol == ledger.ProtocolOTLP {
		served = ledgertest.OTLP
	}
	synctest.Test(t, func(t *testing.T) {
		of := append([]ledgertest.Option{ledgertest.WithProtocol(served), ledgertest.WithRateLimits(0, 0), ledgertest.WithDailyQuota(0)}, of...)
		r := &rig{T: t, protocol: protocol, server: ledgertest.NewInMemory(of...), notes: &noteTaker{}}
		defer r.server.Close()
		opts := &ledger.Options{
			APIKey:        ledgertest.APIKey,
			Protocol:      protocol,
			HTTPTransport: countingTransport{r, r.server.Transport()},
			Diagnostics:   r.notes,
			// Under OTLP they count records.
			RequestsPerMinute: 1e6,
			RequestsPerHour:   1e6,
		}
		if change != nil {
			change(opts)
		}
		h, err := ledger.NewHandler(opts)
		if err != nil {
			t.Fatal(err)
		}
		r.handler, r.log = h, slog.New(h)
		defer func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_ = h.Shutdown(ctx)
			synctest.Wait()
			r.checkLaw()
			if m := h.Metrics(); m.Buffer.CurrentSize != 0 || m.Buffer.InFlight != 0 {
				t.Errorf("after Shutdown: %d queued, %d in flight", m.Buffer.CurrentSize, m.Buffer.InFlight)
			}
		}()
		test(r)
	})
}

type countingTransport struct {
	rig  *rig
	next http.RoundTripper
}

func (c countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	n := c.rig.inAir.Add(1)
	defer c.rig.inAir.Add(-1)
	for most := c.rig.most.Load(); n > most && !c.rig.most.CompareAndSwap(most, n); most = c.rig.most.Load() {
	}
	return c.next.RoundTrip(r)
}

// noteTaker keeps the diagnostics.
type noteTaker struct {
	slog.Handler
	text atomic.Pointer[string]
}

func (n *noteTaker) Enabled(context.Context, slog.Level) bool { return true }
func (n *noteTaker) WithAttrs([]slog.Attr) slog.Handler       { return n }
func (n *noteTaker) WithGroup(string) slog.Handler            { return n }
func (n *noteTaker) Handle(_ context.Context, r slog.Record) error {
	text := n.String() + r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	text += "\n"
	n.text.Store(&text)
	return nil
}

func (n *noteTaker) String() string {
	if text := n.text.Load(); text != nil {
		return *text
	}
	return ""
}

// told returns the diagnostics so far; they are written in the background.
func (r *rig) told() string {
	synctest.Wait()
	return r.notes.String()
}

func (r *rig) checkLaw() {
	r.Helper()
	m := r.handler.Metrics()
	if right := m.Flusher.TotalLogsSent + m.Buffer.TotalDropped + int64(m.Buffer.CurrentSize) + int64(m.Buffer.InFlight) + m.Buffer.Spooled; m.Flusher.TotalLogged != right {
		r.Errorf("law broken: logged %d, elsewhere %d: %+v", m.Flusher.TotalLogged, right, m)
	}
}

// wait lets d pass.
func (r *rig) wait(d time.Duration) {
	r.Helper()
	time.Sleep(d)
	synctest.Wait()
	r.checkLaw()
}

func (r *rig) burst(n int) {
	for i := range n {
		r.log.Info("burst", "i", i)
	}
}

func (r *rig) stored() int { return len(r.server.Entries()) }

func (r *rig) flush(d time.Duration) error {
	ctx, cancel := context.WithTimeout(r.Context(), d)
	defer cancel()
	return r.handler.Flush(ctx)
}

// fillABody logs until a request goes out for its bytes, and returns how many
// entries that took: more than it holds.
func (r *rig) fillABody() (logged int) {
	big := strings.Repeat("x", 9000)
	for began := len(r.server.Requests()); len(r.server.Requests()) == began; logged++ {
		r.log.Info(big)
		synctest.Wait()
	}
	return logged
}

// checkLastRequest checks that there were n requests, and that what the last one
// brought had waited at most FlushInterval since it was logged.
func (r *rig) checkLastRequest(n int, logged time.Time) {
	r.Helper()
	requests := r.server.Requests()
	if len(requests) != n {
		r.Fatalf("%d requests, want %d", len(requests), n)
	}
	if waited := requests[n-1].Time.Sub(logged); waited > 5*time.Second {
		r.Errorf("an entry waited %v for its batch, want 5s at most", waited)
	}
}

func (r *rig) mustFlush() {
	r.Helper()
	if err := r.flush(time.Hour); err != nil {
		r.Fatal(err)
	}
}

// What did not fit a batch full of bytes goes with the next one, and leaves no
// entry behind that Flush should have waited for.
func TestFlushLeavesNothingAfterABatchFullOfBytes(t *testing.T) {
	const flushSize = 200
	inBubble(t, func(o *ledger.Options) { o.FlushSize, o.HTTPPoolSize = flushSize, 1 }, func(r *rig) {
		logged := 0
		for range 3 {
			r.server.Script(ledgertest.Delay(4 * time.Second))
			logged += r.fillABody()
			more := flushSize - r.handler.Metrics().Buffer.CurrentSize // to a queue of exactly one batch
			r.burst(more)
			logged += more
			r.mustFlush()
			if n := r.stored(); n != logged {
				r.Fatalf("%d entries of %d arrived before Flush returned", n, logged)
			}
		}
	})
}

// What a full batch leaves over waits no longer than FlushInterval in all, also
// when the batch began with what the one before had left.
func TestWhatABatchLeavesIsNotYoungerForIt(t *testing.T) {
	const flushSize = 200
	inBubble(t, func(o *ledger.Options) { o.FlushSize, o.HTTPPoolSize = flushSize, 1 }, func(r *rig) {
		r.server.Always(ledgertest.Delay(2 * time.Second))
		r.fillABody()
		r.burst(flushSize - r.handler.Metrics().Buffer.CurrentSize)
		logged := time.Now()
		r.wait(10 * time.Second)
		r.checkLastRequest(3, logged)
	})
}

func TestEntriesArriveWhenTheOldestIsFlushIntervalOld(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.wait(3 * time.Second)
		r.log.Info("first")
		r.wait(2 * time.Second)
		r.log.Info("second")
		r.wait(3*time.Second - time.Millisecond)
		if n := r.stored(); n != 0 {
			r.Fatalf("%d entries before the interval passed", n)
		}
		r.wait(time.Millisecond)
		if n := r.stored(); n != 2 {
			r.Fatalf("%d entries, want 2", n)
		}
	})
}

func TestTrickleDoesNotStarveTheTimer(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		logged := make(map[string]time.Time)
		for i := range 300 {
			logged[fmt.Sprint(i)] = time.Now()
			r.log.Info(fmt.Sprint(i))
			r.wait(137 * time.Millisecond)
			for _, e := range r.server.Entries() {
				delete(logged, e.Message)
			}
			for message, at := range logged {
				if time.Since(at) > 5*time.Second+time.Millisecond {
					r.Fatalf("entry %s waits for %v", message, time.Since(at))
				}
			}
		}
	})
}

func TestBatchGoesOutAtFlushSize(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 100 }, func(r *rig) {
		r.burst(99)
		synctest.Wait()
		if n := r.stored(); n != 0 {
			r.Fatalf("%d entries of a batch that is not full", n)
		}
		r.burst(1)
		synctest.Wait()
		if n := r.stored(); n != 100 {
			r.Fatalf("%d entries, want 100", n)
		}
		if n := len(r.server.Requests()); n != 1 {
			r.Fatalf("%d requests, want 1", n)
		}
	})
}

func TestBodyStaysUnderOneMebibyte(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		big := strings.Repeat("x", 9000)
		for range 300 {
			r.log.Info(big)
		}
		r.mustFlush()
		if n := r.stored(); n != 300 {
			r.Fatalf("%d entries, want 300", n)
		}
		for _, request := range r.server.Requests() {
			if request.Size > 1<<20 {
				r.Errorf("body of %d bytes", request.Size)
			}
		}
		if n := len(r.server.Requests()); n != 3 {
			r.Errorf("%d requests, want 3", n)
		}
	})
}

func TestManyBatchesSideBySideOnceTheServerIsProven(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize, o.HTTPPoolSize, o.MaxBufferSize = 10, 4, 1000 }, func(r *rig) {
		r.server.Always(ledgertest.Delay(200 * time.Millisecond))
		r.burst(200)
		r.mustFlush()
		if most := r.most.Load(); most != 4 {
			r.Errorf("%d requests side by side, want 4", most)
		}
		if n := r.stored(); n != 200 {
			r.Errorf("%d entries, want 200", n)
		}
	})
}

func TestServerDownOpensTheBreakerAfterExactlyItsThreshold(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 10 }, func(r *rig) {
		r.server.Always(ledgertest.ResetBeforeBody())
		r.burst(100)
		r.wait(5 * time.Minute / 2)
		st := r.handler.Status()
		if !st.CircuitBreakerOpen || st.Healthy || st.Status != "unhealthy" {
			r.Errorf("status %+v", st)
		}
		// 5, 10, 20 and 40 s, each up to a fifth longer; then 60 s of silence.
		if n := len(r.server.Requests()); n < 5 || n > 7 {
			r.Errorf("%d requests", n)
		}
		r.server.Always(ledgertest.OK())
		r.wait(2 * time.Minute)
		if n := r.stored(); n != 100 {
			r.Errorf("%d entries, want 100", n)
		}
		if st := r.handler.Status(); st.Status != "healthy" {
			r.Errorf("status %+v", st)
		}
	})
}

func TestRetriesBackOffAndEntriesKeepTheirBytes(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Script(ledgertest.Repeat(3, ledgertest.Stored(ledgertest.Status(500, "")))...)
		start := time.Now()
		r.log.Info("kept")
		r.mustFlush()
		if took := time.Since(start); took < 14*time.Second || took > 17*time.Second {
			r.Errorf("delivered after %v, want 2+4+8 s and a fifth at most", took)
		}
		received := r.server.Received()
		if len(received) != 4 || r.stored() != 1 {
			r.Fatalf("received %d, stored %d; want 4 copies of one entry", len(received), r.stored())
		}
		for _, e := range received[1:] {
			if string(e.Raw) != string(received[0].Raw) {
				r.Errorf("bytes differ between attempts:\n%s\n%s", received[0].Raw, e.Raw)
			}
		}
	})
}

func TestThrottledPausesEverythingAndUsesNoRetry(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Script(ledgertest.Repeat(6, ledgertest.RetryAfter(429, "30"))...)
		start := time.Now()
		r.log.Info("patient")
		r.mustFlush()
		if took := time.Since(start); took < 180*time.Second || took > 220*time.Second {
			r.Errorf("took %v", took)
		}
		m := r.handler.Metrics()
		if m.Errors["rate_limit"] != 6 || m.Flusher.ConsecutiveFailures != 0 || m.Flusher.CircuitBreakerOpen {
			r.Errorf("metrics %+v", m)
		}
	})
}

func TestRefusedKeyHoldsEntriesAndIsProbedUpToEveryBreakerDelay(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Always(ledgertest.Status(401, `{"detail":"Invalid or expired API key"}`))
		r.burst(3)
		r.wait(5*time.Second + 10*time.Minute)
		st := r.handler.Status()
		if st.Status != "unhealthy" || st.CircuitBreakerOpen || len(st.Issues) == 0 || !strings.Contains(st.Issues[0], "API key") {
			r.Errorf("status %+v", st)
		}
		// The first, after 5, 10, 20 and 40 s, and then one a minute.
		if n := len(r.server.Requests()); n < 12 || n > 14 {
			r.Errorf("%d requests in ten minutes, want 12 to 14", n)
		}
		if n := strings.Count(r.told(), "refuses the API key"); n != 1 {
			r.Errorf("told %d times:\n%s", n, r.told())
		}
		r.server.Always(ledgertest.OK())
		r.wait(75 * time.Second) // a minute and its jitter
		if n := r.stored(); n != 3 {
			r.Errorf("%d entries, want 3", n)
		}
	})
}

func TestOverflowKeepsTheNewestAndTellsOnce(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 100, 10 }, func(r *rig) {
		r.server.Always(ledgertest.Status(503, ""))
		r.burst(50)
		r.wait(3 * time.Minute) // the breaker is open and holds batches
		for i := range 250 {
			r.log.Info(fmt.Sprint("new ", i))
		}
		synctest.Wait()
		m := r.handler.Metrics()
		if n := m.Buffer.CurrentSize + m.Buffer.InFlight; n != 100 || m.Buffer.Dropped["overflow"] != 200 {
			r.Errorf("%d in memory, %v dropped; want 100 and 200", n, m.Buffer.Dropped)
		}
		if st := r.handler.Status(); !strings.Contains(strings.Join(st.Issues, "; "), "dropped") {
			r.Errorf("status %+v", st)
		}
		if n := strings.Count(r.told(), "buffer is full"); n != 1 {
			r.Errorf("told %d times:\n%s", n, r.told())
		}
		r.server.Always(ledgertest.OK())
		r.mustFlush()
		var notices, kept []string
		for _, e := range r.server.Entries() {
			if strings.HasPrefix(e.Message, "ledger: dropped") {
				notices = append(notices, e.Message+" "+e.Level)
			} else {
				kept = append(kept, e.Message)
			}
		}
		if len(notices) != 1 || notices[0] != "ledger: dropped 200 entries warning" {
			r.Errorf("notices %q", notices)
		}
		slices.Sort(kept) // batches went side by side
		if len(kept) != 100 || kept[0] != "new 150" || kept[99] != "new 249" {
			r.Errorf("kept %d: %q", len(kept), kept)
		}
	})
}

// A second call's own deadline holds while the first call still waits; when both
// have the same, they tell the same.
func TestShutdownOfTwoCalls(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, nil, func(r *rig) {
		r.server.Always(ledgertest.Hang())
		r.log.Info("hello")
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- r.shutdown(time.Minute) }()
		}
		synctest.Wait()
		began := time.Now()
		if err := r.shutdown(time.Second); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			r.Errorf("after %v: %v", time.Since(began), err)
		}
		if one, other := <-errs, <-errs; one == nil || one != other {
			r.Errorf("%v and %v", one, other)
		}
	})
}

// Somebody who reads no diagnostics holds nothing up.
func TestShutdownDoesNotWaitForDiagnostics(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, nil, func(r *rig) {
		until := make(chan struct{})
		h, err := ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, HTTPTransport: r.server.Transport(), Diagnostics: silentHandler{until}})
		if err != nil {
			r.Fatal(err)
		}
		r.server.Script(ledgertest.Status(500, ""))
		slog.New(h).Info("hello")
		if err := h.Flush(r.Context()); err != nil {
			r.Error(err)
		}
		began := time.Now()
		if err := h.Shutdown(r.Context()); err != nil || time.Since(began) > 100*time.Millisecond {
			r.Errorf("after %v: %v", time.Since(began), err)
		}
		close(until)
	})
}

// What was told last is how things are.
func TestDiagnosticsEndWithTheTruth(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, nil, func(r *rig) {
		r.server.Script(ledgertest.Status(500, ""), ledgertest.Status(500, ""))
		r.log.Info("hello")
		r.wait(time.Minute + time.Second)
		r.server.Script(ledgertest.Status(500, "")) // within a minute of "delivering again"
		r.log.Info("hello")
		r.wait(time.Hour)
		r.server.Script(ledgertest.Status(500, ""))
		r.log.Info("hello")
		r.wait(10 * time.Second)
		r.server.Always(ledgertest.Status(500, "")) // within a minute of that
		r.log.Info("hello")
		r.wait(time.Hour)
		if told := r.told(); strings.LastIndex(told, "delivery fails") < strings.LastIndex(told, "delivering again") {
			r.Errorf("an outage is not reported:\n%s", told)
		}
		r.server.Always(ledgertest.OK())
		r.wait(time.Hour)
		lines := strings.Split(strings.TrimSpace(r.told()), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, "delivering again") {
			r.Errorf("last word: %s", last)
		}
	})
}

// Every entry that overflow dropped is reported, also where the notice would
// have been dropped itself.
func TestNoticesTellOfEveryDrop(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 100, 10 }, func(r *rig) {
		r.server.Always(ledgertest.Status(500, ""))
		for range 5 {
			r.burst(150)
			r.wait(7 * time.Second)
		}
		r.server.Script(ledgertest.OK()) // room for a notice comes now
		r.wait(5 * time.Minute)
		r.server.Always(ledgertest.Status(500, ""))
		r.burst(150)
		r.wait(7 * time.Second)
		r.server.Always(ledgertest.OK())
		r.wait(time.Hour)
		told := int64(0)
		for _, e := range r.server.Entries() {
			var n int64
			if _, err := fmt.Sscanf(e.Message, "ledger: dropped %d", &n); err == nil {
				told += n
			}
		}
		if dropped := r.handler.Metrics().Buffer.Dropped["overflow"]; told != dropped {
			r.Errorf("%d dropped, %d told", dropped, told)
		}
	})
}

// The notice of an overflow says what went, commonest first: whether it was noise or
// substance.
func TestTheDropNoticeNamesWhatWasLost(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 100, 100 }, func(r *rig) {
		r.server.Always(ledgertest.ResetBeforeBody())
		for i := range 1000 {
			r.log.Info(`noise of "kind" \ é`, "i", i)
			if i%10 == 0 {
				r.log.Debug("hidden")
				r.log.Warn("cache missed", "i", i)
			}
		}
		synctest.Wait() // or some of the noise is on its way out while room is made
		for range 100 {
			r.log.Info("kept")
		}
		r.wait(time.Second)
		r.server.Always(ledgertest.OK())
		r.wait(2 * time.Minute)
		var notices []string
		for _, e := range r.server.Entries() {
			if strings.HasPrefix(e.Message, "ledger: dropped ") {
				notices = append(notices, e.Message)
				want := []any{
					map[string]any{"message": `noise of "kind" \ é`, "level": "info", "count": json.Number("1000")},
					map[string]any{"message": "cache missed", "level": "warning", "count": json.Number("100")},
				}
				text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
				if got := e.Attributes["messages"]; text(got) != text(want) {
					r.Errorf("%s of\n%s, want\n%s", e.Message, text(got), text(want))
				}
			}
		}
		if fmt.Sprint(notices) != "[ledger: dropped 1100 entries]" {
			r.Errorf("%q", notices)
		}
	})
}

func TestErrorsOutliveOverflow(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 100, 10 }, func(r *rig) {
		r.server.Always(ledgertest.Hang())
		for range 80 {
			r.log.Error("matters")
		}
		r.burst(1000)
		r.server.Always(ledgertest.OK())
		r.mustFlush()
		errors := 0
		for _, e := range r.server.Entries() {
			if e.Level == "error" {
				errors++
			}
		}
		if errors != 80 {
			r.Errorf("%d errors kept, want 80", errors)
		}
	})
}

func TestFlushAndShutdownKeepTheirDeadlines(t *testing.T) {
	for name, fault := range map[string]ledgertest.Fault{
		"backing off": ledgertest.Status(500, ""), "hanging": ledgertest.Hang(), "throttled": ledgertest.RetryAfter(429, "3600"),
		"key refused": ledgertest.Status(401, ""), "quota": ledgertest.Status(402, ""), "wrong URL": ledgertest.Status(404, ""),
		"down": ledgertest.ResetBeforeBody(), "endless": ledgertest.EndlessAnswer(500),
	} {
		for _, wait := range []time.Duration{time.Second, 10 * time.Minute} {
			t.Run(fmt.Sprint(name, " ", wait), func(t *testing.T) {
				inBubble(t, nil, func(r *rig) {
					r.server.Always(fault)
					r.burst(5)
					start := time.Now()
					if err := r.flush(wait); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "5 entries") {
						r.Errorf("Flush: %v", err)
					}
					if took := time.Since(start); took != wait {
						r.Errorf("Flush took %v", took)
					}
					ctx, cancel := context.WithTimeout(r.Context(), wait)
					defer cancel()
					start = time.Now()
					first := r.handler.Shutdown(ctx)
					if !errors.Is(first, context.DeadlineExceeded) || !strings.Contains(first.Error(), "5 entries") {
						r.Errorf("Shutdown: %v", first)
					}
					if took := time.Since(start); took != wait {
						r.Errorf("Shutdown took %v", took)
					}
					if again := r.handler.Shutdown(r.Context()); again != first {
						r.Errorf("second Shutdown: %v", again)
					}
					if m := r.handler.Metrics(); m.Buffer.Dropped["closed"] != 5 {
						r.Errorf("metrics %+v", m)
					}
					if err := r.handler.Handle(r.Context(), slog.Record{}); err != ledger.ErrClosed {
						r.Errorf("Handle after Shutdown: %v", err)
					}
				})
			})
		}
	}
}
