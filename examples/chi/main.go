// Chi is a service of go-chi/chi whose requests arrive with the
// template of their route.
//
//	go -C examples/chi run .
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/httplog"
)

var requests = []string{
	"GET /users/42?page=2",
	"GET /users/0",
	"GET /api/v1/orders/7/items/9",
	"GET /nowhere/123",
	"GET /panic",
}

func main() { demo.Main(serve, requests...) }

func serve(ctx context.Context, l net.Listener) error {
	ledgerHandler, err := ledger.NewHandler(&ledger.Options{
		Service:      "chi-example",
		ContextAttrs: httplog.ContextAttrs,
	})
	if err != nil {
		return err
	}
	err = demo.Serve(ctx, l, routes(slog.New(ledgerHandler))) // a graceful http.Server

	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline))
}

func routes(logger *slog.Logger) http.Handler {
	logging := httplog.Middleware(logger, &httplog.Options{
		Route: func(r *http.Request) string { return chi.RouteContext(r.Context()).RoutePattern() },
	})
	router := chi.NewRouter()
	// The Recoverer goes outside: logging writes a panic down with its stack and
	// lets it go on, the Recoverer answers 500.
	router.Use(middleware.Recoverer, logging)

	router.Get("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		logger.InfoContext(r.Context(), "fetching user", "user_id", chi.URLParam(r, "id"))
		if chi.URLParam(r, "id") == "0" {
			http.Error(w, "no such user", http.StatusNotFound)
		}
	})
	router.Route("/api/v1/orders/{order}", func(orders chi.Router) {
		orders.Get("/items/{item:[0-9]+}", func(http.ResponseWriter, *http.Request) {})
	})
	router.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("index out of reach") })
	return router
}
