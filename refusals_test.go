package ledger_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// A server that refuses everything is at fault itself: the halving stops, entries
// are kept, and the rate limit is not burnt.
func TestRefusalOfEverythingIsTheServersFault(t *testing.T) {
	for _, code := range []int{400, 413, 422} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.logSteadily(10*time.Second, 100)
				r.server.Always(ledgertest.Status(code, `{"detail":"There was an error parsing the body"}`))
				before := len(r.server.Requests())
				logged := 1000 + r.logSteadily(10*time.Second, 100)
				if n := len(r.server.Requests()) - before; n > 60 {
					r.Errorf("%d requests in ten seconds of refusals", n)
				}
				r.server.Always(ledgertest.OK())
				r.wait(2 * time.Minute)
				if n := r.stored(); n < logged-20 {
					r.Errorf("%d of %d entries arrived", n, logged)
				}
			})
		})
	}
}

// An hour of refusals costs few entries and few requests, and Status says so.
func TestAnHourOfRefusalsIsHeld(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Always(ledgertest.Status(400, ""))
		logged := r.logSteadily(time.Hour, 1)
		if n := len(r.server.Requests()); n > 200 {
			r.Errorf("%d requests in an hour", n)
		}
		if st := r.handler.Status(); st.Status == "healthy" || !strings.Contains(strings.Join(st.Issues, "; "), "refuses every request") {
			r.Errorf("%+v", st)
		}
		if told := r.told(); !strings.Contains(told, "refuses every request") {
			r.Errorf("not told:\n%s", told)
		}
		r.server.Always(ledgertest.OK())
		r.mustFlush()
		if n := r.stored(); n < logged-20 {
			r.Errorf("%d of %d entries arrived", n, logged)
		}
		if st := r.handler.Status(); !st.Healthy {
			r.Errorf("%+v", st)
		}
	})
}

// Entries that nothing can deliver do not wedge sending: those logged later are
// tried, and what the server takes shows which ones are at fault.
func TestGuiltyBatchesDoNotHideBehindOneAnother(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 10 }, func(r *rig) {
		r.server.Always(ledgertest.PoisonBlind(guilty, 400))
		for range 100 {
			r.log.Info("guilty")
		}
		r.wait(10 * time.Minute)
		innocent := 0
		for r.handler.Metrics().Buffer.Dropped["rejected"] < 100 && innocent < 1000 {
			r.log.Info("innocent")
			innocent++
			r.wait(10 * time.Second)
		}
		r.mustFlush()
		r.checkCost(innocent, 100, "rejected")
		r.Logf("%d innocent entries beside them", innocent)
	})
}

// A failed attempt that never reached the server spends no budget of the rate limit.
func TestAttemptsThatNeverReachTheServerSpendNoBudget(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.HTTPTransport = unreachable{} }, func(r *rig) {
		r.logSteadily(time.Minute, 10)
		if n := r.handler.Metrics().RateLimiter.CurrentRate; n != 0 {
			r.Errorf("%d of the rate limit spent", n)
		}
	})
}

type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}
