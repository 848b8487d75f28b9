package ledger_test

import (
	"context"
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

// Handlers that share one key, and so the limit of one server, find their parts of it
// without knowing of each other. Together they log half more than it allows.
func TestAFleetSharesOneLimit(t *testing.T) {
	for _, protocol := range []ledger.Protocol{ledger.ProtocolOTLP, ledger.ProtocolLedger} {
		for _, n := range []int{2, 10, 50, 200, 500} {
			if n > 50 && testing.Short() {
				continue
			}
			t.Run(fmt.Sprint(protocol, " ", n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t, protocol, n)
					f.join(n)
					for range fleetMinutes {
						f.logFor(time.Minute)
					}
					f.check()
				})
			})
		}
	}
}

// Handlers come and go: each minute one in thirty ends and another begins, and for five
// minutes a third are away.
func TestAFleetWhoseHandlersComeAndGo(t *testing.T) {
	for _, protocol := range []ledger.Protocol{ledger.ProtocolOTLP, ledger.ProtocolLedger} {
		for _, n := range []int{10, 50, 200} {
			if n > 50 && testing.Short() {
				continue
			}
			t.Run(fmt.Sprint(protocol, " ", n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t, protocol, n)
					f.join(n)
					replaced := 0.0
					for minute := range fleetMinutes {
						f.logFor(time.Duration(rand.N(60)) * time.Second)
						for replaced += float64(n) / 30; replaced >= 1; replaced-- {
							f.leave(1)
							f.join(1)
						}
						switch minute {
						case 5:
							f.leave(n / 3)
						case 10:
							f.join(n / 3)
						}
						f.logFor(time.Until(f.began.Add(time.Duration(minute+1) * time.Minute)))
					}
					f.check()
				})
			})
		}
	}
}

// A fleet is handlers that share one server.
type fleet struct {
	*testing.T
	protocol          ledger.Protocol
	began             time.Time
	server            *ledgertest.Server
	requests, refused atomic.Int64
	every             time.Duration // between two entries that a member logs
	members, gone     []*member
	usable            float64 // of the limit, while there was enough to send
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

func newFleet(t *testing.T, protocol ledger.Protocol, n int) *fleet {
	served := ledgertest.Native
	if protocol == ledger.ProtocolOTLP {
		served = ledgertest.OTLP
	}
	f := &fleet{T: t, protocol: protocol, began: time.Now(), every: time.Duration(float64(time.Minute) * float64(n) / (1.5 * fleetLimit))}
	f.server = ledgertest.NewInMemory(ledgertest.WithProtocol(served), ledgertest.WithRateLimits(fleetLimit, 50*fleetLimit), ledgertest.WithDailyQuota(0))
	t.Cleanup(func() { f.server.Close() })
	return f
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
		o := &ledger.Options{APIKey: ledgertest.APIKey, Protocol: f.protocol, HTTPTransport: f, Diagnostics: slog.DiscardHandler, MaxBufferSize: 5000}
		if f.protocol == ledger.ProtocolLedger {
			o.FlushSize, o.MaxBufferSize = 1, 5000 // a request each, so that requests are what lacks
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
	demand := 1.5 * float64(len(f.members)) * float64(f.every) / float64(time.Minute)
	_ = demand
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
	var served []float64
	delivered, logged := 0, 0
	for _, m := range append(f.gone, f.members...) {
		sent := int(m.handler.Metrics().Flusher.TotalLogsSent)
		delivered += sent
		logged += m.logged
		if m.ended.IsZero() {
			m.ended = time.Now()
		}
		if m.ended.Sub(m.born) >= 5*time.Minute {
			served = append(served, float64(sent)/float64(m.logged))
		}
	}
	errors, errorsStored := 0, 0
	for _, m := range append(f.gone, f.members...) {
		errors += m.errors
	}
	for _, e := range f.server.Entries() {
		if e.Level == "error" {
			errorsStored++
		}
	}
	slices.Sort(served)
	refused := float64(f.refused.Load()) / float64(f.requests.Load())
	least := served[0] / served[len(served)/2]
	used := float64(delivered) / (fleetLimit * fleetMinutes)
	f.Logf("%d requests, %.1f%% refused; %.1f%% of the limit used, %d of %d delivered; the least served got %.2f of the median; errors %d of %d",
		f.requests.Load(), 100*refused, 100*used, delivered, logged, least, errorsStored, errors)
	if refused > 0.10 {
		f.Errorf("%.1f%% of the requests were refused", 100*refused)
	}
	if least < 0.6 {
		f.Errorf("the least served handler got %.2f of the median", least)
	}
	if used < 0.95 {
		f.Errorf("%.1f%% of the limit used", 100*used)
	}
	for _, m := range f.members {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			_ = m.handler.Shutdown(ctx)
		}()
	}
	time.Sleep(10 * time.Second)
}
