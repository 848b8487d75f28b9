package httplog

import (
	"log/slog"
	"net/http"
	"net/textproto"
	"strings"
)

// A header is one that the options ask for.
type header struct {
	name   string // as the options have it
	key    string // canonical
	secret bool
}

// newHeaders returns the headers that can be looked up. Host is not among them:
// package net/http keeps it elsewhere, and a field of its own has it.
func newHeaders(names []string) []header {
	var headers []header
	for _, name := range names {
		headers = append(headers, header{name, textproto.CanonicalMIMEHeaderKey(name), secretHeader(name)})
	}
	return headers
}

// secretHeader reports whether the value of the header is probably a secret.
func secretHeader(name string) bool {
	return secretName(name) || strings.EqualFold(name, "Cookie") || strings.EqualFold(name, "Set-Cookie")
}

// maxHeader is the longest value of a header that is logged, in bytes.
const maxHeader = 1024

// appendHeaders appends a group of the headers that there are.
func (m *middleware) appendHeaders(attrs []slog.Attr, group string, wanted []header, have http.Header) []slog.Attr {
	var found []slog.Attr
	for _, h := range wanted {
		values := have[h.key]
		if len(values) == 0 {
			continue
		}
		text := mask
		if !h.secret {
			text = maskHeader(strings.Join(values, ", "))
		}
		found = append(found, slog.String(h.name, text))
	}
	if len(found) == 0 {
		return attrs
	}
	return append(attrs, slog.Attr{Key: group, Value: slog.GroupValue(found...)})
}

// maskHeader masks what is a secret in the value of any header: credentials
// with their scheme, and parameters with a secret-looking name, as in the
// query of a Referer.
func maskHeader(value string) string {
	scheme, credentials, ok := strings.Cut(value, " ")
	if ok && credentials != "" && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Basic")) {
		return scheme + " " + mask
	}
	return maskQuery(value, maxHeader, func(name string) bool { return !secretName(name) })
}
