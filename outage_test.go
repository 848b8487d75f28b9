package ledger_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// logSteadily logs perSecond records each second for d, evenly, and lets time pass.
func (r *rig) logSteadily(d time.Duration, perSecond int) (logged int) {
	r.Helper()
	const step = 50 * time.Millisecond
	for began := time.Now(); time.Since(began) < d; time.Sleep(step) {
		for want := int((time.Since(began)+step)*time.Duration(perSecond)/time.Second) - logged; want > 0; want-- {
			r.log.Info("request served", "n", logged)
			logged++
		}
	}
	synctest.Wait()
	r.checkLaw()
	return logged
}

// attemptsAfter are when attempts began, as time since began.
func (r *rig) attemptsAfter(began time.Time) (at []time.Duration) {
	for _, request := range r.server.Requests() {
		if d := request.Time.Sub(began); d >= 0 {
			at = append(at, d.Round(100*time.Millisecond))
		}
	}
	return at
}

// One pause for one spell of 429s, however many answers in parallel say so.
func TestParallel429sAreOnePause(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.MaxBufferBytes = 1_000_000, 1<<30 }, func(r *rig) {
		r.server.Always(ledgertest.Delay(200 * time.Millisecond))
		r.logSteadily(20*time.Second, 2000) // several connections are in use
		r.server.Always(ledgertest.Status(429, ""))
		began := time.Now()
		r.logSteadily(20*time.Second, 2000)
		r.server.Always(ledgertest.OK())
		before := r.stored()
		r.wait(10 * time.Second)
		if n := r.stored(); n == before {
			r.Errorf("nothing arrived within 10s after a spell of 20s; attempts at %v", r.attemptsAfter(began))
		}
	})
}

// Ten requests that are told 429 together are told so once; the pause that follows
// doubles only when the probe after it is told so, too.
func TestThePauseDoublesOnlyWhenAProbeFailsAgain(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 10 }, func(r *rig) {
		r.server.Always(ledgertest.Delay(200 * time.Millisecond))
		r.burst(1000) // they go side by side by the end
		r.mustFlush()
		began := time.Now()
		r.server.Always(ledgertest.After(200*time.Millisecond, ledgertest.Status(429, "")))
		r.burst(100)
		r.wait(8 * time.Second)
		at := r.attemptsAfter(began)
		together := 0
		for _, d := range at {
			if d < 200*time.Millisecond {
				together++
			}
		}
		if together < 5 {
			r.Fatalf("only %d attempts together: %v", together, at)
		}
		probes := at[together:]
		if len(probes) != 2 || probes[0] < 2200*time.Millisecond || probes[0] > 2600*time.Millisecond {
			r.Errorf("probes at %v, want one after 2 s and one 4 s later", probes)
		}
	})
}

// A short outage under load costs no more than the outage itself: whatever overflow
// did to the batches, sending resumes within one step of the backoff.
func TestSendingResumesWhateverOverflowDid(t *testing.T) {
	for _, test := range []struct {
		down      time.Duration
		perSecond int
	}{
		{3 * time.Second, 2000}, {8 * time.Second, 1500}, {20 * time.Second, 3000},
	} {
		t.Run(fmt.Sprintf("down for %v at %d a second", test.down, test.perSecond), func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.logSteadily(10*time.Second, test.perSecond)
				r.server.Always(ledgertest.ResetBeforeBody())
				r.logSteadily(test.down, test.perSecond)
				before := r.stored()
				r.server.Always(ledgertest.OK())
				back := time.Now()
				for r.stored() == before && time.Since(back) < time.Minute {
					r.logSteadily(100*time.Millisecond, test.perSecond)
				}
				if took := time.Since(back); took > 3*time.Second {
					r.Errorf("sending resumed %v after the server was back", took)
				}
			})
		})
	}
}

// A batch that overflow emptied while it backed off has waited for all.
func TestAnEmptiedBatchPausesNothing(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 100, 100 }, func(r *rig) {
		r.server.Script(ledgertest.ResetBeforeBody())
		r.burst(100)
		r.wait(time.Second)
		r.burst(100) // the first batch has nothing left
		r.wait(5*time.Second + 100*time.Millisecond)
		if n := len(r.server.Requests()); n != 2 {
			r.Errorf("%d attempts within one step of the backoff, want 2", n)
		}
	})
}

// While the buffer is about to lose entries, the server is asked more often, but
// no more than once a second.
func TestAFillingBufferProbesMoreOften(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.logSteadily(10*time.Second, 2000)
		r.server.Always(ledgertest.ResetBeforeBody())
		began := time.Now()
		r.logSteadily(2*time.Minute, 2000)
		at := r.attemptsAfter(began)
		if len(at) < 60 {
			r.Errorf("%d attempts in two minutes of overflow", len(at))
		}
		at = slices.DeleteFunc(at, func(d time.Duration) bool { return d < 10*time.Second })
		for i := 1; i < len(at); i++ {
			if at[i]-at[i-1] < 900*time.Millisecond {
				r.Fatalf("two attempts within a second: at %v and %v", at[i-1], at[i])
			}
		}
	})
}

// What the server asks for is kept, however much is lost meanwhile.
func TestAFillingBufferKeepsToWhatTheServerAsked(t *testing.T) {
	for _, code := range []int{429, 503} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.server.Always(ledgertest.RetryAfter(code, "60"))
				r.logSteadily(50*time.Second, 2000)
				if n := len(r.server.Requests()); n != 1 {
					r.Errorf("%d attempts before the time that the server asked for", n)
				}
			})
		})
	}
}
