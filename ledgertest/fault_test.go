package ledgertest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// outcome is what a client sees of one exchange.
type outcome struct {
	status int
	header http.Header
	body   string
	err    error // of the request or of reading the body
}

// try sends one request and reads no more than a megabyte of the answer.
func try(c *http.Client, req *http.Request) outcome {
	resp, err := c.Do(req)
	if err != nil {
		return outcome{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return outcome{resp.StatusCode, resp.Header, string(body), err}
}

// overBoth runs the test over TCP and in memory. The client has no timeout.
func overBoth(t *testing.T, test func(t *testing.T, s *ledgertest.Server, c *http.Client)) {
	t.Run("tcp", func(t *testing.T) {
		test(t, newServer(t, ledgertest.WithClock(atNoon)), newClient(t))
	})
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := ledgertest.NewInMemory(ledgertest.WithClock(atNoon))
			defer s.Close()
			test(t, s, &http.Client{Transport: s.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
		})
	})
}

func bad(e ledgertest.Entry) bool { return e.Message == "bad" }

func TestFaults(t *testing.T) {
	reset := func(o outcome) bool { return errors.Is(o.err, syscall.ECONNRESET) }
	cutShort := func(o outcome) bool {
		return errors.Is(o.err, io.ErrUnexpectedEOF) && o.status == 202 && o.header.Get("Content-Type") == "application/json"
	}
	says := func(status int, body string) func(outcome) bool {
		return func(o outcome) bool { return o.err == nil && o.status == status && o.body == body }
	}
	one := batch(entry(""))
	three := batch(entry(`"message":"a"`), entry(`"message":"bad"`), entry(`"message":"c"`))
	tests := []struct {
		name   string
		fault  ledgertest.Fault
		body   string
		good   func(outcome) bool
		stored int
	}{
		{"ok", ledgertest.OK(), one, says(202, accepted(1)), 1},
		{"status", ledgertest.Status(500, ""), one, says(500, `{"detail":"Internal Server Error"}`), 0},
		{"status and body", ledgertest.Status(400, "no", "Content-Type: text/plain", "X-A: b: c"), one, func(o outcome) bool {
			return o.status == 400 && o.body == "no" && o.header.Get("Content-Type") == "text/plain" && o.header.Get("X-A") == "b: c"
		}, 0},
		{"retry after", ledgertest.RetryAfter(429, "Wed, 21 Oct 2026 07:28:00 GMT"), one, func(o outcome) bool {
			return o.status == 429 && o.header.Get("Retry-After") == "Wed, 21 Oct 2026 07:28:00 GMT"
		}, 0},
		{"queue full", ledgertest.QueueFull(), one, says(503, `{"detail":"Service temporarily unavailable - queue full"}`), 0},
		{"html", ledgertest.HTML(502), one, func(o outcome) bool {
			return o.status == 502 && o.header.Get("Content-Type") == "text/html" && strings.HasPrefix(o.body, "<html>")
		}, 0},
		{"garbage", ledgertest.Garbage(202), one, func(o outcome) bool { return o.status == 202 && strings.Contains(o.body, "\xff") }, 0},
		{"redirect", ledgertest.Redirect("http://other.test/"), one, func(o outcome) bool {
			return o.status == 307 && o.header.Get("Location") == "http://other.test/"
		}, 0},
		{"delay", ledgertest.Delay(time.Millisecond), one, says(202, accepted(1)), 1},
		{"delayed fault", ledgertest.After(time.Millisecond, ledgertest.Status(500, "x")), one, says(500, "x"), 0},
		{"reset before", ledgertest.ResetBeforeBody(), one, reset, 0},
		{"reset after", ledgertest.ResetAfterBody(), one, reset, 1},
		{"truncated", ledgertest.TruncatedAnswer(), one, cutShort, 0},
		{"truncated, stored", ledgertest.Stored(ledgertest.TruncatedAnswer()), one, cutShort, 1},
		{"endless", ledgertest.EndlessAnswer(202), one, func(o outcome) bool { return o.status == 202 && o.err == nil && len(o.body) == 1<<20 }, 0},
		{"endless error, stored", ledgertest.Stored(ledgertest.EndlessAnswer(500)), one, func(o outcome) bool { return o.status == 500 && len(o.body) == 1<<20 }, 1},
		{"stored, then 500", ledgertest.Stored(ledgertest.Status(500, "x")), three, says(500, "x"), 3},
		{"half stored, then 500", ledgertest.StoredFirst(2, ledgertest.Status(500, "x")), three, says(500, "x"), 2},
		{"reject", ledgertest.RejectWhere(bad), three, func(o outcome) bool {
			return o.status == 202 && strings.HasPrefix(o.body, `{"accepted":2,"rejected":1,"message":null,"errors":["Log 1: `)
		}, 2},
		{"lose", ledgertest.LoseWhere(bad), three, says(202, accepted(3)), 2},
		{"poison 422", ledgertest.Poison(bad, 422), three, says(422, `{"detail":[{"type":"value_error","loc":["body","logs",1,"message"],"msg":"Value error, refused by the test","input":null}]}`), 0},
		{"poison 500", ledgertest.Poison(bad, 500), three, says(500, `{"detail":"Internal Server Error"}`), 0},
		{"poison blind", ledgertest.PoisonBlind(bad, 422), three, says(422, `{"detail":"Unprocessable Entity"}`), 0},
		{"poison, none there", ledgertest.Poison(bad, 413), one, says(202, accepted(1)), 1},
		{"own answer", ledgertest.Answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			w.WriteHeader(299)
			fmt.Fprint(w, len(b), err)
		})), one, says(299, fmt.Sprint(len(one), " <nil>")), 0},
		{"own answer without a status", ledgertest.Answer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") })), one, says(200, "x"), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, s *ledgertest.Server, c *http.Client) {
				s.Script(tt.fault)
				o := try(c, request(t, s.URL+batchPath, []byte(tt.body)))
				if !tt.good(o) {
					t.Errorf("got %d %v %.300q, %v", o.status, o.header, o.body, o.err)
				}
				if n := len(s.Entries()); n != tt.stored {
					t.Errorf("%d entries stored, want %d", n, tt.stored)
				}
				if r := s.Requests(); len(r) != 1 || r[0].Status != o.status {
					t.Errorf("requests %+v, want one with status %d", r, o.status)
				}
				if o := try(c, request(t, s.URL+batchPath, []byte(one))); o.status != 202 {
					t.Errorf("after the script: got %d, %v", o.status, o.err)
				}
			})
		})
	}
}

