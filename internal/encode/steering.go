package encode

import (
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// isSteering reports whether an attr of that key at the root asks for a log type or
// an importance.
func isSteering(key string) bool { return key == wire.LogTypeKey || key == wire.ImportanceKey }

// takeSteering keeps the log type or importance that a steering attr asks for. It
// reports false for one that the server does not know, which stays an attribute.
func (w *walk) takeSteering(a slog.Attr) (taken bool) {
	text := ""
	if v := reflect.ValueOf(a.Value.Any()); v.Kind() == reflect.String {
		text = v.String() // whatever its String method says
	} else if v.IsValid() {
		text = v.Type().String()
	}
	if a.Key == wire.LogTypeKey {
		if t := wire.LogTypeNamed(text); t != wire.NoLogType {
			w.logType = t
			return true
		}
	} else if i := wire.ImportanceNamed(text); i != wire.NoImportance {
		w.importance = i
		return true
	}
	w.enc.noteUnknown(a.Key, text)
	return false
}

// unknownValues are values of steering attrs that the server does not know, and that
// were reported.
type unknownValues struct {
	seen sync.Map
	n    atomic.Int32
}

const (
	maxUnknown     = 32  // values that are reported
	maxUnknownText = 100 // characters of one
)

func (enc *Encoder) noteUnknown(key, value string) {
	u := &enc.unknown
	if enc.config.Unknown == nil || u.n.Load() >= maxUnknown {
		return
	}
	value = jsontext.Cut(jsontext.Clean(value), maxUnknownText)
	if _, known := u.seen.LoadOrStore(key+"="+value, true); !known {
		u.n.Add(1)
		enc.config.Unknown(key, value)
	}
}
