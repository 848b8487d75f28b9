package ledgertest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
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
		if b, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) || len(b) < 4 {
			t.Errorf("slow: got %q, %v", b, err)
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
