package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// One test for each rule of sending that is easy to get differently.

// pauses are the times between requests, from each one's beginning to the next.
func (r *rig) pauses() (pauses []time.Duration) {
	requests := r.server.Requests()
	for i := 1; i < len(requests); i++ {
		pauses = append(pauses, requests[i].Time.Sub(requests[i-1].Time))
	}
	return pauses
}

// checkPauses holds what passed between requests against want: never less, and
// at most a fifth more.
func (r *rig) checkPauses(want ...time.Duration) {
	r.Helper()
	pauses := r.pauses()
	if len(pauses) < len(want) {
		r.Fatalf("%d pauses %v, want %v", len(pauses), pauses, want)
	}
	for i, least := range want {
		if most := least + least/5 + time.Millisecond; pauses[i] < least || pauses[i] > most {
			r.Errorf("pause %d: %v, want %v to %v; all: %v", i, pauses[i], least, most, pauses)
		}
	}
}

func seconds(numbers ...float64) (d []time.Duration) {
	for _, n := range numbers {
		d = append(d, time.Duration(n*float64(time.Second)))
	}
	return d
}

// openBreaker lets the server fail until the breaker is open, and returns when
// it is about to let a probe through.
func (r *rig) openBreaker() {
	r.Helper()
	r.server.Always(ledgertest.Status(500, ""))
	r.log.Info("opens the breaker")
	for range 10 * 60 {
		if r.handler.Status().CircuitBreakerOpen {
			return
		}
		r.wait(time.Second)
	}
	r.Fatalf("the breaker never opened: %+v", r.handler.Metrics())
}

// cost is what requests take of the rate limit: under OTLP that counts records.
func (r *rig) cost(requests []ledgertest.Request) (n int) {
	if r.protocol == ledger.ProtocolLedger {
		return len(requests)
	}
	for _, request := range requests {
		n += len(request.Entries)
	}
	return n
}

func TestEveryRequestTakesItsPermits(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.RequestsPerMinute, o.RequestsPerHour, o.FlushSize = 10, 100, 100 }, func(r *rig) {
		guilty := ledgertest.PoisonBlind(marked("guilty"), 400)
		answers := []ledgertest.Fault{ledgertest.Status(500, ""), guilty, ledgertest.RetryAfter(429, "1"), guilty, guilty, ledgertest.ResetAfterBody()}
		var n atomic.Int32
		r.server.SetFault(func(*ledgertest.Request) ledgertest.Fault { return answers[int(n.Add(1))%len(answers)] })
		for range 150 {
			r.burst(40)
			r.log.Info("guilty")
			r.wait(time.Minute)
		}
		requests := r.server.Requests()
		if len(requests) < 30 {
			r.Errorf("only %d requests", len(requests))
		}
		for span, share := range map[time.Duration]int{time.Minute: 9, time.Hour: 90} {
			for first, last := 0, 0; last < len(requests); last++ {
				for requests[last].Time.Sub(requests[first].Time) >= span {
					first++
				}
				if n := r.cost(requests[first : last+1]); n >= share {
					r.Fatalf("%d permits' worth within %v, want fewer than %d", n, span, share)
				}
			}
		}
	})
}

func TestNoPermitIsTakenWhileTheBreakerIsOpen(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 10 }, func(r *rig) {
		r.openBreaker()
		for range 25 {
			r.burst(10)
			r.wait(2 * time.Minute)
			if permits, want := r.handler.Metrics().RateLimiter.CurrentHourlyRate, r.cost(r.server.Requests()); permits != want {
				r.Fatalf("%d permits taken for %d", permits, want)
			}
		}
	})
}

// Of the rate limit that makes entries wait somebody has to be told, or they are
// looked for at the server.
func TestWaitForTheRateLimitIsTold(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.RequestsPerMinute, o.FlushSize = 12, 10 }, func(r *rig) {
		for range 12 {
			r.burst(10)
			r.wait(time.Second)
		}
		if n := strings.Count(r.told(), "rate limit"); n != 1 {
			r.Errorf("told %d times:\n%s", n, r.told())
		}
		if err := r.shutdown(time.Second); err == nil || !strings.Contains(err.Error(), "rate limit") {
			r.Errorf("Shutdown: %v", err)
		}
	})
}

