package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"testing"

	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func TestRecordsArriveByOTLP(t *testing.T) {
	entries, err := demo.RunJob(run, ledgertest.WithProtocol(ledgertest.OTLP))
	if err != nil {
		t.Fatal(err)
	}
	check(t, entries)
}

// TestPathPrefix: Loki has its endpoint at /otlp/v1/logs.
func TestPathPrefix(t *testing.T) {
	entries, err := demo.RunJob(func(ctx context.Context) error {
		target, err := url.Parse(os.Getenv("LEDGER_BASE_URL"))
		if err != nil {
			return err
		}
		loki := httptest.NewServer(http.StripPrefix("/otlp", httputil.NewSingleHostReverseProxy(target)))
		defer loki.Close()
		defer demo.Setenv("LEDGER_BASE_URL", loki.URL+"/otlp")()
		return run(ctx)
	}, ledgertest.WithProtocol(ledgertest.OTLP))
	if err != nil {
		t.Fatal(err)
	}
	check(t, entries)
}

func check(t *testing.T, entries []ledgertest.Entry) {
	t.Helper()
	if len(entries) != 3 {
		t.Fatalf("%d entries arrived, want 3", len(entries))
	}
	logTypes := make(map[string]int)
	for _, e := range entries {
		logTypes[e.LogType]++
		if e.Message != "cart priced" && e.Attributes["trace_id"] != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("%q has the trace %v", e.Message, e.Attributes["trace_id"])
		}
		if e.Attributes["service.name"] != "orders" {
			t.Errorf("%q is of the service %v", e.Message, e.Attributes["service.name"])
		}
	}
	if logTypes["logger"] != 1 || logTypes["exception"] != 1 || logTypes["endpoint"] != 1 {
		t.Errorf("log types %v, want one each", logTypes)
	}
}
