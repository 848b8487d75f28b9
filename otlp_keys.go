package ledger

import "log/slog"

// reserved reports whether the server reads a column out of the root attribute
// key: a value of the wrong type there makes it fail with the whole request
// (ledger-wire 6.7), or lose the record and its neighbours (2.9).
func reserved(key string) bool {
	switch key[0] {
	case 'l':
		return len(key) > 7 && key[:7] == "ledger."
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
func safeKey(key string, isString bool) string {
	if len(key) > 9 && reserved(key) && (!isString || key[0] == 'l') {
		return renamedPrefix + key
	}
	return key
}

// setApart takes trace ids, which are fields of a record, out of the root
// attributes, and sees to it that no other attribute passes for one of the
// server's.
func (w *walk) setApart(a *slog.Attr) bool {
	isString := a.Value.Kind() == slog.KindString
	switch {
	case a.Key == traceIDKey && isString && isID(a.Value.String(), 32):
		w.traceID = a.Value.String()
		return true
	case a.Key == spanIDKey && isString && isID(a.Value.String(), 16):
		w.spanID = a.Value.String()
		return true
	}
	a.Key = safeKey(a.Key, isString)
	return false
}
