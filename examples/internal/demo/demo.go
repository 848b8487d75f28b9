// Package demo lets the examples run by themselves: without LEDGER_API_KEY it
// starts a [ledgertest] server, points the environment at it, sends the example
// a few requests, ends it as SIGTERM would, and prints what arrived. With
// LEDGER_API_KEY set the examples are the programs they look like.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// A Service serves HTTP on l until ctx ends, and returns when the last record
// is delivered or given up.
type Service func(ctx context.Context, l net.Listener) error

// A Job runs to its end, or until ctx ends.
type Job func(ctx context.Context) error

// Main is the main function of an example that serves HTTP. A request is
// written "GET /users/42".
func Main(service Service, requests ...string) {
	if os.Getenv("LEDGER_API_KEY") == "" {
		entries, err := Run(service, requests...)
		Print(os.Stdout, entries)
		exit(err)
		return
	}
	MainJob(func(ctx context.Context) error {
		addr := os.Getenv("ADDR")
		if addr == "" {
			addr = ":8080"
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "listening on", l.Addr())
		return service(ctx, l)
	})
}

// MainJob is the main function of an example that ends by itself. The options
// are for the server that RunJob starts.
func MainJob(job Job, opts ...ledgertest.Option) {
	if os.Getenv("LEDGER_API_KEY") == "" {
		entries, err := RunJob(job, opts...)
		Print(os.Stdout, entries)
		exit(err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(job(ctx))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Run runs service against a server of its own, sends it the requests one after
// the other, ends it, and returns what the server got.
func Run(service Service, requests ...string) ([]ledgertest.Entry, error) {
	return RunJob(func(ctx context.Context) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		served := make(chan error, 1)
		go func() { served <- service(ctx, l) }()
		err = send("http://"+l.Addr().String(), requests)
		cancel()
		return errors.Join(err, <-served)
	})
}

// RunJob runs job against a server of its own, and returns what the server got.
func RunJob(job Job, opts ...ledgertest.Option) ([]ledgertest.Entry, error) {
	srv := ledgertest.NewServer(opts...)
	defer srv.Close()
	defer Setenv("LEDGER_API_KEY", ledgertest.APIKey)()
	defer Setenv("LEDGER_BASE_URL", srv.URL)()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := job(ctx)
	return srv.Entries(), err
}

// Setenv sets a variable and returns a function that puts it back.
func Setenv(name, value string) (restore func()) {
	old, had := os.LookupEnv(name)
	_ = os.Setenv(name, value)
	return func() {
		if had {
			_ = os.Setenv(name, old)
		} else {
			_ = os.Unsetenv(name)
		}
	}
}

// send makes the requests. A connection that is cut is part of the show: that
// is what net/http does when a handler panics.
func send(base string, requests []string) error {
	// A connection for each: a client that finds a used one cut would send its
	// GET a second time.
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, request := range requests {
		method, path, _ := strings.Cut(request, " ")
		req, err := http.NewRequest(method, base+path, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if errors.Is(err, io.EOF) {
			fmt.Printf("%s → connection closed\n", request)
			continue
		}
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		fmt.Printf("%s → %d\n", request, resp.StatusCode)
	}
	return nil
}

// Serve serves until ctx ends, and then lets requests in progress finish.
// examples/nethttp has it written out.
func Serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stopped <- server.Shutdown(deadline)
	})
	if err := server.Serve(l); stop() || !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// Print writes entries as a person reads them.
func Print(w io.Writer, entries []ledgertest.Entry) {
	fmt.Fprintf(w, "\narrived at the Ledger server: %d entries\n", len(entries))
	for _, e := range entries {
		fmt.Fprintf(w, "\n%-8s %-9s %s\n", e.Level, e.LogType, e.Message)
		if e.ErrorType != "" {
			fmt.Fprintf(w, "  %s: %s\n", e.ErrorType, e.ErrorMessage)
		}
		if e.StackTrace != "" {
			fmt.Fprintf(w, "  │ %s\n", strings.ReplaceAll(strings.TrimRight(e.StackTrace, "\n"), "\n", "\n  │ "))
		}
		if len(e.Attributes) > 0 {
			fmt.Fprint(w, "  ")
			enc := json.NewEncoder(w)
			enc.SetEscapeHTML(false)
			_ = enc.Encode(e.Attributes)
		}
	}
}
