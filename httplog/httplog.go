package httplog

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"time"
)

// Options configures [Middleware]. The zero value means the defaults written
// beside the fields. The middleware copies what it needs; the struct and its
// slices may be changed afterwards.
//
// The callbacks are called from the goroutines that serve requests, many at a
// time, without locks held. One that panics counts as one that gave no answer:
// the route is unknown, the request not skipped, the parameter not safe, the
// level the default one.
type Options struct {
	// Route returns the template of the route that was matched, or "" when
	// there is none. It is called once, after the handler returned or
	// panicked, with the request that was passed to it.
	// For chi, with Middleware given to the router's Use:
	//
	//	Route: func(r *http.Request) string { return chi.RouteContext(r.Context()).RoutePattern() }
	//
	// The default, and what an empty result falls back on, is the Pattern of
	// the request, then what [SetRoute] was told.
	Route func(*http.Request) string

	// ExcludePaths are never logged, not even when their handler panics.
	// They are compared with the path of the request as a whole:
	// "/health", "/metrics".
	ExcludePaths []string

	// Skip returns true for requests that are not logged. It is called
	// before the handler.
	Skip func(*http.Request) bool

	// OnlyRegisteredRoutes leaves out requests that no route was matched
	// for. Panics are logged all the same.
	OnlyRegisteredRoutes bool

	// KeepIgnored logs the traffic of scanners and bots too. By default a
	// request that no route was matched for is ignored when its path is
	// /robots.txt or /favicon.ico, is below /.git/, /.env, /.aws/, /.ssh/,
	// /.well-known/, /wp-admin/, /wp-content/ or /wp-includes/, or ends in
	// .php, .asp, .aspx, .jsp or .cgi, in any case and behind repeated
	// slashes. A pattern that matches everything, such as "/", does not
	// count as a route here. Panics are logged all the same.
	KeepIgnored bool

	// IgnoredPaths, IgnoredPrefixes and IgnoredExtensions are added to the
	// lists of KeepIgnored. An extension may be written "php", ".php" or
	// "*.php".
	IgnoredPaths, IgnoredPrefixes, IgnoredExtensions []string

	// RawPaths logs the path of an unmatched request as it was sent, without
	// putting placeholders for ids. It is made printable and bounded
	// nevertheless.
	RawPaths bool

	// Patterns replaces the default normalisation of unmatched paths. They
	// are applied to the path in order. By default a segment becomes a
	// placeholder when it is a number, a UUID, 24 hexadecimal digits, a JSON
	// web token, or 20 or more letters, digits, "_" and "-" with a digit
	// among them.
	Patterns []Pattern

	// TemplateStyle is how the default normalisation writes placeholders.
	// Templates that come from a router stay as the router writes them.
	TemplateStyle TemplateStyle

	// OmitQuery leaves out query_params, which are logged by default.
	OmitQuery bool

	// SafeParams returns true for the names of query and path parameters
	// whose values may be logged; the others are logged as "***". The
	// default masks names that contain words like token, password, key,
	// secret, code, signature, session or auth.
	SafeParams func(name string) bool

	// ErrorBodyLimit is how many bytes of the body of a 4xx or 5xx response
	// are kept in response_body, when it is text and not compressed. The
	// default, like a negative number, is none.
	ErrorBodyLimit int

	// Level returns the level of a request by its status. The default is
	// Error from 500 on, Warn from 400 on, else Info; Info also for 499, when
	// the client left before the first byte. Panics are logged at Error
	// whatever Level says.
	Level func(status int) slog.Level

	// RequestIDHeader is the header that carries the id of a request, in
	// both directions. The default is "X-Request-ID". A client's value is
	// taken when it is 1 to 128 characters of [A-Za-z0-9_.:-].
	RequestIDHeader string
}

