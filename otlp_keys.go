package ledger

import (
	"bytes"
	"log/slog"
	"math"
	"strconv"
)

// Root attributes that only a format which sets things apart writes.
const (
	exceptionType     = "exception.type"
	exceptionMessage  = "exception.message"
	exceptionStack    = "exception.stacktrace"
	restOfEndpointKey = "ledger.endpoint" // what an endpoint has beside: the server builds "endpoint" anew
)

// reserved reports whether the server reads a column out of the root attribute
// key: a value of the wrong type there makes it fail with the whole request
// (ledger-wire 6.7), or lose the record and its neighbours (2.9).
func reserved(key string) bool {
	if len(key) <= 9 { // most are
		return false
	}
	switch key[0] {
	case 'l':
		return key[:7] == "ledger."
	case 'e':
		return key == exceptionType || key == exceptionMessage || key == exceptionStack
	case 'd':
		return key == "deployment.environment.name" || key == "deployment.environment"
	case 's':
		return key == "service.version" || key == "service.name"
	case 't':
		return key == "telemetry.sdk.version" || key == "telemetry.sdk.language"
	case 'p':
		return key == "process.runtime.version"
	}
	return false
}

// renamedPrefix stands before a program's attribute that has a name the server
// reads and a value it could not take.
const renamedPrefix = "attr."

// safeKey returns the key to write for a root attribute.
func safeKey(key string, isText bool) string {
	if reserved(key) && (!isText || key[0] == 'l') {
		return renamedPrefix + key
	}
	return key
}

// safeAnyKey is safeKey for a value of the kind Any, which is written as JSON.
func (w *walk) safeAnyKey(key string, json []byte) string {
	if w.level == 0 && w.limits.setsApart && reserved(key) {
		return safeKey(key, isTextJSON(json))
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

// isTextJSON is isText for a value in sanitized JSON.
func isTextJSON(value []byte) bool {
	if len(value) == 0 || value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return len(value) > 0 && value[0] == '"'
	}
	if bytes.ContainsAny(value, ".eE") {
		return false
	}
	_, err := strconv.ParseInt(string(value), 10, 64)
	return err != nil
}

// setApart takes trace ids, which are fields of a record, out of the root
// attributes, and sees to it that no other attribute passes for one of the
// server's.
func (w *walk) setApart(a *slog.Attr) bool {
	kind, text := a.Value.Kind(), ""
	if kind == slog.KindString {
		text = a.Value.String()
	}
	if w.takeID(a.Key, text) {
		return true
	}
	if kind != slog.KindAny || a.Value.Any() == nil { // else it depends on what the value is written as
		a.Key = safeKey(a.Key, isText(a.Value))
	}
	return false
}

// takeID takes a trace or span id, and reports whether it is a valid one. Where
// it is not, it hides one that came before.
func (a *apart) takeID(key, id string) bool {
	to, digits := &a.traceID, 32
	switch key {
	case traceIDKey:
	case spanIDKey:
		to, digits = &a.spanID, 16
	default:
		return false
	}
	*to = ""
	if !isID(id, digits) {
		return false
	}
	*to = id
	return true
}
