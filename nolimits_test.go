package ledger_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// A Collector sends no rate limit headers, and has no limits: a burst flows at once.
// What the options ask for is kept all the same, and so is what a server names.
func TestNoLimitsUnderOTLPWhereTheServerNamesNone(t *testing.T) {
	for _, test := range []struct {
		name    string
		options ledger.Options
		header  http.Header
		sent    int64 // at least, and no more than a thousand above
		limit   int
	}{
		{"none", ledger.Options{}, nil, 100_000, 0},
		{"by the options", ledger.Options{RequestsPerMinute: 20_000, RateLimitBuffer: 1}, nil, 19_000, 20_000},
		{"by the server", ledger.Options{RateLimitBuffer: 1}, http.Header{"X-Ratelimit-Limit-Minute": {"30000"}}, 29_000, 30_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := test.options
				opts.APIKey, opts.Protocol, opts.MaxBufferSize, opts.MaxBufferBytes = ledgertest.APIKey, ledger.ProtocolOTLP, 200_000, 1<<30
				opts.Diagnostics = slog.DiscardHandler
				opts.HTTPTransport = roundTripper(func(req *http.Request) (*http.Response, error) {
					header := test.header.Clone()
					if header == nil {
						header = http.Header{}
					}
					header.Set("Content-Type", "application/x-protobuf")
					return &http.Response{StatusCode: http.StatusOK, Header: header, Body: http.NoBody, Request: req}, nil
				})
				h, err := ledger.NewHandler(&opts)
				if err != nil {
					t.Fatal(err)
				}
				log := slog.New(h)
				for i := range 100_000 {
					log.Info("burst", "i", i)
				}
				time.Sleep(10 * time.Second)
				m := h.Metrics()
				if n := m.Flusher.TotalLogsSent; n < test.sent || n > test.sent+1000 {
					t.Errorf("%d of 100000 entries sent in ten seconds, want %d", n, test.sent)
				}
				if n := m.RateLimiter.LimitPerMinute; n != test.limit {
					t.Errorf("Metrics show a limit of %d, want %d", n, test.limit)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				_ = h.Shutdown(ctx)
			})
		})
	}
}

// Of a daily quota what is left is used: a batch that is larger is cut to it, and the
// rest waits.
func TestWhatIsLeftOfAQuotaIsUsed(t *testing.T) {
	inOneBubble(t, ledger.ProtocolOTLP, nil, func(r *rig) {
		r.server.SetDailyQuota(501, 0)
		r.burst(494)
		r.wait(10 * time.Second)
		if n := r.stored(); n != 494 {
			r.Fatalf("%d entries stored before the quota is near", n)
		}
		r.burst(20)
		r.wait(20 * time.Second)
		if n := r.stored(); n != 501 {
			r.Errorf("%d entries stored of a quota of 501", n)
		}
		m := r.handler.Metrics()
		if m.Buffer.TotalDropped != 0 || m.Buffer.InFlight != 13 {
			r.Errorf("%d dropped, %d in flight; want none and 13", m.Buffer.TotalDropped, m.Buffer.InFlight)
		}
		if st := r.handler.Status(); !strings.Contains(strings.Join(st.Issues, "; "), "quota") {
			r.Errorf("status %+v", st)
		}
		if n := len(r.server.Requests()); n > 6 {
			r.Errorf("%d requests", n)
		}
		r.server.SetDailyQuota(1000, 501)
		r.mustFlush()
		if n := r.stored(); n != 514 {
			r.Errorf("%d entries stored after the quota was raised", n)
		}
	})
}
