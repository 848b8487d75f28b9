// Nethttp is a service of net/http as it goes into production: every request
// logged with its route, the records of a request tied together by its id,
// probes that tell how logging itself is, and an orderly end on SIGTERM.
//
//	go run ./examples/nethttp                                            # a demonstration that ends by itself
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://… go run ./examples/nethttp
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/httplog"
)

func main() {
	demo.Main(serve,
		"GET /users/42?page=2&token=s3cr3t",
		"GET /users/0",
		"POST /payments",
		"GET /panic",
		"GET /wp-admin/setup.php", // a scanner: not logged
		"GET /livez",              // a probe: not logged
		"GET /sdk/health",
	)
}

// serve runs the service until ctx ends.
func serve(ctx context.Context, l net.Listener) error {
	// The key and the address come from LEDGER_API_KEY and LEDGER_BASE_URL.
	ledgerHandler, err := ledger.NewHandler(&ledger.Options{
		Service:      "users",
		ContextAttrs: httplog.ContextAttrs, // request_id and trace_id on every record of a request
	})
	if err != nil {
		return err
	}
	logger := slog.New(ledgerHandler)

	logging := httplog.Middleware(logger, &httplog.Options{
		ExcludePaths: []string{"/livez", "/readyz", "/sdk/health", "/sdk/metrics"},
	})
	server := &http.Server{
		Handler:           abortQuietly(logging(routes(logger, ledgerHandler))),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(ledgerHandler, slog.LevelWarn),
	}

	// When ctx ends, requests in progress get ten seconds to finish.
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stopped <- server.Shutdown(deadline)
	})
	err = server.Serve(l)
	if !stop() && errors.Is(err, http.ErrServerClosed) {
		err = <-stopped
	}

	// After the last request: what it logged is delivered, too.
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline))
}

// abortQuietly keeps net/http from printing a panic that httplog has logged
// already, stack and all. The connection is cut, as it would be without.
func abortQuietly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func routes(logger *slog.Logger, ledgerHandler *ledger.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		logger.InfoContext(r.Context(), "fetching user", "user_id", id)
		if id == "0" {
			http.Error(w, "no such user", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"id": id})
	})
	mux.HandleFunc("POST /payments", func(w http.ResponseWriter, r *http.Request) {
		err := fmt.Errorf("charge card: %w", context.DeadlineExceeded)
		logger.ErrorContext(r.Context(), "payment failed", "error", err, "amount", 99.99)
		httplog.AddAttrs(r.Context(), slog.String("payment", "failed"))
		http.Error(w, "try again later", http.StatusBadGateway)
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) {
		panic("index out of reach")
	})

	// Alive means: this process serves. It says nothing of Ledger, because a
	// restart cannot mend a logging server and would lose what is buffered.
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /sdk/health", ledgerHandler.HealthHandler())
	mux.Handle("GET /sdk/metrics", ledgerHandler.MetricsHandler())
	return mux
}
