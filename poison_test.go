package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// An entry that the server refuses, or fails on, costs itself and a bounded
// number of requests; never its batch, and never the traffic beside it.

var guilty = marked("guilty")

// refusals are the ways in which a server refuses a whole request for some of
// its entries: with and without saying which.
var refusals = map[string]struct {
	fault  ledgertest.Fault
	reason string // of the drop
}{
	"400":       {ledgertest.Poison(guilty, 400), "rejected"},
	"413":       {ledgertest.Poison(guilty, 413), "too_large"},
	"422 named": {ledgertest.Poison(guilty, 422), "rejected"},
	"422 blind": {ledgertest.PoisonBlind(guilty, 422), "rejected"},
}

// logMixed logs n records, those at the positions as guilty.
func (r *rig) logMixed(n int, positions ...int) {
	for i := range n {
		if slices.Contains(positions, i) {
			r.log.Info("guilty", "i", i)
		} else {
			r.log.Info("innocent", "i", i)
		}
	}
}

// checkCost holds the server and the counters against one drop for each guilty
// entry, and nothing else lost or doubled.
func (r *rig) checkCost(innocent, guilty int, reason string) {
	r.Helper()
	m := r.handler.Metrics()
	if m.Buffer.Dropped[reason] != int64(guilty) || m.Buffer.TotalDropped != int64(guilty) || m.Flusher.TotalLogsSent != int64(innocent) {
		r.Errorf("sent %d, dropped %v; want %d sent and %d %s", m.Flusher.TotalLogsSent, m.Buffer.Dropped, innocent, guilty, reason)
	}
	if r.stored() != innocent || r.server.Duplicates() != 0 {
		r.Errorf("%d stored, %d twice; want %d once", r.stored(), r.server.Duplicates(), innocent)
	}
	for _, e := range r.server.Entries() {
		if strings.HasPrefix(e.Message, "guilty") {
			r.Errorf("a guilty entry was stored: %s", e.Raw)
		}
	}
}

func TestOneGuiltyEntryCostsItselfAndFewRequests(t *testing.T) {
	for name, refusal := range refusals {
		for _, position := range []int{0, 612, 999} {
			t.Run(fmt.Sprint(name, " at ", position), func(t *testing.T) {
				inBubble(t, nil, func(r *rig) {
					r.server.Always(refusal.fault)
					r.logMixed(1000, position)
					r.mustFlush()
					r.checkCost(999, 1, refusal.reason)
					// A 400 is tried once more without gzip, until the server is
					// known to take it.
					if n := len(r.server.Requests()); n > 25 {
						r.Errorf("%d requests, want 25 at most", n)
					}
				})
			})
		}
	}
}

// Without gzip to suspect, and with a server known to be well, it costs no more.
func TestOneGuiltyEntryAmongTrafficCostsFewRequests(t *testing.T) {
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.server.Always(refusal.fault)
				r.logMixed(1000)
				r.mustFlush()
				before := len(r.server.Requests())
				r.logMixed(5000, 2345)
				r.mustFlush()
				r.checkCost(5999, 1, refusal.reason)
				if n := len(r.server.Requests()) - before; n > 25+4 { // four batches beside it
					r.Errorf("%d requests, want 29 at most", n)
				}
			})
		})
	}
}

func TestSeveralGuiltyEntriesCostOnlyThemselves(t *testing.T) {
	for name, refusal := range refusals {
		for _, positions := range [][]int{{0, 999}, {500, 501}, {10, 200, 201, 777, 998}} {
			t.Run(fmt.Sprint(name, positions), func(t *testing.T) {
				inBubble(t, nil, func(r *rig) {
					r.server.Always(refusal.fault)
					r.logMixed(1000, positions...)
					r.mustFlush()
					r.checkCost(1000-len(positions), len(positions), refusal.reason)
					if n := len(r.server.Requests()); n > 25*len(positions) {
						r.Errorf("%d requests for %d guilty entries", n, len(positions))
					}
				})
			})
		}
	}
}

