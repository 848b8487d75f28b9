package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// What one answer of each status costs: a name in Metrics, a failure or none, and no
// entry.
func TestOneAnswerOfEachStatusCostsNoEntry(t *testing.T) {
	meanings := map[string][]int{
		"server_error":     {101, 408, 425, 500, 501, 502, 503, 504, 507, 520, 599},
		"rate_limit":       {429},
		"quota":            {402},
		"auth_failure":     {401, 403},
		"not_found":        {301, 302, 304, 307, 308, 404, 405, 406, 409, 410, 415, 418, 499},
		"validation_error": {400, 413, 422},
	}
	for name, statuses := range meanings {
		for _, status := range statuses {
			t.Run(fmt.Sprint(status), func(t *testing.T) {
				inBubble(t, nil, func(r *rig) {
					r.server.Script(ledgertest.Status(status, ""))
					r.burst(3)
					r.wait(5*time.Second + time.Millisecond)
					m := r.handler.Metrics()
					for key, n := range m.Errors {
						if want := map[bool]int64{key == name: 1}[true]; n != want {
							r.Errorf("%d %s, want %d", n, key, want)
						}
					}
					failures := 0
					if name == "server_error" {
						failures = 1
					}
					if m.Flusher.ConsecutiveFailures != failures {
						r.Errorf("%d consecutive failures, want %d", m.Flusher.ConsecutiveFailures, failures)
					}
					if name != "validation_error" && m.Flusher.LastError == "" {
						r.Error("no LastError")
					}
					r.wait(2 * time.Minute)
					if m := r.handler.Metrics(); r.stored() != 3 || m.Buffer.TotalDropped != 0 || m.Flusher.ConsecutiveFailures != 0 {
						r.Errorf("%d of 3 stored, %+v", r.stored(), m)
					}
				})
			})
		}
	}
}

// A flush counts as a success when the server said its word, and as a failure when the
// retries ended without one.
func TestFlushesAreCounted(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxRetries = -1 }, func(r *rig) {
		r.server.Script(ledgertest.OK(), ledgertest.Status(503, ""), ledgertest.Status(422, ""))
		for range 2 {
			r.log.Info("one")
			r.mustFlush()
		}
		m := r.handler.Metrics().Flusher
		if m.TotalFlushes != 3 || m.SuccessfulFlushes != 2 || m.FailedFlushes != 1 {
			r.Errorf("%d flushes, %d successes, %d failures; want 3, 2, 1", m.TotalFlushes, m.SuccessfulFlushes, m.FailedFlushes)
		}
		if m.LastFlushTime == nil || time.Since(*m.LastFlushTime) > time.Second {
			r.Errorf("the last flush was at %v", m.LastFlushTime)
		}
	})
}
