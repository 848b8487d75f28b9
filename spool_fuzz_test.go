package ledger

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/native"
	"github.com/ledger-sdk/ledger-go/internal/otlp"
	"github.com/ledger-sdk/ledger-go/internal/protocol"
	"github.com/ledger-sdk/ledger-go/internal/spill"
	"github.com/ledger-sdk/ledger-go/internal/spool"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// bodiesOf makes bodies in both protocols of what a spool in dir holds.
func bodiesOf(t testing.TB, dir string) {
	of := wire.Program{Service: "shop", Release: "2.0", SDKVersion: Version, IDPrefix: "0123456789abcdef-"}
	formats := []wire.Format{native.New(of), otlp.New(of)}
	chooser := protocol.New("", formats...)
	count := &stats.Counters{Started: time.Now()}
	queue := buffer.NewQueue(buffer.QueueLimits{MaxEntries: 10_000, MaxBytes: 64 << 20, BatchEntries: 1000, BatchBytes: maxBody}, count)
	disk := spill.New(spill.Config{
		Dir: dir, MaxBytes: 64 << 20, BatchBytes: maxBody, Sync: time.Hour, Now: time.Now, Opened: func() {}, Format: chooser.Named,
		Tell: func(string, slog.Level, string, ...slog.Attr) bool { return true },
	}, buffer.NewBacklog(queue, func(*batch) {}), queue, count)
	disk.Open()
	defer disk.Close()
	tr := &transport{now: time.Now}
	for batch := disk.Read(1000); batch != nil; batch = disk.Read(1000) {
		entries := batch.BeginAttempt()
		for _, format := range formats {
			b := tr.bodies.Make(format, chooser.InFormat(entries, format), true)
			if n, err := io.Copy(io.Discard, b.Open()); err != nil || n != b.Size() {
				t.Errorf("%s: %d of %d bytes, %v", format.Path(), n, b.Size(), err)
			}
			b.Release()
		}
		for _, e := range batch.Empty() {
			disk.Release(e)
		}
	}
	if n := disk.Len(); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// No record of a spool, whatever its bytes, panics on its way to a body of either
// protocol.
func FuzzSpooledRecordToBody(f *testing.F) {
	for _, seed := range []string{
		`{"level":"info","message":"m","attributes":{"a":1},"log_type":"logger","importance":"standard","log_id":"x-0000000000000001","timestamp":"2026-03-01T12:30:45.123456Z"}`,
		`{ "level" : "info", "message" : "m", "attributes" : { "a" : { "b" : [ 1 , 2 ] , "c" : { } } , "endpoint" : { "method" : "GET", "path" : "/", "status_code" : 200 , "duration_ms" : 1.5 } }, "log_type":"endpoint","log_id":"x-0000000000000001","timestamp":"2026-03-01T12:30:45Z"}`,
		`{"level":"info","message":"m","attributes":{"a\u00e9":"\ud83d\ude00"},"log_id":"x","timestamp":"0001-01-01T00:00:00Z"}`,
		`{"level":"info","message":"m","attributes":[],"log_id":"x","timestamp":"2026-03-01T12:30:45Z"}`,
		`{"level":"info","message":"m","attributes":{"endpoint":null,"trace_id":"","":{}},"log_id":"x","timestamp":"2026-03-01T12:30:45Z"}`,
		"\x12\x20\x10\x09\x1a\x04INFO\x2a\x03\x0a\x01m\x32\x11\x0a\x0dledger.log_id\x12\x00",
		"", "{}", "null", " ",
	} {
		for kinds := range byte(4) {
			f.Add([]byte(seed), kinds, "")
			f.Add([]byte(seed), kinds, `{"release":"1.0"}`)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, kinds byte, label string) {
		dir := t.TempDir()
		s, err := spool.Open(dir, 64<<20, label)
		if err != nil {
			t.Fatal(err)
		}
		r := spool.Record{Data: data, Urgent: kinds&1 != 0}
		if kinds&2 != 0 {
			r.Protocol = "otlp"
		}
		_, _, _ = s.Append([]spool.Record{r}, nil)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		bodiesOf(t, dir)
	})
}

// Nor does any file.
func FuzzSpoolFileToBody(f *testing.F) {
	f.Add([]byte("ldgspl\n\x01"), []byte("ldgspl\n\x02"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		dir := t.TempDir()
		for i, content := range [][]byte{first, second} {
			if err := os.WriteFile(filepath.Join(dir, "ledger-000000000000000"+string(rune('1'+i))+".spool"), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		bodiesOf(t, dir)
	})
}
