package ledger_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// everyFleet takes some minutes of a processor.
var everyFleet = flag.Bool("fleets", false, "simulate fleets of every size, not only small ones")

// Handlers that share one key, and so the limit of one server, find their parts of it
// without knowing of each other. Together they log half more than it allows.
func TestAFleetSharesOneLimit(t *testing.T) {
	for _, n := range []int{2, 10, 50, 200, 500} {
		for _, protocol := range []ledger.Protocol{ledger.ProtocolOTLP, ledger.ProtocolLedger} {
			f := newFleet(protocol, n)
			f.run(t, func(f *fleet, _ int) { f.logFor(time.Minute) })
		}
	}
}

// Handlers come and go: each minute one in thirty ends and another begins, and for five
// minutes a fifth are away.
func TestAFleetWhoseHandlersComeAndGo(t *testing.T) {
	for _, n := range []int{10, 50, 200, 500} {
		for _, protocol := range []ledger.Protocol{ledger.ProtocolOTLP, ledger.ProtocolLedger} {
			f := newFleet(protocol, n)
			replaced := 0.0
			f.run(t, func(f *fleet, minute int) {
				f.logFor(rand.N(time.Minute))
				for replaced += float64(n) / 30; replaced >= 1; replaced-- {
					f.leave(1)
					f.join(1)
				}
				switch minute {
				case 5:
					f.leave(n / 5)
				case 10:
					f.join(n / 5)
				}
				f.logFor(time.Until(f.began.Add(time.Duration(minute+1) * time.Minute)))
			})
		}
	}
}

func newFleet(protocol ledger.Protocol, n int) *fleet {
	f := &fleet{protocol: protocol, n: n, least: 0.6, used: 0.95, refusedMost: 0.1}
	if n == 500 { // with two records a minute each, luck shows: that is what they come to on the whole
		f.least, f.used, f.refusedMost = 0.5, 0.94, 0.11
	}
	return f
}

// run has n members, and calls act for each minute.
func (f *fleet) run(t *testing.T, act func(f *fleet, minute int)) {
	usual := f.n == 50 || f.n == 2 && f.protocol == ledger.ProtocolOTLP
	if !*everyFleet && (!usual || f.n > 2 && ledger.RaceEnabled) {
		return
	}
	if !*everyFleet { // chance must not fail it
		f.least, f.used, f.refusedMost = 0.4, 0.85, 0.2
	}
	t.Run(fmt.Sprint(f.protocol, " ", f.n), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f.begin(t)
			f.join(f.n)
			for minute := range fleetMinutes {
				act(f, minute)
			}
			f.check()
		})
	})
}

// A fleet is handlers that share one server.
type fleet struct {
	*testing.T
	protocol                 ledger.Protocol
	n                        int
	refusedMost, least, used float64 // what is promised, as parts of 1
	began                    time.Time
	server                   *ledgertest.Server
	requests, refused        atomic.Int64
	every                    time.Duration // between two entries that a member logs
	members, gone            []*member
}

// A member is one of a fleet's handlers.
type member struct {
	handler        *ledger.Handler
	log            *slog.Logger
	born, ended    time.Time
	next           time.Time // when it logs
	logged, errors int
}

const (
	fleetLimit   = 1000 // requests, or records, a minute
	fleetMinutes = 15
	crossing     = 20 * time.Millisecond // of a request and its answer
)

func (f *fleet) begin(t *testing.T) {
	served := ledgertest.Native
	if f.protocol == ledger.ProtocolOTLP {
		served = ledgertest.OTLP
	}
	f.T, f.began = t, time.Now()
	f.every = time.Duration(float64(time.Minute) * float64(f.n) / (1.5 * fleetLimit))
	f.server = ledgertest.NewInMemory(ledgertest.WithProtocol(served), ledgertest.WithRateLimits(fleetLimit, 50*fleetLimit), ledgertest.WithDailyQuota(0))
	t.Cleanup(func() { f.server.Close() })
}

func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(crossing)
	resp, err := f.server.Transport().RoundTrip(r)
	f.requests.Add(1)
	if err == nil && resp.StatusCode == http.StatusTooManyRequests {
		f.refused.Add(1)
	}
	return resp, err
}

func (f *fleet) join(n int) {
	f.Helper()
	for range n {
		o := &ledger.Options{
			APIKey: ledgertest.APIKey, Protocol: f.protocol, HTTPTransport: f, Diagnostics: slog.DiscardHandler,
			DisableCompression: true, MaxBufferSize: max(1000, 20_000/f.n),
		}
		if f.protocol == ledger.ProtocolLedger {
			o.FlushSize = 1 // so that requests are what lacks
		}
		h, err := ledger.NewHandler(o)
		if err != nil {
			f.Fatal(err)
		}
		now := time.Now()
		f.members = append(f.members, &member{handler: h, log: slog.New(h), born: now, next: now.Add(rand.N(f.every))})
	}
}

// leave ends the n members that have been there for longest, as a program does.
func (f *fleet) leave(n int) {
	for _, m := range f.members[:n] {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = m.handler.Shutdown(ctx)
		}()
		m.ended = time.Now()
	}
	f.gone = append(f.gone, f.members[:n]...)
	f.members = slices.Clone(f.members[n:])
}

// logFor has all members log for d; every tenth entry is an error.
func (f *fleet) logFor(d time.Duration) {
	for end := time.Now().Add(d); ; {
		first := slices.MinFunc(f.members, func(a, b *member) int { return a.next.Compare(b.next) })
		if !first.next.Before(end) {
			time.Sleep(time.Until(end))
			return
		}
		time.Sleep(time.Until(first.next))
		if first.next = first.next.Add(f.every); first.logged%10 == 9 {
			first.log.Error("declined")
			first.errors++
		} else {
			first.log.Info("served")
		}
		first.logged++
	}
}

// check holds the fleet against what it promises.
func (f *fleet) check() {
	f.Helper()
	now := time.Now()
	var served []float64
	var delivered, logged, errors int
	for _, m := range slices.Concat(f.gone, f.members) {
		sent := int(m.handler.Metrics().Flusher.TotalLogsSent)
		delivered, logged, errors = delivered+sent, logged+m.logged, errors+m.errors
		if m.ended.IsZero() {
			m.ended = now
		}
		if m.ended.Sub(m.born) >= 5*time.Minute {
			served = append(served, float64(sent)/float64(m.logged))
		}
	}
	requests, refusals := f.requests.Load(), f.refused.Load()
	f.leave(len(f.members))
	time.Sleep(6 * time.Second)
	stored := 0
	for _, e := range f.server.Entries() {
		if e.Level == "error" {
			stored++
		}
	}
	slices.Sort(served)
	refused := float64(refusals) / float64(requests)
	least := served[0] / served[len(served)/2]
	used := float64(delivered) / (fleetLimit * fleetMinutes)
	f.Logf("%d requests, %.1f%% refused; %.1f%% of the limit used, %d of %d entries delivered, %d of %d errors; the least served handler got %.2f of the median",
		requests, 100*refused, 100*used, delivered, logged, stored, errors, least)
	if refused > f.refusedMost {
		f.Errorf("%.1f%% of the requests were refused, want %.0f%% at most", 100*refused, 100*f.refusedMost)
	}
	if least < f.least {
		f.Errorf("the least served handler got %.2f of the median, want %.2f", least, f.least)
	}
	if used < f.used {
		f.Errorf("%.1f%% of the limit was used, want %.0f%%", 100*used, 100*f.used)
	}
	if float64(stored) < 0.95*float64(errors) {
		f.Errorf("%d of %d errors arrived, while infos did", stored, errors)
	}
}
