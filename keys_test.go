package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeyTableKnowsOnlyWhatItLearnt(t *testing.T) {
	keys := &keyTable{}
	any := func(string) bool { return true }
	longest := strings.Repeat("k", maxKnown)
	for _, key := range []string{"method", "a", "ab", "abc", "abcd", "exactly8", "seventeen letters", longest} {
		if keys.find(key) != nil {
			t.Errorf("%q is known before it was learnt", key)
		}
		learnt := keys.learn(key, any)
		if learnt == nil || keys.find(key) != learnt || string(learnt.appendJSON(nil)) != `"`+key+`":` || string(learnt.appendBare(nil)) != key {
			t.Errorf("%q: learnt %v, found %v", key, learnt, keys.find(key))
		}
	}
	for _, key := range []string{"", longest + "k", strings.Repeat("k", maxKnown/2) + "x" + strings.Repeat("k", maxKnown-maxKnown/2-1), "methoD", "nethod", "metho", "methods", "b"} {
		if keys.find(key) != nil {
			t.Errorf("%q is known", key)
		}
	}
	for _, key := range []string{"", longest + "k"} {
		if keys.learn(key, any) != nil {
			t.Errorf("%q is learnt", key)
		}
	}
}

// Of keys that would stand in the same place two do, and what is not ordinary
// takes none.
func TestKeyTableCollisions(t *testing.T) {
	keys := &keyTable{}
	same := map[uint64][]string{}
	for i := range 5000 {
		key := fmt.Sprint("key", i)
		at := place(ends(key)) &^ 1
		same[at] = append(same[at], key)
	}
	for _, all := range same {
		if keys.learn(all[0], func(string) bool { return false }) != nil || keys.find(all[0]) != nil {
			t.Fatalf("%q is not ordinary and was learnt", all[0])
		}
		for i, key := range all {
			learnt := keys.learn(key, func(string) bool { return true }) != nil
			if learnt != (i < 2) || learnt != (keys.find(key) != nil) {
				t.Fatalf("%q, number %d in its place: learnt %v", key, i, learnt)
			}
		}
	}
}

// A table that is full leaves the other keys to the long way, which writes the
// same, and knows what it knew.
func TestKeyTableThatIsFull(t *testing.T) {
	rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
	for i := range 100_000 {
		rec.keys.learn(fmt.Sprint("key", i), rec.ordinary)
	}
	r := slog.NewRecord(testTime, slog.LevelInfo, "m", 0)
	r.AddAttrs(slog.Int("late", 1), slog.Group("later", slog.Int("x", 2)), slog.Any("latest", fmt.Errorf("fault")))
	for form := range maxFormats {
		f := rec.formats[form]
		got := rec.wholeEntry(f, rec.root(), context.Background(), r, 7)
		fresh := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
		fresh.wholeEntry(fresh.formats[form], fresh.root(), context.Background(), r, 7) // learns
		want := fresh.wholeEntry(fresh.formats[form], fresh.root(), context.Background(), r, 7)
		if rec.keys.find("late") != nil || fresh.keys.find("late") == nil {
			t.Error("the table is not full, or the other did not learn")
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestKeyTableIsSharedByGoroutines(t *testing.T) {
	keys := &keyTable{}
	any := func(string) bool { return true }
	var all []string
	for i := range 200 {
		all = append(all, strings.Repeat(string(rune('a'+i%26)), 1+i/26))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, key := range all {
				if k := keys.find(key); k != nil && string(k.appendBare(nil)) != key {
					t.Errorf("%q found as %q", key, k.appendBare(nil))
				}
				keys.learn(key, any)
			}
		})
	}
	wg.Wait()
}

// A key that means something is never taken for one that does not, wherever it
// is logged first.
func TestKeysThatMeanSomethingAreNotLearnt(t *testing.T) {
	rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
	r := slog.NewRecord(testTime, slog.LevelInfo, "m", 0)
	special := []string{logTypeKey, importanceKey, endpointKey, traceIDKey, spanIDKey, "password", "service.version", "a\"b", "é", ""}
	var attrs []any
	for _, key := range special {
		attrs = append(attrs, slog.String(key, "x"))
	}
	r.AddAttrs(slog.Group("inner", attrs...))
	rec.wholeEntry(rec.formats[ledgerForm], rec.root(), context.Background(), r, 7)
	for _, key := range special {
		if rec.keys.find(key) != nil {
			t.Errorf("%q was learnt", key)
		}
	}
	if rec.keys.find("inner") == nil {
		t.Error("an ordinary key was not learnt")
	}
}

// The attrs are read where this version of Go keeps them, which must be where
// they are; reading them by Record.Attrs gives the same.
func TestRecordLayout(t *testing.T) {
	if !layoutKnown {
		t.Fatal("slog.Record is laid out in a way that is not known here: Handle is slower than it could be")
	}
	if sameLayout(reflect.TypeFor[slog.Attr](), reflect.TypeFor[recordLayout](), "front") {
		t.Error("another type's layout passes for a record's")
	}
	for _, v := range numbers {
		if bitsOf(v) != askedBits(v) {
			t.Errorf("%v of kind %v is held as %#x, not %#x", v, v.Kind(), bitsOf(v), askedBits(v))
		}
	}
	for _, held := range []any{fmt.Errorf("fault"), &struct{}{}, struct{ a, b int }{1, 2}} {
		if v := slog.AnyValue(held); heldIn(&v) != held {
			t.Errorf("%v is held as %v", held, heldIn(&v))
		}
	}
	for n := range 12 {
		r := slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0)
		if hasAttrs(&r) {
			t.Error("an empty record has attrs")
		}
		var want []slog.Attr
		for i := range n {
			a := slog.Int(fmt.Sprint("key", i), i)
			want = append(want, a)
			r.AddAttrs(a)
		}
		if hasAttrs(&r) != (n > 0) {
			t.Errorf("%d attrs: hasAttrs says %v", n, hasAttrs(&r))
		}
		clone := r.Clone()
		clone.AddAttrs(slog.Bool("other", true))
		front, back := attrsOf(&r)
		got := append(append([]slog.Attr(nil), front...), back...)
		if diff := cmp.Diff(want, got, cmp.Comparer(slog.Attr.Equal)); diff != "" {
			t.Errorf("%d attrs: %s", n, diff)
		}
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
	defer func(known bool) { layoutKnown = known }(layoutKnown)
	for _, encoder := range rec.formats {
		f := encoder
		for _, r := range []slog.Record{r, slog.NewRecord(testTime, slog.LevelInfo, "none", 0)} {
			layoutKnown = true
			want := rec.wholeEntry(f, rec.root(), context.Background(), r, 7)
			layoutKnown = false
			if diff := cmp.Diff(string(want), string(rec.wholeEntry(f, rec.root(), context.Background(), r, 7))); diff != "" {
				t.Errorf("%s: %s", f.protocol(), diff)
			}
		}
	}
}

// Times of today and of other days are written alike, before and after the day
// is known.
func TestDateOfToday(t *testing.T) {
	now := time.Now().UTC()
	today.Store(nil)
	for _, at := range []time.Time{now, now.AddDate(0, 0, -1), now.AddDate(0, 0, 1), time.Unix(0, 0).UTC(), time.Unix(-1, 0).UTC()} {
		want := at.Format("2006-01-02T15:04:05")
		if got := string(appendDateTime(nil, at.Unix())); got != want {
			t.Errorf("%s, not %s", got, want)
		}
		noteToday(now.Unix())
		if got := string(appendDateTime(nil, at.Unix())); got != want {
			t.Errorf("with today's date: %s, not %s", got, want)
		}
	}
}
