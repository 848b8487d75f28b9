package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/ledgerview"
)

// demo is a service that makes traffic until ctx ends.
func demo(ctx context.Context, v *ledgerview.Viewer) {
	h, err := ledger.NewHandler(&ledger.Options{
		HTTPTransport: v, APIKey: ledgerview.APIKey, Service: "shop-api", Environment: "demo", Release: "v1.8.2",
		Level: slog.LevelDebug, FlushInterval: 250 * time.Millisecond, ContextAttrs: httplog.ContextAttrs,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "ledgerview: demo:", err)
		return
	}
	defer func() {
		last, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = h.Shutdown(last)
	}()
	log := slog.New(h)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		log.DebugContext(r.Context(), "load user", "user", r.PathValue("id"))
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		if rand.IntN(5) == 0 {
			err := fmt.Errorf("create order: %w", fmt.Errorf("insert order: %w", &fs.PathError{Op: "open", Path: "/var/lib/orders", Err: errors.New("no space left on device")}))
			log.ErrorContext(r.Context(), "create order failed", ledgerError(err), "order", rand.IntN(10000))
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		log.InfoContext(r.Context(), "order created", "order", slog.GroupValue(slog.Int("id", rand.IntN(10000)), slog.Float64("total", 19.9)))
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) {
		var list []int
		_ = list[3]
	})
	handler := httplog.Middleware(log, nil)(mux)
	for ctx.Err() == nil {
		method, path := "GET", "/users/"+strconv.Itoa(rand.IntN(100))
		switch n := rand.IntN(60); {
		case n == 0:
			path = "/panic"
		case n < 15:
			method, path = "POST", "/orders"
		case n < 20:
			path = "/nowhere"
		}
		r := httptest.NewRequest(method, path, nil)
		func() {
			defer func() { _ = recover() }()
			handler.ServeHTTP(httptest.NewRecorder(), r)
		}()
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rand.IntN(200)) * time.Millisecond):
		}
	}
}

func ledgerError(err error) slog.Attr { return slog.Any("error", err) }
