package ledgertest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	batchPath  = "/api/v1/ingest/batch"
	singlePath = "/api/v1/ingest/single"
	logsPath   = "/v1/logs"
)

// newServer returns a running server that the test closes.
func newServer(t *testing.T, opts ...ledgertest.Option) *ledgertest.Server {
	t.Helper()
	s := ledgertest.NewServer(opts...)
	t.Cleanup(s.Close)
	return s
}

// newClient returns a client over real TCP that follows no redirect.
func newClient(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type reply struct {
	status int
	header http.Header
	body   string
}

// request builds a POST with a valid key. Headers are pairs; an empty value deletes.
func request(t *testing.T, url string, body []byte, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+ledgertest.APIKey)
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		} else {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	return req
}

func do(t *testing.T, c *http.Client, req *http.Request) reply {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func zipped(t *testing.T, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// within bounds a wait that should be over at once.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

const simple = `{"logs":[{"timestamp":"1999-12-31T10:00:00.123456789Z","level":"info","message":"m","log_id":"a","attributes":{"n":12345678901234567}}]}`

func TestNativeRoundTrip(t *testing.T) {
	s, c := newServer(t), newClient(t)
	got := do(t, c, request(t, s.URL+batchPath, zipped(t, simple), "Content-Encoding", "gzip"))
	if got.status != 202 || got.body != `{"accepted":1,"rejected":0,"message":null,"errors":null}` {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if err := s.Wait(within(t), 1); err != nil {
		t.Fatal(err)
	}
	if e := s.Entries()[0]; e.LogID != "a" || e.Timestamp != time.Date(1999, 12, 31, 10, 0, 0, 123456000, time.UTC) {
		t.Errorf("stored %+v", e)
	}
}

// TestIdleConnectionsAreClosed: the real server closes them after five seconds, which races with the next request.
func TestIdleConnectionsAreClosed(t *testing.T) {
	s := newServer(t, ledgertest.WithIdleTimeout(time.Millisecond))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(ledgertest.DefaultIdleTimeout - time.Second))
	answer, err := io.ReadAll(conn) // returns when the server closes
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 OK\r\n")) {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestWithAddr(t *testing.T) {
	first := newServer(t)
	addr := strings.TrimPrefix(first.URL, "http://")
	first.Close()
	if second := newServer(t, ledgertest.WithAddr(addr), nil); second.URL != first.URL {
		t.Errorf("listens on %s, want %s", second.URL, first.URL)
	}
	defer func() {
		if p := fmt.Sprint(recover()); !strings.HasPrefix(p, "ledgertest: listen: ") {
			t.Errorf("at an address in use: %s", p)
		}
	}()
	ledgertest.NewServer(ledgertest.WithAddr(addr))
}
