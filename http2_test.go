package ledger

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/chaos"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// A connection that died without a word costs one attempt, also under HTTP/2, where
// requests share a connection and the next one would go the same way.
func TestDeadHTTP2ConnectionCostsOneAttempt(t *testing.T) {
	for name, timeout := range map[string]time.Duration{
		"found by the timeout": time.Second,
		"found by a ping":      time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := ledgertest.NewInMemory()
			defer server.Close()
			secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != 2 {
					t.Errorf("spoke %s", r.Proto)
				}
				server.Handler().ServeHTTP(w, r)
			}))
			secure.EnableHTTP2 = true
			secure.StartTLS()
			defer secure.Close()
			proxy, err := chaos.New(secure.Listener.Addr().String(), 1)
			if err != nil {
				t.Fatal(err)
			}
			defer proxy.Close()
			config, err := newConfig(&Options{
				APIKey: ledgertest.APIKey, BaseURL: "https://" + proxy.Addr(), Diagnostics: slog.DiscardHandler,
				HTTPTimeout: timeout, NetworkBackoff: 50 * time.Millisecond,
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			h := newHandler(config, encodingOf(config, "id-", time.Now))
			defer func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_ = h.Shutdown(ctx)
				proxy.Close() // so that the server need not wait for the dead connection
				secure.CloseClientConnections()
			}()
			pool := x509.NewCertPool()
			pool.AddCert(secure.Certificate())
			h.sender.transport.client.Owned.TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: "example.com"}
			deliver := func(within time.Duration) {
				t.Helper()
				slog.New(h).Info("hello")
				ctx, cancel := context.WithTimeout(t.Context(), within)
				defer cancel()
				if err := h.Flush(ctx); err != nil {
					t.Fatalf("%v; %+v", err, h.Metrics().Errors)
				}
			}
			deliver(20 * time.Second)
			if err := proxy.Set(chaos.Mood{Blackhole: true}); err != nil {
				t.Fatal(err)
			}
			deliver(20 * time.Second)
			if n := h.Metrics().Errors["network_error"]; n != 1 {
				t.Errorf("%d attempts lost, want 1", n)
			}
		})
	}
}
