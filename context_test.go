package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go"
)

// Attrs of a context are on every record that is logged with it, the newest of a key
// last, and those of the record win.
func TestAttrsOfAContext(t *testing.T) {
	inBubble(t, func(o *ledger.Options) { o.ContextAttrs = ledger.ContextAttrs }, func(r *rig) {
		outer := ledger.With(r.Context(), slog.String("tenant", "acme"), slog.Int("try", 1))
		inner := ledger.With(outer, slog.Int("try", 2), slog.Group("job", "id", 7))
		other := ledger.With(outer, slog.String("tenant", "other"))
		if none := ledger.With(outer); none != outer {
			t.Error("With without attrs made another context")
		}
		r.log.WithGroup("g").InfoContext(inner, "inner", "a", 1)
		r.log.InfoContext(other, "other", "try", 9)
		r.log.InfoContext(outer, "outer")
		r.log.Info("none")
		for message, want := range map[string]string{
			"inner": "map[g:map[a:1] job:map[id:7] tenant:acme try:2]",
			"other": "map[tenant:other try:9]",
			"outer": "map[tenant:acme try:1]",
		} {
			e := r.arrived(message)
			for key := range e.Attributes { // the server's own under OTLP
				if !slices.Contains([]string{"g", "job", "tenant", "try"}, key) {
					delete(e.Attributes, key)
				}
			}
			if got := fmt.Sprint(e.Attributes); got != want {
				t.Errorf("%s has %s, want %s", message, got, want)
			}
		}
		if e := r.arrived("none"); e.Attributes["tenant"] != nil {
			t.Errorf("without a context: %v", e.Attributes)
		}
	})
}

// With shares nothing writable: contexts made of one, at the same time, keep their
// own attrs, and what the caller does with its slice later changes nothing.
func TestContextsShareNothing(t *testing.T) {
	attrs := []slog.Attr{slog.Int("a", 1), slog.Int("b", 1)}
	base := ledger.With(context.Background(), attrs...)
	attrs[0] = slog.Int("a", 99)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			ctx := ledger.With(ledger.With(base, slog.Int("b", i)), slog.Int("c", i))
			want := fmt.Sprintf("[a=1 b=%d c=%d]", i, i)
			if got := fmt.Sprint(ledger.ContextAttrs(ctx)); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	all.Wait()
	if got := fmt.Sprint(ledger.ContextAttrs(base)); got != "[a=1 b=1]" {
		t.Errorf("the first context has %s now", got)
	}
	if got := ledger.ContextAttrs(context.Background()); got != nil {
		t.Errorf("without With: %v", got)
	}
	if n := testing.AllocsPerRun(100, func() { ledger.ContextAttrs(base) }); n != 0 {
		t.Errorf("ContextAttrs: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { ledger.With(base, slog.Int("c", 1)) }); n > 3 {
		t.Errorf("With: %v allocations", n)
	}
}

func TestErr(t *testing.T) {
	err := errors.New("refused")
	if diff := cmp.Diff(slog.Any("error", err).String(), ledger.Err(err).String()); diff != "" {
		t.Error(diff)
	}
	if a := ledger.Err(nil); !a.Equal(slog.Attr{}) {
		t.Errorf("of nil: %v", a)
	}
}
