package recipes

import (
	"context"
	"log/slog"
	"os"

	slogmulti "github.com/samber/slog-multi"

	"github.com/ledger-sdk/ledger-go"
)

// stdoutToo logs to stdout and to Ledger.
func stdoutToo(handler *ledger.Handler) *slog.Logger {
	return slog.New(slog.NewMultiHandler(
		slog.NewJSONHandler(os.Stdout, nil),
		handler,
	))
}

// auditApart sends records with audit=true to a handler of their own, with a key
// of its own, and all others to the first one.
func auditApart(handler, audit *ledger.Handler) *slog.Logger {
	return slog.New(slogmulti.Router().
		Add(audit, slogmulti.AttrValueIs("audit", true)).
		Add(handler).
		FirstMatch().
		Handler())
}

// localWhileDown logs to Ledger, and to a local handler for as long as Ledger does
// not take anything.
func localWhileDown(handler *ledger.Handler, local slog.Handler) *slog.Logger {
	down := func(context.Context, slog.Record) bool { return !handler.Status().Healthy }
	return slog.New(slogmulti.Router().
		Add(handler).
		Add(local, down).
		Handler())
}
