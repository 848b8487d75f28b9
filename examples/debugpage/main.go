// Debugpage is a service that shows its own records on a page, at /debug/ledger/:
// ledgerview in the same process. Only the machine itself can reach the page;
// from elsewhere, go through ssh -L 8080:localhost:8080.
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
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/ledgerview"
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
	page, err := newDebugPage()
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(os.Stdout, nil), ledgerHandler, page.handler))

	err = serve(ctx, logger, page)
	if err != nil {
		logger.Error("service failed", "error", err)
	}
	page.close()

	// Shut logging down last, so that it delivers what the last request logged.
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline))
}

// A debugPage is a viewer and the handler that feeds it. The handler is one of its
// own: the faults that one can set on the page do not touch what goes to Ledger.
type debugPage struct {
	viewer  *ledgerview.Viewer
	handler *ledger.Handler
}

func newDebugPage() (*debugPage, error) {
	viewer := ledgerview.New(&ledgerview.Options{MaxBytes: 32 << 20})
	handler, err := ledger.NewHandler(&ledger.Options{
		HTTPTransport: viewer, // no socket, whatever the address
		APIKey:        ledgerview.APIKey,
		Service:       "users",
		ContextAttrs:  httplog.ContextAttrs,
		FlushInterval: 200 * time.Millisecond,
		Diagnostics:   slog.DiscardHandler, // those of the other handler will do
	})
	if err != nil {
		return nil, errors.Join(err, viewer.Close())
	}
	return &debugPage{viewer, handler}, nil
}

// ServeHTTP serves the page to the machine itself.
func (p *debugPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !fromLoopback(r) {
		http.NotFound(w, r)
		return
	}
	http.StripPrefix("/debug/ledger", p.viewer).ServeHTTP(w, r)
}

// close ends the pages that are open. What the page has not shown by then is no
// loss.
func (p *debugPage) close() {
	deadline, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.handler.Shutdown(deadline)
	_ = p.viewer.Close()
}

// fromLoopback reports whether the client itself is on this machine. A reverse
// proxy on this machine is not the client: it says so in a header. Of one that does
// not, the viewer refuses the Host, unless that is localhost.
func fromLoopback(r *http.Request) bool {
	for _, header := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if len(r.Header.Values(header)) > 0 {
			return false
		}
	}
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && client.Addr().Unmap().IsLoopback()
}

// serve answers requests until ctx ends. Requests in progress then get ten
// seconds to finish.
func serve(ctx context.Context, logger *slog.Logger, page *debugPage) error {
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), ":8080"))
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           routes(logger, page),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          httplog.ErrorLog(logger),
	}
	// An open page is a request in progress, which would not end by itself.
	server.RegisterOnShutdown(page.close)
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

func routes(logger *slog.Logger, page *debugPage) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil {
			logger.ErrorContext(r.Context(), "user not found", "error", err)
			http.Error(w, "not a number", http.StatusBadRequest)
			return
		}
		logger.InfoContext(r.Context(), "fetching user", "user_id", id)
		fmt.Fprintln(w, id)
	})
	mux.Handle("/debug/ledger/", page)
	return httplog.Middleware(logger, &httplog.Options{
		// The page asks for records all the time; those requests would be records, too.
		Skip: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/debug/ledger/") },
	})(mux)
}
