package httplog

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/textproto"
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
	ids := x.ids.Load()
	if ids == nil {
		ids = new(idAttrs)
		ids.n = len(x.appendIDs(ids.attrs[:0]))
		x.ids.Store(ids) // that of another goroutine is the same
	}
	return ids.attrs[:ids.n:ids.n]
}

// idAttrs are the attrs that [ContextAttrs] returns.
type idAttrs struct {
	attrs [3]slog.Attr
	n     int
}

// appendIDs appends the correlation attrs of the request.
func (x *exchange) appendIDs(attrs []slog.Attr) []slog.Attr {
	attrs = appendString(attrs, "request_id", x.requestID[0])
	if t := x.traceparent; t != "" {
		attrs = appendString(attrs, "trace_id", t[traceStart:traceEnd])
		attrs = appendString(attrs, "span_id", t[spanStart:spanEnd])
	}
	return attrs
}

// maxRequestID is the longest request id taken from a client, in characters.
const maxRequestID = 128

// correlate finds the ids of the request and sends its id back. Inside of
// another Middleware it takes over the ids found there.
func (x *exchange) correlate(header string, w http.ResponseWriter, r *http.Request) {
	if x.outer != nil {
		x.requestID, x.traceparent = x.outer.requestID, x.outer.traceparent
		return
	}
	if values := r.Header[header]; len(values) > 0 && validRequestID(values[0]) {
		x.requestID[0] = values[0]
	} else {
		x.requestID[0] = x.newRequestID()
	}
	w.Header()[header] = x.requestID[:]
	if values := r.Header["Traceparent"]; len(values) == 1 && validTraceparent(values[0]) {
		x.traceparent = values[0]
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
func (x *exchange) newRequestID() string {
	var id [32]byte
	high, low := rand.Uint64(), rand.Uint64()
	putHex(id[:8], uint32(high>>32))
	putHex(id[8:16], uint32(high))
	putHex(id[16:24], uint32(low>>32))
	putHex(id[24:], uint32(low))
	x.text.Grow(len(id) + usualText)
	x.text.Write(id[:])
	return x.text.String()
}

// putHex writes the eight hexadecimal digits of n, all at a time: each half of a
// byte of n becomes a byte, and "0", or "a" less ten, is added to it.
func putHex(b []byte, n uint32) {
	x := uint64(n)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 0x0606060606060606) >> 4 & 0x0101010101010101 // 1 where a letter is due
	binary.BigEndian.PutUint64(b, x+0x3030303030303030+letters*('a'-'0'-10))
}

// Where the ids are in a traceparent header of W3C Trace Context:
//
//	00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
const (
	traceStart, traceEnd = 2 + 1, traceStart + 32
	spanStart, spanEnd   = traceEnd + 1, spanStart + 16
	traceparentLen       = spanEnd + 1 + 2
)

// validTraceparent reports whether the header is valid, in version 00 or a later
// one that begins in the same way.
func validTraceparent(value string) bool {
	if len(value) < traceparentLen || value[2] != '-' || value[traceEnd] != '-' || value[spanEnd] != '-' {
		return false
	}
	version, rest := value[:2], value[traceparentLen:]
	if version == "ff" || version == "00" && rest != "" || rest != "" && rest[0] != '-' {
		return false
	}
	return isLowerHex(version) && isLowerHex(value[spanEnd+1:traceparentLen]) &&
		isID(value[traceStart:traceEnd]) && isID(value[spanStart:spanEnd])
}

// isID reports whether s is the id of a trace or a span: lower-case hexadecimal
// digits that are not all zero.
func isID(s string) bool {
	const zeros = "00000000000000000000000000000000"
	return isLowerHex(s) && s != zeros[:len(s)]
}

// isLowerHex reports whether s consists of lower-case hexadecimal digits. It
// looks at eight bytes at a time: adding what a limit lacks to 128 sets the
// highest bit of the bytes from that limit on.
func isLowerHex(s string) bool {
	const high, ones = 0x8080808080808080, 0x0101010101010101
	for ; len(s) >= 8; s = s[8:] {
		x := eightBytes(s)
		digits := (x + (0x80-'0')*ones) &^ (x + (0x80-'9'-1)*ones)
		letters := (x + (0x80-'a')*ones) &^ (x + (0x80-'f'-1)*ones)
		if x&high != 0 || (digits|letters)&high != high {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
