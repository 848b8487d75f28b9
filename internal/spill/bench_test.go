//go:build unix

package spill

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/encode"
	"github.com/ledger-sdk/ledger-go/internal/native"
	"github.com/ledger-sdk/ledger-go/internal/otlp"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

const benchEntries = 100_000

// A disk is a spill with entries of about 300 bytes in memory.
type disk struct {
	*Spill[struct{}]
	format  encode.Format
	encoder *encode.Encoder
}

func newDisk(b *testing.B, dir, protocol string) *disk {
	of := wire.Program{Service: "shop", Environment: "prod", Release: "v1.2.3", SDKVersion: "0.1.0", IDPrefix: "0123456789abcdef-"}
	formats := map[string]encode.Format{"ledger": native.New(of), "otlp": otlp.New(of)}
	d := &disk{format: formats[protocol]}
	d.encoder = encode.New(encode.Config{Formats: [encode.MaxFormats]encode.Format{d.format, d.format}, Now: time.Now})
	count := &stats.Counters{Started: time.Now()}
	queue := buffer.NewQueue(buffer.QueueLimits{MaxEntries: 2 * benchEntries, MaxBytes: 1 << 30, BatchEntries: 1000, BatchBytes: 1 << 20}, count)
	d.Spill = New(Config{
		Dir: dir, MaxBytes: 1 << 30, BatchBytes: 1 << 20, After: time.Second, Sync: time.Hour, Now: time.Now,
		Tell: func(topic string, _ slog.Level, message string, attrs ...slog.Attr) bool {
			b.Error(topic, message, attrs)
			return true
		},
		Format: func(string) wire.Format { return d.format },
		Opened: func() {},
	}, buffer.NewBacklog(queue, func(*buffer.Batch[struct{}]) {}), queue, count)
	return d
}

func (d *disk) log(n int) {
	text := strings.Repeat("x", 40)
	for range n {
		r := slog.NewRecord(time.Now(), slog.LevelInfo, "request served", 0)
		r.AddAttrs(slog.String("method", "GET"), slog.Int("status", 200), slog.Duration("elapsed", time.Second), slog.String("text", text))
		seq := uint64(d.count.Logged.Add(1))
		data, ending := d.encoder.Append(nil, d.format, d.encoder.Root(), context.Background(), &r, seq)
		e := buffer.NewEntry(data)
		e.Ending, e.Format = ending, d.format
		d.queue.Push(e)
	}
}

// processor is the processor time that the process has used, whatever runs beside it.
func processor(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func forFormats(b *testing.B, bench func(*testing.B, string)) {
	for _, protocol := range []string{"ledger", "otlp"} {
		b.Run(protocol, func(b *testing.B) { bench(b, protocol) })
	}
}

// A hundred thousand entries go to disk, as copies.
func BenchmarkCopy100k(b *testing.B) {
	forFormats(b, func(b *testing.B, protocol string) {
		var used time.Duration
		for b.Loop() {
			b.StopTimer()
			d := newDisk(b, filepath.Join(b.TempDir(), "spool"), protocol)
			d.Open()
			d.log(benchEntries)
			b.StartTimer()
			began := processor(b)
			d.CopyAll()
			for d.all {
				d.Copy()
			}
			used += processor(b) - began
			b.StopTimer()
			d.Close()
			b.StartTimer()
		}
		b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
	})
}

// A hundred thousand entries come back, and are delivered.
func BenchmarkReadBack100k(b *testing.B) {
	forFormats(b, func(b *testing.B, protocol string) {
		var used time.Duration
		for b.Loop() {
			b.StopTimer()
			d := newDisk(b, filepath.Join(b.TempDir(), "spool"), protocol)
			d.Open()
			d.log(benchEntries)
			d.Keep(d.backlog.Close())
			b.StartTimer()
			began, n := processor(b), 0
			for batch := d.Read(1000); batch != nil; batch = d.Read(1000) {
				for _, e := range batch.Empty() {
					d.Release(e)
					n++
				}
			}
			used += processor(b) - began
			b.StopTimer()
			if n != benchEntries {
				b.Fatalf("%d came back", n)
			}
			d.Close()
			b.StartTimer()
		}
		b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
	})
}
