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
	jsontext "encoding/json"
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
	part := flag.String("part", "", "used by the program itself: measure this figure, and print its rows")
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
	if *part != "" {
		t := &table{}
		parts[slices.IndexFunc(parts, func(p figure) bool { return p.name == *part })].measure(scale, t)
		if err := jsontext.NewEncoder(os.Stdout).Encode(t.Rows); err != nil {
			fatal(err)
		}
		return
	}
	t := &table{}
	began := time.Now()
	for _, p := range parts {
		if *only == "" || slices.Contains(strings.Split(*only, ","), p.name) {
			var rows []row
			scale.another(&rows, "-part", p.name)
			t.Rows = append(t.Rows, rows...)
			fmt.Fprintf(os.Stderr, "%s done after %s\n", p.name, time.Since(began).Round(time.Second))
		}
	}
	t.print(os.Stdout)
}

// A figure is a part of the table. Each is measured by a process of its own: peers leave
// goroutines that go on trying, and garbage.
type figure struct {
	name    string
	measure func(size, *table)
}

var parts = []figure{
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
}

// A row is one peer's result for one figure.
type row struct {
	Figure, Who, Value string
	Ratio              float64 // to the yardstick; 0 when there is none
	Target, Met        string
}

func (r *row) judge(met bool) {
	r.Met = "yes"
	if !met {
		r.Met = "**no**"
	}
}

const introduction = "# Results" + `

Printed by ` + "`make bench`" + ` on %d cores, %s, %s/%s. All figures are of one run. Those of Handle and of
delivery are medians of rounds in which all take turns, in random order, each in a process of
its own, so that nobody pays for what others leave behind, and each warmed up: by a tenth of a
second of logging, or by a delivery of the same size. Their ratios are medians of the rounds'
ratios to ` + "`slog.JSONHandler`" + ` writing to ` + "`io.Discard`" + `. The middlewares take turns as well, in a process
whose heap holds 64 MiB, and the services under load; every other figure is measured once. Each figure has a
process of its own.

Handle is the processor time of the thread that logs, queueing included, and where two log at
once the time that passes: who waits for a lock uses no processor. CPU per delivered
record is that of the whole process, from the call of the logger to the answer of an HTTP
server on loopback, the server included, over the records that were logged. Every shipper
speaks its own format to that server, with its own defaults; but Ledger's rate limits are
raised, and the buffers of Ledger and OTel hold all that is logged where a figure is not about
that. Sentry's does not, and loses part of what is logged at full speed; against the hanging
server OTel's keeps the 2048 records of its default and drops the others.

`

type table struct{ Rows []row }

func (t *table) add(r row) { t.Rows = append(t.Rows, r) }

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, introduction, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintln(w, "| figure | who | measured | × JSONHandler | target | met |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- |")
	last := ""
	for _, r := range t.Rows {
		figure := r.Figure
		if figure == last {
			figure = ""
		}
		last = r.Figure
		ratio := ""
		if r.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", r.Ratio)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", figure, r.Who, r.Value, ratio, r.Target, r.Met)
	}
}
