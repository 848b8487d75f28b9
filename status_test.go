package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// Nothing delivered for a minute while entries wait is unhealthy, whatever the
// cause; the first delivery that empties the wait ends it.
func TestNothingDeliveredForAMinuteIsUnhealthyWhateverTheCause(t *testing.T) {
	for name, fault := range map[string]ledgertest.Fault{
		"429":    ledgertest.RetryAfter(429, "60"),
		"503":    ledgertest.RetryAfter(503, "600"),
		"hang":   ledgertest.Hang(),
		"outage": ledgertest.ResetBeforeBody(),
		"quota":  ledgertest.Status(402, `{"detail":"Daily quota exceeded: 1/1"}`),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.logFor(10*time.Second, 1)
				r.server.Always(fault)
				r.logFor(30*time.Second, 1)
				if st := r.handler.Status(); st.Status == "healthy" {
					t.Errorf("after 30s: %+v", st)
				}
				r.logFor(60*time.Second, 1)
				st := r.handler.Status()
				if st.Status != "unhealthy" || st.Healthy {
					t.Errorf("after 90s: %+v", st)
				}
				if text := strings.Join(st.Issues, "; "); !strings.Contains(text, "entries") {
					t.Errorf("issues do not say how many entries wait: %q", text)
				}
				if oldest := r.handler.Metrics().Buffer.OldestSeconds; oldest < 60 || oldest > 100 {
					t.Errorf("oldest_seconds = %v", oldest)
				}
				r.server.Always(ledgertest.OK())
				if err := r.flush(11 * time.Minute); err != nil {
					t.Fatal(err)
				}
				if st := r.handler.Status(); !st.Healthy || st.Status == "unhealthy" {
					t.Errorf("after delivery: %+v", st)
				}
				if oldest := r.handler.Metrics().Buffer.OldestSeconds; oldest != 0 {
					t.Errorf("oldest_seconds = %v with nothing waiting", oldest)
				}
			})
		})
	}
}

// A refused key is probed after 5, 10, 20 s and on, so that a fresh key works soon.
func TestARefusedKeyIsProbedSoon(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Always(ledgertest.Status(401, `{"detail":"Invalid or expired API key"}`))
		began := time.Now()
		r.logFor(6*time.Second, 10)
		r.server.Always(ledgertest.OK())
		r.logFor(15*time.Second, 10)
		if st := r.handler.Status(); !st.Healthy {
			t.Errorf("%v after the key was good again: %+v; attempts at %v", 15*time.Second, st, attemptsSince(r, began))
		}
	})
}

func attemptsSince(r *rig, began time.Time) (at []time.Duration) {
	for _, request := range r.server.Requests() {
		if d := request.Time.Sub(began); d >= 0 {
			at = append(at, d.Round(100*time.Millisecond))
		}
	}
	return at
}
