package ledgertest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func TestTransportInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.NewInMemory()
		defer s.Close()
		c := &http.Client{Transport: s.Transport(), Timeout: 5 * time.Second}

		if got := do(t, c, request(t, s.URL+batchPath, []byte(simple))); got.status != 202 {
			t.Fatalf("got %d %s", got.status, got.body)
		}

		s.Script(ledgertest.Hang(), ledgertest.Delay(3*time.Second))
		start := time.Now()
		if _, err := c.Do(request(t, s.URL+batchPath, []byte(simple))); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("hang: got %v", err)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("the hang took %v", d)
		}
		start = time.Now()
		if got := do(t, c, request(t, s.URL+batchPath, []byte(simple))); got.status != 202 || time.Since(start) != 3*time.Second {
			t.Errorf("delay: got %d after %v", got.status, time.Since(start))
		}

		s.Script(ledgertest.ResetBeforeBody(), ledgertest.ResetAfterBody())
		for range 2 {
			if _, err := c.Do(request(t, s.URL+batchPath, []byte(simple))); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("reset: got %v", err)
			}
		}

		s.Script(ledgertest.TruncatedAnswer())
		resp, err := c.Do(request(t, s.URL+batchPath, []byte(simple)))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(b) != `{"accepted":` {
			t.Errorf("truncated: got %q, %v", b, err)
		}
		resp.Body.Close()

		s.Script(ledgertest.EndlessAnswer(202))
		resp, err = c.Do(request(t, s.URL+batchPath, []byte(simple)))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, resp.Body, 1<<20); n != 1<<20 || err != nil {
			t.Errorf("endless: got %d bytes, %v", n, err)
		}
		resp.Body.Close()

		s.Script(ledgertest.SlowAnswer(time.Second))
		resp, err = c.Do(request(t, s.URL+batchPath, []byte(simple)))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) || len(b) < 4 || resp.StatusCode != 202 {
			t.Errorf("slow: got %d %q, %v", resp.StatusCode, b, err)
		}
		resp.Body.Close()

		s.Stop()
		if _, err := c.Do(request(t, s.URL+batchPath, []byte(simple))); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("stopped: got %v", err)
		}
		s.Start()
		if got := do(t, c, request(t, s.URL+batchPath, []byte(simple))); got.status != 202 {
			t.Errorf("started again: got %d", got.status)
		}
		if n, d := len(s.Entries()), s.Duplicates(); n != 1 || d != 3 {
			t.Errorf("%d entries and %d duplicates, want 1 and 3", n, d)
		}
	})
}

// watchedBody tells what became of it. It blocks after its text until it is closed, if block is made.
type watchedBody struct {
	io.Reader
	block  chan struct{}
	closed atomic.Int32
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF && b.block != nil {
		<-b.block
		return n, errors.New("read of a closed body")
	}
	return n, err
}

func (b *watchedBody) Close() error {
	if b.closed.Add(1) == 1 && b.block != nil {
		close(b.block)
	}
	return nil
}

func TestTransportClosesTheBody(t *testing.T) {
	tests := []struct {
		name  string
		block bool // the body never ends
		fault ledgertest.Fault
		meet  func(cancel func(), s *ledgertest.Server) // while the request runs
	}{
		{name: "answered"},
		{name: "reset before", block: true, fault: ledgertest.ResetBeforeBody()},
		{name: "reset after", fault: ledgertest.ResetAfterBody()},
		{name: "cancelled while hanging", fault: ledgertest.Hang(), meet: func(cancel func(), _ *ledgertest.Server) { cancel() }},
		{name: "cancelled while sending", block: true, meet: func(cancel func(), _ *ledgertest.Server) { cancel() }},
		{name: "stopped while sending", block: true, meet: func(_ func(), s *ledgertest.Server) { s.Stop() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := ledgertest.NewInMemory()
				defer s.Close()
				s.Script(tt.fault)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				body := &watchedBody{Reader: strings.NewReader(simple)}
				if tt.block {
					body.block = make(chan struct{})
				}
				req := request(t, s.URL+batchPath, nil).WithContext(ctx)
				req.Body = body
				done := make(chan struct{})
				go func() {
					defer close(done)
					resp, err := s.Transport().RoundTrip(req)
					if err == nil {
						err = resp.Body.Close()
					}
					if (err == nil) != (tt.name == "answered") {
						t.Errorf("got %v", err)
					}
				}()
				synctest.Wait()
				if tt.meet != nil {
					tt.meet(cancel, s)
				}
				<-done
				synctest.Wait()
				if n := body.closed.Load(); n != 1 {
					t.Errorf("the body was closed %d times", n)
				}
			})
		})
	}
}

// TestHandlerBehindAnotherServer uses the handler without either of our own ways to reach it.
func TestHandlerBehindAnotherServer(t *testing.T) {
	s := ledgertest.NewInMemory()
	defer s.Close()
	front := httptest.NewServer(s.Handler())
	defer front.Close()
	c := newClient(t)
	if got := do(t, c, request(t, front.URL+batchPath, []byte(simple))); got.status != 202 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	s.Always(ledgertest.ResetBeforeBody())
	if o := try(c, request(t, front.URL+batchPath, []byte(simple))); o.err == nil {
		t.Errorf("got %d", o.status)
	}
	s.Stop()
	if o := try(c, request(t, front.URL+batchPath, []byte(simple))); o.err == nil {
		t.Errorf("stopped: got %d", o.status)
	}
}

func TestTransportAfterCancel(t *testing.T) {
	s := ledgertest.NewInMemory()
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	c := &http.Client{Transport: s.Transport()}
	resp, err := c.Do(request(t, s.URL+batchPath, []byte(simple)).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("reading the answer: got %v", err)
	}
	if o := try(c, request(t, s.URL+batchPath, []byte(simple)).WithContext(ctx)); !errors.Is(o.err, context.Canceled) {
		t.Errorf("sending again: got %v", o.err)
	}
}
