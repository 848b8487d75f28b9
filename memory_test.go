package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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

// heapInUse is what is still reachable.
func heapInUse() int64 {
	for range 3 { // the first two empty pools
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A full buffer holds little more than the entries it counts.
func TestMemoryOfAFullBuffer(t *testing.T) {
	if RaceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	for _, test := range []struct {
		records, size int
		most          int64
	}{{10_000, 100, 8 << 20}, {50_000, 4000, 20 << 20}} {
		t.Run(fmt.Sprint(test.records, " of ", test.size), func(t *testing.T) {
			before := heapInUse()
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
			used := heapInUse() - before
			t.Logf("%d records of %d bytes: heap %.1f MiB, %+v", test.records, test.size, float64(used)/(1<<20), h.Metrics().Buffer)
			if used > test.most {
				t.Errorf("heap grew by %d bytes, at most %d", used, test.most)
			}
		})
	}
}

// Logging allocates nothing beyond what slog itself does, which is one slice for
// the attrs above five.
func TestHandleAllocatesNothing(t *testing.T) {
	if RaceEnabled {
		t.Skip("the race detector allocates")
	}
	five := []slog.Attr{
		slog.String("method", "GET"), slog.Int("status", 200), slog.Bool("cached", true),
		slog.Duration("elapsed", 45*time.Millisecond), slog.Float64("ratio", 12.34),
	}
	ten := append(five[:5:5],
		slog.Group("user", slog.Int("id", 42), slog.String("plan", "pro")),
		slog.Time("at", time.Unix(1e9, 0)), slog.Any("err", errors.New("connection refused")),
		slog.String("region", "eu-west-1"), slog.Uint64("bytes", 1234))
	for _, protocol := range []Protocol{ProtocolLedger, ProtocolOTLP} {
		// Nothing is sent meanwhile: its cost is not a record's.
		h := newTestHandler(t, func(o *Options) {
			o.Protocol = protocol
			o.MaxBufferSize, o.FlushSize = 1000, 1000
			o.FlushInterval = time.Hour
		})
		ctx := context.Background()
		for _, test := range []struct {
			name         string
			bound, attrs []slog.Attr
			want         float64
		}{
			{"no attrs", nil, nil, 0},
			{"five", nil, five, 0},
			{"ten, a group and an error among them", nil, ten, 1},
			{"five bound and five", five, five, 0},
		} {
			log := slog.New(h.WithAttrs(test.bound))
			call := func() { log.LogAttrs(ctx, slog.LevelInfo, "request handled for customer", test.attrs...) }
			for range 400 {
				call() // fills the pools
			}
			if got := testing.AllocsPerRun(700, call); got > test.want {
				t.Errorf("%s, %s: %v allocations a record, at most %v", protocol, test.name, got, test.want)
			}
		}
		if got := testing.AllocsPerRun(100, func() { h.Enabled(ctx, slog.LevelDebug) }); got != 0 {
			t.Errorf("Enabled: %v allocations", got)
		}
	}
}

// Flush takes what is queued, and must not chase what is logged meanwhile: the
// buffer would grow without end.
func TestFlushDoesNotChaseWhatIsLoggedMeanwhile(t *testing.T) {
	h := newTestHandler(t, func(o *Options) { o.MaxBufferSize, o.FlushSize = 1000, 10 })
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

// accepting is a transport whose server takes everything.
type accepting struct{}

func (accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	return &http.Response{
		StatusCode: http.StatusAccepted, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"accepted":1,"rejected":0}`)),
	}, nil
}

// countedBytes is what the handler's entries count against MaxBufferBytes.
func (h *Handler) countedBytes() int64 {
	return int64(h.queue.Utilization() * float64(h.config.MaxBufferBytes))
}

// What is counted is what is held, within a quarter, with ten handlers in one process
// of which some have a server that is down: what these hold does not keep memory that
// the others' traffic went through.
func TestHandlersKeepNoMemoryOfOthers(t *testing.T) {
	if RaceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	for _, size := range []int{20, 400, 1500} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			var down, up []*Handler
			for i := range 10 {
				h := newTestHandler(t, func(o *Options) {
					o.MaxBufferSize, o.MaxBufferBytes, o.FlushSize, o.FlushInterval = 1<<20, 1<<28, 1000, time.Hour
					o.RequestsPerMinute, o.RequestsPerHour = 1e8, 1e9
					if i%2 == 0 {
						o.HTTPTransport, o.DisableCompression = accepting{}, true
					}
				})
				if i%2 == 0 {
					up = append(up, h)
				} else {
					down = append(down, h)
				}
			}
			before := heapInUse()
			text := strings.Repeat("x", size)
			ctx := context.Background()
			for i := range 100_000 {
				_ = up[i%len(up)].Handle(ctx, slog.NewRecord(time.Now(), slog.LevelInfo, text, 0))
				if i%4 == 0 {
					_ = down[i/4%len(down)].Handle(ctx, slog.NewRecord(time.Now(), slog.LevelInfo, text, 0))
				}
			}
			for _, h := range up {
				flushCtx, cancel := context.WithTimeout(ctx, time.Minute)
				if err := h.Flush(flushCtx); err != nil {
					t.Error(err)
				}
				cancel()
			}
			var counted int64
			for _, h := range down {
				counted += h.countedBytes()
			}
			used := heapInUse() - before
			for i := 0; i < 20 && used > counted*5/4; i++ { // until no body is being compressed
				time.Sleep(100 * time.Millisecond)
				used = heapInUse() - before
			}
			t.Logf("%d bytes counted, %d held: %.2f", counted, used, float64(used)/float64(counted))
			if used > counted*5/4 {
				t.Errorf("%d bytes counted, %d held", counted, used)
			}
			runtime.KeepAlive(up)
		})
	}
}
