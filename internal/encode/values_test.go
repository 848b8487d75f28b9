package encode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// What ReplaceAttr returns may be a LogValuer: its value is asked for, as that of the
// program's own attrs is, and so is what that returns.
func TestLogValuersOutOfReplaceAttr(t *testing.T) {
	replace := func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case "scalar":
			a.Value = slog.AnyValue(valuer{slog.IntValue(1)})
		case "twice":
			a.Value = slog.AnyValue(valuer{slog.AnyValue(valuer{slog.StringValue("inner")})})
		case "group":
			a.Value = slog.AnyValue(valuer{slog.GroupValue(slog.String("scalar", "x"))})
		case "error":
			a.Value = slog.AnyValue(valuer{slog.AnyValue(errors.New("boom"))})
		case "panics":
			a.Value = slog.AnyValue(&panicker{"LogValue"})
		}
		return a
	}
	call := logCall{opts: recordOptions{ReplaceAttr: replace}, level: slog.LevelError, attrs: logAttrs("scalar", 0, "twice", 0, "group", 0, "error", 0, "panics", 0)}
	entry := call.entry(t)
	want := map[string]any{"scalar": 1.0, "twice": "inner", "group": map[string]any{"scalar": 1.0}, "error": "boom", "panics": "!PANIC: boom in LogValue"}
	if diff := cmp.Diff(want, attributesOf(t, entry)); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if e := decodeEntry(t, entry); e["error_message"] != "boom" {
		t.Errorf("the error is %v", e["error_message"])
	}
}

// An attr of the context is left out where the record or its With attrs have its key
// at the root, also in a group that is inlined there; not for a key within a group.
func TestAttrsOfTheContextGiveWay(t *testing.T) {
	fromContext := func(context.Context) []slog.Attr {
		return logAttrs("record", "context", "inlined", "context", "with", "context", "with inlined", "context", "below", "context", "empty", "context", "other", "context")
	}
	steps := []step{with(slog.String("with", "own"), slog.Group("", slog.String("with inlined", "own")))}
	attrs := []slog.Attr{
		slog.String("record", "own"), slog.Group("", slog.Group("", slog.String("inlined", "own"))),
		slog.Group("group", slog.String("below", "own")), slog.Group("empty"),
	}
	forFormats(t, func(t *testing.T, form int) {
		entry := logCall{opts: recordOptions{ContextAttrs: fromContext}, with: steps, attrs: attrs}.entryIn(t, form)
		got := attributesIn(t, form, entry)
		for key, want := range map[string]string{"record": "own", "inlined": "own", "with": "own", "with inlined": "own", "below": "context", "empty": "context", "other": "context"} {
			if got[key] != want {
				t.Errorf("%s is the %v's, want %s", key, got[key], want)
			}
			if n := strings.Count(string(entry), `"`+key+`":`); form == ledgerForm && key != "below" && n != 1 {
				t.Errorf("%s stands there %d times", key, n)
			}
		}
	})
}

// After the clock was set back, a record of the time before is ahead of it, and gets
// the time that it is.
func TestTheClockIsSetBack(t *testing.T) {
	clock := testTime
	rec := testRecorder(recordOptions{}, "p", func() time.Time { return clock })
	log := func(at time.Time) time.Time {
		p, err := rec.formats[ledgerForm].Parse(rec.wholeEntry(rec.formats[ledgerForm], rec.Root(), context.Background(), slog.NewRecord(at, 0, "m", 0), 1))
		if err != nil {
			t.Fatal(err)
		}
		return time.Unix(p.Sec, int64(p.Nsec)).UTC()
	}
	for _, back := range []time.Duration{time.Hour, 10 * time.Minute, 6 * time.Minute} {
		clock = testTime
		log(clock.Add(10 * time.Minute)) // looks at the clock
		clock = clock.Add(-back)
		log(clock)
		if got := log(testTime); got.After(clock.Add(5 * time.Minute)) {
			t.Errorf("set back by %v, a record of before is logged %v ahead", back, got.Sub(clock))
		}
		if got := log(clock); !got.Equal(clock.Truncate(time.Microsecond)) {
			t.Errorf("set back by %v, the time of a record became %v", back, got)
		}
	}
	old := testTime.Add(-24 * time.Hour).Truncate(time.Microsecond)
	if got := log(old); !got.Equal(old) {
		t.Errorf("an old time became %v", got)
	}
}

