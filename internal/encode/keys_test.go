package encode

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go/internal/rawslog"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A table that is full leaves the other keys to the long way, which writes the
// same, and knows what it knew.
func TestKeyTableThatIsFull(t *testing.T) {
	rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
	for i := range 100_000 {
		rec.keys.Learn(fmt.Sprint("key", i), rec.ordinary)
	}
	r := slog.NewRecord(testTime, slog.LevelInfo, "m", 0)
	r.AddAttrs(slog.Int("late", 1), slog.Group("later", slog.Int("x", 2)), slog.Any("latest", fmt.Errorf("fault")))
	for form := range MaxFormats {
		f := rec.formats[form]
		got := rec.wholeEntry(f, rec.Root(), context.Background(), r, 7)
		fresh := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
		fresh.wholeEntry(fresh.formats[form], fresh.Root(), context.Background(), r, 7) // learns
		want := fresh.wholeEntry(fresh.formats[form], fresh.Root(), context.Background(), r, 7)
		if rec.keys.Find("late") != nil || fresh.keys.Find("late") == nil {
			t.Error("the table is not full, or the other did not learn")
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

// A key that means something is never taken for one that does not, wherever it
// is logged first.
func TestKeysThatMeanSomethingAreNotLearnt(t *testing.T) {
	rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
	r := slog.NewRecord(testTime, slog.LevelInfo, "m", 0)
	special := []string{wire.LogTypeKey, wire.ImportanceKey, wire.EndpointKey, wire.TraceIDKey, wire.SpanIDKey, "password", "service.version", "a\"b", "é", ""}
	var attrs []any
	for _, key := range special {
		attrs = append(attrs, slog.String(key, "x"))
	}
	r.AddAttrs(slog.Group("inner", attrs...))
	rec.wholeEntry(rec.formats[ledgerForm], rec.Root(), context.Background(), r, 7)
	for _, key := range special {
		if rec.keys.Find(key) != nil {
			t.Errorf("%q was learnt", key)
		}
	}
	if rec.keys.Find("inner") == nil {
		t.Error("an ordinary key was not learnt")
	}
}

func TestUnknownRecordLayout(t *testing.T) {
	rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
	r := slog.NewRecord(testTime, slog.LevelInfo, "m", 0)
	for i := range 9 {
		r.AddAttrs(slog.Int(fmt.Sprint("key", i), i))
	}
	r.AddAttrs(slog.Group("g", slog.Bool("b", true)), slog.Any("err", fmt.Errorf("fault")),
		slog.Uint64("u", math.MaxUint64), slog.Float64("f", 0.1), slog.Duration("d", time.Hour), slog.Time("t", testTime))
	defer func(known bool) { rawslog.LayoutKnown = known }(rawslog.LayoutKnown)
	for _, encoder := range rec.formats {
		f := encoder
		for _, r := range []slog.Record{r, slog.NewRecord(testTime, slog.LevelInfo, "none", 0)} {
			for _, s := range []*Scope{rec.Root(), rec.WithGroup(rec.Root(), "group")} {
				rawslog.LayoutKnown = true
				want := rec.wholeEntry(f, s, context.Background(), r, 7)
				rawslog.LayoutKnown = false
				if diff := cmp.Diff(string(want), string(rec.wholeEntry(f, s, context.Background(), r, 7))); diff != "" {
					t.Errorf("%s: %s", f.Protocol(), diff)
				}
			}
		}
	}
}
