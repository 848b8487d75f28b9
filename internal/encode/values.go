package encode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// textJSON is any text in JSON.
var textJSON = []byte(`""`)

// appendAny appends a value of a type that slog does not know, as the standard
// JSONHandler does: an error as its text, anything else through encoding/json.
func (w *walk) appendAny(key string, v any, failure error) {
	text := ""
	_, isMarshaler := v.(json.Marshaler)
	if failure != nil && (w.err == nil || !isMarshaler) {
		text = w.noteError(failure)
	}
	if failure != nil && !isMarshaler {
		w.appendScalar(w.safeJSONKey(key, textJSON), slog.StringValue(text))
		return
	}
	scratch := scratchPool.Get().(*scratch)
	defer scratch.free()
	fault := scratch.marshal(v)
	if fault != "" {
		w.appendScalar(w.safeJSONKey(key, textJSON), slog.StringValue(fault))
		return
	}
	// The value stands in the attributes object and level groups, and in as many
	// more as this format allows fewer than the sanitizer.
	depth := w.level + 1 + wire.MaxDepth - w.limits.Depth
	scratch.clean = sanitizeJSON(scratch.clean[:0], scratch.Bytes(), depth, w.enc.secret)
	w.b = w.f.AppendJSON(w.b, w.safeJSONKey(key, scratch.clean), scratch.clean, w.level == 0)
}

// A scratch holds a value on its way through encoding/json.
type scratch struct {
	bytes.Buffer
	encoder *json.Encoder
	clean   []byte
}

var scratchPool = sync.Pool{New: func() any {
	s := new(scratch)
	s.encoder = json.NewEncoder(&s.Buffer)
	s.encoder.SetEscapeHTML(false)
	return s
}}

// maxScratch is the largest buffer kept for the next value, so that one huge value
// does not hold its memory for ever.
const maxScratch = 64 << 10

func (s *scratch) free() {
	if s.Cap() <= maxScratch && cap(s.clean) <= maxScratch {
		s.Reset()
		scratchPool.Put(s)
	}
}

// marshal encodes v, or returns the text to write in its place.
func (s *scratch) marshal(v any) (fault string) {
	defer func() {
		if p := recover(); p != nil {
			fault = errstack.PanicText(v, p)
		}
	}()
	if err := s.encoder.Encode(v); err != nil {
		return "!ERROR:" + err.Error()
	}
	return ""
}

// resolve calls LogValue methods until there is a value, a bounded number of times.
func resolve(v slog.Value) (resolved slog.Value) {
	if v.Kind() != slog.KindLogValuer {
		return v
	}
	defer func() {
		if p := recover(); p != nil {
			resolved = slog.StringValue(errstack.PanicText(v.Any(), p))
		}
	}()
	for i := 0; i < wire.MaxDepth; i++ {
		if v.Kind() != slog.KindLogValuer {
			return v
		}
		v = v.LogValuer().LogValue()
	}
	return slog.StringValue(fmt.Sprintf("LogValue called too many times on Value of type %T", v.Any()))
}

func (w *walk) appendScalar(key string, v slog.Value) {
	w.b = w.f.AppendAttr(w.b, key, v, w.level == 0)
}

// noteError returns the text of err, and keeps err as the entry's error if it is
// the first one.
func (w *walk) noteError(err error) string {
	text := errstack.Text(err)
	if w.err == nil {
		w.err, w.errMessage = err, text
	}
	return text
}