func TestNamedEntriesCostOneMoreRequest(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		if r.protocol == ledger.ProtocolOTLP {
			r.Skip("OTLP names nobody")
		}
		r.server.Always(ledgertest.Poison(guilty, 422))
		r.logMixed(1000, 3, 500, 501, 502, 999)
		r.mustFlush()
		r.checkCost(995, 5, "rejected")
		if n := len(r.server.Requests()); n != 2 {
			r.Errorf("%d requests, want 2", n)
		}
	})
}

// As long as nothing passes it looks as if the server refused everything, so it takes
// others beside them.
func TestBatchOfNothingButGuiltyEntriesIsDropped(t *testing.T) {
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.server.Always(refusal.fault)
				for range 100 {
					r.log.Info("guilty")
				}
				innocent := 0
				for m := r.handler.Metrics(); m.Buffer.TotalDropped < 100 && innocent < 100; m = r.handler.Metrics() {
					r.log.Info("innocent")
					innocent++
					r.wait(10 * time.Second)
				}
				r.mustFlush()
				r.checkCost(innocent, 100, refusal.reason)
			})
		})
	}
}

// settleWithin waits until nothing is left to send.
func (r *rig) settleWithin(d time.Duration, meanwhile func()) (took time.Duration) {
	r.Helper()
	began := time.Now()
	for m := r.handler.Metrics(); m.Buffer.CurrentSize+m.Buffer.InFlight > 0; m = r.handler.Metrics() {
		if time.Since(began) > d {
			r.Fatalf("%d queued, %d in flight after %v", m.Buffer.CurrentSize, m.Buffer.InFlight, d)
		}
		if meanwhile != nil {
			meanwhile()
		}
		r.wait(time.Second)
	}
	return time.Since(began)
}

// Each halving takes a success elsewhere, so that an outage shatters no more than one batch:
// entries at both ends of a batch are told from an outage by other traffic.
func TestFiveHundredThatSticksToEntriesCostsOnlyThem(t *testing.T) {
	for _, positions := range [][]int{{300}, {0}, {99}, {0, 99}, {50, 51}, {10, 20, 77}} {
		t.Run(fmt.Sprint(positions), func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.server.Always(ledgertest.Poison(guilty, 500))
				n := max(100, 2*positions[0])
				r.logMixed(n, positions...)
				beside, began := 0, time.Now()
				for r.handler.Metrics().Buffer.Dropped["rejected"] < int64(len(positions)) && time.Since(began) < 12*time.Hour {
					if len(positions) > 1 {
						r.log.Info("beside them")
						beside++
					}
					r.wait(20 * time.Second)
				}
				took := time.Since(began)
				r.mustFlush()
				r.checkCost(n-len(positions)+beside, len(positions), "rejected")
				r.Logf("%v and %d requests, %d of them beside", took, len(r.server.Requests()), beside)
			})
		})
	}
}

// With other traffic that passes, also little of it, two entries of five hundred are
// found within ten minutes.
func TestFiveHundredThatSticksIsSettledWithinTenMinutes(t *testing.T) {
	for _, every := range []time.Duration{200 * time.Millisecond, 5 * time.Second, 15 * time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.server.Always(ledgertest.Poison(guilty, 500))
				r.logMixed(500, 123, 377)
				beside, began := 0, time.Now()
				for ; r.handler.Metrics().Buffer.Dropped["rejected"] < 2; beside++ {
					if time.Since(began) > 10*time.Minute {
						r.Fatalf("%d of 2 found after ten minutes", r.handler.Metrics().Buffer.Dropped["rejected"])
					}
					r.log.Info("beside them")
					r.wait(every)
				}
				r.Logf("after %v", time.Since(began))
				r.mustFlush()
				r.checkCost(498+beside, 2, "rejected")
			})
		})
	}
}

