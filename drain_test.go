package ledger

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hanging is a server that never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// Flush takes what is queued, and must not chase what is logged meanwhile: the
// buffer would grow without end.
func TestFlushDoesNotChaseWhatIsLoggedMeanwhile(t *testing.T) {
	c, err := newConfig(&Options{APIKey: "ledger_x", HTTPTransport: hanging{}, Diagnostics: slog.DiscardHandler, MaxBufferSize: 1000, FlushSize: 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler(c)
	r := slog.NewRecord(time.Now(), slog.LevelError, "urgent", 0)
	var pushing sync.WaitGroup
	var stop atomic.Bool
	for range 8 {
		pushing.Go(func() {
			for !stop.Load() {
				_ = h.Handle(context.Background(), r)
			}
		})
	}
	var most int64
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			_ = h.Flush(ctx)
		}
	}()
	for ctx.Err() == nil {
		most = max(most, h.queue.Taken())
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	pushing.Wait()
	_ = h.Shutdown(ctx)
	if most > 3000 { // 1000, and what evicting had not caught up with
		t.Errorf("%d entries were held at once, with a buffer of 1000", most)
	}
}
