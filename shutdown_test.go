package ledger_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// logFor logs perSecond records each second for d, evenly, and lets time pass.
func (r *rig) logFor(d time.Duration, perSecond int) (logged int) {
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

// Shutdown ends every pause: beside a server that is well again it delivers what
// the handler still has, whatever held sending before.
func TestShutdownDeliversToAServerThatIsWellAgain(t *testing.T) {
	for name, trouble := range map[string]struct {
		fault ledgertest.Fault
		lasts time.Duration
	}{
		"outage":       {ledgertest.ResetBeforeBody(), time.Minute},
		"500":          {ledgertest.Status(500, ""), time.Minute},
		"refused key":  {ledgertest.Status(401, `{"detail":"Invalid or expired API key"}`), 6 * time.Second},
		"Retry-After":  {ledgertest.RetryAfter(429, "3600"), 30 * time.Second},
		"503 for long": {ledgertest.RetryAfter(503, "3600"), 30 * time.Second},
		"wrong URL":    {ledgertest.Status(404, `{"detail":"Not Found"}`), 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				logged := r.logFor(10*time.Second, 100)
				r.server.Always(trouble.fault)
				logged += r.logFor(trouble.lasts, 100)
				r.server.Always(ledgertest.OK())
				logged += r.logFor(5*time.Second, 100)
				if err := r.shutdown(5 * time.Second); err != nil {
					t.Error(err)
				}
				if n := r.stored(); n < logged {
					t.Errorf("%d of %d entries arrived", n, logged)
				}
			})
		})
	}
}

// Flush with a deadline tries before it gives up, also during a pause.
func TestFlushWithADeadlineTriesBeforeItGivesUp(t *testing.T) {
	for name, fault := range map[string]ledgertest.Fault{
		"outage":      ledgertest.ResetBeforeBody(),
		"Retry-After": ledgertest.RetryAfter(429, "3600"),
		"refused key": ledgertest.Status(401, `{"detail":"Invalid or expired API key"}`),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.server.Always(fault)
				r.logFor(3*time.Minute, 10)
				r.server.Always(ledgertest.OK())
				if err := r.flush(2 * time.Second); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A Shutdown beside a server that is still down tries once and does not hammer.
func TestShutdownBesideAServerThatIsDownTriesAndReturns(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Always(ledgertest.ResetBeforeBody())
		r.logFor(5*time.Minute, 10)
		before := len(r.server.Requests())
		began := time.Now()
		if err := r.shutdown(5 * time.Second); err == nil {
			t.Error("no error, although nothing was delivered")
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("Shutdown took %v", took)
		}
		if n := len(r.server.Requests()) - before; n < 1 || n > 10 {
			t.Errorf("%d attempts during Shutdown, want one to ten", n)
		}
	})
}

// Flush returns while loggers keep the buffer full: its notice of the drops makes
// room for itself.
func TestFlushReturnsWhileLoggersKeepTheBufferFull(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 50, 50 }, func(r *rig) {
		r.server.Always(ledgertest.Delay(100 * time.Millisecond))
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					r.burst(50)
				}
			}
		}()
		r.wait(time.Second)
		if err := r.flush(time.Minute); err != nil {
			t.Error(err)
		}
	})
}

// A Flush with a deadline does not hammer a server that has asked for a pause.
func TestManyFlushesDoNotHammerAServerThatAskedForAPause(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Always(ledgertest.RetryAfter(429, "600"))
		r.burst(10)
		for range 100 {
			_ = r.flush(100 * time.Millisecond)
		}
		if n := len(r.server.Requests()); n > 12 {
			t.Errorf("%d requests in ten seconds", n)
		}
	})
}
