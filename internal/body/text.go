package body

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
)

// A text is a body without compression. It is read from the entries themselves, for a
// copy is half a megabyte that is garbage after each request.
type text struct {
	frame
	size int64

	mu       sync.Mutex      // held while entries are read
	entries  []*buffer.Entry // nil once it is released
	readers  []*textReader
	rest     []byte // the whole body, for those that read on after Release
	panicked any    // what a reader did, which is told in Release
}

func (t *text) Size() int64 { return t.size }

func (t *text) Open() io.ReadCloser {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &textReader{of: t}
	t.readers = append(t.readers, r)
	return r
}

// A ReadPanic is what Release panics with when reading an entry did.
type ReadPanic struct{ Value any }

func (p ReadPanic) Error() string { return fmt.Sprint(p.Value) }

func (t *text) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	entries := t.entries
	t.entries = nil // also for who reads on after a panic
	if t.panicked != nil {
		panic(ReadPanic{t.panicked})
	}
	for _, r := range t.readers {
		if !r.closed && r.read < t.size { // of a server that answers early, or a request that was given up
			t.rest = t.all(entries, t.size)
			return
		}
	}
}

var (
	errReleased = errors.New("ledger: the request has returned")
	errPanicked = errors.New("ledger: an entry makes no body")
)

// A textReader is not safe for concurrent use, as readers are not.
type textReader struct {
	of     *text
	read   int64  // bytes
	next   int    // the piece to be read
	piece  []byte // what is left of the one before, which did not fit
	closed bool
}

// Read implements [io.Reader]. It is called by a goroutine of the HTTP transport, where a
// panic would end the program.
func (r *textReader) Read(p []byte) (n int, err error) {
	t := r.of
	t.mu.Lock()
	defer t.mu.Unlock()
	defer func() {
		r.read += int64(n)
		if v := recover(); v != nil {
			t.panicked, err = v, errPanicked
		}
	}()
	switch {
	case r.read == t.size:
		return 0, io.EOF
	case t.rest != nil:
		return copy(p, t.rest[r.read:]), nil
	case t.entries == nil:
		return 0, errReleased
	}
	for n < len(p) && r.read+int64(n) < t.size {
		if len(r.piece) > 0 {
			copied := copy(p[n:], r.piece)
			n, r.piece = n+copied, r.piece[copied:]
			continue
		}
		piece := t.appendPiece(p[n:n:len(p)], t.entries, r.next)
		if len(piece) > 0 && &piece[0] != &p[n] { // it does not fit: append has moved it
			r.piece = piece
		} else {
			n += len(piece)
		}
		r.next++
	}
	return n, nil
}

// Close implements [io.Closer]. A transport closes a body when it needs no more of it.
func (r *textReader) Close() error {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	r.closed = true
	return nil
}
