// Nethttp is a net/http service, ready for production: it logs every request
// with its route, ties the records of a request together by an id, has probes,
// and delivers everything before it exits.
//
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run .
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
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

	// The key and the address come from LEDGER_API_KEY and LEDGER_BASE_URL.
	ledgerHandler, err := ledger.NewHandler(&ledger.Options{
		Service:      "users",
		ContextAttrs: httplog.ContextAttrs, // request_id and trace_id on every record of a request
	})
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(os.Stdout, nil), ledgerHandler))

	err = serve(ctx, logger, routes(logger, ledgerHandler))
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
	avatars := os.DirFS("avatars")
	mux.HandleFunc("GET /users/{id}/avatar", func(w http.ResponseWriter, r *http.Request) {
		image, err := fs.ReadFile(avatars, r.PathValue("id")+".png")
		if err != nil {
			// The entry has the error's type, its causes, and the stack of this line.
			logger.ErrorContext(r.Context(), "avatar not read", "error", err)
			httplog.AddAttrs(r.Context(), slog.Bool("degraded", true)) // on the request's own record
			http.Error(w, "try again later", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(image)
	})
	mux.HandleFunc("GET /bills/{cents}/{people}", func(w http.ResponseWriter, r *http.Request) {
		cents, _ := strconv.Atoi(r.PathValue("cents"))
		people, _ := strconv.Atoi(r.PathValue("people"))
		fmt.Fprintln(w, cents/people) // a bug: without people this panics
	})

	// Alive means that this process serves. It says nothing about Ledger: a
	// restart cannot fix a log server, and would lose what is buffered.
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /sdk/health", ledgerHandler.HealthHandler())
	mux.Handle("GET /sdk/metrics", ledgerHandler.MetricsHandler())

	return httplog.Middleware(logger, &httplog.Options{
		ExcludePaths: []string{"/livez", "/readyz", "/sdk/health", "/sdk/metrics"},
	})(mux)
}
