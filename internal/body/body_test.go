package body_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
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

// A transport may read a body after its request has returned: it gets the same, though
// the entries may be others then.
func TestReleasedBody(t *testing.T) {
	for _, format := range []wire.Format{native.New(wire.Program{}), otlp.New(wire.Program{})} {
		entries, want := largeBody(format)
		var maker body.Maker
		b := maker.Make(format, entries, true)
		beside, later, all := b.Open(), b.Open(), b.Open()
		for _, r := range []io.Reader{beside, later} {
			if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.ReadFull(all, make([]byte, b.Size())); err != nil {
			t.Fatal(err)
		}
		read := make(chan []byte)
		go func() {
			rest, _ := io.ReadAll(beside)
			read <- rest
		}()
		b.Release()
		for _, e := range entries {
			e.Data = nil // -race would find who reads them still
		}
		if rest := <-read; !bytes.Equal(rest, want[100:]) {
			t.Errorf("%d of %d bytes beside Release", len(rest), len(want)-100)
		}
		if rest, err := io.ReadAll(later); err != nil || !bytes.Equal(rest, want[100:]) {
			t.Errorf("%d of %d bytes after Release, %v", len(rest), len(want)-100, err)
		}
		if n, err := all.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("after all was read: %d, %v", n, err)
		}
	}
}

// What nobody reads any more is not copied.
func TestClosedBody(t *testing.T) {
	entries, _ := largeBody(native.New(wire.Program{}))
	var maker body.Maker
	b := maker.Make(entries[0].Format, entries, true)
	r := b.Open()
	r.Close()
	b.Release()
	for _, r := range []io.Reader{r, b.Open()} {
		if text, err := io.ReadAll(r); len(text) != 0 || err == nil {
			t.Errorf("after Release: %q, %v", text, err)
		}
	}
}

// largeBody is that of entries which are too many to be copied.
func largeBody(format wire.Format) (entries []*buffer.Entry, want []byte) {
	var wholes [][]byte
	size := 0
	for i := range 1000 {
		whole := fmt.Appendf(nil, `{"message":"a message of usual length","n":%d}`, i)
		entries, wholes, size = append(entries, &buffer.Entry{Data: whole, Format: format}), append(wholes, whole), size+len(whole)
	}
	before, between, after := format.Frame(len(entries), size)
	return entries, slices.Concat(before, bytes.Join(wholes, between), after)
}

// A panic while an entry is read is told where the body is released, not in the
// goroutine of a transport.
func TestPanickingEntry(t *testing.T) {
	entries, _ := largeBody(native.New(wire.Program{}))
	var maker body.Maker
	b := maker.Make(entries[0].Format, entries, true)
	whole := entries[500]
	entries[500] = nil
	if _, err := io.ReadAll(b.Open()); err == nil {
		t.Error("it was read")
	}
	entries[500] = whole
	defer func() {
		if p, ok := recover().(body.ReadPanic); !ok || p.Value == nil {
			t.Errorf("Release panics with %v", p)
		}
		if text, err := io.ReadAll(b.Open()); len(text) != 0 || err == nil {
			t.Errorf("after Release: %d bytes, %v", len(text), err)
		}
	}()
	b.Release()
}
