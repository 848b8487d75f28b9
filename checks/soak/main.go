// Soak logs at a steady rate for a long time, through a network in every bad
// mood, to a server that fails and is restarted. It prints what becomes of the
// entries, and ends with a verdict: the law of accounting held at every look,
// nothing got lost uncounted, and memory and goroutines stayed flat.
//
//	go run ./checks/soak -for 10m -rate 5000
//
// The exit code is 0 when all of that is so.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/internal/chaos"
)

func main() {
	var s soak
	flag.DurationVar(&s.duration, "for", 10*time.Minute, "how long to log")
	flag.IntVar(&s.rate, "rate", 5000, "records a second")
	flag.DurationVar(&s.every, "report", 30*time.Second, "how often to report")
	flag.Uint64Var(&s.seed, "seed", rand.Uint64(), "of all that is left to chance")
	flag.StringVar(&s.spool, "spool", "", "a directory for Options.SpoolDir; none without it")
	flag.IntVar(&s.buffer, "buffer", 100_000, "Options.MaxBufferSize; a small one makes entries overflow")
	flag.Parse()
	faults := s.run(os.Stdout)
	for _, fault := range faults {
		fmt.Println("FAULT:", fault)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
	fmt.Println("verdict: nothing lost uncounted, the law held, memory and goroutines flat")
}

const loggers = 16

// A soak is one run.
type soak struct {
	duration, every time.Duration
	rate, buffer    int
	seed            uint64
	spool           string

	out     io.Writer
	began   time.Time
	handler *ledger.Handler
	server  *server
	proxy   *chaos.Proxy

	numbers  atomic.Int64 // records logged, and the number of the last
	longest  atomic.Int64 // call of Handle, in nanoseconds
	looks    atomic.Int64 // at the law
	restarts atomic.Int64
	samples  []sample

	mu     sync.Mutex
	faults []string
}

// A sample is what the process held at one moment, after a collection.
type sample struct {
	heap       uint64 // live bytes, less those of the entries in memory
	goroutines int
}

func (s *soak) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) < 20 {
		s.faults = append(s.faults, fmt.Sprintf(format, args...))
	}
}

// run carries the soak out and returns what was wrong.
func (s *soak) run(out io.Writer) []string {
	s.out, s.began = out, time.Now()
	fmt.Fprintf(out, "soak: %d records a second for %v, again with -seed %d\n", s.rate, s.duration, s.seed)
	before := runtime.NumGoroutine()
	if err := s.start(); err != nil {
		return []string{err.Error()}
	}
	ctx, stop := context.WithTimeout(context.Background(), s.duration)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { s.proxy.Wander(ctx, chaos.Moods(), 200*time.Millisecond, 3*time.Second) })
	running.Go(func() { s.restart(ctx) })
	running.Go(func() { s.watch(ctx) })
	running.Go(func() { s.look(ctx) })
	for g := range loggers {
		running.Go(func() { s.log(ctx, g) })
	}
	running.Wait()

	end, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := s.handler.Shutdown(end); err != nil {
		s.fault("Shutdown: %v", err)
	}
	s.proxy.Close()
	s.server.stop()
	s.report()
	s.judge(before)
	return s.faults
}

func (s *soak) start() (err error) {
	if s.server, err = newServer(s.seed); err != nil {
		return err
	}
	if s.proxy, err = chaos.New(s.server.addr, s.seed); err != nil {
		return err
	}
	s.handler, err = ledger.NewHandler(&ledger.Options{
		APIKey: "ledger_soak", BaseURL: s.proxy.URL(), Protocol: ledger.ProtocolLedger, Service: "soak", SpoolDir: s.spool,
		MaxBufferSize: s.buffer, FlushSize: min(1000, s.buffer), MaxBufferBytes: 256 << 20, FlushInterval: 200 * time.Millisecond,
		HTTPTimeout: time.Second, RetryBackoff: 20 * time.Millisecond, NetworkBackoff: 20 * time.Millisecond,
		BreakerDelay: 300 * time.Millisecond, MaxRetryAfter: time.Second,
		RequestsPerMinute: 1e6, RequestsPerHour: 1e8, Diagnostics: slog.DiscardHandler,
	})
	return err
}

// log makes its share of the records.
func (s *soak) log(ctx context.Context, g int) {
	log := slog.New(s.handler).With("logger", g)
	random := rand.New(rand.NewPCG(s.seed, uint64(g)))
	text := strings.Repeat("all work and no play makes jack a dull boy. ", 20)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began, made := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// What the machine did not let us do is made up for, up to a second.
		due := int(time.Since(began).Seconds() * float64(s.rate) / loggers)
		made = max(made, due-s.rate/loggers)
		for ; made < due; made++ {
			level := slog.LevelInfo
			if made%20 == 0 {
				level = slog.LevelError
			}
			n := s.numbers.Add(1)
			start := time.Now()
			log.Log(ctx, level, "request served", "n", n, "path", "/checkout", "text", text[:random.IntN(len(text))])
			took := int64(time.Since(start))
			for longest := s.longest.Load(); took > longest && !s.longest.CompareAndSwap(longest, took); longest = s.longest.Load() {
			}
		}
	}
}

// restart takes the server down and up again.
func (s *soak) restart(ctx context.Context) {
	random := rand.New(rand.NewPCG(s.seed, 99))
	for {
		select {
		case <-time.After(time.Duration(2000+random.IntN(8000)) * time.Millisecond):
		case <-ctx.Done():
			return
		}
		s.server.stop()
		s.restarts.Add(1)
		time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
		for err := s.server.start(); err != nil; err = s.server.start() {
			time.Sleep(10 * time.Millisecond) // somebody has the port for a moment
		}
	}
}

