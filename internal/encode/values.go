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

// textJSON is a text.
var textJSON = []byte(`""`)

// any appends a value of a type that slog knows nothing of, as the standard
// JSONHandler does: an error by its text, anything else by encoding/json.
func (w *walk) any(key string, v any, failure error) {
	text := ""
	_, isMarshaler := v.(json.Marshaler)
	if failure != nil && (w.err == nil || !isMarshaler) {
		text = w.failed(failure)
	}
	if failure != nil && !isMarshaler {
		w.scalar(w.safeAnyKey(key, textJSON), slog.StringValue(text))
		return
	}
	scratch := scratchPool.Get().(*scratch)
	defer scratch.free()
	fault := scratch.marshal(v)
	if fault == "" {
		var err error
		// The value stands in the attributes object and level groups, and in
		// as many more as this format has fewer than the sanitizer allows.
		depth := w.level + 1 + wire.MaxDepth - w.limits.Depth
		scratch.clean, err = sanitizeJSON(scratch.clean[:0], scratch.Bytes(), depth, w.rec.secret)
		if err != nil {
			fault = "!ERROR:" + err.Error()
		}
	}
	if fault != "" {
		w.scalar(w.safeAnyKey(key, textJSON), slog.StringValue(fault))
		return
	}
	w.b = w.f.AppendJSON(w.b, w.safeAnyKey(key, scratch.clean), scratch.clean, w.level == 0)
}

// A scratch holds a value while it is on its way through encoding/json.
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

// maxScratch is the largest buffer kept for the next value: one huge value must
// not hold its memory for ever.
const maxScratch = 64 << 10

func (s *scratch) free() {
	if s.Cap() <= maxScratch && cap(s.clean) <= maxScratch {
		s.Reset()
		scratchPool.Put(s)
	}
}

// marshal encodes v, or returns what stands in its place.
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

// resolve calls LogValue methods until there is a value, within a bound.
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
