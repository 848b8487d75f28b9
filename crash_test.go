package ledger_test

import (
	"errors"
	"runtime"
	"strings"
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
		"error": {cause, "panic: no bread left", "*errors.errorString"},
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
