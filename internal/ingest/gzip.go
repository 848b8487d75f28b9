package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"sync"
)

// MaxBody is the server's own cap on a message between its parts, and so on a body before and after gzip.
const MaxBody = 100 << 20

// What [Decompress] fails with.
var (
	ErrTooLarge = errors.New("ingest: the body is too large")
	ErrGzip     = errors.New("ingest: the body is not gzip")
)

var readers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// Decompress returns the body that was sent under that Content-Encoding. Only gzip is decoded; whatever is encoded
// otherwise is passed on and fails later, as in the server. Limit bounds the body before and after; 0 means
// [MaxBody]. The error is [ErrTooLarge] or [ErrGzip].
func Decompress(body []byte, encoding string, limit int64) ([]byte, error) {
	if limit <= 0 {
		limit = MaxBody
	}
	if int64(len(body)) > limit {
		return nil, ErrTooLarge
	}
	if !strings.EqualFold(encoding, "gzip") || len(body) == 0 { // Python takes an empty text for the end of a file
		return body, nil
	}
	z := readers.Get().(*gzip.Reader)
	defer readers.Put(z)
	in, out := bytes.NewReader(body), &bytes.Buffer{}
	out.Grow(int(min(limit, 8*int64(len(body)))))
	for in.Len() > 0 {
		if z.Reset(in) != nil {
			return nil, ErrGzip
		}
		z.Multistream(false)
		if _, err := out.ReadFrom(io.LimitReader(z, limit+1-int64(out.Len()))); err != nil {
			return nil, ErrGzip
		}
		if int64(out.Len()) > limit {
			return nil, ErrTooLarge
		}
		for in.Len() > 0 { // zeros may follow a member
			if c, _ := in.ReadByte(); c != 0 {
				_ = in.UnreadByte() // there was one
				break
			}
		}
	}
	return out.Bytes(), nil
}