// look holds the counters against the law, all the time.
func (s *soak) look(ctx context.Context) {
	for ctx.Err() == nil {
		s.checkLaw(s.handler.Metrics())
		time.Sleep(2 * time.Millisecond)
	}
}

func (s *soak) checkLaw(m ledger.Metrics) {
	s.looks.Add(1)
	right := m.Flusher.TotalLogsSent + m.Buffer.TotalDropped + int64(m.Buffer.CurrentSize) + int64(m.Buffer.InFlight) + m.Buffer.Spooled
	if m.Flusher.TotalLogged != right || m.Buffer.CurrentSize < 0 || m.Buffer.InFlight < 0 {
		s.fault("the law is broken: %+v", m)
	}
}

// watch samples and reports.
func (s *soak) watch(ctx context.Context) {
	samples, reports := time.NewTicker(s.every/10), time.NewTicker(s.every)
	defer samples.Stop()
	defer reports.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-samples.C:
			s.sample()
		case <-reports.C:
			s.report()
		}
	}
}

func (s *soak) sample() sample {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	one := sample{heap: memory.HeapAlloc, goroutines: runtime.NumGoroutine()}
	s.samples = append(s.samples, one)
	return one
}

func (s *soak) report() {
	m := s.handler.Metrics()
	s.checkLaw(m)
	now := sample{goroutines: runtime.NumGoroutine()}
	if n := len(s.samples); n > 0 {
		now = s.samples[n-1]
	}
	var dropped []string
	for _, why := range slices.Sorted(maps.Keys(m.Buffer.Dropped)) {
		if n := m.Buffer.Dropped[why]; n > 0 {
			dropped = append(dropped, fmt.Sprintf("%s %d", why, n))
		}
	}
	s.mu.Lock()
	law := "held"
	if len(s.faults) > 0 {
		law = "BROKEN"
	}
	s.mu.Unlock()
	distinct, again := s.server.counts()
	fmt.Fprintf(s.out, "%6.0fs heap %3d MB, %d goroutines; logged %d, delivered %d (arrived %d), dropped [%s], queued %d, in flight %d, spooled %d, sent twice %d; "+
		"%d requests, %d faults of the network, %d of the server, %d restarts; longest Handle %v; law %s %d times\n",
		time.Since(s.began).Seconds(), now.heap>>20, now.goroutines, m.Flusher.TotalLogged, m.Flusher.TotalLogsSent, distinct,
		strings.Join(dropped, ", "), m.Buffer.CurrentSize, m.Buffer.InFlight, m.Buffer.Spooled, again,
		s.server.requests.Load(), s.proxy.Stats().Faults(), s.server.failures.Load(), s.restarts.Load(),
		time.Duration(s.longest.Load()), law, s.looks.Load())
}

// judge holds the end against what must be.
func (s *soak) judge(goroutinesBefore int) {
	m := s.handler.Metrics()
	distinct, _ := s.server.counts()
	notices := m.Flusher.TotalLogged - s.numbers.Load()
	switch {
	case m.Buffer.CurrentSize+m.Buffer.InFlight != 0:
		s.fault("%d queued and %d in flight after Shutdown", m.Buffer.CurrentSize, m.Buffer.InFlight)
	case notices < 0:
		s.fault("%d logged, %d counted", s.numbers.Load(), m.Flusher.TotalLogged)
	// What was dropped may have arrived before, its answer lost.
	case distinct < m.Flusher.TotalLogsSent || distinct > m.Flusher.TotalLogsSent+m.Buffer.TotalDropped+m.Buffer.Spooled:
		s.fault("%d arrived, %d are counted as delivered, %d as dropped", distinct, m.Flusher.TotalLogsSent, m.Buffer.TotalDropped)
	}
	for why, n := range m.Buffer.Dropped {
		if n > 0 && why != "overflow" {
			s.fault("%d dropped as %s", n, why)
		}
	}
	if longest := time.Duration(s.longest.Load()); longest > 2*time.Second {
		s.fault("a call of Handle took %v", longest)
	}

	// The least of a third of the time is what stays when nothing is held.
	if third := len(s.samples) / 3; third > 0 {
		least := func(samples []sample) (heap uint64, goroutines int) {
			heap, goroutines = samples[0].heap, samples[0].goroutines
			for _, one := range samples {
				heap, goroutines = min(heap, one.heap), min(goroutines, one.goroutines)
			}
			return heap, goroutines
		}
		heap1, goroutines1 := least(s.samples[:third])
		heap2, goroutines2 := least(s.samples[len(s.samples)-third:])
		fmt.Fprintf(s.out, "least in the first third and the last: heap %.1f and %.1f MB, goroutines %d and %d\n",
			float64(heap1)/(1<<20), float64(heap2)/(1<<20), goroutines1, goroutines2)
		if heap2 > heap1+heap1/4+(8<<20) {
			s.fault("the heap grew from %d to %d bytes", heap1, heap2)
		}
		if goroutines2 > goroutines1+10 {
			s.fault("goroutines grew from %d to %d", goroutines1, goroutines2)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= goroutinesBefore {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 64<<10)
	s.fault("%d goroutines are left, %d were there before:\n%s", runtime.NumGoroutine(), goroutinesBefore, stacks[:runtime.Stack(stacks, true)])
}
