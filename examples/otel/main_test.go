package main

import (
	"context"
	"net"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
)

func TestASpanAndItsLogsShareIDs(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	var kept tracetest.SpanStubs
	entries, err := demo.Run(func(ctx context.Context, l net.Listener) error {
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(keep{spans, &kept}))
		return serveWith(ctx, l, provider)
	}, requests...)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || len(kept) != 2 {
		t.Fatalf("%d entries and %d spans, want 2 and 2", len(entries), len(kept))
	}
	for _, e := range entries {
		name := "load user"
		if strings.HasPrefix(e.Message, "GET ") {
			name = "server"
		}
		for _, span := range kept {
			same := e.Attributes["span_id"] == span.SpanContext.SpanID().String()
			if e.Attributes["trace_id"] != span.SpanContext.TraceID().String() {
				t.Errorf("%q is in trace %v, the span %q in %v", e.Message, e.Attributes["trace_id"], span.Name, span.SpanContext.TraceID())
			}
			if same != (span.Name == name || name == "server" && strings.HasPrefix(span.Name, "GET")) {
				t.Errorf("%q has span_id %v, the span %q is %v", e.Message, e.Attributes["span_id"], span.Name, span.SpanContext.SpanID())
			}
		}
		if e.Attributes["request_id"] == nil {
			t.Errorf("%q has no request_id", e.Message)
		}
	}
}

// keep copies spans before the exporter forgets them at its shutdown.
type keep struct {
	*tracetest.InMemoryExporter
	spans *tracetest.SpanStubs
}

func (k keep) Shutdown(ctx context.Context) error {
	*k.spans = k.GetSpans()
	return k.InMemoryExporter.Shutdown(ctx)
}
