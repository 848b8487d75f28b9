// Command benchmarks measures Ledger's handler beside its peers, all in one run,
// and prints one table.
//
// Handle and delivery are measured in rounds in which all take turns, in random
// order, so that a busy machine slows all of them, and each turn in a
// process of its own, so that nobody pays for the garbage and the goroutines that
// others leave; values are medians of the rounds, and ratios medians of the
// rounds' ratios to slog.JSONHandler writing to io.Discard. Shippers deliver to
// HTTP servers on loopback, in the same process.
package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	brief := flag.Bool("quick", false, "prove that everything runs; the figures mean nothing")
	only := flag.String("only", "", "comma-separated figures: handle, beside, delivery, wire, memory, slow, hang, middleware, status, start, size, service")
	plots := flag.String("plots", "", "draw how costs grow into this folder, instead of the table")
	bar := flag.String("bars", "", "draw RESULTS.md's cost of a delivered record into this file, instead of the table")
	service := flag.String("serve", "", "used by the program itself: be a service that logs so")
	sinkURL := flag.String("sink", "", "used by the program itself: where that ships to")
	one := flag.String("alone", "", "used by the program itself: do this work, and print what it took")
	flag.Parse()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // peers' own complaints

	scale := full
	if *brief {
		scale, patience = quick, patience/10
	}
	if *one != "" {
		scale.do(*one)
		return
	}
	if *service != "" {
		serve(*service, *sinkURL)
		return
	}
	if *bar != "" {
		if err := bars("RESULTS.md", *bar); err != nil {
			fatal(err)
		}
		return
	}
	if *plots != "" {
		growth(scale, *plots)
		return
	}
	t := &table{progress: os.Stderr}
	began := time.Now()
	for _, part := range []struct {
		name string
		run  func(size, *table)
	}{
		{"handle", handle},
		{"beside", sideBySide},
		{"delivery", delivery},
		{"wire", wire},
		{"memory", memory},
		{"slow", slowServer},
		{"hang", hanging},
		{"middleware", requests},
		{"status", status},
		{"start", starting},
		{"size", binarySize},
		{"service", underLoad},
	} {
		if *only == "" || slices.Contains(strings.Split(*only, ","), part.name) {
			part.run(scale, t)
			fmt.Fprintf(t.progress, "%s done after %s\n", part.name, time.Since(began).Round(time.Second))
		}
	}
	t.print(os.Stdout)
}

// A row is one peer's result for one figure.
type row struct {
	figure, who, value string
	ratio              float64 // to the yardstick; 0 when there is none
	target, met        string
}

func (r *row) judge(met bool) {
	r.met = "yes"
	if !met {
		r.met = "**no**"
	}
}

const introduction = "# Results" + `

Printed by ` + "`make bench`" + ` on %d cores, %s, %s/%s. All figures are of one run. Those of Handle and of
delivery are medians of rounds in which all take turns, in random order, each in a process of
its own, so that nobody pays for what others leave behind, and each warmed up: by a tenth of a
second of logging, or by a delivery of the same size. Their ratios are medians of the rounds'
ratios to ` + "`slog.JSONHandler`" + ` writing to ` + "`io.Discard`" + `. The middlewares take turns as well; every
other figure is measured once.

Handle is the processor time of the thread that logs, queueing included; CPU per delivered
record is that of the whole process, from the call of the logger to the answer of an HTTP
server on loopback, the server included, over the records that were logged. Every shipper
speaks its own format to that server, with its own defaults; but Ledger's rate limits are
raised, and the buffers of Ledger and OTel hold all that is logged where a figure is not about
that. Sentry's does not, and loses part of what is logged at full speed; against the hanging
server OTel's keeps the 2048 records of its default and drops the others.

`

type table struct {
	rows     []row
	progress io.Writer
}

func (t *table) add(r row) { t.rows = append(t.rows, r) }

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, introduction, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintln(w, "| figure | who | measured | × JSONHandler | target | met |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- |")
	last := ""
	for _, r := range t.rows {
		figure := r.figure
		if figure == last {
			figure = ""
		}
		last = r.figure
		ratio := ""
		if r.ratio > 0 {
			ratio = fmt.Sprintf("%.2f", r.ratio)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", figure, r.who, r.value, ratio, r.target, r.met)
	}
}
