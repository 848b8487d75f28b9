package doccheck

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

const goodKey = ledgertest.APIKey

// A misconfiguration is a row of the tables in docs/troubleshooting.md.
type misconfiguration struct {
	env     map[string]string
	options ledger.Options
	server  http.HandlerFunc // nil for faults that NewHandler finds
	base    string           // what follows the server's address in BaseURL
}

var misconfigurations = map[string]misconfiguration{
	"no key":                        {},
	"a key of another service":      {options: ledger.Options{APIKey: "sk-123"}},
	"an address without http://":    {options: ledger.Options{APIKey: goodKey, BaseURL: "127.0.0.1:8000"}},
	"a password in the address":     {options: ledger.Options{APIKey: goodKey, BaseURL: "http://admin:pw@ledger:8000"}},
	"a batch over the limit":        {options: ledger.Options{APIKey: goodKey, FlushSize: 5000}},
	"a duration in words":           {options: ledger.Options{APIKey: goodKey}, env: map[string]string{"LEDGER_FLUSH_INTERVAL": "soon"}},
	"a number in words":             {options: ledger.Options{APIKey: goodKey}, env: map[string]string{"LEDGER_HTTP_POOL_SIZE": "many"}},
	"a protocol that is none":       {options: ledger.Options{APIKey: goodKey, Protocol: "grpc"}},
	"the address of the ingest API": {base: "/v1/logs", server: http.NotFound},
	"a wrong path prefix":           {base: "/ledger", server: http.NotFound},
	"another server's port":         {server: http.NotFound},
	"http where https is wanted": {server: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://ledger.example.com"+r.URL.Path)
		w.WriteHeader(http.StatusMovedPermanently)
	}},
	"the address of the web interface": {server: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>Ledger</title>"))
	}},
	"a file server": {server: func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Unsupported method ('POST')", http.StatusNotImplemented)
	}},
	"a key that the server does not know": {server: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"detail":"Invalid or expired API key"}`))
	}},
}

// said is what the handler says of a misconfiguration: NewHandler's error, or the
// first message of its diagnostics.
func (m misconfiguration) said(t *testing.T) string {
	for name, value := range m.env {
		t.Setenv(name, value)
	}
	opts := m.options
	messages := make(chan string, 10)
	if m.server != nil {
		server := httptest.NewServer(m.server)
		defer server.Close()
		opts.APIKey, opts.BaseURL, opts.FlushSize, opts.Protocol = goodKey, server.URL+m.base, 1, ledger.ProtocolOTLP
		opts.Diagnostics = sayings(messages)
	}
	h, err := ledger.NewHandler(&opts)
	if m.server == nil {
		if err == nil {
			t.Fatal("no fault was found")
		}
		return err.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	slog.New(h).Info("hello")
	text := <-messages
	for strings.Contains(text, "BaseURL ends in an ingest path") && !strings.Contains(text, "error=") {
		text = <-messages // the warning at start-up
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = h.Shutdown(ctx)
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "127.0.0.1:8000")
}

// sayings is a handler that sends each message, as text, to a channel.
type sayings chan string

func (sayings) Enabled(context.Context, slog.Level) bool { return true }
func (s sayings) WithAttrs([]slog.Attr) slog.Handler     { return s }
func (s sayings) WithGroup(string) slog.Handler          { return s }
func (s sayings) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	s <- text
	return nil
}

// TestTroubleshootingQuotesTheMessages compares the tables with what is said.
func TestTroubleshootingQuotesTheMessages(t *testing.T) {
	document := string(read(t, root+"/docs/troubleshooting.md"))
	rows := regexp.MustCompile("(?m)^\\| ([^|]+) \\| `([^`]+)` \\|").FindAllStringSubmatch(document, -1)
	quoted := make(map[string]string)
	for _, row := range rows {
		quoted[row[1]] = row[2]
	}
	if len(rows) < 10 {
		t.Errorf("only %d misconfigurations in the tables", len(rows))
	}
	for name, m := range misconfigurations {
		t.Run(name, func(t *testing.T) {
			said := m.said(t)
			if strings.Contains(said, "strconv") {
				t.Errorf("names a function: %s", said)
			}
			if quoted[name] != said {
				t.Errorf("the document has %q, the handler says\n| %s | `%s` |", quoted[name], name, said)
			}
		})
	}
	for name := range quoted {
		if _, ok := misconfigurations[name]; !ok {
			t.Errorf("the document has %q, which is not tried here", name)
		}
	}
}
