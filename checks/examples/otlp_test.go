package examples

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// TestOTLPBelowAPath: Loki has its endpoint at /otlp/v1/logs.
func TestOTLPBelowAPath(t *testing.T) {
	t.Parallel()
	srv := ledgertest.NewServer(ledgertest.WithProtocol(ledgertest.OTLP))
	defer srv.Close()
	loki := httptest.NewServer(http.StripPrefix("/otlp", srv.Handler()))
	defer loki.Close()

	p := start(t, srv, build(t, "otlp"), "LEDGER_BASE_URL="+loki.URL+"/otlp")
	request{line: `POST /orders {"total": 1}`, want: "201"}.send(t, p.addr(t))
	p.terminate(t)
	p.expectExit(t, 0)
	p.expectSilence(t)
	if entries := srv.Entries(); len(entries) != 3 { // "listening", "order taken", and the request
		t.Errorf("%d entries arrived, want 3", len(entries))
	}
}
