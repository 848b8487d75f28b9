package wire

import (
	"bytes"
	"strconv"
)

// Root attributes that say something about the entry.
const (
	LogTypeKey    = "ledger.log_type"
	ImportanceKey = "ledger.importance"
	EndpointKey   = "endpoint"
	TraceIDKey    = "trace_id"
	SpanIDKey     = "span_id"
)

// Root attributes that a format with fields of their own writes itself.
const (
	ExceptionType    = "exception.type"
	ExceptionMessage = "exception.message"
	ExceptionStack   = "exception.stacktrace"
	// EndpointRestKey holds the members of an endpoint that have no field. The
	// server builds the attribute "endpoint" itself.
	EndpointRestKey = "ledger.endpoint"
)

// Reserved reports whether the server reads a column from the root attribute
// key. A value of the wrong type there makes the whole request fail (ledger-wire
// 6.7), or loses the entry and its neighbours (2.9).
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

// RenamedPrefix begins the new name of a program's attribute whose name is
// reserved and whose value the server could not read.
const RenamedPrefix = "attr."

// SafeKey returns the name under which to write a root attribute.
func SafeKey(key string, isText bool) string {
	if Reserved(key) && (!isText || key[0] == 'l') {
		return RenamedPrefix + key
	}
	return key
}

// IsTextJSON reports whether a value in sanitized JSON is a text in OTLP too. An
// integer outside 64 signed bits is one, because OTLP has no such number.
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
