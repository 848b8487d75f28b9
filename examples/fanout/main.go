// Fanout writes every record to three places with slog-multi: text on standard
// output, the Ledger server, and a local file while the server is in trouble.
//
//	go run ./examples/fanout
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	slogmulti "github.com/samber/slog-multi"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// newLogger returns a logger to all three, and the handler to shut down.
func newLogger(opts *ledger.Options, stdout, file io.Writer) (*slog.Logger, *ledger.Handler, error) {
	ledgerHandler, err := ledger.NewHandler(opts)
	if err != nil {
		return nil, nil, err
	}
	// While Status is unhealthy nothing is being delivered. The entries are
	// kept and sent later, as long as they fit into memory; the file has those
	// that an operator wants to see now, and those that memory cannot keep.
	unhealthy := func(context.Context, slog.Record) bool { return !ledgerHandler.Status().Healthy }
	return slog.New(slogmulti.Fanout(
		slog.NewTextHandler(stdout, nil),
		ledgerHandler,
		slogmulti.Router().Add(slog.NewJSONHandler(file, nil), unhealthy).Handler(),
	)), ledgerHandler, nil
}

func main() {
	file, err := os.CreateTemp("", "ledger-failover-*.jsonl")
	if err != nil {
		exit(err)
	}
	defer file.Close()

	if os.Getenv("LEDGER_API_KEY") == "" {
		srv := ledgertest.NewServer()
		defer srv.Close()
		exit(demonstrate(srv, os.Stdout, file))
		demo.Print(os.Stdout, srv.Entries())
	} else {
		logger, handler, err := newLogger(&ledger.Options{Service: "fanout"}, os.Stdout, file)
		exit(err)
		logger.Info("hello from three places")
		exit(shutdown(handler))
	}
	exit(show(file))
}

// demonstrate logs before, during and after an outage of srv.
func demonstrate(srv *ledgertest.Server, stdout, file io.Writer) error {
	logger, handler, err := newLogger(&ledger.Options{
		APIKey: ledgertest.APIKey, BaseURL: srv.URL, Service: "fanout",
		// An outage in seconds instead of minutes.
		FlushInterval: 100 * time.Millisecond, NetworkBackoff: 50 * time.Millisecond, BreakerThreshold: 2, BreakerDelay: 500 * time.Millisecond,
		Diagnostics: slog.DiscardHandler,
	}, stdout, file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()

	logger.Info("all is well")
	err = handler.Flush(ctx)

	srv.Stop()
	logger.Error("the first record of the outage") // unhealthy is what follows
	for handler.Status().Healthy && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	logger.Warn("logged while the server is down")

	srv.Start()
	err = errors.Join(err, handler.Flush(ctx))
	logger.Info("all is well again")
	return errors.Join(err, shutdown(handler))
}

func shutdown(handler *ledger.Handler) error {
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return handler.Shutdown(deadline)
}

func show(file *os.File) error {
	text, err := os.ReadFile(file.Name())
	fmt.Printf("\n%s has:\n%s", file.Name(), text)
	return err
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
