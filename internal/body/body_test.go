package body_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"github.com/ledger-sdk/ledger-go/internal/body"
	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/encode"
	"github.com/ledger-sdk/ledger-go/internal/native"
	"github.com/ledger-sdk/ledger-go/internal/otlp"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A body stays as it was handed out while its compressor makes others.
func TestBodiesStayAsTheyWere(t *testing.T) {
	program, logged := wire.Program{IDPrefix: "0123456789abcdef-"}, time.Date(2026, 3, 1, 12, 30, 45, 123456789, time.UTC)
	formats := [encode.MaxFormats]encode.Format{native.New(program), otlp.New(program)}
	rec := encode.New(encode.Config{Formats: formats, Now: func() time.Time { return logged }})
	var maker body.Maker
	var others sync.WaitGroup
	for seed := range 4 {
		others.Go(func() {
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			var packed, plain []body.Body
			var wants [][]byte
			for range 15 {
				f := formats[random.IntN(2)]
				var entries []*buffer.Entry
				var wholes [][]byte
				size := 0
				for i := range 1 + random.IntN(300) {
					r := slog.NewRecord(logged, 0, strings.Repeat("m", random.IntN(400)), 0)
					r.AddAttrs(slog.Int("i", i), slog.String("text", strings.Repeat("abc", random.IntN(100))))
					seq := random.Uint64() >> 1
					data, end := rec.Append(nil, f, rec.Root(), context.Background(), &r, seq)
					e := &buffer.Entry{Data: data, Ending: end, Format: f}
					if i%3 == 0 {
						e = &buffer.Entry{Data: e.Whole(), Format: f}
					}
					entries, wholes, size = append(entries, e), append(wholes, e.Whole()), size+e.Size()
				}
				before, between, after := f.Frame(len(entries), size)
				wants = append(wants, slices.Concat(before, bytes.Join(wholes, between), after))
				packed, plain = append(packed, maker.Make(f, entries, false)), append(plain, maker.Make(f, entries, true))
			}
			for i, want := range wants {
				if err := iotest.TestReader(plain[i].Open(), want); err != nil || plain[i].Size() != int64(len(want)) {
					t.Errorf("body %d is another, of %d bytes: %v", i, plain[i].Size(), err)
				}
				zr, err := gzip.NewReader(packed[i].Open())
				if err != nil {
					t.Error(err)
					continue
				}
				if got, err := io.ReadAll(zr); err != nil || !bytes.Equal(got, want) {
					t.Errorf("body %d is another: %v", i, err)
				}
			}
		})
	}
	others.Wait()
}

// A transport may read a body after its request has returned; the entries are not read
// then any more. It finds the end where it has read all.
func TestReleasedBody(t *testing.T) {
	format := native.New(wire.Program{})
	entries := []*buffer.Entry{{Data: []byte(`{"n":1}`), Format: format}, {Data: []byte(`{"n":2}`), Format: format}}
	var maker body.Maker
	b := maker.Make(format, entries, true)
	some, all := b.Open(), b.Open()
	if _, err := io.ReadFull(some, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(all, make([]byte, b.Size())); err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		_, err := io.Copy(io.Discard, some)
		read <- err
	}()
	b.Release()
	for _, e := range entries {
		e.Data = nil // -race would find who reads them still
	}
	<-read // whether it was in time or not
	if n, err := all.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after all was read: %d, %v", n, err)
	}
	if text, err := io.ReadAll(b.Open()); len(text) != 0 || err == nil || err == io.EOF {
		t.Errorf("after Release: %q, %v", text, err)
	}
}

// A panic while an entry is read is told where the body is released, not in the
// goroutine of a transport.
func TestPanickingEntry(t *testing.T) {
	format := native.New(wire.Program{})
	entries := []*buffer.Entry{{Data: []byte("{}"), Format: format}, {Data: []byte("{}"), Format: format}}
	var maker body.Maker
	b := maker.Make(format, entries, true)
	entries[1] = nil
	if _, err := io.ReadAll(b.Open()); err == nil {
		t.Error("it was read")
	}
	defer func() {
		if recover() == nil {
			t.Error("Release does not panic")
		}
	}()
	b.Release()
}
