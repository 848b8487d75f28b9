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

// maxKept is the largest buffer that is kept for another body.
const maxKept = 256 << 10

// A Maker makes bodies, and keeps what compressing them takes. The zero Maker is ready,
// and safe for concurrent use.
type Maker struct{ compressors sync.Pool } // of *gzip.Writer

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
	zw, _ := m.compressors.Get().(*gzip.Writer)
	if zw == nil {
		zw = gzip.NewWriter()
	}
	zw.Begin(size)
	zw.Write(write(zw, zw.Space(), entries, before, between, after))
	packed := bytes.Clone(zw.End()) // it may be long until the server has answered
	zw.Shed(maxKept)                // of a batch that does not compress
	m.compressors.Put(zw)
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
		if zw != nil && len(b) >= gzip.PieceSize {
			zw.Write(b)
			b = zw.Space()
		}
	}
	return append(b, after...)
}
