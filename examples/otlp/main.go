// Otlp sends the same records by OTLP/HTTP: to a Ledger server from 2.0 on, to
// an OpenTelemetry Collector, to Grafana Loki, or to any other backend that takes
// POST /v1/logs.
//
//	go run ./examples/otlp
//
// Without LEDGER_API_KEY it brings its own server, which speaks nothing but OTLP.
// The others are only a matter of the environment (docs/otlp.md has what they
// need on their side):
//
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run ./examples/otlp
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=http://localhost:4318      go run ./examples/otlp # a Collector
//	LEDGER_API_KEY=ledger_x LEDGER_BASE_URL=http://localhost:3100/otlp go run ./examples/otlp # Loki
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func main() { demo.MainJob(run, ledgertest.WithProtocol(ledgertest.OTLP)) }

func run(ctx context.Context) error {
	handler, err := ledger.NewHandler(&ledger.Options{
		// ProtocolAuto would find out by the first batch; where only OTLP is
		// spoken, saying so spares that.
		Protocol:     ledger.ProtocolOTLP,
		Service:      "orders",             // service.name
		Environment:  "demo",               // deployment.environment.name
		Release:      "v1.0.0",             // service.version
		ContextAttrs: httplog.ContextAttrs, // trace_id and span_id become the record's own
	})
	if err != nil {
		return err
	}
	work(ctx, slog.New(handler))

	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = handler.Shutdown(deadline)
	m := handler.Metrics()
	fmt.Fprintf(os.Stderr, "%d records sent by %s\n", m.Flusher.TotalLogsSent, m.SDK.Protocol)
	return err
}

var errDeclined = errors.New("card declined")

// work logs what a service logs. Nothing in it knows of a protocol.
func work(ctx context.Context, logger *slog.Logger) {
	// Values keep their types; groups become lists of keys and values.
	logger.Info("cart priced", "items", 3, "total", 99.5, "express", true, "skus", []string{"a-1", "b-2"},
		slog.Group("customer", "id", 42, "country", "PL"))

	// A request is one record with the names that OpenTelemetry has for it, and
	// what its handler logs carries the same trace.
	service := httplog.Middleware(logger, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := fmt.Errorf("charge card: %w", errDeclined)
		logger.ErrorContext(r.Context(), "payment failed", "error", err) // exception.type, .message, .stacktrace
		http.Error(w, "payment failed", http.StatusBadGateway)
	}))
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/orders?page=2", nil)
	request.Pattern = "POST /orders"
	request.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	service.ServeHTTP(httptest.NewRecorder(), request)
}
