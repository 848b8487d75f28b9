package ledger

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/encode"
	"github.com/ledger-sdk/ledger-go/internal/wire"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// fragile is a format that panics on an entry when a body is written.
type fragile struct{ encode.Format }

func (f fragile) AppendWhole(b, data []byte, e wire.Ending) []byte {
	if bytes.Contains(data, []byte("bomb")) {
		panic("at the disco")
	}
	return f.Format.AppendWhole(b, data, e)
}

// A panic while sending is caught, told and counted, and costs the entry at fault:
// neither the process nor any other entry.
func TestAPanicWhileSendingCostsTheEntryAtFault(t *testing.T) {
	for protocol, served := range map[Protocol]ledgertest.Protocol{ProtocolLedger: ledgertest.Native, ProtocolOTLP: ledgertest.OTLP} {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprint(protocol, " plain ", plain), func(t *testing.T) { testPanicWhileSending(t, protocol, served, plain) })
		}
	}
}

func testPanicWhileSending(t *testing.T, protocol Protocol, served ledgertest.Protocol, plain bool) {
	synctest.Test(t, func(t *testing.T) {
		server := ledgertest.NewInMemory(ledgertest.WithProtocol(served), ledgertest.WithRateLimits(0, 0))
		defer server.Close()
		var told bytes.Buffer
		config, err := newConfig(&Options{
			APIKey: ledgertest.APIKey, Protocol: protocol, HTTPTransport: server.Transport(),
			Diagnostics: slog.NewTextHandler(&told, nil), RequestsPerMinute: 1e6, RequestsPerHour: 1e6, DisableCompression: plain,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		encoding := encodingOf(config, "id-", time.Now)
		for i, f := range encoding.Formats {
			encoding.Formats[i] = fragile{f}
		}
		h := newHandler(config, encoding)
		for i := range 1000 {
			if i == 123 || i == 877 {
				slog.New(h).Info("bomb")
			}
			slog.New(h).Info("innocent")
		}
		if err := h.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		m := h.Metrics()
		if len(server.Entries()) != 1000 || m.Flusher.TotalLogsSent != 1000 || m.Buffer.Dropped["rejected"] != 2 || m.Errors["validation_error"] == 0 {
			t.Errorf("%d arrived; %+v", len(server.Entries()), m)
		}
		if n := m.RateLimiter.CurrentRate; protocol == ProtocolLedger && n != len(server.Requests()) {
			t.Errorf("%d of the rate limit for %d requests", n, len(server.Requests()))
		}
		if !strings.Contains(told.String(), "sending panics") || !strings.Contains(told.String(), "at the disco") {
			t.Errorf("told:\n%s", told.String())
		}
	})
}
