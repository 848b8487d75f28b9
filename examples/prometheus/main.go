// Prometheus is a service whose logging is watched: the handler's metrics are at
// /metrics, beside the program's own. deploy/ runs it, with alert rules and a
// dashboard.
//
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run .
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/ledgerprom"
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

	ledgerHandler, err := ledger.NewHandler(&ledger.Options{ContextAttrs: httplog.ContextAttrs})
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(os.Stdout, nil), ledgerHandler))

	err = serve(ctx, logger, routes(logger, ledgerHandler))
	if err != nil {
		logger.Error("service failed", "error", err)
	}

	// Shut logging down last, so that it delivers what the last request logged.
	// With the server's ten seconds this stays within Kubernetes' thirty.
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
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

func routes(logger *slog.Logger, ledgerHandler *ledger.Handler) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), ledgerprom.NewCollector(ledgerHandler))

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /sdk/health", ledgerHandler.HealthHandler())
	mux.Handle("GET /sdk/metrics", ledgerHandler.MetricsHandler())
	ok := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
	mux.HandleFunc("GET /livez", ok)  // this process serves
	mux.HandleFunc("GET /readyz", ok) // ask your database here, not Ledger

	mux.HandleFunc("GET /roll/{sides}", func(w http.ResponseWriter, r *http.Request) {
		sides, err := strconv.Atoi(r.PathValue("sides"))
		if err != nil || sides < 1 {
			http.Error(w, "how many sides?", http.StatusBadRequest)
			return
		}
		n := rand.IntN(sides) + 1
		logger.InfoContext(r.Context(), "rolled", "sides", sides, "result", n)
		fmt.Fprintln(w, n)
	})
	return httplog.Middleware(logger, &httplog.Options{
		ExcludePaths: []string{"/metrics", "/sdk/health", "/sdk/metrics", "/livez", "/readyz"},
	})(mux)
}