// Middleware returns a function that wraps a handler so that every request to
// it is logged once, when the handler has returned or panicked.
//
// A nil logger means [slog.Default] at the time of each request, nil opts the
// defaults. A nil handler means [http.DefaultServeMux], as in [http.Server].
// Middleware panics when RequestIDHeader is not the name of a header.
//
// The record has the message "GET /users/{id} - 200 (45ms)" and these attrs:
// first the group "endpoint" with method, path, status_code, duration_ms and,
// when known, query_params, path_params, response_body, bytes and
// client_aborted; then request_id, trace_id and span_id; then those of
// [AddAttrs]. Its source is the call of Middleware, or the place of a panic.
//
// The status is the one sent. It is 499 when the client left before the first
// byte, or when the handler gave up with [http.ErrAbortHandler] before it; 101
// for a hijacked connection; and 500 for a panic or [runtime.Goexit] before
// the header. After a panic there are also the attrs ledger.log_type, which is
// "exception", and error, an error with a method Callers() []uintptr that
// returns the stack of the panic, and a method Unwrap that returns the value of
// the panic when that is an error.
//
// A Middleware inside another one of the same logger does not log; see the
// package comment on routers.
func Middleware(logger *slog.Logger, opts *Options) func(http.Handler) http.Handler {
	if opts == nil {
		opts = &Options{}
	}
	m := &middleware{
		logger:     logger,
		route:      opts.Route,
		skip:       opts.Skip,
		level:      opts.Level,
		excluded:   newSet(opts.ExcludePaths),
		registered: opts.OnlyRegisteredRoutes,
		normalizer: newNormalizer(opts),
		omitQuery:  opts.OmitQuery,
		safeParam:  opts.SafeParams,
		bodyLimit:  opts.ErrorBodyLimit,
		idHeader:   newIDHeader(opts.RequestIDHeader),
	}
	if !opts.KeepIgnored {
		m.noise = newNoise(opts)
	}
	m.pc = callerOutside()
	return func(next http.Handler) http.Handler {
		if next == nil {
			next = http.DefaultServeMux
		}
		return &handler{m, next}
	}
}

// A handler is what Middleware makes of another handler. Adapters make one for
// each request.
type handler struct {
	*middleware
	next http.Handler
}

// A middleware is what the options say. It is never changed after it was made.
type middleware struct {
	logger     *slog.Logger // nil: slog.Default()
	pc         uintptr      // of the call of Middleware
	route      func(*http.Request) string
	skip       func(*http.Request) bool
	level      func(int) slog.Level
	excluded   map[string]struct{}
	registered bool
	noise      *noise // nil: nothing is ignored
	normalizer normalizer
	omitQuery  bool
	safeParam  func(string) bool
	bodyLimit  int
	idHeader   string // canonical
}

// ServeHTTP calls the next handler and logs the request.
func (m *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	logger := m.logger
	if logger == nil {
		logger = slog.Default()
	}
	if !m.enabled(ctx, logger) {
		m.next.ServeHTTP(w, r)
		return
	}
	outer := exchangeOf(ctx)
	if outer != nil && !outer.isFor(r) {
		outer = nil
	}
	if outer != nil && outer.logger == logger {
		defer m.tellRoute(outer, r)
		m.next.ServeHTTP(w, r)
		return
	}
	x := &exchange{Context: ctx, outer: outer, logger: logger, start: time.Now(), received: r}
	x.path, x.query = requestTarget(r)
	x.correlate(m.idHeader, w, r)
	passed := r.WithContext(x)
	if m.skipped(x, r) {
		x.closed = true
		defer showPattern(r, passed)
		m.next.ServeHTTP(w, passed)
		return
	}
	x.response = response{writer: w, client: ctx, head: r.Method == http.MethodHead}
	if m.bodyLimit > 0 {
		x.response.body = &errorBody{limit: m.bodyLimit}
	}
	defer m.finish(x, passed)
	m.next.ServeHTTP(x.response.wrap(), passed)
	x.returned = true
}

// enabled reports whether the logger takes any level a request may be logged
// at. With a custom Level that may be any level at all.
func (m *middleware) enabled(ctx context.Context, logger *slog.Logger) bool {
	h := logger.Handler()
	return h.Enabled(ctx, slog.LevelError) || h.Enabled(ctx, slog.LevelInfo) || h.Enabled(ctx, slog.LevelWarn) ||
		m.level != nil && (h.Enabled(ctx, math.MaxInt) || h.Enabled(ctx, math.MinInt))
}

