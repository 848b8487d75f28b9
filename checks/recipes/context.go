package recipes

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
)

// newContextHandler returns a handler whose entries have the attrs of ledger.With,
// and the request's id and trace.
func newContextHandler(opts ledger.Options) (*ledger.Handler, error) {
	opts.ContextAttrs = func(ctx context.Context) []slog.Attr {
		return slices.Concat(ledger.ContextAttrs(ctx), httplog.ContextAttrs(ctx))
	}
	return ledger.NewHandler(&opts)
}

// withTenant puts the tenant on every record that is logged for a request.
func withTenant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := ledger.With(r.Context(), slog.String("tenant", r.Header.Get("X-Tenant")))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
