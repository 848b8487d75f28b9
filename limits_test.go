package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// arrived returns the entry with a message that begins so, of all that arrived.
func (r *rig) arrived(message string) ledgertest.Entry {
	r.Helper()
	r.mustFlush()
	for _, lost := range r.server.Lost() {
		r.Errorf("%.40q was taken and then lost: %q", lost.Message, lost.Notes)
	}
	for _, e := range r.server.Entries() {
		if strings.HasPrefix(e.Message, message) {
			return e
		}
	}
	r.Fatalf("no entry %q", message)
	return ledgertest.Entry{}
}

// A long message at error or critical is stored, and its neighbours with it: it is cut
// to what the server can index, and the whole of it is an attribute.
func TestLongMessagesOfErrorsAreStored(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		for _, unit := range []string{"a", "é", "日", "😀"} {
			for _, level := range []slog.Level{slog.LevelError, ledger.LevelCritical} {
				for _, err := range []error{nil, errors.New(strings.Repeat("cause ", 100)), fmt.Errorf("日本語 %w", errors.New("語日本日本語日本語"))} {
					whole := fmt.Sprint(len(r.server.Entries()), " ", strings.Repeat(unit, 9000/len(unit)))
					r.log.LogAttrs(r.Context(), level, whole, ledger.Err(err))
					e := r.arrived(whole[:strings.IndexByte(whole, ' ')])
					if n := len(e.Message) + len(e.ErrorType) + 64 + 80; n > 2600 || n < 2580 {
						t.Errorf("%s × %s: %d bytes in the index", level, unit, n)
					}
					if !strings.HasSuffix(e.Message, "… [truncated]") || !utf8.ValidString(e.Message) {
						t.Errorf("the message ends in %q", e.Message[len(e.Message)-20:])
					}
					if e.Attributes["message_full"] != whole {
						t.Errorf("message_full is %.50q", e.Attributes["message_full"])
					}
				}
			}
		}
		short := strings.Repeat("s", 2600-64-80-len("disk full"))
		r.log.Error(short, "err", errors.New("disk full"))
		if e := r.arrived("ss"); e.Message != short || e.Attributes["message_full"] != nil {
			t.Errorf("a message that fits was changed: %.50q", e.Message)
		}
		r.log.Warn(strings.Repeat("w", 9000))
		if e := r.arrived("ww"); len(e.Message) != 9000 || e.Attributes["message_full"] != nil {
			t.Error("a message below Error was cut")
		}
	})
}

// What RecoverAndFlush logs of a panic is stored as well.
func TestLongPanicsAreStored(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		func() {
			defer func() { _ = recover() }()
			defer ledger.RecoverAndFlush(r.handler, time.Minute)
			panic(strings.Repeat("p", 4000))
		}()
		if e := r.arrived("panic: pp"); len(e.Message) > 2600 || e.Attributes["message_full"] != "panic: "+strings.Repeat("p", 4000) {
			t.Errorf("%d bytes of message", len(e.Message))
		}
	})
}

// The analytics jobs of the server read 500 characters of method and path.
func TestLongPathsAreCut(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		for name, path := range map[string]string{"ascii": "/" + strings.Repeat("p", 3000), "unicode": "/" + strings.Repeat("é", 600), "fits": "/" + strings.Repeat("é", 490)} {
			members := []any{slog.String("method", "PROPFIND"), slog.String("path", path), slog.Int("status_code", 200), slog.Float64("duration_ms", 1.5)}
			r.log.Info(name, slog.Group("endpoint", members...))
			r.log.WithGroup("endpoint").Info(name+" by WithGroup", members...)
			for _, message := range []string{name, name + " by WithGroup"} {
				e := r.arrived(message)
				endpoint := e.Attributes["endpoint"].(map[string]any)
				kept := endpoint["path"].(string)
				more, _ := e.Attributes["ledger.endpoint"].(map[string]any) // under OTLP the server builds the other group
				full := endpoint["path_full"]
				if full == nil && more != nil {
					full = more["path_full"]
				}
				if name == "fits" {
					if kept != path || full != nil {
						t.Errorf("%s: a path that fits was cut", message)
					}
				} else if utf8.RuneCountInString(kept) != 491 || full != path {
					t.Errorf("%s: %d characters of path, whole: %v", message, utf8.RuneCountInString(kept), full == path)
				}
			}
		}
		if n := len(r.server.BreakingAnalytics()); n > 0 {
			t.Errorf("%d entries break the analytics", n)
		}
	})
}

