package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"
)

// A size is how much a run measures.
type size struct {
	rounds    int // interleaved
	burst     int // records logged without a pause, for the cost of Handle
	delivered int // records a round of delivery
	paced     time.Duration
	hanging   int // calls of Handle while the server hangs
}

var (
	full  = size{rounds: 21, burst: 2000, delivered: 200_000, paced: 5 * time.Second, hanging: 200_000}
	quick = size{rounds: 1, burst: 100, delivered: 2000, paced: 200 * time.Millisecond, hanging: 2000}
)

// patience is how long calls may hang before they count as blocking.
var patience = 3 * time.Second

// delivery measures what a delivered record costs the whole process, receiver
// included, and how fast one goroutine's records are delivered.
func delivery(size size, t *table) {
	all := append(peers(), plain()...)
	for _, decode := range []bool{false, true} {
		cpu, rate, lost := make([]series, len(all)), make([]series, len(all)), make([]series, len(all))
		rounds := size.rounds / 2
		if decode { // where nothing is promised
			rounds /= 2
		}
		for range max(rounds, 1) {
			for _, i := range rand.Perm(len(all)) {
				if i > 0 && all[i].local {
					continue
				}
				one := size.alone(work{Peer: i, Deliver: true, Decode: decode})
				cpu[i] = append(cpu[i], one.Cost)
				rate[i] = append(rate[i], one.Rate)
				lost[i] = append(lost[i], one.Lost)
			}
		}
		receiver := "receiver reads"
		if decode {
			receiver = "receiver decompresses"
		}
		for i, p := range all {
			if cpu[i] == nil {
				continue
			}
			r := row{
				Figure: "CPU per delivered record, " + receiver, Who: p.name,
				Value: fmt.Sprintf("%.2f s per million", cpu[i].median()/1000), Ratio: cpu[i].over(cpu[0]),
			}
			if decode && !p.local && lost[i].median() > 0 {
				r.Value += fmt.Sprintf(" (%.0f %% lost)", 100*lost[i].median())
			}
			if p.most > 0 && !decode {
				r.Target = fmt.Sprintf("≤ %.2f×", p.most)
				r.judge(r.Ratio <= p.most)
			}
			t.add(r)
		}
		if decode {
			continue
		}
		for i, p := range all {
			if p.local {
				continue
			}
			r := row{Figure: "Delivered from one goroutine", Who: p.name, Value: fmt.Sprintf("%.0f/s", rate[i].median())}
			if p.ours {
				r.Target = "≥ 600000/s"
				r.judge(rate[i].median() >= 600_000)
			}
			t.add(r)
		}
	}
}

// deliver logs records of many kinds as fast as one goroutine can, and tells what
// delivering one took.
func deliver(size size, p peer, decode bool) sample {
	records := varied()
	s := newSink(func(s *sink) { s.decode = decode })
	defer s.close()
	runtime.GC()
	cpuBegan, began := processCPU(), time.Now()
	l := p.open(s, size.delivered)
	logVaried(slog.New(l.handler), records, size.delivered)
	l.close()
	took, used := time.Since(began), processCPU()-cpuBegan
	n := float64(size.delivered)
	return sample{Cost: float64(used) / n, Rate: n / took.Seconds(), Lost: 1 - float64(s.records.Load())/n}
}

// wire measures the bytes a record takes on the wire.
func wire(size size, t *table) {
	records := varied()
	for _, p := range shippers() {
		s := newSink(func(s *sink) { s.decode = true })
		l := p.open(s, size.delivered)
		logVaried(slog.New(l.handler), records, min(size.delivered, 50_000))
		l.close()
		each := float64(s.bytes.Load()) / float64(max(s.records.Load(), 1))
		r := row{Figure: "Wire bytes per record of 300 bytes", Who: p.name, Value: fmt.Sprintf("%.1f", each)}
		if p.ours {
			r.Target = "≤ 40"
			r.judge(each <= 40)
		}
		t.add(r)
		s.close()
	}
}

func heapMiB() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// memory measures the heap that undelivered records hold, while no answer comes.
func memory(_ size, t *table) {
	for _, f := range []struct {
		name    string
		records int
		attrs   func() []slog.Attr
		most    float64
	}{
		{"Heap of a full default buffer (10 000 entries)", 10_000, fiveAttrs, 8},
		{"Heap under 50 000 records of 4 kB, budget 16 MiB", 50_000, large, 20},
	} {
		for _, p := range shippers() {
			s := newSink(func(s *sink) { s.hang = make(chan struct{}) })
			before := heapMiB()
			var used float64
			returned := logHanging(s, p.open(s, 0), f.records, f.attrs, nil, func() { used = heapMiB() - before })
			r := row{Figure: f.name, Who: p.name, Value: "blocks"}
			if returned {
				r.Value = fmt.Sprintf("%.1f MiB", used)
			}
			if p.ours {
				r.Target = fmt.Sprintf("≤ %.0f MiB", f.most)
				r.judge(used <= f.most)
			}
			t.add(r)
		}
	}
}

