package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
	"pgregory.net/rapid"
)

// What fails at the second trouble is often what the first one left behind: a
// search that has not ended, a count that still stands, a pause that has grown. So
// these programs are long: troubles begin and end, hours apart, and after each the
// handler must be as good as new.

// An episode is a trouble: how it is, what is logged in it, and how long it lasts.
type episode struct {
	Mood  string
	Kind  string // of entry, logged when the trouble begins, and once more in its middle
	N     int
	Lasts time.Duration
	Rest  time.Duration // until the next; longer than any pause
}

// The moods of an episode. The first are those in which something must be found
// out or waited for, and they come more often.
var troubles = []string{
	"500 poison", "422 blind", "400", "413", "rejects", "quota", "401", "402", "403", "404", "429 soon", "429 for ever", "500", "503", "hangs",
	"500 poison", "422 blind", "400", "413", "rejects", "quota", "401", "402", "403", "404", "429 soon", "429 for ever", "500", "503", "hangs",
	"429 zero", "429 nonsense", "429 date", "422", "408", "too slow", "reset before body", "reset after body", "truncated answer",
	"endless answer", "redirect", "another's page", "garbage", "ok", "slow",
}

func drawEpisodes(t *rapid.T) []episode {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) episode {
		return episode{
			Mood:  rapid.SampledFrom(troubles).Draw(t, "mood"),
			Kind:  rapid.SampledFrom([]string{"plain", "error", "big", "reject", "poison", "poison"}).Draw(t, "kind"),
			N:     rapid.IntRange(1, 12).Draw(t, "n"),
			Lasts: rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second, 3 * time.Minute, 20 * time.Minute, 2 * time.Hour}).Draw(t, "lasts"),
			Rest:  rapid.SampledFrom([]time.Duration{30 * time.Minute, 2 * time.Hour, 9 * time.Hour}).Draw(t, "rest"),
		}
	}), 2, 6).Draw(t, "episodes")
}

// suffer plays an episode. Other entries trickle in all the while: at most as many
// as the buffer holds, so that nothing overflows for their sake.
func (s *stage) suffer(e episode) {
	const trickle = 40
	s.become(e.Mood)
	for i := range trickle {
		if i == 0 || i == trickle/2 {
			for range e.N {
				s.write(1, e.Kind)
				s.write(1, "plain")
			}
		}
		s.do(step{Do: "log", N: 1, Kind: "plain"})
		s.do(step{Do: "wait", For: e.Lasts / trickle})
	}
	// Where the server takes what is innocent, the guilty are found. A server that
	// fails on them, as if it were down, makes that a long search; nobody else waits.
	m := s.handler.Metrics()
	most := m.Buffer.MaxSize
	switch e.Mood {
	case "rejects", "400", "413", "422", "422 blind":
		most = 2
	case "500 poison":
		most = 4*e.N + 2
	}
	if waiting := m.Buffer.CurrentSize + m.Buffer.InFlight; waiting > most && e.Lasts == 2*time.Hour {
		s.complain("two hours of %q: %d still wait", e.Mood, waiting)
	}
	s.heal()
	s.do(step{Do: "log", N: 1, Kind: "plain"})
	s.do(step{Do: "wait", For: e.Rest})
	m = s.handler.Metrics()
	if m.Buffer.CurrentSize+m.Buffer.InFlight != 0 || m.Buffer.Spooled != 0 {
		s.complain("%v after %q: %d queued, %d in flight, %d on disk", e.Rest, e.Mood, m.Buffer.CurrentSize, m.Buffer.InFlight, m.Buffer.Spooled)
	}
	if st := s.handler.Status(); st.Status != "healthy" {
		s.complain("%v after %q: %+v", e.Rest, e.Mood, st)
	}
	// As good as new: an entry needs a FlushInterval and one attempt.
	s.do(step{Do: "log", N: 1, Kind: "plain"})
	s.do(step{Do: "wait", For: 6 * time.Second})
	if m := s.handler.Metrics(); m.Buffer.CurrentSize+m.Buffer.InFlight != 0 {
		s.complain("%v after %q an entry is not delivered within 6 s", e.Rest, e.Mood)
	}
	if guilty := m.Buffer.Dropped["rejected"] + m.Buffer.Dropped["too_large"]; guilty > int64(s.guilty) {
		s.complain("%q: %d dropped as guilty, %d are", e.Mood, guilty, s.guilty)
	}
}

