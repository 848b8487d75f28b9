package body

import (
	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A frame is what a body has around its entries.
type frame struct{ before, between, after []byte }

func newFrame(format wire.Format, entries, size int) (f frame) {
	f.before, f.between, f.after = format.Frame(entries, size)
	return f
}

// size is that of a body with so many entries, which have so many bytes together.
func (f frame) size(entries, bytes int) int64 {
	return int64(len(f.before) + bytes + len(f.between)*max(entries-1, 0) + len(f.after))
}

// appendPiece appends entry i with what stands before it, or what ends the body where
// there are no more entries.
func (f frame) appendPiece(b []byte, entries []*buffer.Entry, i int) []byte {
	switch i {
	case 0:
		b = append(b, f.before...)
	case len(entries):
	default:
		b = append(b, f.between...)
	}
	if i < len(entries) {
		return entries[i].AppendTo(b)
	}
	return append(b, f.after...)
}

// all returns the whole body, in memory of its own.
func (f frame) all(entries []*buffer.Entry, size int64) []byte {
	b := make([]byte, 0, size)
	for i := range len(entries) + 1 {
		b = f.appendPiece(b, entries, i)
	}
	return b
}
