package ledger_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// What one episode of trouble leaves behind must not change the next one.

// settleGuilty logs n records of which one is guilty of a sticking 500, and other
// traffic until that one is found; it returns how long that took.
func (r *rig) settleGuilty(n int) time.Duration {
	r.Helper()
	before, began := r.handler.Metrics().Buffer.Dropped["rejected"], time.Now()
	r.logMixed(n, n/3)
	for r.handler.Metrics().Buffer.Dropped["rejected"] == before {
		if time.Since(began) > time.Hour {
			r.Fatalf("not found within an hour: %+v", r.handler.Metrics().Buffer)
		}
		r.log.Info("beside it")
		r.wait(5 * time.Second)
	}
	return time.Since(began)
}

// The search for a guilty entry ends, so that the next one is looked for, too.
func TestEveryGuiltyBatchIsSearched(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Always(ledgertest.Poison(guilty, 500))
		for range 3 {
			if took := r.settleGuilty(100); took > 10*time.Minute {
				r.Errorf("took %v", took)
			}
			r.wait(2 * time.Hour)
		}
		r.server.Always(ledgertest.OK())
		r.mustFlush()
		if m := r.handler.Metrics(); m.Buffer.TotalDropped != 3 || int64(r.stored()) != m.Flusher.TotalLogsSent {
			r.Errorf("%d stored, %+v", r.stored(), m.Buffer)
		}
	})
}

// Nor does a search stay open whose last piece overflow has taken.
func TestASearchEndsWithAnEmptiedPiece(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 300, 100 }, func(r *rig) {
		r.server.Always(ledgertest.Poison(guilty, 500))
		r.logMixed(100, 33)
		for range 30 { // it is being searched
			r.log.Info("beside it")
			r.wait(5 * time.Second)
		}
		r.server.Always(ledgertest.ResetBeforeBody())
		r.burst(5000)
		r.wait(time.Minute)
		r.server.Always(ledgertest.Poison(guilty, 500))
		r.wait(10 * time.Minute)
		if n := r.handler.Metrics().Buffer.Dropped["rejected"]; n != 0 {
			r.Skipf("found before it overflowed: %d", n)
		}
		if took := r.settleGuilty(100); took > 10*time.Minute {
			r.Errorf("took %v", took)
		}
	})
}

// An innocent entry that fails while others pass gets another full round: after an
// outage of all one such round may be chance.
func TestAnInnocentEntrySurvivesAFlappingServer(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize, o.BreakerThreshold = 1, 1000 }, func(r *rig) {
		attempts := func() (n int) {
			for _, q := range r.server.Requests() {
				if len(q.Entries) > 0 && q.Entries[0].Message == "unlucky" {
					n++
				}
			}
			return n
		}
		var well atomic.Bool
		r.server.SetFault(func(q *ledgertest.Request) ledgertest.Fault {
			if !well.Load() && q.Entries[0].Message == "unlucky" {
				return ledgertest.Status(500, "")
			}
			return ledgertest.OK()
		})
		r.log.Info("unlucky")
		for attempts() < 8 { // two full rounds that look like an outage
			r.wait(time.Second)
		}
		for attempts() < 12 { // one while others pass
			r.log.Info("beside it")
			r.wait(time.Second)
		}
		well.Store(true)
		r.wait(10 * time.Minute)
		if m := r.handler.Metrics(); m.Buffer.TotalDropped != 0 || m.Buffer.InFlight != 0 {
			r.Errorf("%+v", m.Buffer)
		}
	})
}

// An entry that is refused alone with 400 goes once more, since a body garbled on
// its way is answered so, too; not with 422, and not twice.
func TestASecondChanceAfterA400(t *testing.T) {
	for _, test := range []struct{ code, times, dropped int }{{400, 1, 0}, {400, 2, 1}, {422, 1, 1}} {
		t.Run(fmt.Sprint(test.code, " ", test.times), func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.log.Info("the server takes gzip")
				r.mustFlush()
				r.server.Script(ledgertest.Repeat(test.times, ledgertest.Status(test.code, ""))...)
				r.log.Info("garbled")
				r.mustFlush()
				if n := r.handler.Metrics().Buffer.Dropped["rejected"]; n != int64(test.dropped) || r.stored() != 2-test.dropped {
					r.Errorf("%d dropped, %d stored", n, r.stored())
				}
			})
		})
	}
}