// Under OTLP, where entries are counted, what is left of a minute's share is used. Not
// all of it: overflow takes entries out of a batch that waits for the minute.
func TestBatchesAreCutToWhatTheRateLimitLeaves(t *testing.T) {
	inOneBubble(t, ledger.ProtocolOTLP, func(o *ledger.Options) { o.RequestsPerMinute = 1000 }, func(r *rig) {
		for range 600 {
			r.burst(50)
			r.wait(500 * time.Millisecond)
		}
		if n := r.stored(); n < 5*899*19/20 {
			r.Errorf("%d entries in five minutes, want nearly five times 899", n)
		}
		if n := len(r.server.Requests()); n > 40 {
			r.Errorf("%d requests for them", n)
		}
	})
}

func TestWaitForAPermitEndsWithItsContext(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.RequestsPerMinute, o.RequestsPerHour, o.FlushSize = 2, 2, 10 }, func(r *rig) {
		r.burst(10)
		r.burst(10)
		r.wait(2 * time.Second)
		if n := len(r.server.Requests()); n != 1 {
			r.Fatalf("%d requests, want 1", n)
		}
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := r.handler.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			r.Errorf("Shutdown: %v", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			r.Errorf("Shutdown took %v", took)
		}
	})
}

// A probe that waits for the rate limit must not hold the only half-open permit
// meanwhile, and the breaker must close once it gets through.
func TestRateLimitAndHalfOpenBreakerDoNotBlockEachOther(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.RequestsPerMinute, o.RequestsPerHour = 60, 7 }, func(r *rig) {
		r.openBreaker() // five permits of the six that an hour has
		r.server.Always(ledgertest.Status(500, ""))
		r.wait(2 * time.Minute) // the sixth
		r.server.Always(ledgertest.OK())
		r.wait(30 * time.Minute)
		if n := r.stored(); n != 0 {
			r.Fatalf("%d entries beyond the limit", n)
		}
		r.wait(time.Hour)
		if st := r.handler.Status(); r.stored() != 1 || st.CircuitBreakerOpen || st.Status != "healthy" {
			r.Errorf("%d entries, status %+v", r.stored(), st)
		}
	})
}

func TestBackoffDoublesAndIsNeverShorterThanItSays(t *testing.T) {
	for range 20 {
		inBubble(t, nil, func(r *rig) {
			r.server.Script(ledgertest.Repeat(3, ledgertest.Status(500, ""))...)
			r.log.Info("hello")
			r.mustFlush()
			r.checkPauses(seconds(2, 4, 8)...)
		})
		inBubble(t, nil, func(r *rig) {
			r.server.Script(ledgertest.Repeat(3, ledgertest.ResetBeforeBody())...)
			r.log.Info("hello")
			r.mustFlush()
			r.checkPauses(seconds(5, 10, 20)...)
		})
	}
}

func TestNextRoundComesAfterTheNextBackoffStep(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.BreakerThreshold = 1000 }, func(r *rig) {
		r.server.Always(ledgertest.Status(500, ""))
		r.log.Info("hello")
		r.wait(10 * time.Minute)
		r.checkPauses(seconds(2, 4, 8, 16, 32, 60, 60, 60)...)
	})
}

func TestThrottledWithoutAUsableRetryAfterBacksOffAsUsual(t *testing.T) {
	for _, value := range []string{"0", "", "soon", "-5", "NaN"} {
		t.Run(value, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.server.Script(ledgertest.Repeat(7, ledgertest.RetryAfter(429, value))...)
				r.log.Info("hello")
				r.mustFlush()
				r.checkPauses(seconds(2, 4, 8, 16, 32, 60, 60)...)
				if m := r.handler.Metrics(); m.Flusher.ConsecutiveFailures != 0 || m.Errors["rate_limit"] != 7 {
					r.Errorf("metrics %+v", m)
				}
			})
		})
	}
}

