package ledger

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

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/encode"
)

var entryTime = time.Date(2026, 3, 1, 12, 30, 45, 123456789, time.UTC)

func entryNow() time.Time { return entryTime.Add(time.Second) }

// A body stays as it was handed out while its compressor makes others.
func TestBodiesStayAsTheyWere(t *testing.T) {
	encoding := encodingOf(&config{}, "0123456789abcdef-", entryNow)
	rec := encode.New(encoding)
	tr := &transport{now: entryNow}
	var others sync.WaitGroup
	for seed := range 4 {
		others.Go(func() {
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			var bodies, wants [][]byte
			for range 30 {
				f := encoding.Formats[random.IntN(2)]
				var entries []*buffer.Entry
				var wholes [][]byte
				size := 0
				for i := range 1 + random.IntN(300) {
					r := slog.NewRecord(entryTime, 0, strings.Repeat("m", random.IntN(400)), 0)
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
				bodies = append(bodies, tr.body(f, entries, false))
			}
			for i, body := range bodies {
				zr, err := gzip.NewReader(bytes.NewReader(body))
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