// Under OTLP, where records are counted, a batch that comes back is cut to what the
// limit leaves, rather than to wait until all of it fits.
func TestARetriedBatchIsCutToWhatTheRateLimitLeaves(t *testing.T) {
	inOneBubble(t, ledger.ProtocolOTLP, func(o *ledger.Options) { o.RequestsPerMinute = 1000 }, func(r *rig) {
		r.server.Script(ledgertest.Status(429, "", "Retry-After: 1"))
		r.burst(600)
		r.wait(20 * time.Second) // refused, and counted; 299 of the share are left
		if n := r.stored(); n != 299 {
			r.Errorf("%d entries arrived, want 299", n)
		}
		r.wait(time.Minute)
		if n := r.stored(); n != 600 {
			r.Errorf("%d entries arrived, want 600", n)
		}
	})
}

// A 429 says nothing of a refused key: Status goes on to report the key, and it is probed.
func TestA429DoesNotHideARefusedKey(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Script(ledgertest.Status(401, ""))
		r.server.Always(ledgertest.RetryAfter(429, "20"))
		r.burst(3)
		r.wait(time.Minute)
		if n := r.handler.Metrics().Errors["rate_limit"]; n == 0 {
			r.Fatal("no 429 yet")
		}
		st := r.handler.Status()
		if st.Status != "unhealthy" || !strings.Contains(strings.Join(st.Issues, "; "), "API key") {
			r.Errorf("%+v", st)
		}
		r.server.Always(ledgertest.OK())
		r.wait(2 * time.Minute)
		if st := r.handler.Status(); r.stored() != 3 || !st.Healthy {
			r.Errorf("%d stored, %+v", r.stored(), st)
		}
	})
}

// While a slow server keeps every connection busy, what is on the wire takes up to
// five eighths of the byte budget away from the queue, and no more.
func TestBytesOnTheWireCountAgainstTheBudget(t *testing.T) {
	const budget = 1 << 20
	inBubble(t, func(o *ledger.Options) { o.MaxBufferBytes, o.HTTPPoolSize = budget, 10 }, func(r *rig) {
		r.server.Always(ledgertest.Delay(200 * time.Millisecond))
		big := strings.Repeat("x", 900)
		for range 20 { // so that all connections are in use
			for range 500 {
				r.log.Info(big)
			}
			r.wait(100 * time.Millisecond)
		}
		r.wait(time.Minute)
		r.server.Always(ledgertest.After(10*time.Second, ledgertest.OK()))
		for range 2 { // the first fills the connections, the second the queue
			for range 20_000 {
				r.log.Info(big)
			}
			synctest.Wait()
		}
		m := r.handler.Metrics().Buffer
		onWire := m.InFlight * m.CurrentBytes / m.CurrentSize
		want := budget - min(onWire, budget*5/8)
		if n := r.inAir.Load(); n < 2 || m.CurrentBytes > want+10_000 || m.CurrentBytes < want-100_000 {
			r.Errorf("%d bytes queued beside %d in %d requests, want %d", m.CurrentBytes, onWire, n, want)
		}
	})
}

// A quota that is used up is asked about after pauses that double, up to
// MaxRetryAfter, and in any case once midnight UTC has reset it.
func TestThePauseForAQuotaIsCapped(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Always(ledgertest.Status(402, ""))
		r.log.Info("hello")
		r.wait(2 * time.Hour)
		r.checkPauses(seconds(60, 120, 240, 480, 600, 600, 600)...)
	})
	inBubble(t, func(o *ledger.Options) { o.MaxRetryAfter = 100 * time.Hour }, func(r *rig) {
		r.server.Always(ledgertest.Status(402, ""))
		r.log.Info("hello")
		midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		r.wait(time.Until(midnight) + 3*time.Hour) // doubled on, the tenth pause would be 17 h
		requests := r.server.Requests()
		if last := requests[len(requests)-1].Time; last.Before(midnight) {
			r.Errorf("the last request was %v before midnight", midnight.Sub(last))
		}
	})
}

// 425 asks to come again, as 408 does.
func TestTooEarlyIsTriedAgain(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Script(ledgertest.Status(425, ""))
		r.log.Info("hello")
		r.mustFlush()
		if m := r.handler.Metrics(); r.stored() != 1 || m.Errors["server_error"] != 1 {
			r.Errorf("%d stored, %v", r.stored(), m.Errors)
		}
	})
}
