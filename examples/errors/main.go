// Errors logs errors of several libraries, to show what becomes of them: the
// type that says something, the stack that the error carries, and its causes.
//
//	go -C examples/errors run .
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
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
)

func main() { demo.MainJob(run) }

func run(ctx context.Context) error {
	handler, err := ledger.NewHandler(&ledger.Options{Service: "errors"})
	if err != nil {
		return err
	}
	logger := slog.New(handler)

	// The standard library's errors have no stack: the entry gets that of the
	// log call. The type is that of the cause, as wrappers say nothing.
	logger.ErrorContext(ctx, "standard", "error", readWithStandard())

	// Errors of pkg/errors and cockroachdb/errors know where they began, which
	// may be another place than that of the log call.
	logger.ErrorContext(ctx, "pkg/errors", "error", readWithPkgErrors())
	logger.ErrorContext(ctx, "cockroachdb/errors", "error", readWithCockroach())

	// Of a join every branch is told, each with its own stack where it has one.
	logger.ErrorContext(ctx, "errors.Join", "error", errors.Join(readWithPkgErrors(), errQuota))

	// Below Error no stack is taken, and the entry is no exception.
	logger.WarnContext(ctx, "only a warning", "error", errQuota)

	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return handler.Shutdown(deadline)
}

var errQuota = errors.New("quota exceeded")

func readWithStandard() error {
	_, err := os.ReadFile("/does/not/exist")
	return fmt.Errorf("read settings: %w", err)
}

func readWithPkgErrors() error {
	return pkgerrors.Wrap(fs.ErrNotExist, "read settings")
}

func readWithCockroach() error {
	return crdb.Wrapf(fs.ErrNotExist, "read settings")
}