// The message of an error is cut by its bytes as they are stored, whatever they were
// before, and beside the longest type.
func TestMessagesOfErrorsFitTheIndex(t *testing.T) {
	long := fmt.Errorf("%s", strings.Repeat("語", 300))
	forFormats(t, func(t *testing.T, form int) {
		for _, message := range []string{strings.Repeat("\xff", 2000), strings.Repeat("a\x00", 2400), strings.Repeat("\x00", 5000), strings.Repeat("a", 2500), strings.Repeat("日", 820)} {
			for _, err := range []error{nil, errors.New("x"), long} {
				entry := logCall{level: slog.LevelError, msg: message, attrs: []slog.Attr{slog.Any("err", err)}}.entryIn(t, form)
				rec := testRecorder(recordOptions{}, "", testNow)
				p, parseErr := rec.formats[form].Parse(entry)
				if parseErr != nil {
					t.Fatal(parseErr)
				}
				n := len(p.Message) + len(p.Failure.Type)
				full := attributesIn(t, form, entry)[fullMessageKey]
				clean := jsontext.Clean(message)
				if cut := len(clean)+len(p.Failure.Type) > wire.MaxIndexed; n > wire.MaxIndexed || cut != (full == clean) || cut != strings.HasSuffix(p.Message, jsontext.CutMark) || !cut && p.Message != clean {
					t.Errorf("%.20q with %.20v: %d bytes, cut %v, the whole %.20q", message, err, n, cut, full)
				}
			}
		}
	})
}

