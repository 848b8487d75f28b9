package httplog

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// Limits in bytes, so the texts have at most as many characters.
const (
	// maxMethod is the longest method the Ledger server stores. It answers
	// 202 to an entry with a longer one and loses it.
	maxMethod = 8
	// maxPath keeps method, space and path within the 500 characters that
	// the server's analytics take.
	maxPath = 500 - maxMethod - 1
	// maxFullPath is more than the 8 kB of a request line that common
	// servers and proxies accept.
	maxFullPath = 16383
	maxQuery    = 2047
	maxParam    = 512 // A path parameter is a word or an id.
	// maxUserAgent is more than browsers send; a host name has at most 253
	// characters, and a port.
	maxUserAgent = 512
	maxHost      = 260
	// maxMessage keeps the row of an error within what the server's index
	// takes, whatever the type of the error.
	maxMessage = 2000
)

// An endpoint is what a record says of a request in words.
type endpoint struct {
	method   string
	path     string // a template, or normalised
	pathFull string // the whole of a path that was cut, or ""
	message  string
	query    string // masked
	clientIP string
}

// log writes the records of the request: that of a panic, which is never left
// out, when failure is not nil, and its own unless it is left out.
func (m *middleware) log(x *exchange, end time.Time, failure *panicError) {
	added := x.close()
	route := m.match(&x.passed, added.template)
	template := route.template
	if failure == nil && m.leftOut(x, route) {
		return
	}
	var res Result // set in place, as attrs are
	res.Status = x.response.finalStatus()
	res.Bytes = x.response.bytes
	res.Duration = end.Sub(x.start)
	res.Route = template
	res.Panicked = failure != nil
	level := m.levelOf(x, res.Status, res.Panicked)
	ctx := recordContext{x}
	sink := x.logger.Handler()
	enabled := sink.Enabled(ctx, level)
	if !enabled && failure == nil {
		return
	}
	var e endpoint
	m.describe(&e, x, &res)
	if failure != nil && sink.Enabled(ctx, slog.LevelError) {
		failure.log(ctx, sink, end, x, &e)
	}
	if !enabled {
		return
	}
	var record slog.Record // a literal would be built elsewhere and copied
	record.Time = end
	record.Message = e.message
	record.Level = level
	record.PC = m.source
	m.addAttrs(&record, &e, x, &res, route, added)
	_ = sink.Handle(ctx, record) // as slog.Logger does
}

// addAttrs adds its attrs to the record of a request. It is a function of its own so
// that the array they are collected in is off the stack again when the handler is
// called: a connection's stack must not grow for each request.
func (m *middleware) addAttrs(record *slog.Record, e *endpoint, x *exchange, res *Result, route *route, added *additions) {
	var buf [12]slog.Attr
	attrs := x.appendIDs(buf[:1])
	attrs = m.appendAccess(attrs, e, x)
	attrs[0].Key = "endpoint"
	attrs[0].Value = slog.GroupValue(m.endpointAttrs(e, x, res, route, added)...)
	attrs = append(attrs, added.attrs...)
	if m.opts.Attrs != nil {
		attrs = append(attrs, guard(nil, func() []slog.Attr { return m.opts.Attrs(&x.passed, *res) })...)
	}
	record.AddAttrs(attrs...)
}

// leftOut reports whether a request that did not panic is not logged.
func (m *middleware) leftOut(x *exchange, route *route) bool {
	if route.template == "" && m.opts.OnlyRegisteredRoutes {
		return true
	}
	return route.matchesAll && m.noise.match(x.path)
}

// usualText is how long the texts of a usual record are together.
const usualText = 96

// describe sets e to the texts of the record. They are parts of one string, which
// a generated id is a part of too, so that together they cost one allocation.
func (m *middleware) describe(e *endpoint, x *exchange, res *Result) {
	e.method, e.path, e.query = requestMethod(x.received), res.Route, x.query
	var buf [256]byte
	b := append(buf[:0], e.method...)
	b = append(b, ' ')
	pathStart := len(b)
	if res.Route == "" {
		b = m.normalizer.appendPath(b, x.path)
	} else {
		b = append(b, res.Route...)
	}
	if len(b)-pathStart > maxPath {
		e.pathFull = string(b[pathStart:])
		b = append(b[:pathStart], cutText(e.pathFull, maxPath)...)
	}
	pathEnd := len(b)
	b = append(b, " - "...)
	b = appendStatus(b, res.Status)
	b = append(b, " ("...)
	b = strconv.AppendInt(b, int64((res.Duration+time.Millisecond/2)/time.Millisecond), 10)
	b = append(b, "ms)"...)
	messageEnd := len(b)
	if m.opts.Omit&ClientIP == 0 {
		b = m.proxies.appendClient(b, x.received)
	}
	ipEnd := len(b)
	masked := false
	if e.query != "" && !m.opts.OmitQuery {
		b, masked = appendMasked(b, e.query, maxQuery, m.safe)
	}

	if x.text.Len() == 0 {
		x.text.Grow(max(usualText, len(b)))
	}
	before := x.text.Len()
	x.text.Write(b)
	text := x.text.String()[before:]
	if res.Route == "" || e.pathFull != "" {
		e.path = text[pathStart:pathEnd]
	}
	e.message = text[:messageEnd]
	e.clientIP = text[messageEnd:ipEnd]
	if masked {
		e.query = text[ipEnd:]
	}
}

