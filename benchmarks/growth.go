package main

import (
	"context"
	"fmt"
	"log/slog"
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
	draw(filepath.Join(folder, "goroutines.svg"), size, "Processor time of a record, delivery included", "goroutines that log at once", goroutines, byGoroutines)
	draw(filepath.Join(folder, "records.svg"), size, "Processor time of a record in the goroutine that logs", "records", records, byRecords)
}

// byGoroutines is the process's time for a record while n goroutines log.
func byGoroutines(l logger, size size, n int) float64 {
	log := slog.New(l.handler)
	attrs := fiveAttrs()
	each := max(size.delivered/4/n, 1)
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
	return float64(processCPU()-began) / float64(each*n)
}

// byRecords is the logging thread's time for a record of n.
func byRecords(l logger, _ size, n int) float64 {
	log := slog.New(l.handler)
	attrs := fiveAttrs()
	burst := func(n int) {
		for range n {
			log.LogAttrs(context.Background(), slog.LevelInfo, marker, attrs...)
		}
	}
	burst(200) // warms pools and caches
	runtime.LockOSThread()
	began := threadCPU()
	burst(n)
	each := float64(threadCPU()-began) / float64(n)
	runtime.UnlockOSThread()
	l.close()
	return each
}

// draw measures a curve for each peer and draws them all. The peers take turns.
func draw(file string, size size, title, axis string, xs []int, measure func(logger, size, int) float64) {
	all := append(peers()[:1], shippers()...)
	curves := make([]plotter.XYs, len(all))
	s := newSink(nil)
	defer s.close()
	for _, x := range xs {
		costs := make([]series, len(all))
		for range min(size.rounds, 3) {
			for i, p := range all {
				last := 1e4 // ns; what a point costs is guessed from the one before
				if n := len(curves[i]); n > 0 {
					last = curves[i][n-1].Y
				}
				if x > 64 && time.Duration(last*float64(x)) > pointAtMost {
					continue
				}
				costs[i] = append(costs[i], measure(p.open(s, 0), size, x))
			}
		}
		for i := range all {
			if len(costs[i]) > 0 {
				curves[i] = append(curves[i], plotter.XY{X: float64(x), Y: costs[i].median()})
			}
		}
	}

	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text = axis
	p.Y.Label.Text = "ns a record"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Y.Min = 100
	p.Add(plotter.NewGrid())
	for i, curve := range curves {
		line, points, err := plotter.NewLinePoints(curve)
		if err != nil {
			fatal(err)
		}
		line.Color, points.Color = plotutil.Color(i), plotutil.Color(i)
		points.Shape = plotutil.Shape(i)
		if all[i].ours {
			line.Width = vg.Points(3)
		}
		if all[i].local {
			line.Dashes = plotutil.Dashes(1)
		}
		p.Add(line, points)
		p.Legend.Add(all[i].name, line, points)
		fmt.Fprintf(os.Stderr, "%s, %s: %.0f\n", title, all[i].name, curve)
	}
	p.Legend.Top = true
	p.Legend.YOffs = vg.Points(-4)
	if err := p.Save(22*vg.Centimeter, 14*vg.Centimeter, file); err != nil {
		fatal(err)
	}
}
