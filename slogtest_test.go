package ledger_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// The handler is a full slog.Handler, judged by the standard library over the
// wire: what the server stored is read back into slogtest's form. One case is
// left out: a record without a time gets the current one, because the server
// requires it.
func TestSlogtestOverTheWire(t *testing.T) {
	server := ledgertest.NewServer()
	defer server.Close()
	var h *ledger.Handler
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		if t.Name() == "TestSlogtestOverTheWire/zero-time" {
			t.Skip("the server requires a time")
		}
		server.Reset()
		var err error
		h, err = ledger.NewHandler(&ledger.Options{APIKey: ledgertest.APIKey, BaseURL: server.URL, Diagnostics: slog.DiscardHandler})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}, func(t *testing.T) map[string]any {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		e := server.Entries()[0]
		record := map[string]any{slog.TimeKey: e.Timestamp, slog.LevelKey: e.Level, slog.MessageKey: e.Message}
		text, err := json.Marshal(e.Attributes)
		if err != nil {
			t.Fatal(err)
		}
		attrs := make(map[string]any)
		if err := json.Unmarshal(text, &attrs); err != nil {
			t.Fatal(err)
		}
		for key, value := range attrs {
			record[key] = value
		}
		return record
	})
}
