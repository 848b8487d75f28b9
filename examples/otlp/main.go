// Otlp is a service that sends its records by OTLP/HTTP: to a Ledger server from
// 2.0 on, to an OpenTelemetry Collector, to Grafana Loki, or to any other backend
// that takes POST /v1/logs. The environment says where to; docs/otlp.md says what
// each needs on its side:
//
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run .
//	LEDGER_API_KEY=ledger_x LEDGER_BASE_URL=http://localhost:4318      go run . # a Collector
//	LEDGER_API_KEY=ledger_x LEDGER_BASE_URL=http://localhost:3100/otlp go run . # Loki
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	ledgerHandler, err := ledger.NewHandler(&ledger.Options{
		// ProtocolAuto finds out with the first batch. Where only OTLP is spoken,
		// saying so saves that request.
		Protocol:     ledger.ProtocolOTLP,
		Service:      "orders",             // service.name
		Environment:  "demo",               // deployment.environment.name
		Release:      "v1.0.0",             // service.version
		ContextAttrs: httplog.ContextAttrs, // trace_id and span_id become the record's own
	})
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(os.Stdout, nil), ledgerHandler))

	err = serve(ctx, logger, routes(logger))
	if err != nil {
		logger.Error("service failed", "error", err)
	}

	// Shut logging down last, so that it delivers what the last request logged.
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline))
}

// serve answers requests until ctx ends. Requests in progress then get ten
// seconds to finish.
func serve(ctx context.Context, logger *slog.Logger, handler http.Handler) error {
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), ":8080"))
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          httplog.ErrorLog(logger),
	}
	logger.Info("listening", "addr", listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(deadline)
}

// An order is what POST /orders takes.
type order struct {
	SKUs  []string `json:"skus"`
	Total float64  `json:"total"`
}

// routes knows nothing of a protocol.
func routes(logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		var o order
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&o); err != nil {
			logger.ErrorContext(r.Context(), "order not read", "error", err) // exception.type, .message, .stacktrace
			http.Error(w, "not an order", http.StatusBadRequest)
			return
		}
		// Values keep their types; groups become lists of keys and values.
		logger.InfoContext(r.Context(), "order taken", "skus", o.SKUs,
			slog.Group("price", "total", o.Total, "currency", "EUR"))
		w.WriteHeader(http.StatusCreated)
	})
	return httplog.Middleware(logger, nil)(mux)
}
