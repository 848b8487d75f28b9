package ledgerotel_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgerotel"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func TestEntriesCarryTheIDsOfTheirSpan(t *testing.T) {
	srv := ledgertest.New(t)
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: ledgertest.APIKey, BaseURL: srv.URL, ContextAttrs: ledgerotel.ContextAttrs,
	})
	if err != nil {
		t.Fatal(err)
	}
	// Groups that are open change nothing: the server reads the ids at the root.
	logger := slog.New(h).WithGroup("group").With("a", 1)
	spans := make(map[string]trace.SpanContext)
	for name, sampler := range map[string]sdktrace.Sampler{"sampled": sdktrace.AlwaysSample(), "not sampled": sdktrace.NeverSample()} {
		tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler)).Tracer("test")
		ctx, span := tracer.Start(context.Background(), name)
		logger.InfoContext(ctx, name)
		span.End()
		spans[name] = span.SpanContext()
	}
	logger.InfoContext(context.Background(), "no span")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for _, e := range srv.Entries() {
		want := []any{nil, nil}
		if span, ok := spans[e.Message]; ok {
			want = []any{span.TraceID().String(), span.SpanID().String()}
		}
		if diff := cmp.Diff(want, []any{e.Attributes["trace_id"], e.Attributes["span_id"]}); diff != "" {
			t.Errorf("%s: ids (-want +got):\n%s", e.Message, diff)
		}
	}
}

func TestJoinKeepsTheFirstOfEachKey(t *testing.T) {
	source := func(attrs ...slog.Attr) func(context.Context) []slog.Attr {
		return func(context.Context) []slog.Attr { return attrs }
	}
	joined := ledgerotel.Join(source(slog.String("a", "first")), source(), source(slog.String("a", "second"), slog.Int("b", 2)))
	if got, want := fmt.Sprint(joined(context.Background())), "[a=first b=2]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMetricsAreObserved(t *testing.T) {
	srv := ledgertest.New(t)
	h, err := ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	registration, err := ledgerotel.Register(h, provider, attribute.String("handler", "app"))
	if err != nil {
		t.Fatal(err)
	}
	slog.New(h).Info("delivered")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if err := slog.New(h).Handler().Handle(ctx, slog.NewRecord(time.Now(), slog.LevelInfo, "late", 0)); !errors.Is(err, ledger.ErrClosed) {
		t.Fatal(err)
	}

	got := collect(t, reader)
	want := []string{
		"ledger.breaker.open{handler=app} = 0",
		"ledger.buffer.oldest{handler=app} = 0",
		"ledger.entries.truncated{handler=app} = 0",
		"ledger.buffer.entries{handler=app,state=in_flight} = 0",
		"ledger.buffer.entries{handler=app,state=queued} = 0",
		"ledger.buffer.size{handler=app} = 0",
		"ledger.buffer.utilization{handler=app} = 0",
		"ledger.consecutive_failures{handler=app} = 0",
		"ledger.entries.delivered{handler=app} = 1",
		"ledger.entries.dropped{handler=app,reason=closed} = 1",
		"ledger.entries.dropped{handler=app,reason=overflow} = 0",
		"ledger.entries.dropped{handler=app,reason=rejected} = 0",
		"ledger.entries.dropped{handler=app,reason=too_large} = 0",
		"ledger.entries.logged{handler=app} = 2",
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("no %s in %q", line, got)
		}
	}
	for _, line := range []string{
		"ledger.errors{error.type=network_error,handler=app} = 0",
		"ledger.flushes{handler=app,result=success} = 1",
		"ledger.spool.entries{handler=app} = 0",
		"ledger.status{handler=app,state=degraded} = 1", // an entry was dropped just now
	} {
		if !slices.Contains(got, line) {
			t.Errorf("no %s in %q", line, got)
		}
	}

	if err := registration.Unregister(); err != nil {
		t.Fatal(err)
	}
	if after := collect(t, reader); len(after) > 0 {
		t.Errorf("observed after Unregister: %q", after)
	}
}

// A source says what a test wants it to say.
type source struct{ metrics ledger.Metrics }

func (s source) Metrics() ledger.Metrics { return s.metrics }
func (s source) Status() ledger.Status   { return ledger.Status{Status: "degraded"} }

func TestWaitingAndTruncatedEntriesAreObserved(t *testing.T) {
	reader := metric.NewManualReader()
	_, err := ledgerotel.Register(source{ledger.Metrics{Buffer: ledger.BufferMetrics{OldestSeconds: 61.5, Truncated: 7, Spooled: 3}}},
		metric.NewMeterProvider(metric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	got := collect(t, reader)
	for _, line := range []string{"ledger.buffer.oldest{} = 61.5", "ledger.entries.truncated{} = 7", "ledger.spool.entries{} = 3"} {
		if !slices.Contains(got, line) {
			t.Errorf("no %s in %q", line, got)
		}
	}
}

// collect returns what reader gives as lines of text, sorted.
func collect(t *testing.T, reader metric.Reader) (lines []string) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	add := func(name string, set attribute.Set, value any) {
		lines = append(lines, fmt.Sprintf("%s{%s} = %v", name, set.Encoded(attribute.DefaultEncoder()), value))
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				if !d.IsMonotonic {
					t.Errorf("%s may shrink", m.Name)
				}
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			default:
				t.Errorf("%s is a %T", m.Name, d)
			}
		}
	}
	slices.Sort(lines)
	return lines
}
