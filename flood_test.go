package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// down is a transport to a server that cannot be reached.
var down = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("down") })

// Functions that are frozen between calls flush at the end of each: that must not
// cost each call a request of its own.
func TestFlushOfEachCallSharesRequests(t *testing.T) {
	limits := func(o *ledger.Options) { o.RequestsPerMinute, o.RequestsPerHour = 1000, 50_000 }
	t.Run("more calls than requests allowed", func(t *testing.T) {
		inOneBubble(t, ledger.ProtocolLedger, limits, func(r *rig) {
			for range 40 * 60 * 3 { // forty a second
				r.log.Info("call served")
				_ = r.flush(20 * time.Millisecond)
				r.wait(5 * time.Millisecond)
			}
			if m := r.handler.Metrics(); m.Buffer.TotalDropped > 0 || m.Buffer.InFlight > 3000 {
				r.Errorf("%d requests, %+v", len(r.server.Requests()), m.Buffer)
			}
		})
	})
	t.Run("an outage", func(t *testing.T) {
		inOneBubble(t, ledger.ProtocolLedger, limits, func(r *rig) {
			r.server.Always(ledgertest.Status(503, ""))
			for range 2000 {
				r.log.Info("call served")
				_ = r.flush(20 * time.Millisecond)
				r.wait(80 * time.Millisecond)
			}
			before := len(r.server.Requests())
			r.server.Always(ledgertest.OK())
			r.mustFlush()
			if n := len(r.server.Requests()) - before; n > 30 || r.stored() != 2000 {
				r.Errorf("%d requests for %d entries", n, r.stored())
			}
		})
	})
}

// What is left at Shutdown's deadline is counted before it returns, however much
// there is to drop.
func TestShutdownOfALargeBufferCounts(t *testing.T) {
	const size = 50_000
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: ledgertest.APIKey, Diagnostics: slog.DiscardHandler, MaxBufferSize: size, MaxBufferBytes: 1 << 30, HTTPTransport: down,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for range size {
			slog.New(h).Error("x")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_ = h.Flush(ctx)
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	first := h.Shutdown(ctx)
	if m := h.Metrics(); m.Buffer.CurrentSize+m.Buffer.InFlight > 0 || lawBroken(m) {
		t.Errorf("%v; %+v", first, m)
	}
	if second := h.Shutdown(t.Context()); fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("the first call said %v, the second %v", first, second)
	}
}