// appendStatus appends a status, which has three digits.
func appendStatus(b []byte, status int) []byte {
	if n := uint(status); n >= 100 && n < 1000 {
		return append(b, '0'+byte(n/100), '0'+byte(n/10%10), '0'+byte(n%10))
	}
	return strconv.AppendInt(b, int64(status), 10)
}

// endpointAttrs returns the attrs of the group endpoint: those that the Ledger
// server reads, and what belongs to them. Handlers may keep the attrs, so they
// cannot be reused; the exchange has room for those of a usual request.
func (m *middleware) endpointAttrs(e *endpoint, x *exchange, res *Result, route *route, added *additions) []slog.Attr {
	const usual = len(x.attrs) - usualParams
	attrs := x.attrs[:4:usual] // appending four would copy them
	setString(&attrs[0], "method", e.method)
	setString(&attrs[1], "path", e.path)
	attrs[2].Key, attrs[2].Value = "status_code", slog.IntValue(res.Status)
	attrs[3].Key, attrs[3].Value = "duration_ms", slog.Float64Value(milliseconds(res.Duration))
	if e.query != "" && !m.opts.OmitQuery {
		attrs = appendString(attrs, "query_params", e.query)
	}
	if params := m.appendPathParams(x.attrs[usual:usual], &x.passed, route, added); len(params) > 0 {
		attrs = appendGroup(attrs, "path_params", params)
	}
	attrs = x.response.appendAttrs(attrs)
	if e.pathFull != "" {
		attrs = appendString(attrs, "path_full", e.pathFull)
	}
	return attrs
}

// usualParams is how many path parameters the exchange has room for. More cost an
// allocation.
const usualParams = 1

// appendAccess appends what an access log says of a request, and the headers
// and the body that the options ask for.
func (m *middleware) appendAccess(attrs []slog.Attr, e *endpoint, x *exchange) []slog.Attr {
	r := x.received
	if e.clientIP != "" {
		attrs = appendString(attrs, "client_ip", e.clientIP)
	}
	if m.opts.Omit&UserAgent == 0 {
		if values := r.Header["User-Agent"]; len(values) > 0 && values[0] != "" {
			attrs = appendString(attrs, "user_agent", printable(values[0], maxUserAgent))
		}
	}
	if m.opts.Omit&Host == 0 && r.Host != "" {
		attrs = appendString(attrs, "host", printable(r.Host, maxHost))
	}
	if m.opts.Omit&HTTPVersion == 0 {
		attrs = appendString(attrs, "http_version", httpVersion(r))
	}
	if m.opts.Omit&RequestBytes == 0 {
		attrs = appendInt64(attrs, "request_bytes", x.requestBytes())
	}
	attrs = m.appendHeaders(attrs, "request_headers", m.requestHeaders, r.Header)
	if len(m.responseHeaders) > 0 && !x.response.hijacked {
		attrs = m.appendHeaders(attrs, "response_headers", m.responseHeaders, x.response.Header())
	}
	if text := x.body.text(m.safe); text != "" {
		attrs = appendString(attrs, "request_body", text)
	}
	return attrs
}

// httpVersion returns the version of the request's protocol, as "1.1" or "2".
func httpVersion(r *http.Request) string {
	switch {
	case r.ProtoMajor == 1 && r.ProtoMinor == 1:
		return "1.1"
	case r.ProtoMajor == 2 && r.ProtoMinor == 0:
		return "2"
	case r.ProtoMajor == 1 && r.ProtoMinor == 0:
		return "1.0"
	case r.ProtoMajor == 3 && r.ProtoMinor == 0:
		return "3"
	}
	return strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)
}

// milliseconds returns d in milliseconds with 2 decimals.
func milliseconds(d time.Duration) float64 {
	const hundredth = time.Millisecond / 100
	return float64((d+hundredth/2)/hundredth) / 100
}

// requestMethod returns the method to log: "_OTHER" for one that is longer
// than the Ledger server stores, or no token at all.
func requestMethod(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodPost: // most are
		return r.Method
	}
	if len(r.Method) > maxMethod || !isToken(r.Method) {
		return "_OTHER"
	}
	return r.Method
}

// levelOf returns the level of a request. After a panic it is Error by default,
// whatever the status.
func (m *middleware) levelOf(x *exchange, status int, panicked bool) slog.Level {
	level := slog.LevelInfo
	switch {
	case status >= 500 || panicked:
		level = slog.LevelError
	case status >= 400 && !x.response.left:
		level = slog.LevelWarn
	}
	switch {
	case m.opts.LevelFunc != nil:
		return guard(level, func() slog.Level { return m.opts.LevelFunc(&x.passed, status) })
	case m.opts.Level != nil:
		return guard(level, func() slog.Level { return m.opts.Level(status) })
	}
	return level
}