// With other traffic beside it, too, a sticking 500 loses and doubles nothing,
// and what is logged meanwhile does not wait for the search to end.
func TestFiveHundredThatSticksToAnEntryHoldsUpNobody(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 100 }, func(r *rig) {
		r.server.Always(ledgertest.Poison(guilty, 500))
		r.logMixed(100)
		r.mustFlush()
		innocent := 100 + 99
		r.logMixed(100, 70)
		var longest time.Duration
		pending := make(map[string]time.Time)
		r.settleOrWait(6*time.Hour, func(i int) bool {
			id := fmt.Sprint("beside it ", i)
			pending[id] = time.Now()
			r.log.Info(id)
			innocent++
			r.wait(3 * time.Second)
			for _, e := range r.server.Entries()[innocent-len(pending)-99:] {
				if at, ok := pending[e.Message]; ok {
					longest = max(longest, time.Since(at))
					delete(pending, e.Message)
				}
			}
			return r.handler.Metrics().Buffer.Dropped["rejected"] == 1
		})
		r.server.Always(ledgertest.OK())
		r.mustFlush()
		r.checkCost(innocent, 1, "rejected")
		r.Logf("entries beside it waited %v at most", longest)
		if longest > 90*time.Second {
			r.Errorf("an entry beside it waited %v", longest)
		}
	})
}

// settleOrWait calls step until it reports true.
func (r *rig) settleOrWait(d time.Duration, step func(int) bool) {
	r.Helper()
	began := time.Now()
	for i := 0; !step(i); i++ {
		if time.Since(began) > d {
			r.Fatalf("not after %v: %+v", d, r.handler.Metrics())
		}
	}
}

// A breaker that a real outage has opened is closed by an innocent batch, even
// when a guilty one is there to be probed with first.
func TestHalfOpenBreakerIsNotStuckBehindAGuiltyEntry(t *testing.T) {
	for _, threshold := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(threshold), func(t *testing.T) {
			inBubble(t, func(o *ledger.Options) { o.FlushSize, o.BreakerThreshold = 50, threshold }, func(r *rig) {
				r.server.Always(ledgertest.Status(500, ""))
				r.logMixed(50, 20)
				synctest.Wait()
				r.logMixed(450)
				r.wait(10 * time.Minute)
				if !r.handler.Status().CircuitBreakerOpen {
					r.wait(15 * time.Second) // just between two probes
				}
				r.server.Always(ledgertest.Poison(guilty, 500))
				// Two probes and then some; where one failure opens the breaker, a few.
				r.wait(map[int]time.Duration{1: 15 * time.Minute, 2: 5 * time.Minute, 5: 3 * time.Minute}[threshold])
				if n := r.stored(); n < 450 {
					r.Errorf("%d innocent entries arrived, want 450", n)
				}
				i := 0
				r.settleWithin(24*time.Hour, func() {
					if i++; i%60 == 0 && r.handler.Metrics().Buffer.Dropped["rejected"] == 0 {
						r.log.Info("innocent, later")
					}
				})
				if m := r.handler.Metrics(); m.Buffer.Dropped["rejected"] != 1 || m.Buffer.TotalDropped != 1 || r.server.Duplicates() != 0 {
					r.Errorf("%d stored, %d twice, dropped %v", r.stored(), r.server.Duplicates(), m.Buffer.Dropped)
				}
			})
		})
	}
}

// A batch is halved for a 5xx only as far as others are taken: an outage of any
// kind leaves the batches whole, but for the one that was being looked into.
func TestOutageLeavesBatchesWhole(t *testing.T) {
	for name, fault := range map[string]ledgertest.Fault{
		"500": ledgertest.Status(500, ""), "503": ledgertest.RetryAfter(503, "9"), "408": ledgertest.Status(408, ""),
		"reset": ledgertest.ResetBeforeBody(), "hang": ledgertest.Hang(), "answer lost": ledgertest.ResetAfterBody(),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(o *ledger.Options) { o.FlushSize = 100 }, func(r *rig) {
				r.logMixed(50)
				r.mustFlush()
				r.server.Always(fault)
				for range 5 {
					r.logMixed(100)
					r.wait(20 * time.Minute)
				}
				r.server.Always(ledgertest.OK())
				before := len(r.server.Requests())
				r.settleWithin(10*time.Minute, nil)
				if n := len(r.server.Requests()) - before; r.stored() != 550 || n > 6 {
					r.Errorf("%d entries, %d requests for 5 batches", r.stored(), n)
				}
				if m := r.handler.Metrics(); m.Buffer.TotalDropped != 0 {
					r.Errorf("dropped %v", m.Buffer.Dropped)
				}
			})
		})
	}
}