// Of attributes over the limit the largest strings are cut and keep their beginning,
// and _truncated says which.
func TestTheLargestStringsAreCutFirst(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		numbers := map[string]int{}
		for i := range 2000 {
			numbers[fmt.Sprint("n", i)] = i
		}
		r.log.Info("cut", "small", "kept", "dump", strings.Repeat("d", 120_000), slog.Group("request", "id", 7, "body", strings.Repeat("é", 10_000)), "numbers", numbers,
			"list", []any{1, map[string]string{"inner": strings.Repeat("i", 50_000)}})
		e := r.arrived("cut")
		a := e.Attributes
		request := a["request"].(map[string]any)
		inner := a["list"].([]any)[1].(map[string]any)["inner"]
		for key, v := range map[string]any{"ddd": a["dump"], "ééé": request["body"], "iii": inner} {
			if text, _ := v.(string); !strings.HasPrefix(text, key) || !strings.HasSuffix(text, "… [truncated]") || len(text) < 3000 {
				t.Errorf("of the string of %s is left: %.50q (%d)", key, text, len(text))
			}
		}
		if a["small"] != "kept" || fmt.Sprint(request["id"]) != "7" || len(a["numbers"].(map[string]any)) != 2000 {
			t.Error("something small is gone")
		}
		got := fmt.Sprint(a["_truncated"])
		for _, path := range []string{"dump", "request.body", "list[1].inner"} {
			if !strings.Contains(got, path) {
				t.Errorf("_truncated is %v, lacks %s", got, path)
			}
		}
	})
}

// Of a huge container the members go that do not fit; its small neighbours stay.
func TestMembersOfTheLargestContainersGo(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		huge := map[string]int{}
		for i := range 20_000 {
			huge[fmt.Sprintf("key%05d", i)] = i
		}
		r.log.Info("map", "huge", huge, "small", "kept", "list", []int{1, 2, 3})
		e := r.arrived("map")
		kept, _ := e.Attributes["huge"].(map[string]any)
		if e.Attributes["small"] != "kept" || len(e.Attributes["list"].([]any)) != 3 || len(kept) < 4000 {
			t.Errorf("%d members kept, small is %v", len(kept), e.Attributes["small"])
		}
		paths, _ := e.Attributes["_truncated"].([]any)
		if len(paths) != 21 || !strings.HasPrefix(paths[0].(string), "huge.key") || paths[20] != fmt.Sprintf("… and %d more", 20_000-len(kept)-20) {
			t.Errorf("_truncated is %v", paths)
		}
	})
}

// Metrics count entries whose attributes were cut, and diagnostics say so once a
// minute.
func TestCutAttributesAreCountedAndTold(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		for range 5 {
			r.log.Info("cut", "dump", strings.Repeat("d", 120_000))
			r.log.Info("not cut", "dump", strings.Repeat("d", 12_000))
		}
		if n := r.handler.Metrics().Buffer.Truncated; n != 5 {
			t.Errorf("truncated is %d, want 5", n)
		}
		if n := strings.Count(r.told(), "_truncated"); n != 1 {
			t.Errorf("told %d times:\n%s", n, r.told())
		}
		time.Sleep(time.Minute + time.Second)
		r.log.Info("cut", "dump", strings.Repeat("d", 120_000))
		if n := strings.Count(r.told(), "_truncated"); n != 2 {
			t.Errorf("told %d times in two minutes:\n%s", n, r.told())
		}
	})
}

// An endpoint of the context is none where the record has something of that name.
func TestAnEndpointOfTheContextIsHidden(t *testing.T) {
	whole := slog.Group("endpoint", "method", "GET", "path", "/", "status_code", 200, "duration_ms", 1.5)
	change := func(o *ledger.Options) {
		o.ContextAttrs = func(context.Context) []slog.Attr { return []slog.Attr{whole} }
	}
	inBubble(t, change, func(r *rig) {
		r.log.Info("plain", slog.Any("", inlined{slog.String("endpoint", "mine")}))
		r.log.With(slog.Any("", inlined{slog.Group("endpoint", "method", "GET")})).Info("of With")
		for _, message := range []string{"plain", "of With"} {
			if e := r.arrived(message); e.LogType != "logger" {
				t.Errorf("%s: %s", message, e.LogType)
			}
		}
		if n := r.handler.Metrics().Buffer.Dropped["rejected"]; n > 0 {
			t.Errorf("%d entries were refused", n)
		}
	})
}

type inlined struct{ slog.Attr }

func (a inlined) LogValue() slog.Value { return slog.GroupValue(a.Attr) }

// The first moment of year 1, which is no time for the server, is none here.
func TestYearOneIsNoTime(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		for _, at := range []time.Time{time.Date(1, 1, 1, 0, 0, 0, 999, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1, time.FixedZone("", 0))} {
			_ = r.handler.Handle(r.Context(), slog.NewRecord(at, slog.LevelInfo, "year one", 0))
		}
		e := r.arrived("year one")
		if n := len(r.server.Entries()); n != 2 || time.Since(e.Timestamp).Abs() > time.Minute {
			t.Errorf("%d entries, the first of %v", n, e.Timestamp)
		}
	})
}

