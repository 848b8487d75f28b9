package rawslog

import (
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The attrs are read where this version of Go keeps them, which must be where
// they are; reading them by Record.Attrs gives the same.
func TestRecordLayout(t *testing.T) {
	if !LayoutKnown {
		t.Fatal("slog.Record is laid out in a way that is not known here: Handle is slower than it could be")
	}
	if sameLayout(reflect.TypeFor[slog.Attr](), reflect.TypeFor[recordLayout](), "front") {
		t.Error("another type's layout passes for a record's")
	}
	for _, v := range numbers {
		if Bits(v) != askedBits(v) {
			t.Errorf("%v of kind %v is held as %#x, not %#x", v, v.Kind(), Bits(v), askedBits(v))
		}
	}
	for _, held := range []any{fmt.Errorf("fault"), &struct{}{}, struct{ a, b int }{1, 2}} {
		if v := slog.AnyValue(held); Held(&v) != held {
			t.Errorf("%v is held as %v", held, Held(&v))
		}
	}
	for n := range 12 {
		r := slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0)
		if HasAttrs(&r) {
			t.Error("an empty record has attrs")
		}
		var want []slog.Attr
		for i := range n {
			a := slog.Int(fmt.Sprint("key", i), i)
			want = append(want, a)
			r.AddAttrs(a)
		}
		if HasAttrs(&r) != (n > 0) {
			t.Errorf("%d attrs: hasAttrs says %v", n, HasAttrs(&r))
		}
		clone := r.Clone()
		clone.AddAttrs(slog.Bool("other", true))
		front, back := Attrs(&r)
		got := append(append([]slog.Attr(nil), front...), back...)
		if diff := cmp.Diff(want, got, cmp.Comparer(slog.Attr.Equal)); diff != "" {
			t.Errorf("%d attrs: %s", n, diff)
		}
	}
}
