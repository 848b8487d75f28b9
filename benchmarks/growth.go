package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pointAtMost bounds what a point of a curve may be expected to take.
const pointAtMost = 6 * time.Second

// growth draws how the cost of a record grows, into folder: with the number of
// goroutines that log at once, of records, of handlers, and of bytes; and the bars.
func growth(size size, folder string) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		fatal(err)
	}
	goroutines := []int{1, 2, 8, 64, 512}
	records := []int{10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000}
	handlers := []int{1, 10, 100}
	bytes := []int{50, 500, 5000, 50_000, 100_000}
	if size.rounds == 1 {
		goroutines, records, handlers, bytes = goroutines[:2], records[:3], handlers[:2], bytes[:2]
	}
	draw(filepath.Join(folder, "goroutines.svg"), size, "Processor time of a record, delivery included", "goroutines that log at once",
		goroutines, func(n int) work { return work{Goroutines: n} })
	draw(filepath.Join(folder, "records.svg"), size, "Processor time of a record in the goroutine that logs", "records",
		records, func(n int) work { return work{Records: n} })
	draw(filepath.Join(folder, "handlers.svg"), size, "Processor time of a record, delivery included", "handlers in one process",
		handlers, func(n int) work { return work{Goroutines: 1, Handlers: n} })
	draw(filepath.Join(folder, "bytes.svg"), size, "Processor time of a record, delivery included", "bytes of text in it",
		bytes, func(n int) work { return work{Goroutines: 1, Bytes: n} })
	if err := bars("RESULTS.md", filepath.Join(folder, "bars.svg")); err != nil {
		fatal(err)
	}
}

// delivered is the process's time for a record while goroutines log at once to so many
// handlers; the buffers hold all of them.
func delivered(size size, p peer, w work) sample {
	s := newSink(nil)
	defer s.close()
	attrs := fiveAttrs()
	if w.Bytes > 0 {
		attrs = []slog.Attr{slog.String("text", strings.Repeat("some words of a text ", w.Bytes/21+1)[:w.Bytes])}
	}
	handlers := max(w.Handlers, 1)
	each := max(min(size.delivered/4, (64<<20)/max(w.Bytes, 1))/w.Goroutines/handlers, 1)
	loggers := make([]logger, handlers)
	for i := range loggers {
		loggers[i] = p.open(s, each*w.Goroutines)
	}
	began := processCPU()
	var all sync.WaitGroup
	for range w.Goroutines {
		all.Go(func() {
			for range each {
				for _, l := range loggers {
					slog.New(l.handler).LogAttrs(context.Background(), slog.LevelInfo, marker, attrs...)
				}
			}
		})
	}
	all.Wait()
	for _, l := range loggers {
		all.Go(l.close)
	}
	all.Wait()
	return sample{Cost: float64(processCPU()-began) / float64(each*w.Goroutines*handlers)}
}

// byRecords is the logging thread's time for a record of n, with default buffers:
// what does not fit any more is dropped, or waits, as each does it.
func byRecords(p peer, n int) sample {
	s := newSink(nil)
	defer s.close()
	l := p.open(s, 0)
	defer l.close()
	log := slog.New(l.handler)
	attrs := fiveAttrs()
	burst := func(n int) {
		for range n {
			log.LogAttrs(context.Background(), slog.LevelInfo, marker, attrs...)
		}
	}
	burst(200) // warms pools and caches
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadCPU()
	burst(n)
	return sample{Cost: float64(threadCPU()-began) / float64(n)}
}

// draw measures a curve for each peer, and draws them all. The peers take turns,
// each in a process of its own.
func draw(file string, size size, title, axis string, xs []int, at func(x int) work) {
	all := append(peers()[:1], shippers()...) // as they come in peers
	curves := make([]curve, len(all))
	for i, p := range all {
		curves[i].name, curves[i].ours = p.name, p.ours
	}
	for _, x := range xs {
		costs := make([]series, len(all))
		for range min(size.rounds, 3) {
			for _, i := range rand.Perm(len(all)) {
				w := at(x)
				last := 1e4 // ns; what a point costs is guessed from the one before
				if n := len(curves[i].points); n > 0 {
					last = curves[i].points[n-1].y
				}
				if x > 512 && w.Records > 0 && time.Duration(last*float64(x)) > pointAtMost {
					continue
				}
				w.Peer = i
				costs[i] = append(costs[i], size.alone(w).Cost)
			}
		}
		for i, cost := range costs {
			if len(cost) > 0 {
				curves[i].points = append(curves[i].points, point{float64(x), cost.median(), slices.Min(cost), slices.Max(cost)})
			}
		}
	}
	for _, c := range curves {
		fmt.Fprintf(os.Stderr, "%s, %s: %.0f\n", title, c.name, c.points)
	}
	if err := os.WriteFile(file, drawCurves(title, axis, curves), 0o644); err != nil {
		fatal(err)
	}
}

// bars draws what a delivered record costs with each, as results has it.
func bars(results, file string) error {
	text, err := os.ReadFile(results)
	if err != nil {
		return err
	}
	const figure = "CPU per delivered record, receiver reads"
	var all []bar
	in := ""
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, " | ")
		if len(cells) < 3 {
			continue
		}
		if named := strings.Trim(cells[0], "| "); named != "" {
			in = named
		}
		seconds, _, ok := strings.Cut(cells[2], " s per million")
		if in != figure || !ok || slices.ContainsFunc(plain(), func(p peer) bool { return p.name == cells[1] }) {
			continue
		}
		value, err := strconv.ParseFloat(seconds, 64)
		if err != nil {
			return err
		}
		b := bar{name: cells[1], ours: strings.HasPrefix(cells[1], "ledger"), value: value, words: fmt.Sprintf("%.1f µs", value)}
		if cells[1] == json {
			b.name += ", to nowhere"
		}
		all = append(all, b)
	}
	if len(all) == 0 {
		return fmt.Errorf("%s has no rows of %q", results, figure)
	}
	slices.SortStableFunc(all, func(a, b bar) int { return cmp.Compare(a.value, b.value) })
	return os.WriteFile(file, drawBars("Processor time of one record, from the call to the server's answer", "less is better; the server on loopback included", all), 0o644)
}
