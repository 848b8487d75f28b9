package selflog

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// handlerFunc is a handler for one level.
type handlerFunc func(slog.Record)

func (handlerFunc) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (f handlerFunc) Handle(_ context.Context, r slog.Record) error  { f(r); return nil }
func (f handlerFunc) WithAttrs([]slog.Attr) slog.Handler             { return f }
func (f handlerFunc) WithGroup(string) slog.Handler                  { return f }
func collect(into *[]string) slog.Handler {
	return handlerFunc(func(r slog.Record) { *into = append(*into, r.Message) })
}

func TestATopicIsToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		l := New(collect(&got))
		var written []bool
		tell := func(topic, message string) { written = append(written, l.Tell(topic, slog.LevelWarn, message)) }
		tell("a", "first")
		tell("b", "another topic")
		time.Sleep(time.Minute - time.Nanosecond)
		tell("a", "too soon")
		time.Sleep(time.Nanosecond)
		tell("a", "after a minute")
		l.Tell("", slog.LevelInfo, "no topic")
		l.Tell("", slog.LevelDebug, "not enabled")
		l.Close(t.Context())
		tell("c", "closed")
		l.Close(t.Context())
		if want := []string{"ledger: first", "ledger: another topic", "ledger: after a minute", "ledger: no topic"}; !slices.Equal(got, want) {
			t.Error(cmp.Diff(want, got))
		}
		if want := []bool{true, true, false, true, false}; !slices.Equal(written, want) {
			t.Error(cmp.Diff(want, written))
		}
	})
}

// A handler that does not return holds up nobody: messages are lost, and Close gives up.
func TestNobodyWaitsForTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		handled := 0
		l := New(handlerFunc(func(slog.Record) { <-read; handled++ }))
		l.Tell("", slog.LevelWarn, "is being written")
		synctest.Wait()
		for i := range mostWaiting {
			if !l.Tell(strconv.Itoa(i), slog.LevelWarn, "waits") {
				t.Errorf("message %d is lost", i)
			}
		}
		if l.Tell("", slog.LevelWarn, "too many") {
			t.Error("a message more than there is room for is not lost")
		}
		began := time.Now()
		l.Close(t.Context())
		if waited := time.Since(began); waited != moment {
			t.Errorf("Close took %v, want %v", waited, moment)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		l.Close(ended)
		if waited := time.Since(began); waited != moment {
			t.Errorf("Close waits beyond its context: %v", waited)
		}
		close(read)
		l.Close(t.Context())
		if handled != 1+mostWaiting {
			t.Errorf("%d messages written, want %d", handled, 1+mostWaiting)
		}
	})
}

func TestPanicOfTheHandlerIsNoEnd(t *testing.T) {
	var got []string
	l := New(handlerFunc(func(r slog.Record) {
		got = append(got, r.Message)
		panic(r.Message)
	}))
	l.Tell("", slog.LevelWarn, "one")
	l.Tell("", slog.LevelWarn, "two")
	l.Close(t.Context())
	if want := []string{"ledger: one", "ledger: two"}; !slices.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}
