package recipes

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"

	slogmulti "github.com/samber/slog-multi"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
)

// contextAttrs returns the attrs of ledger.With, and the request's id and trace.
func contextAttrs(ctx context.Context) []slog.Attr {
	return slices.Concat(ledger.ContextAttrs(ctx), httplog.ContextAttrs(ctx))
}

// newContextLogger returns a logger whose records have contextAttrs, in Ledger and on
// stdout.
func newContextLogger(stdout io.Writer, opts ledger.Options) (*slog.Logger, *ledger.Handler, error) {
	opts.ContextAttrs = contextAttrs
	handler, err := ledger.NewHandler(&opts)
	if err != nil {
		return nil, nil, err
	}
	withContext := slogmulti.Pipe(slogmulti.NewHandleInlineMiddleware(
		func(ctx context.Context, r slog.Record, next func(context.Context, slog.Record) error) error {
			r = r.Clone()
			r.AddAttrs(contextAttrs(ctx)...) // in the group that the logger has open
			return next(ctx, r)
		},
	))
	return slog.New(slog.NewMultiHandler(withContext.Handler(slog.NewTextHandler(stdout, nil)), handler)), handler, nil
}

// withTenant puts the tenant on every record that is logged for a request.
func withTenant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := ledger.With(r.Context(), slog.String("tenant", r.Header.Get("X-Tenant")))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