func TestThrottledLeavesConsecutiveFailuresAsTheyWere(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Script(ledgertest.Status(500, ""), ledgertest.Status(500, ""), ledgertest.RetryAfter(429, "30"))
		r.log.Info("hello")
		r.wait(5*time.Second + 10*time.Second)
		if m := r.handler.Metrics(); m.Flusher.ConsecutiveFailures != 2 || m.Errors["rate_limit"] != 1 {
			r.Errorf("metrics %+v", m)
		}
		// A 429 has used no retry: a round of four attempts follows.
		r.server.Script(ledgertest.Repeat(2, ledgertest.Status(500, ""))...)
		r.mustFlush()
		if m := r.handler.Metrics(); m.Flusher.ConsecutiveFailures != 0 || m.Flusher.CircuitBreakerOpen {
			r.Errorf("metrics %+v", m)
		}
	})
}

func TestThrottledPausesOtherBatchesToo(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 10 }, func(r *rig) {
		r.burst(10)
		synctest.Wait() // the server is proven
		r.server.Script(ledgertest.RetryAfter(429, "40"))
		r.burst(10)
		synctest.Wait()
		r.burst(100)
		r.wait(39 * time.Second)
		if n := len(r.server.Requests()); n != 2 {
			r.Errorf("%d requests during the pause, want 2", n)
		}
		r.wait(9 * time.Second)
		if n := r.stored(); n != 120 {
			r.Errorf("%d entries, want 120", n)
		}
	})
}

func TestUnavailableObeysRetryAfterAndCountsAsAFailure(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Script(ledgertest.RetryAfter(503, "25"), ledgertest.RetryAfter(503, "7"))
		r.log.Info("hello")
		r.wait(6 * time.Second)
		if n := r.handler.Status().ConsecutiveFailures; n != 1 {
			r.Errorf("%d consecutive failures, want 1", n)
		}
		r.mustFlush()
		r.checkPauses(seconds(25, 7)...)
	})
}

func TestRetryAfterIsCapped(t *testing.T) {
	for _, code := range []int{429, 503} {
		inBubble(t, func(o *ledger.Options) { o.MaxRetryAfter = 20 * time.Second }, func(r *rig) {
			r.server.Script(ledgertest.RetryAfter(code, "99999999999999"))
			r.log.Info("hello")
			r.mustFlush()
			r.checkPauses(20 * time.Second)
		})
	}
}

func TestOneAttemptIsInTheAirWhileTheServerFails(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize, o.HTTPPoolSize, o.BreakerThreshold = 10, 8, 1000 }, func(r *rig) {
		slowly := func(f ledgertest.Fault) ledgertest.Fault { return ledgertest.After(300*time.Millisecond, f) }
		r.burst(10)
		synctest.Wait()
		r.server.Always(slowly(ledgertest.Status(500, "")))
		r.burst(200)
		r.wait(time.Second) // those that were sent together have failed
		r.most.Store(0)
		for range 20 {
			r.burst(10)
			r.wait(10 * time.Second)
		}
		if most := r.most.Load(); most != 1 {
			r.Errorf("%d requests side by side while the server fails, want 1", most)
		}
		r.server.Always(slowly(ledgertest.OK()))
		r.mustFlush()
		if most := r.most.Load(); most != 8 {
			r.Errorf("%d requests side by side once it works, want 8", most)
		}
		if n := r.stored(); n != 410 {
			r.Errorf("%d entries, want 410", n)
		}
	})
}

func TestBreakerOpensAfterExactlyItsThreshold(t *testing.T) {
	for _, threshold := range []int{1, 2, 5, 9} {
		t.Run(fmt.Sprint(threshold), func(t *testing.T) {
			inBubble(t, func(o *ledger.Options) { o.BreakerThreshold, o.FlushSize = threshold, 10 }, func(r *rig) {
				r.server.Always(ledgertest.Status(500, ""))
				r.burst(50)
				synctest.Wait()
				for range 60 * 60 {
					if r.handler.Status().CircuitBreakerOpen {
						break
					}
					r.wait(time.Second)
				}
				r.wait(59 * time.Second)
				if n := len(r.server.Requests()); n != threshold {
					r.Errorf("%d requests, want %d", n, threshold)
				}
			})
		})
	}
}