// logHanging logs n records to a server that never answers, notes how long each
// call took, and reports whether they all returned within patience. At the end
// all is released; what goes on trying then is left behind.
func logHanging(s *sink, l logger, n int, attrs func() []slog.Attr, took *series, measure func()) (returned bool) {
	log := slog.New(l.handler)
	var stop atomic.Bool
	logging := within(patience, func() {
		for range n {
			if stop.Load() {
				return
			}
			attrs := attrs()
			began := time.Now()
			log.LogAttrs(context.Background(), slog.LevelInfo, marker, attrs...)
			if took != nil {
				*took = append(*took, float64(time.Since(began)))
			}
		}
	})
	returned = logging()
	measure()
	stop.Store(true)
	s.close()
	if returned || logging() { // some panic when closed under a call
		within(patience, l.close)()
	}
	return returned
}

// within starts f and returns a function that waits for its end, at most as
// long as the limit, and reports whether it has come.
func within(limit time.Duration, f func()) (wait func() bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return func() bool {
		select {
		case <-done:
			return true
		case <-time.After(limit):
			return false
		}
	}
}

// slowServer counts what is lost at 20 000 records a second while each answer
// takes 200 ms.
func slowServer(size size, t *table) {
	const perSecond = 20_000
	for _, p := range shippers() {
		s := newSink(func(s *sink) { s.decode, s.delay = true, 200*time.Millisecond })
		l := p.open(s, 0)
		log := slog.New(l.handler)
		records := varied()
		began := time.Now()
		logged := 0
		for passed := time.Duration(0); passed < size.paced; passed = time.Since(began) {
			for due := int(passed.Seconds() * perSecond); logged < due; logged++ {
				log.LogAttrs(context.Background(), slog.LevelInfo, marker, records[logged%len(records)]...)
			}
			time.Sleep(time.Millisecond)
		}
		within(atMost, l.close)() // Sentry's waits for its whole queue
		lost := logged - int(s.records.Load())
		r := row{
			Figure: "Lost at 20 000/s, answers taking 200 ms", Who: p.name,
			Value: fmt.Sprintf("%d of %d (%.0f %%), %d requests side by side", lost, logged, 100*float64(lost)/float64(max(logged, 1)), s.most.Load()),
		}
		if p.ours {
			r.Target = "0, at most 10 side by side"
			r.judge(lost <= 0 && s.most.Load() <= 10)
		}
		if pace := float64(logged) / size.paced.Seconds(); pace < 0.9*perSecond {
			r.Value += fmt.Sprintf("; blocks, so only %.0f/s were logged", pace)
		}
		t.add(r)
		s.close()
	}
}

// hanging measures the slow calls of Handle while no answer comes.
func hanging(size size, t *table) {
	five := fiveAttrs()
	for _, p := range shippers() {
		s := newSink(func(s *sink) { s.hang = make(chan struct{}) })
		took := make(series, 0, size.hanging)
		returned := logHanging(s, p.open(s, 0), size.hanging, func() []slog.Attr { return five }, &took, func() {})
		r := row{Figure: "p99.9 of Handle while the server hangs", Who: p.name, Value: "blocks"}
		if returned {
			p999 := time.Duration(took.percentile(0.999))
			r.Value = fmt.Sprintf("%.1f µs", float64(p999)/1e3)
			if p.ours {
				r.Target = "≤ 100 µs"
				r.judge(p999 <= 100*time.Microsecond)
			}
		}
		t.add(r)
	}
}

// status measures Status of a handler at rest.
func status(size size, t *table) {
	for _, p := range shippers() {
		if !p.ours {
			continue
		}
		s := newSink(nil)
		l := p.open(s, 0)
		runtime.LockOSThread()
		began := threadCPU()
		for range size.burst {
			l.status()
		}
		each := float64(threadCPU()-began) / float64(size.burst)
		runtime.UnlockOSThread()
		r := row{Figure: "Status()", Who: p.name, Value: fmt.Sprintf("%.0f ns", each), Target: "≤ 1000 ns"}
		r.judge(each <= 1000)
		t.add(r)
		l.close()
		s.close()
	}
}
