// Viewer measures ledgerview, and prints each figure beside its target. It exits with 1 when one is missed.
//
//	go -C benchmarks run ./viewer
//
// The server is the command itself, in a process of its own; the sender and the pages are this one. So two cores carry
// all of it. The parts run one after the other, each in a fresh server.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "viewer:", err)
		os.Exit(1)
	}
}

// A figure is something measured, and how much it may be.
type figure struct {
	name   string
	got    float64
	target float64
	unit   string
	atMost bool // the target is a maximum; otherwise a minimum
}

func (f figure) met() bool {
	if f.atMost {
		return f.got <= f.target
	}
	return f.got >= f.target
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "ledgerview")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "ledgerview")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "github.com/ledger-sdk/ledger-go/cmd/ledgerview")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	figures := []figure{{"size of the binary", float64(info.Size()) / (1 << 20), 15, "MB", true}}
	for _, part := range []func(context.Context, string) ([]figure, error){measureStart, measureThroughput, measureLatency, measureQueries, measureMemory} {
		more, err := part(ctx, binary)
		if err != nil {
			return err
		}
		figures = append(figures, more...)
	}
	missed := 0
	fmt.Printf("%-62s %12s %14s\n", "", "measured", "target")
	for _, f := range figures {
		sign, mark := "≥", ""
		if f.atMost {
			sign = "≤"
		}
		if !f.met() {
			mark = "  MISSED"
			missed++
		}
		fmt.Printf("%-62s %9.1f %-6s %s %.0f%s\n", f.name, f.got, f.unit, sign, f.target, mark)
	}
	if missed > 0 {
		return fmt.Errorf("%d targets missed", missed)
	}
	return nil
}

// measureStart takes the time from the start of the process until the page is served.
func measureStart(ctx context.Context, binary string) ([]figure, error) {
	best := time.Hour
	for range 5 {
		began := time.Now()
		s, err := start(ctx, binary)
		if err != nil {
			return nil, err
		}
		took := time.Since(began)
		s.stop()
		best = min(best, took)
	}
	return []figure{{"start until the page is served", ms(best), 300, "ms", true}}, nil
}

// measureThroughput sends 50 000 records a second for ten seconds, beside one page, and then as many as it can.
func measureThroughput(ctx context.Context, binary string) ([]figure, error) {
	s, err := start(ctx, binary, "-max-bytes", "512MiB")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	pages := s.openPages(ctx, 1)
	defer pages.close()
	const seconds, rate = 10, 50_000
	begin := time.Now()
	took, err := s.send(ctx, seconds*rate, rate)
	if err != nil {
		return nil, err
	}
	paced := float64(seconds*rate) / time.Since(begin).Seconds()
	spent, err := s.processor()
	if err != nil {
		return nil, err
	}
	st, err := s.stats()
	if err != nil {
		return nil, err
	}
	lost := seconds*rate - float64(st.Received)
	kept := float64(st.Kept + st.Evicted)
	begin = time.Now()
	if _, err := s.send(ctx, seconds*rate, 0); err != nil {
		return nil, err
	}
	free := float64(seconds*rate) / time.Since(begin).Seconds()
	return []figure{
		{"records a second, sent at 50 000/s for 10 s beside a page", paced, 0.99 * rate, "/s", false},
		{"of them lost", lost + float64(st.Received) - kept, 0, "", true},
		{"p99 of a request of 1000 meanwhile", ms(percentile(took, 99)), 50, "ms", true},
		{"the server's share of one processor meanwhile", 100 * spent.Seconds() / seconds, 100, "%", true},
		{"records a second, sent as fast as it goes", free, rate, "/s", false},
	}, nil
}

// measureLatency takes how long a request of 1000 records waits for its answer beside ten pages.
func measureLatency(ctx context.Context, binary string) (figures []figure, err error) {
	for _, rate := range []int{5_000, 20_000} {
		s, err := start(ctx, binary)
		if err != nil {
			return nil, err
		}
		pages := s.openPages(ctx, 10)
		took, err := s.send(ctx, 10*rate, rate)
		spent, errSpent := s.processor()
		pages.close()
		s.stop()
		if err := errors.Join(err, errSpent); err != nil {
			return nil, err
		}
		figures = append(figures,
			figure{fmt.Sprintf("p99 of a request of 1000, ten pages open, %d/s", rate), ms(percentile(took, 99)), 50, "ms", true},
			figure{"the server's share of one processor meanwhile", 100 * spent.Seconds() / 10, 100, "%", true})
	}
	return figures, nil
}

// measureQueries asks for what a page asks for, among 500 000 records.
func measureQueries(ctx context.Context, binary string) (figures []figure, err error) {
	s, err := start(ctx, binary, "-max-bytes", "512MiB")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if _, err := s.send(ctx, 500_000, 0); err != nil {
		return nil, err
	}
	for _, q := range []struct {
		name, path string
		target     float64
	}{
		{"first 200 of all", "/api/records?q=", 150},
		{"first 200, a common word", "/api/records?q=order", 150},
		{"first 200, a word in one of 10 000", "/api/records?q=needle", 150},
		{"first 200, a word that is nowhere", "/api/records?q=nothing-of-the-kind", 150},
		{"first 200, a phrase of common letters that is nowhere", "/api/records?q=%22seen+on+a+train%22", 150},
		{"first 200, an attribute with a rare value", "/api/records?q=user.id:4242", 150},
		{"first 200, a number that is too large", "/api/records?q=duration_ms:>99999", 150},
		{"first 200, all of it", "/api/records?q=level:>=warn+-service:web+(needle+OR+tier:gold)", 150},
		{"histogram of all", "/api/histogram?q=", 300},
		{"histogram of a word", "/api/histogram?q=order", 300},
		{"histogram of an attribute", "/api/histogram?q=tier:gold", 300},
		{"histogram of a number", "/api/histogram?q=duration_ms:>250", 300},
		{"groups of errors", "/api/errors?q=", 300},
		{"routes with their percentiles", "/api/routes?q=", 300},
		{"traces", "/api/traces?q=", 300},
	} {
		took, err := s.ask(ctx, q.path, 7)
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{"500 000 records: " + q.name, ms(percentile(took, 50)), q.target, "ms", true})
	}
	return figures, nil
}

// measureMemory takes what the process holds beside the bound, after four times as many records as fit.
func measureMemory(ctx context.Context, binary string) ([]figure, error) {
	s, err := start(ctx, binary, "-max-bytes", "64MiB")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if _, err := s.send(ctx, 600_000, 0); err != nil {
		return nil, err
	}
	st, err := s.stats()
	if err != nil {
		return nil, err
	}
	resident, err := s.resident()
	if err != nil {
		return nil, err
	}
	const mib = 1 << 20
	return []figure{
		{"records held, of 64 MiB", float64(st.Bytes) / mib, 64, "MiB", true},
		{"the whole process then", resident / mib, 192, "MiB", true},
	}, nil
}
