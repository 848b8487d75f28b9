package encode

import (
	"log/slog"
	"math"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// safeAnyKey is SafeKey for a value of the kind Any, which is written as JSON.
func (w *walk) safeAnyKey(key string, json []byte) string {
	if w.level == 0 && w.limits.OwnFields && wire.Reserved(key) {
		return wire.SafeKey(key, wire.IsTextJSON(json))
	}
	return key
}

// isText reports whether v, which is of no kind Any, is written as a text: OTLP
// has no number for some.
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

// setApart takes trace ids, which are fields of a record, out of the root
// attributes, and sees to it that no other attribute passes for one of the
// server's.
func (w *walk) setApart(a *slog.Attr) bool {
	kind, text := a.Value.Kind(), ""
	if kind == slog.KindString {
		text = a.Value.String()
	}
	if w.TakeID(a.Key, text) {
		return true
	}
	if kind != slog.KindAny || a.Value.Any() == nil { // else it depends on what the value is written as
		a.Key = wire.SafeKey(a.Key, isText(a.Value))
	}
	return false
}
