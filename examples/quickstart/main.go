// Quickstart shows the SDK in one run that needs nothing but Go. A ledgertest
// server takes the place of Ledger. An HTTP service logs its requests through
// httplog; every record goes to stdout and to Ledger. The server goes down and
// comes back, and nothing is lost.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	slogmulti "github.com/samber/slog-multi"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 18*time.Second)
	defer cancel()

	title("A Ledger server, on loopback")
	server := ledgertest.NewServer()
	defer server.Close()
	fmt.Println("listening on", server.URL)

	// The set-up of a real service. The short times make a demonstration of
	// an outage possible; the defaults suit production.
	handler, err := ledger.NewHandler(&ledger.Options{
		APIKey:         ledgertest.APIKey,
		BaseURL:        server.URL,
		Service:        "quickstart",
		Environment:    "demo",
		Release:        "v1.0.0",
		ContextAttrs:   httplog.ContextAttrs, // request ids and trace ids in every record
		FlushInterval:  500 * time.Millisecond,
		RetryBackoff:   300 * time.Millisecond,
		NetworkBackoff: 300 * time.Millisecond,
		BreakerDelay:   2 * time.Second,
	})
	if err != nil {
		return err
	}
	stdout := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime})
	slog.SetDefault(slog.New(slogmulti.Fanout(stdout, handler)))

	title("A burst of requests: what stdout gets is what Ledger gets")
	service := httptest.NewUnstartedServer(httplog.Middleware(slog.Default(), nil)(routes()))
	service.Config.ErrorLog = httplog.ErrorLog(slog.Default()) // net/http would print the panic's stack again
	service.Start()
	defer service.Close()
	for _, path := range []string{"/users/1", "/users/2?token=hunter2", "/users/3", "/nowhere/42", "/checkout", "/panic"} {
		request(ctx, service.URL+path)
	}
	if err := handler.Flush(ctx); err != nil {
		return err
	}
	status("Status before the outage", handler)

	title("The server goes down; the service does not notice")
	server.Stop()
	for i := range 5 {
		slog.Info("logged during the outage", "n", i)
	}
	for !handler.Status().CircuitBreakerOpen && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	status("Status during the outage", handler)

	title("The server comes back; what was held arrives")
	server.Start()
	if err := handler.Flush(ctx); err != nil {
		return err
	}
	status("Status after the outage", handler)

	title("Shutdown, and what arrived")
	if err := handler.Shutdown(ctx); err != nil {
		return err
	}
	entries := server.Entries()
	for _, e := range entries {
		fmt.Printf("%-8s %-9s %s\n", e.Level, e.LogType, e.Message)
		if e.ErrorType != "" {
			fmt.Printf("         error     %s: %s\n%s\n", e.ErrorType, e.ErrorMessage, indent(e.StackTrace))
		}
	}
	fmt.Println()
	printJSON("Metrics", handler.Metrics())
	if sent := handler.Metrics().Flusher.TotalLogsSent; int(sent) != len(entries) || sent < 12 {
		return fmt.Errorf("%d entries arrived, %d were counted as sent, at least 12 were logged", len(entries), sent)
	}
	fmt.Printf("\nAll %d entries arrived; none was lost.\n", len(entries))
	fmt.Println("To see records on a page, live: go run ./cmd/ledgerview -demo")
	return nil
}

// routes is the service.
func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		slog.InfoContext(r.Context(), "looking up user", "id", r.PathValue("id"))
		fmt.Fprintln(w, "hello")
	})
	mux.HandleFunc("GET /checkout", func(w http.ResponseWriter, r *http.Request) {
		err := fmt.Errorf("charge card: %w", errDeclined)
		slog.ErrorContext(r.Context(), "payment failed", "error", err, "amount", 99.99)
		http.Error(w, "payment failed", http.StatusInternalServerError)
	})
	mux.HandleFunc("GET /panic", func(w http.ResponseWriter, _ *http.Request) {
		prices := map[string][]int{"pears": {3}}
		fmt.Fprintln(w, prices["apples"][0]) // out of range: this panics
	})
	return mux
}

var errDeclined = errors.New("card declined")

func request(ctx context.Context, url string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	// A connection each, or the client would repeat what the panic cut off.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := client.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

func title(text string) { fmt.Printf("\n== %s ==\n", text) }

func status(name string, h *ledger.Handler) { printJSON(name, h.Status()) }

func printJSON(name string, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s\n", name, text)
}

func indent(text string) string {
	out := ""
	for line := range strings.Lines(text) {
		out += "         " + line
	}
	return out
}

// withoutTime keeps the output short.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
