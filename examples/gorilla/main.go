// Gorilla is a service of gorilla/mux whose requests arrive with the
// template of their route.
//
//	go -C examples/gorilla run .
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/mux"

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
		Service:      "gorilla-example",
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
		Route: func(r *http.Request) string {
			if route := mux.CurrentRoute(r); route != nil {
				template, _ := route.GetPathTemplate()
				return template
			}
			return ""
		},
	})
	router := mux.NewRouter()
	// Twice: inside, where the route is known but which gorilla does not call
	// for unmatched requests; and outside, which logs every request once, with
	// the route that the one inside tells it.
	router.Use(logging)

	router.HandleFunc("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := mux.Vars(r)["id"]
		logger.InfoContext(r.Context(), "fetching user", "user_id", id)
		if id == "0" {
			http.Error(w, "no such user", http.StatusNotFound)
		}
	}).Methods(http.MethodGet)
	orders := router.PathPrefix("/api/v1/orders/{order}").Subrouter()
	orders.HandleFunc("/items/{item:[0-9]+}", func(http.ResponseWriter, *http.Request) {})
	router.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("index out of reach") })
	return logging(router)
}
