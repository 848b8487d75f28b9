package ledgerprom_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgerprom"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func newHandler(t *testing.T, srv *ledgertest.Server) *ledger.Handler {
	t.Helper()
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: ledgertest.APIKey, BaseURL: srv.URL, Diagnostics: slog.DiscardHandler,
		FlushInterval: time.Hour, // sent by Flush only
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		_ = h.Shutdown(ctx)
	})
	return h
}

func TestCollectorTellsWhatBecameOfEntries(t *testing.T) {
	srv := ledgertest.New(t)
	h := newHandler(t, srv)
	logger := slog.New(h)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	srv.Script(ledgertest.RejectWhere(func(e ledgertest.Entry) bool { return e.Message == "rejected" }))
	for _, message := range []string{"delivered", "rejected", "delivered"} {
		logger.Info(message)
	}
	if err := h.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	srv.SetAPIKeys() // every key is refused from now on
	logger.Info("held")
	for h.Status().Healthy && ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		_ = h.Flush(attempt)
		cancel()
	}

	want := `
		# HELP ledger_breaker_open 1 while the circuit breaker lets nothing through, else 0.
		# TYPE ledger_breaker_open gauge
		ledger_breaker_open 0
		# HELP ledger_buffer_entries Entries in memory: waiting (queued), or being sent or held for the server (in_flight).
		# TYPE ledger_buffer_entries gauge
		ledger_buffer_entries{state="in_flight"} 1
		ledger_buffer_entries{state="queued"} 0
		# HELP ledger_entries_delivered_total Entries taken by the server.
		# TYPE ledger_entries_delivered_total counter
		ledger_entries_delivered_total 2
		# HELP ledger_entries_dropped_total Entries that will not be delivered: made room for newer ones (overflow), refused by the server (rejected, too_large), or logged or left after shutdown (closed).
		# TYPE ledger_entries_dropped_total counter
		ledger_entries_dropped_total{reason="closed"} 0
		ledger_entries_dropped_total{reason="overflow"} 0
		ledger_entries_dropped_total{reason="rejected"} 1
		ledger_entries_dropped_total{reason="too_large"} 0
		# HELP ledger_entries_logged_total Records given to the handler, its own notices, and entries found in SpoolDir.
		# TYPE ledger_entries_logged_total counter
		ledger_entries_logged_total 4
		# HELP ledger_status 1 for the handler's status, 0 for the two others.
		# TYPE ledger_status gauge
		ledger_status{status="degraded"} 0
		ledger_status{status="healthy"} 0
		ledger_status{status="unhealthy"} 1
	`
	err := testutil.CollectAndCompare(ledgerprom.NewCollector(h), strings.NewReader(want),
		"ledger_breaker_open", "ledger_buffer_entries", "ledger_entries_delivered_total",
		"ledger_entries_dropped_total", "ledger_entries_logged_total", "ledger_status")
	if err != nil {
		t.Error(err)
	}
}

// Prometheus' own rules for names, units and help texts, and those of the
// registry: every metric described, no series twice.
func TestMetricsFollowTheConventions(t *testing.T) {
	srv := ledgertest.New(t)
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(ledgerprom.NewCollector(newHandler(t, srv))); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// A source says what a test wants it to say.
type source struct{ metrics ledger.Metrics }

func (s source) Metrics() ledger.Metrics { return s.metrics }
func (s source) Status() ledger.Status   { return ledger.Status{Status: "degraded"} }

func TestWaitingAndTruncatedEntries(t *testing.T) {
	c := ledgerprom.NewCollector(source{ledger.Metrics{Buffer: ledger.BufferMetrics{OldestSeconds: 61.5, Truncated: 7, Spooled: 3}}})
	want := `
		# HELP ledger_buffer_oldest_seconds How long the oldest entry that is neither delivered nor dropped has waited, 0 without one.
		# TYPE ledger_buffer_oldest_seconds gauge
		ledger_buffer_oldest_seconds 61.5
		# HELP ledger_spool_entries Entries in the spool directory.
		# TYPE ledger_spool_entries gauge
		ledger_spool_entries 3
		# HELP ledger_truncated_total Entries whose attributes were cut to the server's limit.
		# TYPE ledger_truncated_total counter
		ledger_truncated_total 7
	`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "ledger_buffer_oldest_seconds", "ledger_spool_entries", "ledger_truncated_total"); err != nil {
		t.Error(err)
	}
}

func TestTwoHandlersInOneRegistry(t *testing.T) {
	srv := ledgertest.New(t)
	registry := prometheus.NewPedanticRegistry()
	for _, name := range []string{"app", "audit"} {
		labelled := prometheus.WrapRegistererWith(prometheus.Labels{"handler": name}, registry)
		if err := labelled.Register(ledgerprom.NewCollector(newHandler(t, srv))); err != nil {
			t.Error(err)
		}
	}
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
}

func ExampleNewCollector() {
	srv := ledgertest.NewServer()
	defer srv.Close()
	handler, err := ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, BaseURL: srv.URL})
	if err != nil {
		panic(err)
	}
	registry := prometheus.NewRegistry() // or prometheus.DefaultRegisterer
	registry.MustRegister(ledgerprom.NewCollector(handler))

	slog.New(handler).Info("hello")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(handler.Shutdown(ctx))

	n, _ := testutil.GatherAndCount(registry, "ledger_entries_delivered_total")
	fmt.Println(n, "series")
	// Output:
	// <nil>
	// 1 series
}