// neutral are the answers that say nothing of the server's health.
var neutral = []int{400, 413, 422, 401, 403, 402, 404, 429}

func TestNeutralAnswersDoNotCountAgainstTheBreaker(t *testing.T) {
	for _, code := range neutral {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(o *ledger.Options) { o.BreakerThreshold = 3 }, func(r *rig) {
				r.server.Always(ledgertest.Status(code, ""))
				for range 20 {
					r.burst(3)
					r.wait(time.Minute)
				}
				if m := r.handler.Metrics(); m.Flusher.CircuitBreakerOpen || m.Flusher.ConsecutiveFailures != 0 {
					r.Errorf("metrics %+v", m)
				}
			})
		})
	}
}

// Neutral answers do not count for the breaker either: failures around them are
// consecutive.
func TestNeutralAnswersDoNotCountForTheBreaker(t *testing.T) {
	for _, code := range neutral {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(o *ledger.Options) { o.BreakerThreshold = 4 }, func(r *rig) {
				r.server.Script(ledgertest.Repeat(3, ledgertest.Status(500, ""))...)
				r.server.Script(ledgertest.Status(code, ""))
				r.server.Always(ledgertest.Status(500, ""))
				r.burst(2)
				for range 10 * 60 {
					if len(r.server.Requests()) >= 5 {
						break
					}
					r.wait(time.Second)
				}
				if n := len(r.server.Requests()); n != 5 || !r.handler.Status().CircuitBreakerOpen {
					r.Errorf("after %d requests: %+v", n, r.handler.Status())
				}
			})
		})
	}
}

func TestNeutralAnswersNeverCloseAHalfOpenBreaker(t *testing.T) {
	for _, code := range neutral {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.openBreaker()
				r.burst(3)
				probe := len(r.server.Requests()) + 1
				r.server.Script(ledgertest.Status(code, ""))
				for range 10 * 60 {
					if len(r.server.Requests()) > probe {
						break
					}
					r.wait(time.Second)
				}
				// One failure reopens a half-open breaker; a closed one takes five.
				if n := len(r.server.Requests()); n != probe+1 || !r.handler.Status().CircuitBreakerOpen {
					r.Errorf("after %d requests, the probe was %d: %+v", n, probe, r.handler.Status())
				}
				r.server.Always(ledgertest.OK())
				r.wait(15 * time.Minute)
				if st := r.handler.Status(); st.CircuitBreakerOpen || !st.Healthy {
					r.Errorf("status %+v", st)
				}
			})
		})
	}
}

func TestHalfOpenBreakerLetsOneProbeThrough(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 10 }, func(r *rig) {
		r.openBreaker()
		r.burst(200)
		before := len(r.server.Requests())
		r.most.Store(0)
		r.server.Always(ledgertest.After(3*time.Second, ledgertest.Status(500, "")))
		r.wait(80 * time.Second)
		if n := len(r.server.Requests()) - before; n != 1 || r.most.Load() != 1 {
			r.Errorf("%d probes, %d side by side; want one", n, r.most.Load())
		}
		if !r.handler.Status().CircuitBreakerOpen {
			r.Errorf("status %+v", r.handler.Status())
		}
	})
}

// Nothing is delivered while a probe of a server that hangs is being sent.
func TestStatusIsUnhealthyUntilAProbeSucceeds(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.openBreaker()
		r.server.Always(ledgertest.Hang())
		for range 120 {
			r.wait(5 * time.Second)
			if st := r.handler.Status(); st.Status != "unhealthy" || !st.CircuitBreakerOpen || !r.handler.Metrics().Flusher.CircuitBreakerOpen {
				r.Fatalf("%d requests so far, status %+v", len(r.server.Requests()), st)
			}
		}
		r.server.Always(ledgertest.OK())
		r.wait(2 * time.Minute)
		if st := r.handler.Status(); st.Status != "healthy" {
			r.Errorf("status %+v", st)
		}
	})
}

