// Fanout writes every record to three places: text on standard output, the
// Ledger server, and a local file while that server cannot be reached.
//
// slog.NewMultiHandler hands each record to every handler, and needs nothing but
// Go 1.26: it is the better one for plain fan-out. samber/slog-multi is the
// better one where more is asked: Router for records that meet a condition (as
// here), Failover for a second handler where the first returns an error, and
// RecoverHandlerError for a handler that may panic.
//
// The program logs the lines of its standard input:
//
//	ping localhost | LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run .
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	slogmulti "github.com/samber/slog-multi"

	"github.com/ledger-sdk/ledger-go"
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

	file, err := os.OpenFile(cmp.Or(os.Getenv("FAILOVER_FILE"), "failover.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	ledgerHandler, err := ledger.NewHandler(&ledger.Options{Service: "fanout"})
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewMultiHandler(
		slog.NewTextHandler(os.Stdout, nil),
		ledgerHandler,
		whileUnhealthy(ledgerHandler, slog.NewJSONHandler(file, nil)),
	))

	err = logLines(ctx, logger, os.Stdin)

	// Shut logging down last.
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline))
}

// whileUnhealthy returns a handler that passes records on to failover while
// nothing can be delivered to Ledger. Ledger's handler keeps them too, and sends
// them later. The file is for an operator who wants to see them now, and for
// what does not fit into memory.
//
// Failover of slog-multi would not do: Ledger's handler takes records during an
// outage, and returns no error.
func whileUnhealthy(h *ledger.Handler, failover slog.Handler) slog.Handler {
	unhealthy := func(context.Context, slog.Record) bool { return !h.Status().Healthy }
	return slogmulti.Router().Add(failover, unhealthy).Handler()
}

// logLines logs each line of r until there are no more or ctx ends.
func logLines(ctx context.Context, logger *slog.Logger, r io.Reader) error {
	lines := make(chan string)
	failed := make(chan error, 1)
	go func() {
		failed <- scan(ctx, r, lines)
		close(lines)
	}()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				return <-failed
			}
			logger.InfoContext(ctx, line)
		case <-ctx.Done():
			return nil
		}
	}
}

func scan(ctx context.Context, r io.Reader, lines chan<- string) error {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		select {
		case lines <- scanner.Text():
		case <-ctx.Done():
			return nil
		}
	}
	return scanner.Err()
}
