package ledger_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// auto runs test with a handler that chooses its protocol itself, on a server of
// Ledger's own protocol.
func auto(t *testing.T, change func(*ledger.Options), test func(*rig)) {
	t.Helper()
	inOneBubble(t, ledger.ProtocolAuto, change, test)
}

func TestAutoMovesToOTLPWithoutARequestOfItsOwn(t *testing.T) {
	auto(t, nil, func(r *rig) {
		r.log.Info("first", "n", 1, "at", time.Unix(1e9, 5e8))
		r.mustFlush()
		if p := r.handler.Metrics().SDK.Protocol; p != "ledger" {
			r.Errorf("protocol %q", p)
		}
		bound := r.log.With("bound", 1.5)

		r.server.SetProtocol(ledgertest.OTLP) // the server is upgraded
		r.server.Reset()
		bound.Info("second", "n", 2)
		r.log.Error("third", "error", fmt.Errorf("disk: %w", errTest))
		logged := time.Now()
		r.wait(time.Second)
		r.mustFlush()
		if p := r.handler.Metrics().SDK.Protocol; p != "otlp" {
			r.Errorf("protocol %q", p)
		}
		bound.Info("fourth", "n", 4)
		r.mustFlush()

		entries := r.server.Entries()
		if len(entries) != 3 {
			r.Fatalf("%d entries, want 3", len(entries))
		}
		for i, want := range []string{"second", "third", "fourth"} {
			if entries[i].Message != want || entries[i].LogID == "" {
				r.Errorf("entry %d: %+v", i, entries[i])
			}
		}
		if !entries[0].Timestamp.Equal(logged.Truncate(time.Microsecond)) {
			r.Errorf("time %v, logged at %v", entries[0].Timestamp, logged)
		}
		if got := fmt.Sprintln(entries[0].Attributes["bound"], entries[2].Attributes["bound"], entries[0].Attributes["n"]); got != "1.5 1.5 2\n" {
			r.Errorf("attributes %s", got)
		}
		if entries[1].ErrorMessage != "disk: test" || entries[1].StackTrace == "" || entries[1].LogType != "exception" {
			r.Errorf("exception %+v", entries[1])
		}
		var paths []string
		for _, request := range r.server.Requests() {
			paths = append(paths, fmt.Sprint(request.Path, " ", request.Status))
		}
		if got := strings.Join(paths, ", "); got != "/api/v1/ingest/batch 404, /v1/logs 200, /v1/logs 200" {
			r.Errorf("requests: %s", got)
		}
		if n := strings.Count(r.told(), "another protocol"); n != 1 {
			r.Errorf("told %d times:\n%s", n, r.told())
		}
	})
}

var errTest = fmt.Errorf("test")

func TestAutoEndsWellWhileADeploymentIsInProgress(t *testing.T) {
	auto(t, func(o *ledger.Options) { o.FlushSize, o.HTTPPoolSize = 10, 3 }, func(r *rig) {
		for i := range 200 {
			r.server.SetProtocol([]ledgertest.Protocol{ledgertest.Native, ledgertest.OTLP}[i*7919%13%2])
			r.burst(10)
			r.wait(7 * time.Second)
		}
		r.server.SetProtocol(ledgertest.OTLP)
		r.wait(10 * time.Minute)
		if n := r.stored(); n != 2000 || r.server.Duplicates() != 0 {
			r.Errorf("%d entries, %d twice; want 2000 once", n, r.server.Duplicates())
		}
		r.server.SetProtocol(ledgertest.Native) // and back
		r.burst(10)
		r.wait(5 * time.Minute)
		if n := r.stored(); n != 2010 {
			r.Errorf("%d entries, want 2010", n)
		}
		if st := r.handler.Status(); st.Status != "healthy" {
			r.Errorf("status %+v", st)
		}
	})
}

// A server of the other protocol is no trouble: no wrong URL is reported,
// even if it limits the rate at first.
func TestAutoOnAServerOfTheOtherProtocolIsNoTrouble(t *testing.T) {
	auto(t, nil, func(r *rig) {
		r.server.SetProtocol(ledgertest.OTLP)
		r.server.SetFault(func(q *ledgertest.Request) ledgertest.Fault {
			if q.Path == "/v1/logs" {
				return ledgertest.RetryAfter(429, "60")
			}
			return ledgertest.OK()
		})
		r.log.Info("first")
		r.wait(20 * time.Second)
		if n := len(r.server.Requests()); n != 2 {
			r.Errorf("%d requests, want one of each protocol", n)
		}
		if st := r.handler.Status(); st.Status != "healthy" {
			r.Errorf("status while the rate is limited: %+v", st)
		}
		r.server.Always(ledgertest.OK())
		r.wait(2 * time.Minute)
		if r.stored() != 1 || strings.Contains(r.told(), "ingest endpoint") || !strings.Contains(r.told(), "another protocol") {
			r.Errorf("%d entries, diagnostics:\n%s", r.stored(), r.told())
		}
	})
}

