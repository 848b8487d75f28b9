package main

import (
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func TestRequestsArriveWithTheirRoute(t *testing.T) {
	entries, err := demo.Run(serve,
		"GET /users/42?page=2&token=s3cr3t", "POST /payments", "GET /panic",
		"GET /wp-admin/setup.php", "GET /livez", "GET /sdk/health", "GET /sdk/metrics")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	byMessage := make(map[string]ledgertest.Entry)
	for _, e := range entries {
		message, _, _ := strings.Cut(e.Message, " (")
		got = append(got, e.LogType+" "+e.Level+" "+message)
		byMessage[message] = e
	}
	want := []string{
		"logger info fetching user",
		"endpoint info GET /users/{id} - 200",
		"exception error payment failed",
		"endpoint error POST /payments - 502",
		"exception error GET /panic - 500",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("arrived:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	request, record := byMessage["GET /users/{id} - 200"], byMessage["fetching user"]
	if id := request.Attributes["request_id"]; id == nil || id != record.Attributes["request_id"] {
		t.Errorf("request_id of the request is %v, of its record %v", id, record.Attributes["request_id"])
	}
	endpoint := request.Attributes["endpoint"].(map[string]any)
	if got, want := endpoint["query_params"], "page=2&token=***"; got != want {
		t.Errorf("query_params = %v, want %v", got, want)
	}
	if trace := byMessage["GET /panic - 500"].StackTrace; !strings.Contains(trace, "main.go") {
		t.Errorf("the panic's stack does not show where it was:\n%s", trace)
	}
}
