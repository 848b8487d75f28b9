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
			var bodies, wants [][]byte
			for range 30 {
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
				bodies = append(bodies, maker.Make(f, entries, false))
			}
			for i, packed := range bodies {
				zr, err := gzip.NewReader(bytes.NewReader(packed))
				if err != nil {
					t.Error(err)
					continue
				}
				if got, err := io.ReadAll(zr); err != nil || !bytes.Equal(got, wants[i]) {
					t.Errorf("body %d is another: %v", i, err)
				}
			}
		})
	}
	others.Wait()
}