// Whatever becomes of a half-open breaker's probe, the permit comes back.
func TestHalfOpenPermitIsNeverLost(t *testing.T) {
	for name, mood := range moods {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.openBreaker()
				r.server.Always(mood())
				r.wait(10 * time.Minute)
				r.server.Always(ledgertest.OK())
				r.log.Info("at last")
				r.wait(15 * time.Minute)
				if m := r.handler.Metrics(); m.Buffer.CurrentSize+m.Buffer.InFlight != 0 {
					r.Errorf("stuck: %+v", m)
				}
			})
		})
	}
}

// A half-open breaker lets one probe through; the others spend no permits of the
// rate limit meanwhile, whatever the probe before it was told.
func TestHalfOpenBreakerSpendsNoPermits(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, func(o *ledger.Options) { o.FlushSize, o.RequestsPerMinute = 1, 1000 }, func(r *rig) {
		r.openBreaker()
		r.server.Always(ledgertest.Status(401, ""))
		r.wait(80 * time.Second)
		r.server.Always(ledgertest.Status(422, `{"detail":[{"loc":["body","logs",0,"level"],"msg":"no"}]}`))
		for n := len(r.server.Requests()); len(r.server.Requests()) == n; {
			r.wait(time.Second)
		}
		r.server.Always(ledgertest.Delay(4 * time.Second))
		before, rate := len(r.server.Requests()), r.handler.Metrics().RateLimiter.CurrentRate
		r.burst(10)
		r.wait(3 * time.Second)
		requests := len(r.server.Requests()) - before
		if spent := r.handler.Metrics().RateLimiter.CurrentRate - rate; spent > requests {
			r.Errorf("%d permits for %d requests", spent, requests)
		}
	})
}

// refuseKey has the key refused from now on, while a request from before is still
// being sent, and answered two seconds later.
func (r *rig) refuseKey(late, refusal ledgertest.Fault) {
	r.log.Info("first")
	r.wait(time.Second)
	r.server.SetFault(func(q *ledgertest.Request) ledgertest.Fault {
		if q.Entries[0].Message == "before" {
			return ledgertest.After(2*time.Second, late)
		}
		return refusal
	})
	r.log.Info("before")
	r.wait(time.Millisecond) // it is being sent
	r.log.Info("after")
}

// The answer to a request from before the pause says nothing of the key.
func TestLateAnswerDoesNotHideARefusedKey(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize, o.HTTPPoolSize = 1, 3 }, func(r *rig) {
		r.refuseKey(ledgertest.Status(422, `{"detail":"no"}`), ledgertest.Status(401, ""))
		r.wait(10 * time.Second)
		if st := r.handler.Status(); st.Status != "unhealthy" {
			r.Errorf("%+v", st)
		}
	})
}

func TestBatchIsHalvedOnlyAfterTwoFailedRounds(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.BreakerThreshold = 1000 }, func(r *rig) {
		r.server.Always(ledgertest.Status(500, ""))
		r.burst(100)
		r.wait(30 * time.Minute)
		requests := r.server.Requests()
		for i, request := range requests {
			want := 100
			if i >= 8 { // two rounds of four
				want = 50
			}
			if n := len(request.Entries); n != want {
				r.Fatalf("request %d of %d has %d entries, want %d", i, len(requests), n, want)
			}
		}
		if len(requests) < 20 {
			r.Errorf("only %d requests", len(requests))
		}
	})
}

func TestProbesRotateSoThatAGuiltyBatchHoldsUpNobody(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 100 }, func(r *rig) {
		r.server.Always(ledgertest.Status(500, ""))
		r.log.Info("guilty")
		r.burst(99)
		synctest.Wait()
		r.burst(300)
		for !r.handler.Status().CircuitBreakerOpen {
			r.wait(time.Second)
		}
		r.server.Always(ledgertest.Poison(marked("guilty"), 500))
		r.wait(5 * time.Minute)
		if n := r.stored(); n < 300 {
			r.Errorf("%d entries after the second probe, want 300", n)
		}
	})
}

