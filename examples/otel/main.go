// Otel ties log entries to OpenTelemetry traces: an entry logged with a span's
// context carries the ids of that span, and so does the request's own entry.
//
//	go -C examples/otel run .
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/ledgerotel"
)

var requests = []string{"GET /users/42"}

func main() { demo.Main(serve, requests...) }

func serve(ctx context.Context, l net.Listener) error {
	// A program of yours has an exporter here: sdktrace.WithBatcher(exporter).
	provider := sdktrace.NewTracerProvider()
	return serveWith(ctx, l, provider)
}

func serveWith(ctx context.Context, l net.Listener, provider *sdktrace.TracerProvider) error {
	otel.SetTracerProvider(provider)

	ledgerHandler, err := ledger.NewHandler(&ledger.Options{
		Service: "otel-example",
		// The span's ids first: where both know a trace_id, the first counts.
		ContextAttrs: ledgerotel.Join(ledgerotel.ContextAttrs, httplog.ContextAttrs),
	})
	if err != nil {
		return err
	}
	// The handler's own metrics go where the program's other metrics go.
	metrics, err := ledgerotel.Register(ledgerHandler, nil)
	if err != nil {
		return err
	}

	err = demo.Serve(ctx, l, routes(slog.New(ledgerHandler)))

	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline), metrics.Unregister(), provider.Shutdown(deadline))
}

func routes(logger *slog.Logger) http.Handler {
	tracer := otel.Tracer("example")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		ctx, span := tracer.Start(r.Context(), "load user")
		defer span.End()
		logger.InfoContext(ctx, "loading user", "user_id", r.PathValue("id"))
	})
	// otelhttp outside, so that its span is in the context that httplog logs with.
	return otelhttp.NewHandler(httplog.Middleware(logger, nil)(mux), "server")
}