// An attr that was to steer an entry is reported once for each value, up to a bound.
func TestUnknownSteeringIsReportedOnce(t *testing.T) {
	reports := map[string]int{}
	native, otlp := testFormats(recordOptions{}, "p")
	rec := New(Config{Formats: [MaxFormats]Format{native, otlp}, Now: testNow, Unknown: func(key, value string) { reports[key+"="+value]++ }})
	log := func(args ...any) {
		r := slog.NewRecord(testTime, 0, "m", 0)
		r.Add(args...)
		rec.wholeEntry(native, rec.Root(), context.Background(), r, 1)
	}
	for range 3 {
		log(wire.LogTypeKey, "network", wire.ImportanceKey, 5)
		log(wire.ImportanceKey, textual("low"), wire.LogTypeKey, "custom")
		log("group", slog.GroupValue(slog.String(wire.LogTypeKey, "in a group")))
	}
	log(wire.LogTypeKey, strings.Repeat("x", 1000))
	want := map[string]int{"ledger.log_type=network": 1, "ledger.importance=int64": 1, "ledger.log_type=" + jsontext.Cut(strings.Repeat("x", 1000), 100): 1}
	if diff := cmp.Diff(want, reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	for i := range 1000 {
		log(wire.LogTypeKey, fmt.Sprint("made up ", i))
	}
	if n := len(reports); n != 32 {
		t.Errorf("%d reports, want 32", n)
	}
}

// A record whose groups never end says so at the place, and counts as cut.
func TestGroupsBeyondTheBudgetAreNamed(t *testing.T) {
	cut := 0
	native, otlp := testFormats(recordOptions{}, "p")
	rec := New(Config{Formats: [MaxFormats]Format{native, otlp}, Now: testNow, Cut: func() { cut++ }})
	many := make([]slog.Attr, maxVisits+1)
	for i := range many {
		many[i] = slog.Int("", i)
	}
	r := slog.NewRecord(testTime, 0, "m", 0)
	r.AddAttrs(slog.Group("outer", slog.Int("a", 1), slog.Any("inner", slog.GroupValue(many...)), slog.Group("", slog.Any("", slog.GroupValue(many...)))), slog.Int("after", 1))
	got := attributesOf(t, rec.wholeEntry(native, rec.Root(), context.Background(), r, 1))
	want := map[string]any{"outer": map[string]any{"a": 1.0}, "after": 1.0, wire.CutsKey: []any{"outer.inner", "outer.(group)"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	s := rec.WithAttrs(rec.Root(), []slog.Attr{slog.Any("of With", slog.GroupValue(many...))})
	plain := slog.NewRecord(testTime, 0, "m", 0)
	got = attributesOf(t, rec.wholeEntry(native, s, context.Background(), plain, 1))
	if diff := cmp.Diff(map[string]any{wire.CutsKey: []any{"of With"}}, got); diff != "" {
		t.Errorf("attributes of With (-want +got):\n%s", diff)
	}
	if cut != 2 {
		t.Errorf("%d entries are cut, want 2", cut)
	}
}

// What an endpoint has in its groups is of the same budget, up to its last attr.
func TestGroupsOfAnEndpointAreOfTheBudget(t *testing.T) {
	const most = 20_000
	none := make([]any, most+1) // visited, and leave nothing
	for i := range none {
		none[i] = slog.Any("none", valuer{slog.GroupValue()})
	}
	inlined := func(n int) []slog.Attr { return []slog.Attr{wholeEndpoint(slog.Group("", none[:n]...))} }
	params := func(n int) []slog.Attr {
		return []slog.Attr{wholeEndpoint(slog.Group("path_params", none[:n]...)), slog.Group("after", none[:10]...)}
	}
	for _, tt := range []struct {
		name  string
		attrs []slog.Attr
		want  any
	}{
		{"the last that is inlined", inlined(most), nil},
		{"one more", inlined(most + 1), []any{"endpoint"}},
		{"the last after the parameters", params(most - 10), nil},
		{"one more after them", params(most - 9), []any{"after"}},
		{"too many parameters", params(most + 1)[:1], []any{"endpoint.path_params"}},
	} {
		forFormats(t, func(t *testing.T, form int) {
			got := attributesIn(t, form, logCall{attrs: tt.attrs}.entryIn(t, form))[wire.CutsKey]
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s: cut (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}

// The last resort has the message whole, and what the server can index of it.
func TestLastResort(t *testing.T) {
	forFormats(t, func(t *testing.T, form int) {
		rec := testRecorder(recordOptions{Service: "shop"}, "0123456789abcdef", testNow)
		message := strings.Repeat("m", 120_000)
		r := slog.NewRecord(time.Time{}, slog.LevelError, message, 0)
		entry, end := rec.AppendLastResort([]byte("before"), rec.formats[form], &r, 7, "the reason")
		if end != (wire.Ending{Seq: 7}) || !strings.HasPrefix(string(entry), "before") {
			t.Errorf("ending %+v", end)
		}
		got := attributesIn(t, form, entry[len("before"):])
		full, _ := got[fullMessageKey].(string)
		if got["_error"] != "the reason" || len(full) < 90_000 {
			t.Errorf("%v, %d bytes of the message", got["_error"], len(full))
		}
		if form == ledgerForm {
			requireAccepted(t, entry[len("before"):], testNow())
		} else if faults := otlpFaults(t, entry[len("before"):]); len(faults) > 0 {
			t.Error(faults)
		}
	})
}

// Numbers keep their digits as far as 64 bits hold them.
func TestNumbersOutOfJSON(t *testing.T) {
	long := strings.Repeat("9", 400)
	for in, want := range map[string]string{
		"0": "0", "-7": "-7", "1.50": "1.50", "1e3": "1e3", "1E400": `"1E400"`,
		"9223372036854775807":  "9223372036854775807",
		"-9223372036854775808": "-9223372036854775808",
		"18446744073709551615": "18446744073709551615",
		"18446744073709551616": "1.8446744073709552e+19",
		"-9223372036854775809": "-9.223372036854776e+18",
		long:                   `"` + jsontext.Cut(long, 100) + `"`,
		"0.1234567890123456789012345678901234567890": "1.2345678901234568e-01",
	} {
		if got := string(appendNumber(nil, []byte(in))); got != want {
			t.Errorf("%.50s became %s, want %s", in, got, want)
		}
	}
}