func TestNothingIsLeftOfAnEpisode(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		episodes := drawEpisodes(rt)
		protocol := rapid.SampledFrom([]ledger.Protocol{ledger.ProtocolLedger, ledger.ProtocolOTLP, ledger.ProtocolAuto}).Draw(rt, "protocol")
		spool := ""
		if rapid.IntRange(0, 3).Draw(rt, "spool") == 3 {
			runs++
			spool = filepath.Join(dir, fmt.Sprint(runs))
			defer func() { _ = os.RemoveAll(spool) }()
		}
		program := func(s *stage) {
			for _, e := range episodes {
				s.suffer(e)
			}
			synctest.Wait()
		}
		if fault := play(t, protocol, spool, program, 0); fault != "" {
			rt.Fatalf("%s", fault)
		}
	})
}

// More guilty entries than there are requests side by side look like an outage, as
// long as nobody else is tried.
func TestManyGuiltyEntriesHoldUpNobody(t *testing.T) {
	for name, sizes := range map[string][]int{"one batch": {30}, "many batches": {2, 2, 2, 2, 2, 2}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(o *ledger.Options) { o.HTTPPoolSize = 3 }, func(r *rig) {
				r.server.Always(ledgertest.Poison(guilty, 500))
				for _, n := range sizes {
					for range n {
						r.log.Info("guilty")
					}
					r.wait(6 * time.Second)
				}
				innocent := 0
				for ; innocent < 120; innocent++ {
					r.log.Info("innocent")
					r.wait(time.Minute)
				}
				if n := r.stored(); n < innocent-40 { // mostly 115, rarely less than 100
					r.Errorf("%d of %d innocent entries arrived within two hours", n, innocent)
				}
			})
		})
	}
}

// A pause that grew ends with its cause: the next one begins small.
func TestPausesBeginSmallAgain(t *testing.T) {
	for name, trouble := range map[string]struct {
		fault ledgertest.Fault
		first time.Duration // of the pauses, at most
	}{
		"refused key":        {ledgertest.Status(401, `{"detail":"Invalid or expired API key"}`), 6 * time.Second},
		"quota":              {ledgertest.Status(402, `{"detail":"Daily quota exceeded: 1/1"}`), 72 * time.Second},
		"too many":           {ledgertest.Status(429, ""), 3 * time.Second},
		"server error":       {ledgertest.Status(500, ""), 3 * time.Second},
		"broken connections": {ledgertest.ResetBeforeBody(), 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				for range 2 {
					r.log.Info("before")
					r.mustFlush()
					before := len(r.server.Requests())
					r.server.Always(trouble.fault)
					r.burst(3)
					r.wait(time.Hour)
					requests := r.server.Requests()[before:]
					if len(requests) < 4 {
						r.Fatalf("%d requests in an hour", len(requests))
					}
					if pause := requests[1].Time.Sub(requests[0].Time); pause > trouble.first {
						r.Errorf("the first pause was %v, want %v at most", pause, trouble.first)
					}
					last := requests[len(requests)-1].Time.Sub(requests[len(requests)-2].Time)
					if first := requests[1].Time.Sub(requests[0].Time); last < 2*first {
						r.Errorf("the first pause was %v, the last %v: it does not grow", first, last)
					}
					r.server.Always(ledgertest.OK())
					r.wait(15 * time.Minute)
				}
				if n := r.stored(); n != 8 {
					r.Errorf("%d entries, want 8", n)
				}
			})
		})
	}
}

// A quota that is used up after an outage pauses sending as if there had been none.
func TestQuotaAfterAnOutage(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Always(ledgertest.ResetBeforeBody())
		r.burst(20)
		r.wait(3 * time.Hour)
		r.server.Always(ledgertest.Status(402, `{"detail":"Daily quota exceeded: 1/1"}`))
		r.wait(3 * time.Minute)
		r.server.Always(ledgertest.OK())
		r.wait(13 * time.Minute)
		m := r.handler.Metrics()
		if st := r.handler.Status(); st.Status != "healthy" || m.Flusher.TotalLogsSent != 20 || m.Flusher.ConsecutiveFailures != 0 {
			r.Errorf("%+v, %d sent", st, m.Flusher.TotalLogsSent)
		}
	})
}
