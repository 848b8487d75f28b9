package encode

import (
	"log/slog"
	"math"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// safeJSONKey is [wire.SafeKey] for a value that is written as JSON.
func (w *walk) safeJSONKey(key string, json []byte) string {
	if w.level == 0 && w.limits.OwnFields && wire.Reserved(key) {
		return wire.SafeKey(key, wire.IsTextJSON(json))
	}
	return key
}

// isText reports whether v, which is not of the kind Any, is a text in OTLP. Some
// numbers are, because OTLP has no number for them.
func isText(v slog.Value) bool {
	switch v.Kind() {
	case slog.KindString, slog.KindTime:
		return true
	case slog.KindUint64:
		return v.Uint64() > math.MaxInt64
	case slog.KindFloat64:
		f := v.Float64()
		return math.IsNaN(f) || math.IsInf(f, 0)
	}
	return false
}

// takeOwn takes a root attribute that has a field of its own, which is a trace id,
// and returns true. It renames other attributes that the server could mistake for
// its own.
func (w *walk) takeOwn(a *slog.Attr) bool {
	kind, text := a.Value.Kind(), ""
	if kind == slog.KindString {
		text = a.Value.String()
	}
	if w.TakeID(a.Key, text) {
		return true
	}
	if kind != slog.KindAny || a.Value.Any() == nil { // otherwise see safeJSONKey
		a.Key = wire.SafeKey(a.Key, isText(a.Value))
	}
	return false
}
