// Errors logs errors of several libraries, to show what becomes of each: a type
// that says what went wrong, the stack that the error carries, and its causes.
//
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run .
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	crdb "github.com/cockroachdb/errors"
	pkgerrors "github.com/pkg/errors"

	"github.com/ledger-sdk/ledger-go"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ledgerHandler, err := ledger.NewHandler(&ledger.Options{Service: "errors"})
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(os.Stdout, nil), ledgerHandler))

	// Errors of the standard library have no stack: the entry gets that of the
	// log call. The type is that of the cause, because wrappers say nothing.
	logger.Error("standard", "error", readWithStandard())

	// Errors of pkg/errors and cockroachdb/errors know where they began, which
	// can be far from the log call.
	logger.Error("pkg/errors", "error", readWithPkgErrors())
	logger.Error("cockroachdb/errors", "error", readWithCockroach())

	// Of a join the entry has every branch, with its own stack where it has one.
	logger.Error("errors.Join", "error", errors.Join(readWithPkgErrors(), errQuota))

	// Below Error no stack is taken, and the entry is no exception.
	logger.Warn("only a warning", "error", errQuota)

	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return ledgerHandler.Shutdown(deadline)
}

var errQuota = errors.New("quota exceeded")

func readWithStandard() error {
	_, err := os.ReadFile("/does/not/exist")
	return fmt.Errorf("read settings: %w", err)
}

func readWithPkgErrors() error { return pkgerrors.Wrap(fs.ErrNotExist, "read settings") }

func readWithCockroach() error { return crdb.Wrapf(fs.ErrNotExist, "read settings") }
