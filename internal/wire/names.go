package wire

import (
	"bytes"
	"strconv"
)

// Root attributes that only a format which sets things apart writes.
const (
	ExceptionType     = "exception.type"
	ExceptionMessage  = "exception.message"
	ExceptionStack    = "exception.stacktrace"
	RestOfEndpointKey = "ledger.endpoint" // what an endpoint has beside: the server builds "endpoint" anew
)

// Reserved reports whether the server reads a column out of the root attribute
// key: a value of the wrong type there makes it fail with the whole request
// (ledger-wire 6.7), or lose the record and its neighbours (2.9).
func Reserved(key string) bool {
	if len(key) <= 9 { // most are
		return false
	}
	switch key[0] {
	case 'l':
		return key[:7] == "ledger."
	case 'e':
		return key == ExceptionType || key == ExceptionMessage || key == ExceptionStack
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

// RenamedPrefix stands before a program's attribute that has a name the server
// reads and a value it could not take.
const RenamedPrefix = "attr."

// SafeKey returns the key to write for a root attribute.
func SafeKey(key string, isText bool) string {
	if Reserved(key) && (!isText || key[0] == 'l') {
		return RenamedPrefix + key
	}
	return key
}

// IsTextJSON is isText for a value in sanitized JSON.
func IsTextJSON(value []byte) bool {
	if len(value) == 0 || value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return len(value) > 0 && value[0] == '"'
	}
	if bytes.ContainsAny(value, ".eE") {
		return false
	}
	_, err := strconv.ParseInt(string(value), 10, 64)
	return err != nil
}

// The attrs that say something about the entry.
const (
	LogTypeKey    = "ledger.log_type"
	ImportanceKey = "ledger.importance"
	EndpointKey   = "endpoint"
	TraceIDKey    = "trace_id"
	SpanIDKey     = "span_id"
)
