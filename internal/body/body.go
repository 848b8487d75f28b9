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

// maxKept is the largest buffer that is kept for another body.
const maxKept = 256 << 10

// A Body is that of one request.
type Body interface {
	Size() int64 // in bytes
	// Open returns a reader of the body, from its beginning. Its Close does nothing.
	Open() io.ReadCloser
	// Release ends the body once the request has returned. An HTTP transport may read on
	// even then, and gets an error where something is left to read. Release panics if
	// an entry did while it was read.
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
		return newText(f, entries, size)
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
	return compressed(packed)
}

// compressed is a body of which nobody else has the bytes.
type compressed []byte

func (c compressed) Size() int64         { return int64(len(c)) }
func (c compressed) Open() io.ReadCloser { return io.NopCloser(bytes.NewReader(c)) }
func (c compressed) Release()            {}
