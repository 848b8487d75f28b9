package ledger_test

import (
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// checkNothingCutOff checks that logged entries arrived, each once, and that no
// attempt was given up.
func (r *rig) checkNothingCutOff(logged int) {
	r.Helper()
	m := r.handler.Metrics()
	if r.stored() != logged || r.server.Duplicates() != 0 || m.Errors["network_error"] != 0 || m.Buffer.TotalDropped != 0 {
		r.Errorf("%d of %d stored, %d twice, errors %v, dropped %v", r.stored(), logged, r.server.Duplicates(), m.Errors, m.Buffer.Dropped)
	}
}

// Where ten requests side by side bring no more than two, two are sent, and a third
// at times to see whether that still holds.
func TestAServerAtItsLimitIsSentTwoSideBySide(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, func(o *ledger.Options) { o.MaxBufferSize, o.MaxBufferBytes = 500_000, 1<<30 }, func(r *rig) {
		r.burst(100_000) // 48 s of work
		if err := r.flush(58 * time.Second); err != nil {
			r.Error(err)
		}
		if most := r.most.Load(); most > 3 {
			r.Errorf("%d requests side by side", most)
		}
		r.checkNothingCutOff(100_000)
	}, ledgertest.WithSpeed(ledgertest.SpeedV1))
}

// Ten thousand a second for some time are more than such a server takes, but nothing
// that was sent is cut off and sent again.
func TestAServerAtItsLimitStoresNothingTwice(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, nil, func(r *rig) {
		r.logSteadily(10*time.Second, 10_000)
		r.mustFlush()
		m := r.handler.Metrics()
		if r.server.Duplicates() != 0 || m.Errors["network_error"]+m.Errors["server_error"] != 0 {
			r.Errorf("%d twice, errors %v", r.server.Duplicates(), m.Errors)
		}
	}, ledgertest.WithSpeed(ledgertest.SpeedV1))
}

// Where each answer takes 200 ms whatever the load, twenty thousand a second pass
// through the default buffer from the first moment on.
func TestAServerThatIsFarAwayLosesNothingAtTwentyThousandASecond(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		inOneBubble(t, protocol, func(o *ledger.Options) { o.RequestsPerMinute, o.RequestsPerHour = 1e8, 1e9 }, func(r *rig) {
			logged := r.logSteadily(6*time.Second, 20_000)
			r.mustFlush()
			r.checkNothingCutOff(logged)
		}, ledgertest.WithSpeed(ledgertest.SpeedV2))
	})
}

// Such a server gets ten side by side where there is enough to send.
func TestAServerThatIsFarAwayIsSentTenSideBySide(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, func(o *ledger.Options) { o.MaxBufferSize, o.MaxBufferBytes = 500_000, 1<<30 }, func(r *rig) {
		r.burst(100_000)
		began := time.Now()
		r.mustFlush()
		if took, most := time.Since(began), r.most.Load(); most != 10 || took > 3*time.Second {
			r.Errorf("%d side by side, took %v; want ten and little more than 2 s", most, took)
		}
		r.checkNothingCutOff(100_000)
	}, ledgertest.WithSpeed(ledgertest.SpeedV2))
}

// A server that becomes slow is sent less, and one that becomes fast more.
func TestRequestsSideBySideFollowAServerThatChanges(t *testing.T) {
	inOneBubble(t, ledger.ProtocolLedger, func(o *ledger.Options) { o.MaxBufferSize, o.MaxBufferBytes = 500_000, 1<<30 }, func(r *rig) {
		r.burst(60_000)
		r.mustFlush()
		if n := r.most.Load(); n != 10 {
			r.Fatalf("%d side by side, want ten", n)
		}
		r.server.SetFault(func(*ledgertest.Request) ledgertest.Fault { // at its limit
			return ledgertest.Delay(time.Duration(r.inAir.Load()) * 400 * time.Millisecond)
		})
		r.burst(60_000)
		r.wait(15 * time.Second)
		r.most.Store(0)
		r.wait(10 * time.Second)
		if n := r.most.Load(); n > 3 {
			r.Errorf("%d side by side at a server that is at its limit", n)
		}
		r.server.SetFault(nil)
		r.mustFlush()
		r.wait(time.Minute)
		r.burst(60_000)
		r.mustFlush()
		if n := r.most.Load(); n != 10 {
			r.Errorf("%d side by side at a server that is fast again", n)
		}
		r.checkNothingCutOff(180_000)
	}, ledgertest.WithSpeed(ledgertest.SpeedV2))
}
