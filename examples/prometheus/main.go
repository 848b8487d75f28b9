// Prometheus is a service whose logging is watched: its handler's metrics are
// at /metrics, beside the program's own. It is the application of deploy/, with
// the alert rules and the dashboard there.
//
//	go -C examples/prometheus run .
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/ledgerprom"
)

func main() { demo.Main(serve, "GET /roll/6", "GET /metrics", "GET /sdk/health") }

func serve(ctx context.Context, l net.Listener) error {
	ledgerHandler, err := ledger.NewHandler(&ledger.Options{ContextAttrs: httplog.ContextAttrs})
	if err != nil {
		return err
	}
	err = demo.Serve(ctx, l, routes(slog.New(ledgerHandler), ledgerHandler))

	// With the server's ten seconds this stays within Kubernetes' thirty.
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline))
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
	mux.HandleFunc("GET /readyz", ok) // a real one asks its database here, not Ledger

	mux.HandleFunc("GET /roll/{sides}", func(w http.ResponseWriter, r *http.Request) {
		var sides int
		if _, err := fmt.Sscan(r.PathValue("sides"), &sides); err != nil || sides < 1 {
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
