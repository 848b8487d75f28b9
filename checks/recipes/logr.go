package recipes

import (
	"log/slog"

	"github.com/go-logr/logr"

	"github.com/ledger-sdk/ledger-go"
)

// newLogr returns a logger for what takes logr: controller-runtime, klog,
// OpenTelemetry's own messages.
func newLogr(opts ledger.Options) (logr.Logger, *ledger.Handler, error) {
	opts.Level = slog.Level(-1) // V(0) and V(1); logr's V(n) is slog's level -n
	handler, err := ledger.NewHandler(&opts)
	if err != nil {
		return logr.Logger{}, nil, err
	}
	return logr.FromSlogHandler(handler), handler, nil
}
