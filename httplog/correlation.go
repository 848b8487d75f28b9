package httplog

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// ContextAttrs returns the attrs that tell which request a record belongs to:
// request_id and, when the client sent a valid W3C traceparent header, trace_id
// (32 hexadecimal digits) and span_id (16, the span of the caller). ctx is the
// context of a request inside [Middleware], or derived from it; for others the
// result is nil, as it is for the context that the request's own record is
// logged with, because that record has the attrs already.
//
// The slice is shared by all callers and must not be changed; appending to it
// is fine.
func ContextAttrs(ctx context.Context) []slog.Attr {
	x := exchangeOf(ctx)
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ids == nil {
		x.ids = slices.Clip(x.appendIDs(nil))
	}
	return x.ids
}

// appendIDs appends the correlation attrs of the request.
func (x *exchange) appendIDs(attrs []slog.Attr) []slog.Attr {
	attrs = append(attrs, slog.String("request_id", x.requestID[0]))
	if x.trace != "" {
		attrs = append(attrs, slog.String("trace_id", x.trace), slog.String("span_id", x.span))
	}
	return attrs
}

// maxRequestID is the longest request id taken from a client, in characters.
const maxRequestID = 128

// correlate finds the ids of the request and sends its id back. Inside of
// another Middleware it takes over the ids found there.
func (x *exchange) correlate(header string, w http.ResponseWriter, r *http.Request) {
	if x.outer != nil {
		x.requestID, x.trace, x.span = x.outer.requestID, x.outer.trace, x.outer.span
		return
	}
	if values := r.Header[header]; len(values) > 0 && validRequestID(values[0]) {
		x.requestID[0] = values[0]
	} else {
		x.requestID[0] = newRequestID()
	}
	w.Header()[header] = x.requestID[:]
	if values := r.Header["Traceparent"]; len(values) == 1 {
		x.trace, x.span = parseTraceparent(values[0])
	}
}

// newIDHeader returns the canonical form of the header's name, which is
// X-Request-ID when empty.
func newIDHeader(name string) string {
	if name == "" {
		name = "X-Request-ID"
	}
	if !isToken(name) {
		panic(fmt.Sprintf("httplog: Options.RequestIDHeader: %q is not the name of a header", name))
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// validRequestID reports whether id is safe to log and to send back: 1 to
// maxRequestID characters of [A-Za-z0-9_.:-].
func validRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isAlphanumeric(c) && c != '_' && c != '.' && c != ':' && c != '-' {
			return false
		}
	}
	return true
}

// newRequestID returns 128 random bits as 32 hexadecimal digits. An id must be
// unique, not secret; the generator is nevertheless one that cannot be guessed.
func newRequestID() string {
	const digits = "0123456789abcdef"
	var text [32]byte
	high, low := rand.Uint64(), rand.Uint64()
	for i := range 16 {
		text[i] = digits[high>>(4*i)&15]
		text[16+i] = digits[low>>(4*i)&15]
	}
	return string(text[:])
}

// parseTraceparent returns the ids in a traceparent header of W3C Trace Context,
// version 00 or a later one that begins alike, or "" when it is not valid:
//
//	00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
func parseTraceparent(value string) (trace, span string) {
	const length = 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(value) < length || value[2] != '-' || value[35] != '-' || value[52] != '-' {
		return "", ""
	}
	version, rest := value[:2], value[length:]
	if version == "ff" || version == "00" && rest != "" || rest != "" && rest[0] != '-' {
		return "", ""
	}
	trace, span = value[3:35], value[36:52]
	if !isLowerHex(version) || !isLowerHex(value[53:length]) || !isID(trace) || !isID(span) {
		return "", ""
	}
	return trace, span
}

// isID reports whether s is the id of a trace or a span: lower-case hexadecimal
// digits that are not all zero.
func isID(s string) bool {
	return isLowerHex(s) && strings.Trim(s, "0") != ""
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