// A round never has more attempts than the breaker allows in a row, so that
// must be enough to tell that an entry is at fault.
func TestGuiltyEntryIsFoundWhateverTheThreshold(t *testing.T) {
	for _, threshold := range []int{1, 2, 3, 4, 10} {
		for _, retries := range []int{-1, 1, 3, 8} {
			t.Run(fmt.Sprint(threshold, " ", retries), func(t *testing.T) {
				inBubble(t, func(o *ledger.Options) { o.BreakerThreshold, o.MaxRetries = threshold, retries }, func(r *rig) {
					r.server.Always(ledgertest.Poison(marked("guilty"), 500))
					r.burst(30)
					r.log.Info("guilty")
					r.burst(10)
					for range 6 * 60 {
						r.wait(time.Minute)
						r.log.Info("other traffic")
						if r.handler.Metrics().Buffer.Dropped["rejected"] == 1 {
							return
						}
					}
					r.Errorf("%d stored, metrics %+v", r.stored(), r.handler.Metrics())
				})
			})
		}
	}
}

// wakeups counts how often goroutines were set running, in eighths: the runtime
// notes every eighth time.
func wakeups() (n uint64) {
	sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
	metrics.Read(sample)
	for _, count := range sample[0].Value.Float64Histogram().Counts {
		n += count
	}
	return n
}

// While entries are held the batcher sleeps: but for requests there is nothing
// to wake up for. A turn every 10 ms would be two hundred thousand in half an hour.
func TestHoldingEntriesCostsNoWork(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // its goroutines would count
	for name, mood := range moods {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 100, 20 }, func(r *rig) {
				r.server.Always(mood())
				for range 3 {
					r.burst(60) // overflow, and a notice to report it
					r.log.Info("poison")
					r.wait(10 * time.Second)
				}
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				go func() { _ = r.handler.Flush(ctx) }() // somebody waits all the time
				before, requests := wakeups(), len(r.server.Requests())
				r.wait(30 * time.Minute)
				used := (wakeups() - before) * 8
				requests = len(r.server.Requests()) - requests
				r.Logf("%d wakeups, %d requests", used, requests)
				if used > uint64(100*requests+2000) {
					r.Errorf("%d wakeups in half an hour with %d requests", used, requests)
				}
			})
		})
	}
}

// With a pool of one there is no second place that time alone would free.
func TestPoolOfOneDoesNotSpin(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.HTTPPoolSize, o.FlushSize = 1, 10 }, func(r *rig) {
		r.server.Always(ledgertest.Hang())
		r.burst(30)
		r.wait(time.Hour) // in a spin, time never passes here
	})
}

// A queue whose bytes run out before a batch is full must not drop what the
// server has time to take.
func TestSmallByteBudgetIsSentBeforeItOverflows(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferBytes = 256 << 10 }, func(r *rig) {
		r.server.Always(ledgertest.Delay(200 * time.Millisecond))
		r.log.Info("first")
		r.wait(8 * time.Second) // the server is proven
		for range 600 {
			r.log.Info(strings.Repeat("x", 700)) // 1 KiB as an entry
			r.wait(2 * time.Millisecond)
		}
		r.mustFlush()
		if m := r.handler.Metrics(); m.Buffer.TotalDropped != 0 {
			r.Errorf("dropped %v of %d with %d requests", m.Buffer.Dropped, m.Flusher.TotalLogged, len(r.server.Requests()))
		}
	})
}

// What a transport's error quotes of a hostile answer stays short.
func TestTransportErrorsAreBounded(t *testing.T) {
	inBubble(t, func(o *ledger.Options) {
		o.HTTPTransport = roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("malformed HTTP response \"" + strings.Repeat("x\n", 30_000))
		})
	}, func(r *rig) {
		r.log.Info("hello")
		r.wait(time.Minute)
		if text := r.handler.Metrics().Flusher.LastError; len(text) > 1000 || strings.Contains(text, "\n") {
			r.Errorf("an error of %d bytes: %.100q", len(text), text)
		}
		if text := r.notes.String(); len(text) > 2000 {
			r.Errorf("diagnostics of %d bytes", len(text))
		}
	})
}