func TestAutoOnAWrongURLProbesOnceABreakerDelay(t *testing.T) {
	auto(t, nil, func(r *rig) {
		r.server.Always(ledgertest.Status(404, ""))
		r.log.Info("lost in the web")
		r.wait(5*time.Second + 10*time.Minute)
		if n := len(r.server.Requests()); n != 12 { // both at first, then one a minute
			r.Errorf("%d requests in ten minutes, want 12", n)
		}
		if st := r.handler.Status(); st.Status != "unhealthy" || !strings.Contains(fmt.Sprint(st.Issues), "not an ingest endpoint") {
			r.Errorf("status %+v", st)
		}
	})
}

func TestFixedProtocolSaysWhatTheServerWants(t *testing.T) {
	for protocol, served := range map[ledger.Protocol]ledgertest.Protocol{ledger.ProtocolLedger: ledgertest.OTLP, ledger.ProtocolOTLP: ledgertest.Native} {
		inOneBubble(t, protocol, nil, func(r *rig) {
			r.server.SetProtocol(served)
			r.log.Info("hello")
			r.wait(10 * time.Minute)
			want := map[ledger.Protocol]string{ledger.ProtocolLedger: "OTLP only", ledger.ProtocolOTLP: "Ledger's own protocol only"}[protocol]
			if !strings.Contains(r.told(), want) {
				r.Errorf("%s: diagnostics:\n%s", protocol, r.told())
			}
			for _, request := range r.server.Requests() {
				if request.Status != 404 {
					r.Errorf("request %+v", request)
				}
			}
		})
	}
}

func TestOTLPQuotaHoldsEverythingUntilItIsReset(t *testing.T) {
	inOneBubble(t, ledger.ProtocolOTLP, nil, func(r *rig) {
		r.server.SetDailyQuota(10, 10)
		r.burst(5)
		r.wait(time.Minute)
		st := r.handler.Status()
		if st.Status != "degraded" || !st.Healthy || !strings.Contains(fmt.Sprint(st.Issues), "quota") {
			r.Errorf("status %+v", st)
		}
		if m := r.handler.Metrics(); m.Errors["quota"] == 0 || m.Buffer.TotalDropped != 0 || m.Flusher.TotalLogsSent != 0 {
			r.Errorf("metrics %+v", m)
		}
		r.server.SetDailyQuota(1000, 0)
		r.wait(time.Hour)
		if n := r.stored(); n != 5 {
			r.Errorf("%d entries, want 5", n)
		}
	})
}

// Under OTLP the server counts records in windows of a minute by the clock, and
// denied ones too. The handler learns the limit and is never denied.
func TestOTLPBudgetsRecords(t *testing.T) {
	inOneBubble(t, ledger.ProtocolOTLP, func(o *ledger.Options) {
		o.RequestsPerMinute, o.RequestsPerHour = 0, 0
	}, func(r *rig) {
		r.server.SetRateLimits(300, 50_000)
		r.log.Info("learns the limits")
		r.mustFlush()
		r.burst(2000)
		start := time.Now()
		r.mustFlush()
		if n := r.stored(); n != 2001 {
			r.Errorf("%d entries, want 2001", n)
		}
		for _, request := range r.server.Requests() {
			if request.Status != 200 {
				r.Errorf("answer %d for %d entries", request.Status, len(request.Entries))
			}
		}
		if took := time.Since(start); took < 7*time.Minute || took > 12*time.Minute {
			r.Errorf("2000 records in %v at fewer than 270 a minute", took)
		}
		if m := r.handler.Metrics(); m.RateLimiter.LimitPerMinute != 270 || m.RateLimiter.CurrentRate > 270 {
			r.Errorf("rate limiter %+v", m.RateLimiter)
		}
		synctest.Wait()
	})
}

func TestAutoKeepsTheLastOfTwoEndpoints(t *testing.T) {
	auto(t, nil, func(r *rig) {
		r.server.SetProtocol(ledgertest.OTLP) // the first batch is encoded in the other protocol
		r.log.With("endpoint", "api.example.com").Info("GET /x - 200", wholeEndpoint())
		r.mustFlush()
		if e := r.server.Entries()[0]; e.LogType != "endpoint" || e.Attributes["endpoint"].(map[string]any)["path"] != "/x" {
			r.Errorf("%+v", e)
		}
	})
}

func wholeEndpoint() slog.Attr {
	return slog.Group("endpoint", "method", "GET", "path", "/x", "status_code", 200, "duration_ms", 1.5)
}

// A group that nothing is in hides nothing.
func TestEndpointBesideAnEmptyGroup(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.log.With(wholeEndpoint()).WithGroup("endpoint").Error("m", "ledger.importance", "low")
		r.mustFlush()
		if e := r.server.Entries()[0]; e.LogType != "endpoint" || e.Attributes["endpoint"] == nil {
			r.Errorf("%+v", e)
		}
	})
}