// A value that ends its goroutine costs the goroutine, and not the entry: it arrives,
// and is not waited for in vain.
func TestAValueThatEndsItsGoroutine(t *testing.T) {
	inBubble(t, func(o *ledger.Options) {
		o.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == "replace" {
				runtime.Goexit()
			}
			return a
		}
	}, func(r *rig) {
		for key, v := range map[string]any{"a": exiting{}, "b": []any{exiting{}}, "replace": 1, "err": exitingError{}} {
			ended := make(chan bool)
			go func() {
				defer close(ended)
				r.log.Info("ends with "+key, key, v)
				t.Errorf("%s: logging returned", key)
			}()
			<-ended
			if e := r.arrived("ends with " + key); e.Attributes["_error"] == nil {
				t.Errorf("%s: the entry does not say what happened: %v", key, e.Attributes)
			}
			r.checkLaw()
		}
		r.burst(1000) // the memory that was in use goes on being used
		r.mustFlush()
		if n := r.handler.Metrics().Buffer.CurrentSize; n != 0 {
			t.Errorf("%d entries are queued for ever", n)
		}
	})
}

type (
	exiting      struct{}
	exitingError struct{}
)

func (exiting) LogValue() slog.Value         { runtime.Goexit(); return slog.Value{} }
func (exiting) MarshalJSON() ([]byte, error) { runtime.Goexit(); return nil, nil }
func (exitingError) Error() string           { runtime.Goexit(); return "" }

// What steers an entry to something that the server does not know stays an attribute,
// and diagnostics say so once.
func TestUnknownSteeringIsKeptAndTold(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		for range 3 {
			r.log.Info("steered", "ledger.log_type", "network", "ledger.importance", "urgent")
			time.Sleep(2 * time.Minute)
		}
		e := r.arrived("steered")
		kept := []any{e.Attributes["ledger.log_type"], e.Attributes["ledger.importance"]}
		if r.protocol == ledger.ProtocolOTLP { // where the server reads these names
			kept = []any{e.Attributes["attr.ledger.log_type"], e.Attributes["attr.ledger.importance"]}
		}
		if diff := cmp.Diff([]any{"network", "urgent"}, kept); diff != "" || e.LogType != "logger" || e.Importance != "standard" {
			t.Errorf("%s, %s, kept (-want +got):\n%s", e.LogType, e.Importance, diff)
		}
		for _, value := range []string{"network", "urgent"} {
			if n := strings.Count(r.told(), value); n != 1 {
				t.Errorf("told %d times of %q:\n%s", n, value, r.told())
			}
		}
	})
}

// The notice of an overflow has the time at which it was made, not that of what it
// reports.
func TestTheDropNoticeHasItsOwnTime(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 100, 100 }, func(r *rig) {
		r.server.Always(ledgertest.ResetBeforeBody())
		r.burst(300)
		lost := time.Now()
		r.wait(time.Minute)
		r.server.Always(ledgertest.OK())
		back := time.Now()
		r.wait(2 * time.Minute)
		e := r.arrived("ledger: dropped ")
		if at := e.Timestamp; at.Before(back) || at.After(time.Now()) {
			t.Errorf("the notice is of %v, made after %v of what was lost at %v", at, back, lost)
		}
		until, err := time.Parse(time.RFC3339Nano, fmt.Sprint(e.Attributes["until"]))
		if err != nil || until.After(lost.Add(time.Second)) {
			t.Errorf("the last was lost at %v, %v", e.Attributes["until"], err)
		}
	})
}

// While all that there is room for is being tried, and comes back, there is no place for
// the notice: another entry would go for it.
func TestTheDropNoticeMakesNothingGoWhileAnAttemptHangs(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.MaxBufferSize, o.FlushSize = 100, 100 }, func(r *rig) {
		r.server.Always(ledgertest.Hang())
		r.burst(300)
		r.wait(5 * time.Minute)
		if n := r.handler.Metrics().Buffer.TotalDropped; n != 200 {
			r.Errorf("%d entries dropped, want 200", n)
		}
		r.server.Always(ledgertest.OK())
		back := time.Now()
		r.wait(2 * time.Minute)
		if e := r.arrived("ledger: dropped 200 entries"); e.Timestamp.Before(back) {
			r.Errorf("the notice is of %v, before the server was back", e.Timestamp)
		}
	})
}

// So is what an earlier process died of.
func TestLongCrashesAreStored(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		served := ledgertest.Native
		if protocol == ledger.ProtocolOTLP {
			served = ledgertest.OTLP
		}
		server := ledgertest.NewServer(ledgertest.WithProtocol(served))
		defer server.Close()
		dir := t.TempDir()
		died := "panic: " + strings.Repeat("c", 4000)
		text := died + "\n\ngoroutine 1 [running]:\nmain.work(...)\n\t/src/main.go:17 +0x1d\n"
		if err := os.WriteFile(filepath.Join(dir, "crash.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, _ := newReal(t, server.URL, func(o *ledger.Options) { o.SpoolDir, o.Protocol = dir, protocol })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		entries := server.Entries()
		if len(entries) != 1 || len(server.Lost()) > 0 {
			t.Fatalf("%d entries, %d lost", len(entries), len(server.Lost()))
		}
		if e := entries[0]; len(e.Message) > 2456 || e.Attributes["message_full"] != died || e.Attributes["crashed"] != true {
			t.Errorf("%d bytes of message: %.60q", len(e.Message), e.Message)
		}
	})
}