// TestHangsEnd covers the faults that end only when the client leaves or the server goes down.
func TestHangsEnd(t *testing.T) {
	for name, fault := range map[string]ledgertest.Fault{
		"hang": ledgertest.Hang(), "slow": ledgertest.SlowAnswer(time.Hour), "delay": ledgertest.Delay(time.Hour),
		"endless": ledgertest.EndlessAnswer(202),
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, s *ledgertest.Server, c *http.Client) {
				s.Always(fault)
				for _, leave := range []func(cancel func()){func(cancel func()) { cancel() }, func(func()) { s.Stop() }} {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					failed := make(chan error, 1)
					go func() {
						resp, err := c.Do(request(t, s.URL+batchPath, []byte(simple)).WithContext(ctx))
						if err == nil {
							_, err = io.Copy(io.Discard, resp.Body)
							resp.Body.Close()
						}
						failed <- err
					}()
					if err := s.WaitRequests(within(t), 1); err != nil {
						t.Fatal(err)
					}
					leave(cancel)
					if err := <-failed; err == nil {
						t.Error("the request ended well")
					}
					s.Reset()
					s.Always(fault)
				}
			})
		})
	}
}

func TestScriptGoesBeforeMood(t *testing.T) {
	overBoth(t, func(t *testing.T, s *ledgertest.Server, c *http.Client) {
		s.SetFault(func(r *ledgertest.Request) ledgertest.Fault {
			if len(r.Entries) > 1 {
				return ledgertest.Status(413, "")
			}
			return ledgertest.OK()
		})
		s.Script(ledgertest.Repeat(2, ledgertest.Status(500, ""))...)
		s.Script(ledgertest.OK())
		if n := s.Scripted(); n != 3 {
			t.Errorf("%d faults scripted, want 3", n)
		}
		var got []int
		post := func(body string) { got = append(got, try(c, request(t, s.URL+batchPath, []byte(body))).status) }
		two, one := batch(entry(""), entry("")), batch(entry(""))
		for _, body := range []string{one, one, two, two, one} {
			post(body)
		}
		s.Always(ledgertest.Status(503, ""))
		post(one)
		s.Reset()
		post(one)
		if want := []int{500, 500, 202, 413, 202, 503, 202}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestStopAndStart(t *testing.T) {
	overBoth(t, func(t *testing.T, s *ledgertest.Server, c *http.Client) {
		url := s.URL
		post := func() outcome { return try(c, request(t, url+batchPath, []byte(batch(entry(""))))) }
		for range 3 {
			if o := post(); o.status != 202 {
				t.Fatalf("got %d, %v", o.status, o.err)
			}
			s.Stop()
			s.Stop()
			c.CloseIdleConnections() // or the first to be reused fails with EOF
			if o := post(); !errors.Is(o.err, syscall.ECONNREFUSED) {
				t.Errorf("stopped: got %d, %v", o.status, o.err)
			}
			s.Start()
			s.Start()
		}
		if n := len(s.Entries()); n != 3 || s.URL != url {
			t.Errorf("%d entries at %s, want 3 at %s", n, s.URL, url)
		}
	})
}

// TestStopWaits: when Stop has returned, no request is being handled any more, and what was taken is kept.
func TestStopWaits(t *testing.T) {
	overBoth(t, func(t *testing.T, s *ledgertest.Server, c *http.Client) {
		working := make(chan struct{})
		ended := false // written by the handler, read after Stop
		s.Script(ledgertest.OK(), ledgertest.Answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(working)
			<-r.Context().Done()
			time.Sleep(time.Millisecond)
			ended = true
		})))
		if o := try(c, request(t, s.URL+batchPath, []byte(batch(entry(""))))); o.status != 202 {
			t.Fatalf("got %d, %v", o.status, o.err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		failed := make(chan error, 1)
		go func() {
			resp, err := c.Do(request(t, s.URL+batchPath, []byte(simple)).WithContext(ctx))
			if err == nil {
				resp.Body.Close()
			}
			failed <- err
		}()
		<-working
		cancel()
		s.Stop()
		if !ended {
			t.Error("Stop has returned, and a request is being handled")
		}
		if err := <-failed; err == nil {
			t.Error("the request ended well")
		}
		if n := len(s.Entries()); n != 1 {
			t.Errorf("%d entries are kept", n)
		}
		s.Close()
		if o := try(c, request(t, s.URL+batchPath, []byte(simple))); !errors.Is(o.err, syscall.ECONNREFUSED) {
			t.Errorf("got %d, %v", o.status, o.err)
		}
	})
}

func TestMaxBodyBytes(t *testing.T) {
	s, c := newServer(t, ledgertest.WithMaxBodyBytes(1000)), newClient(t)
	big := batch(entry(`"message":"` + strings.Repeat("a", 2000) + `"`))
	if got := do(t, c, request(t, s.URL+batchPath, []byte(big), "Authorization", "")); got.status != 413 || got.header.Get("Content-Type") != "text/html" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := do(t, c, request(t, s.URL+batchPath, zipped(t, big), "Content-Encoding", "gzip", "Authorization", "")); got.status != 401 {
		t.Errorf("compressed: got %d", got.status)
	}
}

// TestTooMuch is edge case 64, with a lower bound.
func TestTooMuch(t *testing.T) {
	s, c := newServer(t, ledgertest.LimitMessages(1<<20)), newClient(t)
	big := strings.Repeat(" ", 1<<20)
	bomb := zipped(t, big+" ")
	for name, req := range map[string]*http.Request{
		"plain":        request(t, s.URL+batchPath, []byte(big+" ")),
		"bomb":         request(t, s.URL+batchPath, bomb, "Content-Encoding", "gzip"),
		"bigger bomb":  request(t, s.URL+batchPath, bytes.Repeat(bomb, 50), "Content-Encoding", "gzip"),
		"another path": request(t, s.URL+singlePath, bomb, "Content-Encoding", "gzip"),
	} {
		if got := do(t, c, req); got.status != 503 || got.header.Get("Retry-After") != "60" {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	for _, r := range s.Requests() {
		if r.Entries != nil || r.Size != 0 {
			t.Errorf("a request of %d bytes was read as %d", r.WireSize, r.Size)
		}
	}
	if got := do(t, c, request(t, s.URL+batchPath, []byte(big[len(simple):]+simple))); got.status != 202 {
		t.Errorf("just fitting: got %d", got.status)
	}
}

func TestKeysCanChange(t *testing.T) {
	s, c := newServer(t, ledgertest.WithAPIKeys("ledger_a", "ledger_b")), newClient(t)
	status := func(key string) int {
		return do(t, c, request(t, s.URL+batchPath, []byte(simple), "Authorization", "Bearer "+key)).status
	}
	got := []int{status("ledger_a"), status("ledger_b"), status(ledgertest.APIKey)}
	s.SetAPIKeys()
	got = append(got, status("ledger_a"))
	s.SetAPIKeys(ledgertest.APIKey)
	got = append(got, status(ledgertest.APIKey))
	if want := []int{202, 202, 401, 401, 202}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := len(ledgertest.APIKey); n != 50 {
		t.Errorf("APIKey has %d characters, real ones have 50", n)
	}
}

func TestWaitsEndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.NewInMemory()
		defer s.Close()
		for name, wait := range map[string]func(context.Context) error{
			"Wait":         func(ctx context.Context) error { return s.Wait(ctx, 1) },
			"WaitRequests": func(ctx context.Context) error { return s.WaitRequests(ctx, 1) },
			"WaitFor": func(ctx context.Context) error {
				return s.WaitFor(ctx, func(e []ledgertest.Entry) bool { return len(e) > 0 })
			},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got %v", name, err)
			}
			cancel()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() {
			c := &http.Client{Transport: s.Transport()}
			for range 3 {
				time.Sleep(time.Second)
				try(c, request(t, s.URL+batchPath, []byte(batch(`{"timestamp":0,"level":"info"}`))))
			}
		}()
		start := time.Now()
		if err := s.WaitFor(ctx, func(e []ledgertest.Entry) bool { return len(e) == 2 }); err != nil || time.Since(start) != 2*time.Second {
			t.Errorf("WaitFor: %v after %v", err, time.Since(start))
		}
		if err := s.Wait(ctx, 3); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// TestManyAtOnce is for the race detector: requests, faults, readers and restarts side by side.
func TestManyAtOnce(t *testing.T) {
	overBoth(t, func(t *testing.T, s *ledgertest.Server, c *http.Client) {
		s.SetRateLimits(0, 0)
		s.SetFault(func(r *ledgertest.Request) ledgertest.Fault {
			if len(s.Requests())%5 == 0 {
				return ledgertest.ResetAfterBody()
			}
			return ledgertest.OK()
		})
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 25 {
					id := fmt.Sprintf(`"log_id":"%d-%d"`, g, i)
					for try(c, request(t, s.URL+batchPath, []byte(batch(entry(id))))).status != 202 {
					}
				}
			})
		}
		for range 5 {
			s.Stop()
			s.Start()
			_, _, _ = s.Entries(), s.Received(), s.Lost()
		}
		wg.Wait()
		if n := len(s.Entries()); n != 200 {
			t.Errorf("%d entries, want 200", n)
		}
	})
}
