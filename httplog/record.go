package httplog

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxMethod is the longest method the Ledger server stores, in characters. It
// answers 202 to an entry with a longer one and loses it.
const maxMethod = 8

// An endpoint is what every record tells of a request.
type endpoint struct {
	method  string
	path    string
	status  int
	elapsed time.Duration
}

// message returns the message of the record. Its parts are bounded already.
func (e *endpoint) message() string {
	var buf [128]byte
	b := append(buf[:0], e.method...)
	b = append(b, ' ')
	b = append(b, e.path...)
	b = append(b, " - "...)
	b = strconv.AppendInt(b, int64(e.status), 10)
	b = append(b, " ("...)
	b = strconv.AppendInt(b, e.elapsed.Round(time.Millisecond).Milliseconds(), 10)
	b = append(b, "ms)"...)
	return string(b)
}

// endpointAttrs returns the attrs of the group endpoint: those of e and what
// else is known of the exchange. r is the request as the handler left it, told
// the path parameters that an inner Middleware has seen.
//
// Handlers may keep the attrs, so they cannot be reused. They share one slice
// that is just large enough, with the path parameters at its end.
func (m *middleware) endpointAttrs(e endpoint, x *exchange, r *http.Request, told []slog.Attr) []slog.Attr {
	size, wildcards := 5, 0 // with bytes
	if len(told) == 0 {
		wildcards = strings.Count(r.Pattern, "{")
	}
	if x.query != "" {
		size++
	}
	if len(told) > 0 || wildcards > 0 {
		size++
	}
	if x.response.body != nil {
		size++
	}
	if x.response.aborted {
		size++
	}
	attrs := make([]slog.Attr, 0, size+wildcards)
	attrs = append(attrs,
		slog.String("method", e.method),
		slog.String("path", e.path),
		slog.Int("status_code", e.status),
		slog.Float64("duration_ms", milliseconds(e.elapsed)))
	if !m.omitQuery && x.query != "" {
		attrs = append(attrs, slog.String("query_params", maskQuery(x.query, m.safe)))
	}
	params := told
	if wildcards > 0 {
		params = appendPathParams(attrs[size:size], r)
	}
	params = m.appendMasked(params[:0:0], params)
	if len(params) > 0 {
		attrs = append(attrs, slog.Attr{Key: "path_params", Value: slog.GroupValue(params...)})
	}
	return x.response.appendAttrs(attrs)
}

// milliseconds returns d in milliseconds with 2 decimals.
func milliseconds(d time.Duration) float64 {
	const hundredth = time.Millisecond / 100
	return float64(d.Round(hundredth)/hundredth) / 100
}

// requestMethod returns the method to log: "_OTHER" for one that is longer
// than the Ledger server stores, or no token at all.
func requestMethod(r *http.Request) string {
	if len(r.Method) > maxMethod || !isToken(r.Method) {
		return "_OTHER"
	}
	return r.Method
}

// isToken reports whether s is a token of RFC 9110, as methods and the names of
// headers are.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) {
			switch c {
			case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
			default:
				return false
			}
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