// skipped reports whether the request is never logged.
func (m *middleware) skipped(x *exchange, r *http.Request) bool {
	if len(m.excluded) > 0 {
		if _, ok := m.excluded[x.path]; ok {
			return true
		}
	}
	return m.skip != nil && guard(false, func() bool { return m.skip(r) })
}

// finish logs the request and lets a panic go on. It must be deferred itself,
// so that recover works. The stack of the handler is below it, whole, also for
// those that recover the panic further out.
func (m *middleware) finish(x *exchange, passed *http.Request) {
	end := time.Now()
	showPattern(x.received, passed)
	if x.returned {
		m.log(x, passed, end, nil)
		return
	}
	value := recover()
	callers, panicked := panicCallers()
	if panicked {
		defer panic(value) // whatever the logger does
	}
	switch {
	case value == http.ErrAbortHandler:
		x.response.abort()
		m.log(x, passed, end, nil)
	case panicked:
		x.response.fail()
		m.log(x, passed, end, newPanicError(value, callers))
	default: // runtime.Goexit
		x.response.fail()
		m.log(x, passed, end, nil)
	}
}

// showPattern sets the pattern that a mux has set on the copy of the request on
// the original too, where a handler outside of this one may look for it.
func showPattern(received, passed *http.Request) {
	if received.Pattern != passed.Pattern {
		received.Pattern = passed.Pattern
	}
}

// log writes the record of the request unless it is left out. A panic is never
// left out: failure is the error to log.
func (m *middleware) log(x *exchange, r *http.Request, end time.Time, failure *panicError) {
	added := x.close()
	template := m.template(r, added.template)
	if failure == nil {
		if template == "" && m.registered {
			return
		}
		if (template == "" || matchesAll(template)) && m.noise.match(x.path) {
			return
		}
	}

	status := x.response.finalStatus()
	level := slog.LevelError
	if failure == nil {
		level = m.levelOf(status, x.response.left)
	}
	ctx := recordContext{x}
	sink := x.logger.Handler()
	if !sink.Enabled(ctx, level) {
		return
	}

	if template == "" {
		template = m.normalizer.path(x.path)
	}
	e := endpoint{method: requestMethod(r), path: template, status: status, elapsed: end.Sub(x.start)}
	pc := m.pc
	if failure != nil && len(failure.callers) > 0 {
		pc = failure.callers[0]
	}
	record := slog.NewRecord(end, level, e.message(), pc)
	record.AddAttrs(slog.Attr{Key: "endpoint", Value: slog.GroupValue(m.endpointAttrs(e, x, r, added.params)...)})
	if failure != nil {
		record.AddAttrs(slog.String("ledger.log_type", "exception"), slog.Any("error", failure))
	}
	var ids [3]slog.Attr
	record.AddAttrs(x.appendIDs(ids[:0])...)
	record.AddAttrs(added.attrs...)
	_ = sink.Handle(ctx, record) // as slog.Logger does
}

// levelOf returns the level for a status. left means that the client left
// before the first byte.
func (m *middleware) levelOf(status int, left bool) slog.Level {
	level := slog.LevelInfo
	switch {
	case status >= 500:
		level = slog.LevelError
	case status >= 400 && !left:
		level = slog.LevelWarn
	}
	if m.level != nil {
		level = guard(level, func() slog.Level { return m.level(status) })
	}
	return level
}

// safe reports whether the value of the parameter may be logged.
func (m *middleware) safe(name string) bool {
	if m.safeParam == nil {
		return !secretName(name)
	}
	return guard(false, func() bool { return m.safeParam(name) })
}

// guard returns what the callback f returns, or fallback when f panics. The
// request must not suffer from the logging of it.
func guard[T any](fallback T, f func() T) (result T) {
	result = fallback
	defer func() { _ = recover() }()
	return f()
}

func newSet(keys []string) map[string]struct{} {
	set := make(map[string]struct{}, len(keys))
	for _, key := range keys {
		set[key] = struct{}{}
	}
	return set
}