// A firewall before the server says 403 to a text that it dislikes. That is no
// word on the key, as far as others pass.
func TestForbiddenTextCostsItself(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.burst(5)
		r.mustFlush()
		r.server.Always(ledgertest.Poison(marked("guilty"), 403))
		unhealthy := 0
		for i := range 3600 {
			if i%1200 == 0 {
				r.log.Info("guilty")
			}
			r.log.Info("innocent")
			r.wait(time.Second)
			if !r.handler.Status().Healthy {
				unhealthy++
			}
		}
		r.wait(5 * time.Minute)
		if m := r.handler.Metrics(); m.Buffer.Dropped["rejected"] != 3 || m.Flusher.TotalLogsSent != 3605 || unhealthy > 1000 {
			r.Errorf("unhealthy for %d s of an hour; %d sent, %+v", unhealthy, m.Flusher.TotalLogsSent, m.Buffer)
		}
	})
}

// A key that is refused, also by a 403, costs no entry.
func TestForbiddenKeyCostsNothing(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 10 }, func(r *rig) {
		r.burst(50)
		r.mustFlush()
		r.server.Always(ledgertest.Status(403, ""))
		for range 100 {
			r.burst(10)
			r.wait(time.Minute)
		}
		r.server.Always(ledgertest.OK())
		r.wait(10 * time.Minute)
		if m := r.handler.Metrics(); m.Buffer.TotalDropped != 0 || r.stored() != 1050 {
			r.Errorf("%d stored, %+v", r.stored(), m.Buffer)
		}
	})
}

// A request that was read to its entries was none of a wrong key.
func TestStatusForgetsARefusedKey(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Script(ledgertest.Status(401, ""))
		r.server.Always(ledgertest.PoisonBlind(marked("guilty"), 422))
		r.log.Info("guilty")
		r.wait(10 * time.Minute)
		if st := r.handler.Status(); st.Status != "healthy" || r.handler.Metrics().Buffer.Dropped["rejected"] != 1 {
			r.Errorf("%+v", st)
		}
	})
}

// A key that is revoked by a 403 costs no entry, also where requests from before
// are answered after.
func TestForbiddenKeyAndAnAnswerFromBefore(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize, o.HTTPPoolSize = 1, 3 }, func(r *rig) {
		r.refuseKey(ledgertest.OK(), ledgertest.Status(403, ""))
		r.wait(10 * time.Minute)
		r.server.SetFault(nil)
		r.wait(10 * time.Minute)
		if m := r.handler.Metrics(); m.Buffer.TotalDropped != 0 || r.stored() != 3 {
			r.Errorf("%d stored, %+v", r.stored(), m.Buffer)
		}
	})
}

// Nor does it shatter what another answer has cut.
func TestForbiddenKeyShattersNothing(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, nil, func(r *rig) {
		r.server.Script(ledgertest.Status(413, "")) // one piece of two
		r.server.Always(ledgertest.Status(403, ""))
		r.burst(1000)
		r.wait(time.Hour)
		r.server.Always(ledgertest.OK())
		before := len(r.server.Requests())
		r.wait(time.Hour)
		if n := len(r.server.Requests()) - before; n > 2 || r.stored() != 1000 {
			r.Errorf("%d entries in %d requests", r.stored(), n)
		}
	})
}
