// Package body makes the bodies of requests: entries one after the other, within what
// their format puts around them, compressed or not.
//
// The transport calls it, from one goroutine for each attempt. It must never know where
// a body goes, or what was answered.
package body

import (
	"bytes"
	"io"
	"sync"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/gzip"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

const (
	// maxKept is the largest buffer that is kept for another body.
	maxKept = 256 << 10
	// smallText is up to where a body without compression is copied: net/http sends the
	// headers alone before one that it does not know to be in memory.
	smallText = 32 << 10
)

// A Body is that of one request.
type Body interface {
	Size() int64 // in bytes
	// Open returns a reader of the body, from its beginning.
	Open() io.ReadCloser
	// Release is called once the request has returned: the entries may change then. An
	// HTTP transport may read on even so. Release panics, with a [ReadPanic], if reading
	// an entry did.
	Release()
}

// A Maker makes bodies, and keeps what compressing them takes. The zero Maker is ready,
// and safe for concurrent use.
type Maker struct{ compressors sync.Pool } // of *gzip.Writer

// Make returns the body of a request with entries, all encoded in format: as it is when
// plain, otherwise by gzip. The entries must not change before it is released.
func (m *Maker) Make(format wire.Format, entries []*buffer.Entry, plain bool) Body {
	size := 0
	for _, e := range entries {
		size += e.Size()
	}
	f := newFrame(format, len(entries), size)
	if plain {
		n := f.size(len(entries), size)
		if n <= smallText {
			return memory(f.all(entries, n))
		}
		return &text{frame: f, size: n, entries: entries}
	}
	zw, _ := m.compressors.Get().(*gzip.Writer)
	if zw == nil {
		zw = gzip.NewWriter()
	}
	zw.Begin(size)
	b := zw.Space()
	for i := range len(entries) + 1 {
		if b = f.appendPiece(b, entries, i); len(b) >= gzip.PieceSize {
			zw.Write(b)
			b = zw.Space()
		}
	}
	zw.Write(b)
	packed := bytes.Clone(zw.End()) // it may be long until the server has answered
	zw.Shed(maxKept)                // of a batch that does not compress
	m.compressors.Put(zw)
	return memory(packed)
}

// memory is a body of which nobody else has the bytes.
type memory []byte

func (m memory) Size() int64         { return int64(len(m)) }
func (m memory) Open() io.ReadCloser { return io.NopCloser(bytes.NewReader(m)) }
func (m memory) Release()            {}
