package otlpjudge

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/ledger-sdk/ledger-go"
)

// APIKey is the key that handlers use here.
const APIKey = "ledger_TestKey-0123456789_abcdefghijklmnopqrstuvwx"

// Run plays p through a real handler, which sends to o.BaseURL, by OTLP
// unless o says otherwise. It returns when everything was taken.
func (p *Program) Run(o ledger.Options) (began, ended time.Time, err error) {
	o.APIKey = APIKey
	if o.Protocol == "" {
		o.Protocol = ledger.ProtocolOTLP
	}
	o.Service, o.Environment, o.Release, o.AddSource = p.Service, p.Environment, p.Release, p.AddSource
	o.Level, o.ContextAttrs = slog.Level(math.MinInt32), ContextAttrs
	o.Diagnostics = slog.DiscardHandler
	h, err := ledger.NewHandler(&o)
	if err != nil {
		return began, ended, err
	}
	began = time.Now()
	for _, c := range p.Calls {
		if err := c.Handle(h); err != nil {
			return began, ended, err
		}
	}
	ended = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		return began, ended, err
	}
	if m := h.Metrics(); m.Flusher.TotalLogsSent != int64(len(p.Calls)) {
		return began, ended, fmt.Errorf("%d of %d records sent", m.Flusher.TotalLogsSent, len(p.Calls))
	}
	return began, ended, nil
}
