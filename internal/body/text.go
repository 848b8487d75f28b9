package body

import (
	"errors"
	"io"
	"sync"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
)

// A text is a body without compression. It is read from the entries themselves, for a
// copy is half a megabyte that is garbage after each request.
type text struct {
	frame
	size   int64
	pieces int

	mu       sync.Mutex // held while entries are read
	entries  []*buffer.Entry
	released bool
	panicked any // what a reader did, which is told in Release
}

func newText(f frame, entries []*buffer.Entry, bytes int) *text {
	return &text{frame: f, size: f.size(len(entries), bytes), pieces: len(entries) + 1, entries: entries}
}

func (t *text) Size() int64         { return t.size }
func (t *text) Open() io.ReadCloser { return &textReader{of: t} }

func (t *text) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries, t.released = nil, true
	if t.panicked != nil {
		panic(t.panicked)
	}
}

var (
	errReleased = errors.New("ledger: the request has returned")
	errPanicked = errors.New("ledger: an entry makes no body")
)

// A textReader is not safe for concurrent use, as readers are not.
type textReader struct {
	of   *text
	next int    // the piece to be read
	rest []byte // of the piece before, which did not fit
}

// Read implements [io.Reader]. It is called by a goroutine of the HTTP transport, where a
// panic would end the program.
func (r *textReader) Read(p []byte) (n int, err error) {
	t := r.of
	t.mu.Lock()
	defer t.mu.Unlock()
	defer func() {
		if v := recover(); v != nil {
			t.panicked, err = v, errPanicked
		}
	}()
	for n < len(p) {
		if len(r.rest) > 0 {
			copied := copy(p[n:], r.rest)
			n, r.rest = n+copied, r.rest[copied:]
			continue
		}
		switch {
		case r.next == t.pieces && n == 0:
			return 0, io.EOF // also after Release: net/http makes sure that there is no more
		case r.next == t.pieces:
			return n, nil
		case t.released:
			return n, errReleased
		}
		piece := t.appendPiece(p[n:n:len(p)], t.entries, r.next)
		if len(piece) > 0 && &piece[0] != &p[n] { // it does not fit: append has moved it
			r.rest = piece
		} else {
			n += len(piece)
		}
		r.next++
	}
	return n, nil
}

// Close implements [io.Closer].
func (r *textReader) Close() error { return nil }
