package ledger_test

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func explode(value any) { panic(value) }

func TestRecoverAndFlushDeliversThePanicAndPanicsOn(t *testing.T) {
	cause := errors.New("no bread left")
	for name, test := range map[string]struct {
		value     any
		want      string // the error's message
		errorType string
	}{
		"text":  {"toast burnt", "panic: toast burnt", "*ledger.panicError"},
		"error": {cause, "panic: no bread left", "no bread left"},
	} {
		t.Run(name, func(t *testing.T) {
			server := ledgertest.NewServer()
			defer server.Close()
			h, _ := newReal(t, server.URL, nil)
			passed := func() (p any) {
				defer func() { p = recover() }()
				defer ledger.RecoverAndFlush(h, 5*time.Second)
				explode(test.value)
				return nil
			}()
			if passed != test.value {
				t.Errorf("panicked on with %v, want %v", passed, test.value)
			}
			entries := server.Entries()
			if len(entries) != 1 {
				t.Fatalf("%d entries", len(entries))
			}
			e := entries[0]
			if e.Level != "critical" || e.LogType != "exception" || e.Importance != "critical" || e.ErrorMessage != test.want || e.ErrorType != test.errorType {
				t.Errorf("entry %+v", e)
			}
			first, _, _ := strings.Cut(e.StackTrace, "\n")
			if !strings.Contains(first, "crash_test.go") || !strings.Contains(first, "explode") {
				t.Errorf("stack begins %q:\n%s", first, e.StackTrace)
			}
		})
	}
}

func TestRecoverAndFlushIsBounded(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.server.Always(ledgertest.Hang())
		start := time.Now()
		func() {
			defer func() { _ = recover() }()
			defer ledger.RecoverAndFlush(r.handler, 3*time.Second)
			panic("stuck")
		}()
		if took := time.Since(start); took != 3*time.Second {
			r.Errorf("took %v", took)
		}
	})
}

func TestRecoverAndFlushLetsOthersPass(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		func() { defer ledger.RecoverAndFlush(r.handler, time.Second) }()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer ledger.RecoverAndFlush(r.handler, time.Second)
			runtime.Goexit()
		}()
		<-done
		func() {
			defer func() {
				if recover() != "passes" {
					r.Error("a nil handler keeps the panic")
				}
			}()
			defer ledger.RecoverAndFlush(nil, time.Second)
			panic("passes")
		}()
		if n := r.handler.Metrics().Flusher.TotalLogged; n != 0 {
			r.Errorf("%d records logged", n)
		}
	})
}

// crashes are ways for a process to die. Each runs in a process of its own.
var crashes = map[string]func(*ledger.Handler){
	"panic in a goroutine": func(*ledger.Handler) {
		go explode("toast burnt")
		select {}
	},
	"panic at once": func(*ledger.Handler) {
		go explode("toast burnt")
		select {}
	},
	"fatal error": func(*ledger.Handler) {
		var mu sync.Mutex
		unlock(&mu)
	},
	"panic that was delivered": func(h *ledger.Handler) {
		defer ledger.RecoverAndFlush(h, 5*time.Second)
		explode(errors.New("told already"))
	},
	"panic that was delivered, of a named string": func(h *ledger.Handler) {
		defer ledger.RecoverAndFlush(h, 5*time.Second)
		explode(reason("told already"))
	},
	"panic that was delivered, of a struct": func(h *ledger.Handler) {
		defer ledger.RecoverAndFlush(h, 5*time.Second)
		explode(struct{ password string }{"hunter2"})
	},
}

type reason string

func unlock(mu *sync.Mutex) { mu.Unlock() }

// TestCrashingProcess is the process that dies; it does nothing in a test run.
func TestCrashingProcess(t *testing.T) {
	crash := crashes[os.Getenv("TEST_CRASH")]
	if crash == nil {
		return
	}
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: ledgertest.APIKey, BaseURL: os.Getenv("TEST_URL"), SpoolDir: os.Getenv("TEST_DIR"), Diagnostics: slog.DiscardHandler,
	})
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("TEST_CRASH") != "panic at once" {
		slog.New(h).Info("alive")
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	crash(h)
}

func TestCrashBecomesOneCriticalEntryAtTheNextStart(t *testing.T) {
	for name, want := range map[string]struct{ message, frame string }{
		"panic in a goroutine":     {"panic: toast burnt", "in ledger-go_test.explode"},
		"panic at once":            {"panic: toast burnt", "in ledger-go_test.explode"},
		"fatal error":              {"fatal error of the Go runtime, in sync.(*Mutex).unlockSlow", "in ledger-go_test.unlock"},
		"panic that was delivered": {"panic: told already", "in ledger-go_test.explode"},

		"panic that was delivered, of a named string": {"panic: told already", "in ledger-go_test.explode"},
		"panic that was delivered, of a struct":       {"panic: (struct { password string })", "in ledger-go_test.explode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := ledgertest.NewServer()
			defer server.Close()
			dir := t.TempDir()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashingProcess$")
			child.Env = append(os.Environ(), "TEST_CRASH="+name, "TEST_URL="+server.URL, "TEST_DIR="+dir, "LEDGER_RELEASE=1.0")
			if out, err := child.CombinedOutput(); err == nil {
				t.Fatalf("the process lived:\n%s", out)
			}
			for range 2 { // the second start has nothing more to tell
				h, _ := newReal(t, server.URL, func(o *ledger.Options) { o.SpoolDir, o.FlushInterval, o.Release = dir, 10*time.Millisecond, "2.0" })
				slog.New(h).Info("started again")
				flushed(t, h)
				for h.Metrics().Buffer.Spooled+int64(h.Metrics().Buffer.InFlight) > 0 {
					time.Sleep(time.Millisecond)
				}
				if err := h.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			var critical []ledgertest.Entry
			for _, e := range server.Entries() {
				if e.Level == "critical" {
					critical = append(critical, e)
				}
			}
			if len(critical) != 1 {
				t.Fatalf("%d critical entries, want 1: %+v", len(critical), critical)
			}
			e := critical[0]
			if e.Message != want.message || !strings.Contains(e.StackTrace, want.frame) || e.LogType != "exception" {
				t.Errorf("%s %q, stack:\n%s", e.LogType, e.Message, e.StackTrace)
			}
			if !strings.Contains(name, "delivered") && e.ErrorType != "*ledger.crashError" {
				t.Errorf("error_type %s: crashes would be other groups than those of earlier versions", e.ErrorType)
			}
			if e.Release != "1.0" {
				t.Errorf("the crash is one of release %s", e.Release)
			}
			if age := time.Since(e.Timestamp); age < 0 || age > time.Minute {
				t.Errorf("timestamp %v", e.Timestamp)
			}
		})
	}
}
