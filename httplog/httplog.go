package httplog

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// Middleware returns a function that wraps a handler so that every request to
// it is logged once, when the handler has returned or panicked.
//
// A nil logger means [slog.Default] at the time of each request, nil opts the
// defaults. A nil handler means [http.DefaultServeMux], as in [http.Server].
// Middleware panics when RequestIDHeader is not the name of a header.
//
// The record has the message "GET /users/{id} - 200 (45ms)" and these attrs:
//
//   - the group "endpoint" with method, path, status_code, duration_ms and,
//     when known, query_params, path_params, response_body, bytes,
//     client_aborted and path_full, which is the whole of a path that was cut
//   - request_id, trace_id and span_id
//   - client_ip, user_agent, host, http_version and request_bytes, unless
//     Omit leaves them out
//   - request_headers, response_headers and request_body, when asked for
//   - those of [AddAttrs], and then those of [Options.Attrs]
//
// Its source is the call of Middleware.
//
// The status is the one sent. It is 499 when the client left before the first
// byte, or when the handler gave up with [http.ErrAbortHandler] before it; 101
// for a hijacked connection; and 500 for a panic or [runtime.Goexit] before
// the header.
//
// A panic is a record of its own, before that of the request. It is at Error,
// its source is the place of the panic, and it has the attrs ledger.log_type,
// which is "exception", error, method, path, request_id, trace_id and span_id.
// The value of error has the methods Error, Unwrap, which returns the value of
// the panic when that is an error, and Callers() []uintptr, which returns the
// stack of the panic. Then the panic goes on. [http.ErrAbortHandler] goes on
// without being an error.
//
// A Middleware inside another one of the same logger does not log; see the
// package comment on routers.
func Middleware(logger *slog.Logger, opts *Options) func(http.Handler) http.Handler {
	if opts == nil {
		opts = &Options{}
	}
	m := newMiddleware(logger, opts)
	m.source = callerOutside()
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

// A middleware is what the options say, and what it remembers of routes and
// writers because it is needed for every request.
type middleware struct {
	logger *slog.Logger // nil: slog.Default()
	source uintptr      // the call of Middleware

	opts                            Options // the callbacks and the plain values of it
	excluded                        map[string]struct{}
	noise                           *noise // nil: nothing is ignored
	normalizer                      normalizer
	proxies                         proxies
	requestHeaders, responseHeaders []header
	idHeader                        string // canonical

	patterns patterns
	writers  atomic.Pointer[writerKind] // the first kind of response writer that there was
}

func newMiddleware(logger *slog.Logger, opts *Options) *middleware {
	m := &middleware{
		logger:          logger,
		opts:            *opts,
		excluded:        newSet(opts.ExcludePaths),
		normalizer:      newNormalizer(opts),
		proxies:         newProxies(opts.TrustedProxies),
		requestHeaders:  newHeaders(opts.RequestHeaders),
		responseHeaders: newHeaders(opts.ResponseHeaders),
		idHeader:        newIDHeader(opts.RequestIDHeader),
	}
	if !opts.KeepIgnored {
		m.noise = newNoise(opts)
	}
	return m
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
	outer, _ := ctx.Value(exchangeKey{}).(*exchange)
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
	x.pass(r)
	if m.skipped(x, r) {
		x.close()
		defer showPattern(r, &x.passed)
		m.next.ServeHTTP(w, &x.passed)
		return
	}
	if m.watchesBody(r) {
		x.watchBody(m.opts.RequestBodyLimit)
	}
	x.response.watch(w, r, m.opts.ErrorBodyLimit)
	defer m.finish(x)
	m.next.ServeHTTP(x.response.wrap(m.optional(w)), &x.passed)
	x.returned = true
}

// pass sets the copy of r that the handler gets. It is a function of its own because it
// copies twice, once on the stack.
//
//go:noinline
func (x *exchange) pass(r *http.Request) { x.passed = *r.WithContext(x) }

// enabled reports whether the logger takes any level a request may be logged
// at. With a level function that may be any level at all.
func (m *middleware) enabled(ctx context.Context, logger *slog.Logger) bool {
	h := logger.Handler()
	return h.Enabled(ctx, slog.LevelError) || h.Enabled(ctx, slog.LevelInfo) || h.Enabled(ctx, slog.LevelWarn) ||
		(m.opts.Level != nil || m.opts.LevelFunc != nil) && (h.Enabled(ctx, math.MaxInt) || h.Enabled(ctx, math.MinInt))
}

// skipped reports whether the request is never logged.
func (m *middleware) skipped(x *exchange, r *http.Request) bool {
	if len(m.excluded) > 0 {
		if _, ok := m.excluded[x.path]; ok {
			return true
		}
	}
	return m.opts.Skip != nil && guard(false, func() bool { return m.opts.Skip(r) })
}

// finish logs the request and lets a panic go on. It must be deferred itself,
// so that recover works. The stack of the handler is below it, whole, also for
// those that recover the panic further out.
func (m *middleware) finish(x *exchange) {
	end := x.end()
	showPattern(x.received, &x.passed)
	if x.returned {
		m.log(x, end, nil)
		return
	}
	value := recover()
	callers, panicked := panicCallers()
	if panicked {
		defer x.goOn(value) // whatever the logger does
	}
	switch {
	case panicked && value == http.ErrAbortHandler:
		x.response.abort()
		m.log(x, end, nil)
	case panicked:
		x.response.fail()
		m.log(x, end, newPanicError(value, callers))
	default: // runtime.Goexit
		x.response.fail()
		m.log(x, end, nil)
	}
}

// showPattern sets the pattern that a mux has set on the copy of the request on
// the original too, where a handler outside of this one may look for it.
func showPattern(received, passed *http.Request) {
	if received.Pattern != passed.Pattern {
		received.Pattern = passed.Pattern
	}
}
