// Package body makes the bodies of requests: entries one after the other, within what
// their format puts around them, compressed or not.
//
// The transport calls it, from one goroutine for each attempt. It must never know where
// a body goes, or what was answered.
package body

import (
	"bytes"
	"sync"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/gzip"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

const (
	// pieceSize is how much of a body is compressed at once: gzip is slower on many
	// small pieces, its checksum alone by a factor of three.
	pieceSize = 32 << 10
	// usualEntry is what most entries fit in: a piece has room for one more.
	usualEntry = 2 << 10
	// maxKept is the largest buffer that is kept for another body.
	maxKept = 256 << 10
)

// A Maker makes bodies, and keeps what compressing them takes. The zero Maker is ready,
// and safe for concurrent use.
type Maker struct{ compressors sync.Pool } // of *compressor

type compressor struct {
	piece []byte
	gzip  *gzip.Writer
}

// Make returns the body of a request with entries, all encoded in format: as it is when
// plain, otherwise by gzip. Nobody else has the slice: an HTTP transport may read a
// request's body even after it has returned.
func (m *Maker) Make(format wire.Format, entries []*buffer.Entry, plain bool) []byte {
	size := 0
	for _, e := range entries {
		size += e.Size()
	}
	before, between, after := format.Frame(len(entries), size)
	if plain {
		b := make([]byte, 0, len(before)+size+len(between)*len(entries)+len(after))
		return write(nil, b, entries, before, between, after)
	}
	c, _ := m.compressors.Get().(*compressor)
	if c == nil {
		c = &compressor{piece: make([]byte, 0, pieceSize+usualEntry), gzip: gzip.NewWriter()}
	}
	c.gzip.Begin(size)
	c.piece = write(c.gzip, c.piece[:0], entries, before, between, after)
	c.gzip.Write(c.piece)
	packed := bytes.Clone(c.gzip.End()) // it may be long until the server has answered
	c.gzip.Shed(maxKept)                // of a batch that does not compress
	if cap(c.piece) > maxKept {
		c.piece = nil // of a huge entry
	}
	m.compressors.Put(c)
	return packed
}

// write appends a body to b and returns b. What becomes a piece goes to zw instead,
// unless that is nil.
func write(zw *gzip.Writer, b []byte, entries []*buffer.Entry, before, between, after []byte) []byte {
	b = append(b, before...)
	for i, e := range entries {
		if i > 0 {
			b = append(b, between...)
		}
		b = e.AppendTo(b)
		if zw != nil && len(b) >= pieceSize {
			zw.Write(b)
			b = b[:0]
		}
	}
	return append(b, after...)
}
