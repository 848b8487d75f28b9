package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

// A round's bursts count once it has warmed up: pools and caches are full, the
// heap has been collected and does not grow into memory that was never touched.
const warmUp, bursts = 100 * time.Millisecond, 8

// handle measures what logging one record costs the goroutine that logs it: the
// processor time of its thread over bursts that the buffer can hold.
func handle(size size, t *table) {
	s := newSink(nil)
	defer s.close()
	ctx := context.Background()
	for n, shape := range shapes() {
		all := peers()
		times := make([]series, len(all))
		for range size.rounds {
			for _, i := range rand.Perm(len(all)) {
				times[i] = append(times[i], size.alone(work{Peer: i, Shape: n}).Cost)
			}
		}
		for i, p := range all {
			l := p.open(s, size.burst*8)
			log := slog.New(l.handler.WithAttrs(shape.bound))
			allocs := testing.AllocsPerRun(size.burst, func() { log.LogAttrs(ctx, slog.LevelInfo, marker, shape.attrs...) })
			l.close()
			r := row{
				Figure: "Handle, " + shape.name, Who: p.name,
				Value: fmt.Sprintf("%.0f ns, %.0f allocs", times[i].median(), allocs),
				Ratio: times[i].over(times[0]),
			}
			if p.ours {
				r.Target = fmt.Sprintf("≤ %.2f×, 0 allocs beyond slog's", shape.target)
				// Above five attrs slog itself allocates, once.
				r.judge(r.Ratio <= shape.target && (allocs == 0 || len(shape.attrs) > 5 && allocs <= 1))
			}
			t.add(r)
		}
	}
}

// sideBySide measures what logging one record costs each of two goroutines that log
// at once to one handler, and each of one and two into a buffer that is full. Shippers
// that block then are left out.
func sideBySide(size size, t *table) {
	all := peers()
	for _, f := range []struct {
		name string
		work work
	}{
		{"Handle, two at once, ", work{Beside: 1}},
		{"Handle, full buffer, ", work{Full: true}},
		{"Handle, two at once, full buffer, ", work{Beside: 1, Full: true}},
	} {
		for n, shape := range shapes()[:2] {
			times := make([]series, len(all))
			for range max(size.rounds/3, 1) {
				for _, i := range rand.Perm(len(all)) {
					if all[i].local && !f.work.Full || all[i].ours || i == 0 {
						w := f.work
						w.Peer, w.Shape = i, n
						times[i] = append(times[i], size.alone(w).Cost)
					}
				}
			}
			for i, p := range all {
				if times[i] == nil {
					continue
				}
				r := row{
					Figure: f.name + shape.name, Who: p.name,
					Value: fmt.Sprintf("%.0f ns", times[i].median()), Ratio: times[i].over(times[0]),
				}
				if p.ours {
					r.Target = fmt.Sprintf("≤ %.2f×", shape.besides)
					r.judge(r.Ratio <= shape.besides)
				}
				t.add(r)
			}
		}
	}
}

// logBursts logs bursts of one shape, others beside it, and tells what logging one
// record took each of them: processor time, or where others log beside it the time that
// passed, since who waits for a lock uses no processor. On two processors that time holds
// what a shipper does in the background, too, which slog.JSONHandler has not.
func logBursts(size size, p peer, shape shape, w work) sample {
	s := newSink(func(s *sink) {
		if w.Full {
			s.hang = make(chan struct{})
		}
	})
	defer s.close()
	beside, buffer := w.Beside, size.burst*8*(w.Beside+1)
	if w.Full {
		buffer = size.burst // the warm-up fills it
	}
	l := p.open(s, buffer)
	if !w.Full { // otherwise it would go on trying
		defer l.close()
	}
	log := slog.New(l.handler.WithAttrs(shape.bound))
	clock := threadCPU
	if began := time.Now(); beside > 0 {
		clock = func() time.Duration { return time.Since(began) }
	}
	burst := func() (took time.Duration) {
		each := make([]time.Duration, beside+1)
		var ready, all sync.WaitGroup
		ready.Add(len(each))
		for i := range each {
			all.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				ready.Done()
				ready.Wait()
				began := clock()
				for range size.burst {
					log.LogAttrs(context.Background(), slog.LevelInfo, marker, shape.attrs...)
				}
				each[i] = clock() - began
			})
		}
		all.Wait()
		for _, one := range each {
			took += one
		}
		return took / time.Duration(len(each)*size.burst)
	}
	flush := l.flush
	if w.Full {
		flush = func() {}
	}
	for began := time.Now(); time.Since(began) < warmUp; flush() {
		burst()
	}
	var took time.Duration
	for range bursts {
		took += burst()
		flush()
	}
	return sample{Cost: float64(took) / bursts}
}
