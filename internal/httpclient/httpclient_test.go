package httpclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func request(t *testing.T, ctx context.Context) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://example.com", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(resp *http.Response) string {
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// brokenBody panics when it is closed.
type brokenBody struct{ io.Reader }

func (brokenBody) Close() error { panic("closed") }

// idleBody is a body without an end, that ignores its context.
type idleBody struct{}

func (idleBody) Read([]byte) (int, error) { time.Sleep(time.Second); return 0, nil }
func (idleBody) Close() error             { return nil }

func TestAnswersAndFailures(t *testing.T) {
	answer := func(code int, body io.ReadCloser) roundTripper {
		return func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: code, Body: body}, nil }
	}
	fails := func(err error) roundTripper {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	for name, tt := range map[string]struct {
		through roundTripper
		want    string // the answer
		failure string
		reached bool
	}{
		"an answer":             {answer(200, io.NopCloser(strings.NewReader("yes"))), "yes", "", true},
		"no body":               {answer(200, nil), "", "", true},
		"no body, but Continue": {answer(101, idleBody{}), "", "", true},
		"an endless body":       {answer(200, idleBody{}), context.DeadlineExceeded.Error(), "", true},
		"a panic afterwards":    {answer(200, brokenBody{strings.NewReader("yes")}), "yes", "", true},
		"nothing":               {fails(nil), "", "HTTP transport returned no response", true},
		"reset":                 {fails(&net.OpError{Op: "read", Err: errors.New("reset")}), "", "read: reset", true},
		"refused":               {fails(&net.OpError{Op: "dial", Err: errors.New("refused")}), "", "dial: refused", false},
		"no proxy":              {fails(&net.OpError{Op: "proxyconnect", Err: errors.New("refused")}), "", "proxyconnect: refused", false},
		"a panic":               {func(*http.Request) (*http.Response, error) { panic("boom") }, "", "HTTP transport panicked: boom", true},
		"the goroutine's end":   {func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil }, "", "HTTP transport ended its goroutine", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				got := Do(New(tt.through, 1, time.Second), request(t, ctx), text)
				failure := ""
				if got.Err != nil {
					failure = got.Err.Error()
				}
				if got.Answer != tt.want || failure != tt.failure || got.NotReached == tt.reached || got.TimedOut {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// A RoundTripper that ignores its context holds nobody up for long, and gets no further
// requests beside as many as may be made at once.
func TestRoundTripperThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		returns := make(chan struct{})
		c := New(roundTripper(func(*http.Request) (*http.Response, error) { <-returns; return nil, errors.New("at last") }), 2, time.Second)
		for i := range 2 {
			if err := c.Ready(); err != nil {
				t.Errorf("request %d: %v", i, err)
			}
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			got := Do(c, request(t, ctx), text)
			cancel()
			if got.Err == nil || !got.TimedOut || time.Since(began) != time.Second+patience {
				t.Errorf("request %d: %+v after %v", i, got, time.Since(began))
			}
		}
		if c.Ready() == nil {
			t.Error("a third request may be made")
		}
		close(returns)
		synctest.Wait()
		if err := c.Ready(); err != nil {
			t.Errorf("both have returned: %v", err)
		}
	})
}

func TestLateAnswerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(roundTripper(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second + patience - 1)
			return &http.Response{StatusCode: 200}, nil
		}), 1, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := Do(c, request(t, ctx), func(*http.Response) string { return "taken" }); got.Answer != "taken" || got.Err != nil {
			t.Errorf("%+v", got)
		}
	})
}

// A body that is larger than a connection's buffers arrives as it is, and the connection
// is used again.
func TestLargeBody(t *testing.T) {
	var got []byte
	var peers []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		peers = append(peers, r.RemoteAddr)
	}))
	defer server.Close()
	c := New(nil, 1, time.Second)
	defer c.Close()
	want := make([]byte, 3*copyBuffer+1)
	for i := range want {
		want[i] = byte(i >> 8)
	}
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, struct{ io.Reader }{bytes.NewReader(want)})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = int64(len(want))
		if r := Do(c, req, text); r.Err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v, %d bytes", r.Err, len(got))
		}
	}
	if peers[0] != peers[1] {
		t.Errorf("connections: %v", peers)
	}
}

// sizes is a connection that notes what it is given.
type sizes struct {
	net.Conn
	written []int
}

func (s *sizes) Write(p []byte) (int, error) {
	s.written = append(s.written, len(p))
	return len(p), nil
}

func TestLargeWrites(t *testing.T) {
	conn := &sizes{}
	n, err := largeWrites{conn}.ReadFrom(struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 2*copyBuffer+1))})
	if err != nil || n != 2*copyBuffer+1 || !slices.Equal(conn.written, []int{copyBuffer, copyBuffer, 1}) {
		t.Errorf("%d, %v: %v", n, err, conn.written)
	}
}