func TestEntryWaitsForFlushIntervalAlsoWhileEveryConnectionIsBusy(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.HTTPPoolSize = 1 }, func(r *rig) {
		r.log.Info("first")
		r.server.Always(ledgertest.Delay(4 * time.Second))
		r.wait(6 * time.Second) // it is on the wire
		logged := time.Now()
		r.log.Info("second")
		r.wait(15 * time.Second)
		r.checkLastRequest(2, logged)
	})
}

// Ten attempts that time out together are one reason to wait longer, not ten.
func TestTimeoutDoublesOnceForAttemptsSideBySide(t *testing.T) {
	inBubble(t, func(o *ledger.Options) {
		o.FlushSize, o.HTTPPoolSize, o.BreakerThreshold, o.HTTPTimeout = 10, 8, 1000, 5*time.Second
	}, func(r *rig) {
		r.server.Always(ledgertest.Delay(200 * time.Millisecond))
		r.burst(1000)
		r.mustFlush()
		r.server.Always(ledgertest.Hang())
		r.most.Store(0)
		r.burst(80)
		r.wait(5 * time.Second) // all eight have timed out
		if n := r.most.Load(); n != 8 {
			r.Fatalf("%d side by side", n)
		}
		began := len(r.server.Requests())
		for len(r.server.Requests()) == began {
			r.wait(time.Second)
		}
		r.wait(50 * time.Second)
		requests := r.server.Requests()[began:] // one by one
		if len(requests) < 2 {
			r.Fatalf("%d requests, want two", len(requests))
		}
		if took := requests[1].Time.Sub(requests[0].Time); took > 11*time.Second {
			r.Errorf("the attempt after took %v, want 10s", took)
		}
	})
}

// In an outage every batch has its turn: a probe that failed is followed by
// another batch's, not by retries of the same.
func TestProbesRotateAmongHeldBatches(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.FlushSize = 10 }, func(r *rig) {
		r.server.Always(ledgertest.Status(500, ""))
		for i := range 40 {
			r.log.Info(fmt.Sprint("batch ", i/10))
		}
		r.wait(2 * time.Hour)
		requests := r.server.Requests()
		if len(requests) < 100 {
			r.Errorf("only %d requests", len(requests))
		}
		for i := 6; i < len(requests); i++ {
			if before, now := requests[i-1].Entries[0], requests[i].Entries[0]; before.LogID == now.LogID {
				r.Fatalf("request %d probes with %s of %s again", i, now.LogID, now.Message)
			}
		}
	})
}

// Innocent entries must survive a server that comes and goes: that others were
// taken once proves nothing about the time of their own failures. A server that
// takes one request in minutes cannot always be told from a guilty entry, so one
// in a hundred is let pass; it was every second one before conviction was strict.
func TestServerThatComesAndGoesCostsHardlyAnEntry(t *testing.T) {
	for _, down := range seconds(40, 100, 300, 1000) {
		t.Run(down.String(), func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				n := 0
				r.server.Always(ledgertest.Status(500, ""))
				for range 60 {
					for range 4 {
						n++
						r.log.Info("innocent")
						r.wait(down / 4)
					}
					r.server.Script(ledgertest.OK()) // just one gets through
					for range 200 {
						if r.server.Scripted() == 0 {
							break
						}
						r.wait(time.Second)
					}
				}
				r.server.Always(ledgertest.OK())
				r.mustFlush()
				if m := r.handler.Metrics(); m.Buffer.TotalDropped > int64(n/100) || r.stored()+int(m.Buffer.TotalDropped) != n {
					r.Errorf("%d logged, %d stored, dropped %v", n, r.stored(), m.Buffer.Dropped)
				}
			})
		})
	}
}
