// Gorilla is a gorilla/mux service whose requests arrive with the template of
// their route.
//
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run .
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/gorilla/mux"

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
		Service:      "users",
		ContextAttrs: httplog.ContextAttrs,
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

func routes(logger *slog.Logger) http.Handler {
	logging := httplog.Middleware(logger, &httplog.Options{
		Route: func(r *http.Request) string {
			if route := mux.CurrentRoute(r); route != nil {
				template, _ := route.GetPathTemplate()
				return template
			}
			return ""
		},
		PathParams: mux.Vars,
	})
	router := mux.NewRouter()
	// gorilla/mux calls its middleware only for requests that match a route. So the
	// one around the router logs, and this one tells it the route.
	router.Use(logging)

	router.HandleFunc("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := mux.Vars(r)["id"]
		logger.InfoContext(r.Context(), "fetching user", "user_id", id)
		if id == "0" {
			http.Error(w, "no such user", http.StatusNotFound)
			return
		}
		fmt.Fprintln(w, id)
	}).Methods(http.MethodGet)
	api := router.PathPrefix("/api/v1").Subrouter()
	api.HandleFunc("/bills/{cents}/{people}", func(w http.ResponseWriter, r *http.Request) {
		cents, _ := strconv.Atoi(mux.Vars(r)["cents"])
		people, _ := strconv.Atoi(mux.Vars(r)["people"])
		fmt.Fprintln(w, cents/people) // a bug: without people this panics
	}).Methods(http.MethodGet)
	return logging(router)
}
