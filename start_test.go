package ledger

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
)

// A handler with the defaults costs little until something is logged: a program may
// make one for each of its tenants, or for each of its tests.
func TestAHandlerTakesLittleMemory(t *testing.T) {
	if RaceEnabled {
		t.Skip("the race detector allocates")
	}
	const handlers = 20
	made := make([]*Handler, 0, handlers)
	var before, after runtime.MemStats
	opts := &Options{APIKey: "ledger_test", Diagnostics: slog.DiscardHandler}
	for n := range 2 { // the first time reads what is read once
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range handlers {
			h, err := NewHandler(opts)
			if err != nil {
				t.Fatal(err)
			}
			made = append(made, h)
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / handlers; n > 0 && each > 100<<10 {
			t.Errorf("a handler takes %d bytes, at most 100 kB", each)
		}
	}
	for _, h := range made {
		if err := h.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkNewHandler(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		h, err := NewHandler(&Options{APIKey: "ledger_test", Diagnostics: slog.DiscardHandler})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = h.Shutdown(context.Background())
		b.StartTimer()
	}
}
