package ledgertest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// sendBatches sends n batches of 1000 entries at once and returns how long each took and its status.
func sendBatches(t *testing.T, s *ledgertest.Server, n int) (took []time.Duration, status []int) {
	t.Helper()
	c := &http.Client{Transport: s.Transport()}
	body := []byte(batch(many(1000, `{"timestamp":1,"level":"info"}`)...))
	took, status = make([]time.Duration, n), make([]int, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			start := time.Now()
			status[i] = try(c, request(t, s.URL+batchPath, body)).status
			took[i] = time.Since(start)
		})
	}
	wg.Wait()
	return took, status
}

func about(got, want time.Duration) bool { return got >= want && got < want+time.Millisecond }

// TestSpeedV1: one batch of 1000 takes half a second, ten side by side take 4.8 seconds each.
func TestSpeedV1(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New(t, ledgertest.InMemory(), ledgertest.WithSpeed(ledgertest.SpeedV1), ledgertest.WithDailyQuota(0))
		for _, n := range []int{1, 10, 1} {
			took, status := sendBatches(t, s, n)
			for i := range took {
				if want := time.Duration(n) * 480 * time.Millisecond; !about(took[i], want) || status[i] != 202 {
					t.Errorf("%d side by side: %v with status %d, want %v", n, took[i], status[i], want)
				}
			}
		}

		// A second request shares what is left of the first: 240 ms alone, 2 × 240 ms together, 240 ms alone.
		c := &http.Client{Transport: s.Transport()}
		body := []byte(batch(many(1000, `{"timestamp":1,"level":"info"}`)...))
		var first, second time.Duration
		var wg sync.WaitGroup
		start := time.Now()
		wg.Go(func() { try(c, request(t, s.URL+batchPath, body)); first = time.Since(start) })
		time.Sleep(240 * time.Millisecond)
		wg.Go(func() { try(c, request(t, s.URL+batchPath, body)); second = time.Since(start) })
		wg.Wait()
		if !about(first, 720*time.Millisecond) || !about(second, 960*time.Millisecond) {
			t.Errorf("staggered: %v and %v", first, second)
		}
		if got := try(c, request(t, s.URL+batchPath, []byte(`{"logs":[]}`))); got.status != 422 || time.Since(start) > time.Second {
			t.Errorf("a refusal took its time: %v", time.Since(start))
		}
	})
}

// TestSpeedIgnoresTheClient: an entry is stored though the client has given up waiting, and so stored twice when it
// comes again.
func TestSpeedIgnoresTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New(t, ledgertest.InMemory(), ledgertest.WithSpeed(ledgertest.Speed{PerEntry: 6 * time.Second}))
		c := &http.Client{Transport: s.Transport(), Timeout: 5 * time.Second}
		for range 2 {
			if _, err := c.Do(request(t, s.URL+batchPath, []byte(batch(`{"timestamp":1,"level":"info","log_id":"a"}`)))); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v", err)
			}
			time.Sleep(7 * time.Second)
		}
		if n, d := len(s.Received()), s.Duplicates(); n != 2 || d != 1 {
			t.Errorf("%d received, %d duplicates", n, d)
		}
	})
}

// TestSpeedHasALimit: the server gives up on what takes too long, half done.
func TestSpeedHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New(t, ledgertest.InMemory(), ledgertest.WithSpeed(ledgertest.SpeedV1), ledgertest.WithDailyQuota(100000))
		took, status := sendBatches(t, s, 40)
		for i := range took {
			if !about(took[i], 10*time.Second) || status[i] != 500 {
				t.Fatalf("%v with status %d", took[i], status[i])
			}
		}
		if n := len(s.Received()); n < 40*515 || n > 40*525 {
			t.Errorf("%d entries stored, want about 520 of each 1000", n)
		}
		if _, status := sendBatches(t, s, 1); status[0] != 202 {
			t.Errorf("afterwards: status %d", status[0])
		}
	})
	for path, limit := range map[string]time.Duration{singlePath: 5 * time.Second, logsPath: 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := ledgertest.New(t, ledgertest.InMemory(), ledgertest.WithProtocol(ledgertest.Both), ledgertest.WithSpeed(ledgertest.Speed{PerEntry: time.Minute}))
			body := `{"timestamp":1,"level":"info"}`
			if path == logsPath {
				body = jsonLogs(manyRecords(1)...)
			}
			start := time.Now()
			got := try(&http.Client{Transport: s.Transport()}, request(t, s.URL+path, []byte(body)))
			if took := time.Since(start); !about(took, limit) || got.status != 500 || len(s.Received()) != 0 {
				t.Errorf("%s: %v with status %d, %d stored", path, took, got.status, len(s.Received()))
			}
		})
	}
}

// TestSpeedAndStoredFirst: of two reasons to store only a part the smaller part wins.
func TestSpeedAndStoredFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New(t, ledgertest.InMemory(), ledgertest.WithSpeed(ledgertest.Speed{PerEntry: 4 * time.Second}))
		c := &http.Client{Transport: s.Transport()}
		body := batch(many(4, `{"timestamp":1,"level":"info"}`)...)
		for n, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 2} {
			s.Reset()
			s.Script(ledgertest.StoredFirst(n, ledgertest.Status(503, "")))
			if got := try(c, request(t, s.URL+batchPath, []byte(body))); got.status != 503 || len(s.Received()) != want {
				t.Errorf("first %d: got %d, %d entries", n, got.status, len(s.Received()))
			}
		}
	})
}

