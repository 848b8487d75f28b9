package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/throttle"
)

// hung is a transport that never answers.
type hung struct{}

func (hung) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func newTestHandler(t *testing.T, change func(*Options)) *Handler {
	t.Helper()
	opts := &Options{APIKey: testKey, HTTPTransport: hung{}, Diagnostics: slog.DiscardHandler}
	change(opts)
	h, err := NewHandler(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Shutdown(ctx)
	})
	return h
}

// current_size is derived from counters; at rest it must be what is in the
// channels, so that the law does not hold by construction alone.
func TestCurrentSizeIsTheQueuesRealLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHandler(t, func(o *Options) { o.MaxBufferSize, o.FlushSize, o.HTTPPoolSize = 200, 10, 3 })
		log := slog.New(h)
		for i := range 700 {
			if i%7 == 0 {
				log.Error("e")
			} else {
				log.Info("i")
			}
			if i%50 == 0 {
				time.Sleep(time.Second)
			}
			synctest.Wait()
			m := h.Metrics()
			if queued := h.queue.Len(); m.Buffer.CurrentSize != queued {
				t.Fatalf("after %d: current_size %d, queue %d", i, m.Buffer.CurrentSize, queued)
			}
			held := h.queue.Taken()
			if int64(m.Buffer.InFlight) != held {
				t.Fatalf("after %d: in_flight %d, held and on the wire %d", i, m.Buffer.InFlight, held)
			}
		}
	})
}

// A full buffer holds little more than the entries it counts.
func TestMemoryOfAFullBuffer(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, test := range []struct {
		records, size int
		most          int64
	}{{10_000, 100, 8 << 20}, {50_000, 4000, 20 << 20}} {
		t.Run(fmt.Sprint(test.records, " of ", test.size), func(t *testing.T) {
			before := heap()
			h := newTestHandler(t, func(*Options) {})
			log := slog.New(h)
			text := strings.Repeat("x", test.size)
			for i := range test.records {
				log.Info("request handled for customer", "text", text, "n", i)
			}
			// Also when every connection is busy with a server that hangs.
			time.Sleep(throttle.Trial + 200*time.Millisecond)
			for i := range 100 {
				log.Info("request handled for customer", "text", text, "n", i)
			}
			time.Sleep(200 * time.Millisecond)
			used := heap() - before
			t.Logf("%d records of %d bytes: heap %.1f MiB, %+v", test.records, test.size, float64(used)/(1<<20), h.Metrics().Buffer)
			if used > test.most {
				t.Errorf("heap grew by %d bytes, at most %d", used, test.most)
			}
		})
	}
}
