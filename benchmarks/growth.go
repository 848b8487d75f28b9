package main

import (
	"context"
	"fmt"
	"image/color"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// pointAtMost bounds what a point of a curve may be expected to take.
const pointAtMost = 12 * time.Second

// growth draws how the cost of a record grows, into folder: with the number of
// goroutines that log at once, and with the number of records.
func growth(size size, folder string) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		fatal(err)
	}
	goroutines := []int{1, 2, 4, 8, 16, 32, 64}
	records := []int{10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000}
	if size.rounds == 1 {
		goroutines, records = goroutines[:3], records[:3]
	}
	draw(filepath.Join(folder, "goroutines.svg"), size, "Processor time of a record, delivery included", "goroutines that log at once",
		goroutines, func(n int) work { return work{Goroutines: n} })
	draw(filepath.Join(folder, "records.svg"), size, "Processor time of a record in the goroutine that logs", "records",
		records, func(n int) work { return work{Records: n} })
}

// byGoroutines is the process's time for a record while n goroutines log; the
// buffer holds all of them.
func byGoroutines(size size, p peer, n int) sample {
	s := newSink(nil)
	defer s.close()
	attrs := fiveAttrs()
	each := max(size.delivered/4/n, 1)
	l := p.open(s, each*n)
	log := slog.New(l.handler)
	began := processCPU()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for range each {
				log.LogAttrs(context.Background(), slog.LevelInfo, marker, attrs...)
			}
		})
	}
	all.Wait()
	l.close()
	return sample{CPU: float64(processCPU()-began) / float64(each*n)}
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
	return sample{CPU: float64(threadCPU()-began) / float64(n)}
}

// draw measures a curve for each peer, and draws them all. The peers take turns,
// each in a process of its own.
func draw(file string, size size, title, axis string, xs []int, at func(x int) work) {
	all := append(peers()[:1], shippers()...) // as they come in peers
	curves := make([]plotter.XYs, len(all))
	for _, x := range xs {
		costs := make([]series, len(all))
		for range min(size.rounds, 3) {
			for _, i := range rand.Perm(len(all)) {
				last := 1e4 // ns; what a point costs is guessed from the one before
				if n := len(curves[i]); n > 0 {
					last = curves[i][n-1].Y
				}
				if x > 64 && time.Duration(last*float64(x)) > pointAtMost {
					continue
				}
				w := at(x)
				w.Peer = i
				costs[i] = append(costs[i], size.alone(w).CPU)
			}
		}
		for i := range all {
			if len(costs[i]) > 0 {
				curves[i] = append(curves[i], plotter.XY{X: float64(x), Y: costs[i].median()})
			}
		}
	}

	if err := render(file, title, axis, all, curves); err != nil {
		fatal(err)
	}
}

// render draws one curve for each peer, ours wide, the yardstick black.
func render(file, title, axis string, all []peer, curves []plotter.XYs) error {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text = axis
	p.Y.Label.Text = "ns a record"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Y.Min = 50 // leaves room for the legend
	p.X.Padding = 0
	p.X.Max = 2 * curves[0][len(curves[0])-1].X // and this for the last tick's label
	p.Legend.Left = true
	p.Legend.TextStyle.Font.Size = vg.Points(10)
	p.Add(plotter.NewGrid())
	for i, curve := range curves {
		line, points, err := plotter.NewLinePoints(curve)
		if err != nil {
			return err
		}
		line.Color, points.Color = color.Black, color.Black
		if i > 0 {
			line.Color, points.Color = plotutil.DarkColors[(i-1)%7], plotutil.DarkColors[(i-1)%7]
		}
		points.Shape = plotutil.Shape(i)
		if all[i].ours {
			line.Width = vg.Points(3)
		}
		p.Add(line, points)
		p.Legend.Add(all[i].name, line, points)
		fmt.Fprintf(os.Stderr, "%s, %s: %.0f\n", title, all[i].name, curve)
	}
	return p.Save(24*vg.Centimeter, 14*vg.Centimeter, file)
}