// TestSpeedV2: every answer takes the same time.
func TestSpeedV2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New(t, ledgertest.InMemory(), ledgertest.WithProtocol(ledgertest.OTLP), ledgertest.WithSpeed(ledgertest.SpeedV2))
		c := &http.Client{Transport: s.Transport()}
		start := time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if got := try(c, request(t, s.URL+logsPath, []byte(jsonLogs(`{"timeUnixNano":1}`)))); got.status != 200 {
					t.Errorf("got %d %s, %v", got.status, got.body, got.err)
				}
			})
		}
		wg.Wait()
		if d := time.Since(start); d != 200*time.Millisecond {
			t.Errorf("took %v", d)
		}
	})
}

// TestStopEndsWork: a server that goes down leaves its work undone.
func TestStopEndsWork(t *testing.T) {
	for _, speed := range []ledgertest.Speed{{PerEntry: time.Hour}, {Latency: time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			s := ledgertest.New(t, ledgertest.InMemory(), ledgertest.WithSpeed(speed))
			failed := make(chan error, 1)
			go func() {
				_, err := (&http.Client{Transport: s.Transport()}).Do(request(t, s.URL+batchPath, []byte(batch(`{"timestamp":1,"level":"info"}`))))
				failed <- err
			}()
			if err := s.WaitRequests(within(t), 1); err != nil {
				t.Fatal(err)
			}
			s.Stop()
			if err := <-failed; err == nil {
				t.Error("there was an answer")
			}
			if n := len(s.Received()); n != 0 {
				t.Errorf("%d entries stored", n)
			}
		})
	}
}

// recorder is a testing.TB that fails without failing the test.
type recorder struct {
	testing.TB
	failed  bool
	cleanup []func()
	log     strings.Builder
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Failed() bool     { return r.failed }
func (r *recorder) Log(args ...any) {
	for _, a := range args {
		r.log.WriteString(a.(string))
	}
}

// TestNewReports: a test that failed says what arrived, one that passed says nothing.
func TestNewReports(t *testing.T) {
	for _, failed := range []bool{false, true} {
		r := &recorder{TB: t, failed: failed}
		s := ledgertest.New(r, ledgertest.WithClock(atNoon))
		c := newClient(t)
		s.Script(ledgertest.ResetAfterBody())
		if _, err := c.Do(request(t, s.URL+batchPath, []byte(batch(entry(`"message":"first","log_id":"a","attributes":{"order":17}`))))); err == nil {
			t.Error("there was an answer")
		}
		do(t, c, request(t, s.URL+batchPath, []byte(batch(entry(`"message":"first","log_id":"a"`)))))
		do(t, c, request(t, s.URL+batchPath, []byte(batch(append(
			many(21, entry(`"message":"lost\u0000\u001b[31m"`)),
			entry(`"log_type":"exception","level":"error","message":"","error_type":"*net.OpError","error_message":"reset"`))...))))
		s.Script(ledgertest.Status(503, ""))
		do(t, c, request(t, s.URL+batchPath, []byte(batch(many(1000, entry(`"message":"`+strings.Repeat("m", 9000)+`"`))...))))
		do(t, c, request(t, s.URL+batchPath, []byte(batch(many(1000, entry(`"message":"`+strings.Repeat("m", 9000)+`"`))...))))
		for range 30 {
			do(t, c, request(t, s.URL+batchPath, []byte(`{}`)))
		}
		do(t, c, request(t, s.URL+"/last", nil))
		for _, f := range r.cleanup {
			f()
		}
		if _, err := c.Do(request(t, s.URL+batchPath, []byte(`{}`))); err == nil {
			t.Error("the server was not closed")
		}
		got := r.log.String()
		if !failed {
			if got != "" {
				t.Errorf("a test that passed logs %q", got)
			}
			continue
		}
		for _, want := range []string{
			"ledgertest: 36 requests, 1002 entries stored (1 arrived again), 21 lost\n",
			"    12:00:00.000 POST /api/v1/ingest/batch: no answer, 1 entries in ", ": 202, 1 entries in ", ": 503, 1000 entries in ", "    … 16 more …\n", "POST /last: 404", "    … 982 more …\n", "    … 1 more …\n",
			`    11:59:00.000 info logger first {"order":17}` + "\n",
			"    11:59:00.000 error exception [*net.OpError: reset]\n",
			"    lost: a NUL character: 11:59:00.000 info logger lost··[31m",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q", want)
			}
		}
		if n := strings.Count(got, "\n    "); n != 3*(20+1) { // of requests, entries, and what was lost
			t.Errorf("%d lines", n)
		}
		if len(got) > 15000 || strings.ContainsAny(got, "\x00\x1b") {
			t.Errorf("%d bytes", len(got))
		}
		if t.Failed() {
			t.Log(got)
		}
	}
}
