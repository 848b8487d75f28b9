package ledger

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// pipes is a listener whose connections are pipes, for a bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

// withOwnTransport runs test in a bubble with a handler that uses the transport it
// made itself, over pipes to an http.Server. open and opened count connections.
func withOwnTransport(t *testing.T, slow time.Duration, test func(t *testing.T, h *Handler, open, opened *atomic.Int32)) {
	synctest.Test(t, func(t *testing.T) {
		var open, opened atomic.Int32
		listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		ingest := ledgertest.NewInMemory()
		defer ingest.Close()
		serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(slow)
			ingest.Handler().ServeHTTP(w, r)
		})
		server := &http.Server{Handler: serve, ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				opened.Add(1)
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			}
		}}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		config, err := newConfig(&Options{APIKey: ledgertest.APIKey, BaseURL: "http://ledger.example", Diagnostics: slog.DiscardHandler}, nil)
		if err != nil {
			t.Fatal(err)
		}
		h := newHandler(config, encodingOf(config, newIDPrefix(), time.Now))
		h.sender.transport.client.Owned.DialContext = listener.dial
		test(t, h, &open, &opened)
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := open.Load(); n != 0 {
			t.Errorf("%d connections are open after Shutdown", n)
		}
	})
}

// The server closes a connection that was idle for five seconds (ledger-wire 1.3). A
// request that goes out at that moment would be lost, so ours are closed before.
func TestIdleConnectionsAreClosedBeforeTheServerDoesIt(t *testing.T) {
	withOwnTransport(t, 0, func(t *testing.T, h *Handler, open, opened *atomic.Int32) {
		for _, idle := range []time.Duration{0, 3 * time.Second, 3 * time.Second} {
			time.Sleep(idle)
			slog.New(h).Info("hello")
			if err := h.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := opened.Load(); n != 1 {
			t.Errorf("%d connections for three requests 3 s apart, want 1", n)
		}
		time.Sleep(4900 * time.Millisecond)
		synctest.Wait()
		if n := open.Load(); n != 0 {
			t.Errorf("%d connections are still open, 4.9 s after the last request", n)
		}
	})
}

// Requests side by side have a connection each, and the next ones find them again.
func TestConnectionsAreKeptForEachRequestSideBySide(t *testing.T) {
	const pool = 10 // the default HTTPPoolSize
	withOwnTransport(t, 100*time.Millisecond, func(t *testing.T, h *Handler, _, opened *atomic.Int32) {
		for range 3 {
			var all sync.WaitGroup
			for range pool {
				all.Go(func() {
					req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://ledger.example/", http.NoBody)
					if err != nil {
						t.Error(err)
						return
					}
					resp, err := h.sender.transport.client.Through.RoundTrip(req)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				})
			}
			all.Wait()
		}
		if n := opened.Load(); n != pool {
			t.Errorf("%d connections for three times %d requests, want %d", n, pool, pool)
		}
	})
}
