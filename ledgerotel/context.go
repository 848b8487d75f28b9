// Package ledgerotel connects a Ledger handler with OpenTelemetry: entries carry
// the ids of the span they were logged in, and the handler's own metrics go
// where the program's other metrics go.
//
//	handler, err := ledger.NewHandler(&ledger.Options{ContextAttrs: ledgerotel.ContextAttrs})
//	// …
//	registration, err := ledgerotel.Register(handler, nil)
//
// It is a module of its own, so that programs without OpenTelemetry do not carry
// its dependencies.
package ledgerotel

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// ContextAttrs returns trace_id and span_id of the span in ctx, as the server
// reads them: 32 and 16 hexadecimal digits. A context without a valid span has
// none. Sampled or not makes no difference, so that entries of one trace are
// found together even when the trace itself was not kept.
func ContextAttrs(ctx context.Context) []slog.Attr {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return nil
	}
	return []slog.Attr{
		slog.String("trace_id", span.TraceID().String()),
		slog.String("span_id", span.SpanID().String()),
	}
}

// Join returns a function that gives the attrs of all sources. Of a key that
// several have, the first counts, so that in
//
//	ledgerotel.Join(ledgerotel.ContextAttrs, httplog.ContextAttrs)
//
// the ids of the active span win over those of the caller that came with the
// request, and request_id is there too.
func Join(sources ...func(context.Context) []slog.Attr) func(context.Context) []slog.Attr {
	return func(ctx context.Context) []slog.Attr {
		var joined []slog.Attr
		for _, source := range sources {
			for _, a := range source(ctx) {
				if !has(joined, a.Key) {
					joined = append(joined, a)
				}
			}
		}
		return joined
	}
}

func has(attrs []slog.Attr, key string) bool {
	for _, a := range attrs {
		if a.Key == key {
			return true
		}
	}
	return false
}
