package httplog

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// SetRoute names the template of the route that was matched for the request
// whose context ctx is, or is derived from. It is for routers that keep the
// route where [Options.Route] cannot find it, and may be called by a handler
// or a middleware inside of [Middleware], from any goroutine. A method before
// the template is taken off, so the Pattern of a request may be given.
//
// The last call before the record is written counts; later ones, an empty
// template, and contexts without a request have no effect. The route that
// [http.ServeMux] matched comes first, unless its pattern is a mere prefix,
// such as "/" or "/api/".
func SetRoute(ctx context.Context, template string) {
	template = stripMethod(template)
	if template == "" {
		return
	}
	for x := exchangeOf(ctx); x != nil; x = x.outer {
		x.add(func(a *additions) { a.template, a.explicit = template, true })
	}
}

// SetPathParams names the path parameters of the request whose context ctx is,
// or is derived from, for routers that do not call
// [http.Request.SetPathValue]. They become the group path_params of the record,
// in the order given; values of secret-looking names are masked, see
// [Options.SafeParams].
//
// The last call before the record is written counts. It replaces what the
// pattern of the request says. Contexts without a request have no effect. It is
// safe for concurrent use.
func SetPathParams(ctx context.Context, params ...slog.Attr) {
	if len(params) == 0 {
		return
	}
	for x := exchangeOf(ctx); x != nil; x = x.outer {
		x.add(func(a *additions) { a.params, a.explicitParams = params, true })
	}
}

// AddAttrs adds attrs to the record of the request whose context ctx is, or is
// derived from. It is safe for concurrent use. Attrs added after the record was
// written, which is when the handler has returned, are dropped, as are those
// for contexts without a request.
func AddAttrs(ctx context.Context, attrs ...slog.Attr) {
	for x := exchangeOf(ctx); x != nil; x = x.outer {
		x.add(func(a *additions) { a.attrs = append(a.attrs, attrs...) })
	}
}

// An exchange is one request with its response, and the context the handler
// gets. Handlers may keep the context for longer than the request lasts, so
// exchanges are not reused; what is written at the end of the request and may
// still be touched then is guarded by mu. All that a usual request needs is
// inside, so that it is one allocation.
type exchange struct {
	context.Context           // of the request as it was received
	outer           *exchange // of a Middleware with another logger around this one, or nil
	logger          *slog.Logger
	start           time.Time
	received        *http.Request
	passed          http.Request // the copy that the handler gets
	path, query     string       // as received, the path decoded; handlers may change the URL
	body            *requestBody // nil: not watched
	response        plainWriter

	// correlation, written before the handler is called
	requestID   [1]string // a slice of it is the value of the response header
	trace, span string    // "" when unknown

	returned    bool // the handler returned, neither panicked nor exited
	panicLogged bool

	mu     sync.Mutex
	closed bool        // the record has been written or left out
	added  *additions  // nil: nothing yet, as for most requests
	ids    []slog.Attr // for ContextAttrs, from its first call on

	attrs [7 + usualParams]slog.Attr // of the group endpoint, and the path parameters
}

// end returns the time at which the request ended, which is now. The clock that
// cannot be set back is read alone, which is faster; after a second of work
// nobody notices the difference, and the wall clock may have been set.
func (x *exchange) end() time.Time {
	if elapsed := time.Since(x.start); elapsed < time.Second {
		return x.start.Add(elapsed)
	}
	return time.Now()
}

// additions are what handlers and an inner Middleware have said of the request.
type additions struct {
	attrs    []slog.Attr
	template string
	explicit bool // the template is that of SetRoute

	params         []slog.Attr // path parameters, not masked yet
	explicitParams bool        // the parameters are those of SetPathParams
}

// ContextKey is for contexts of routers that do not look into the context of
// the request, such as *gin.Context and fiber.Ctx: under this key they hold the
// context of the request that [Middleware] passes on. An adapter sets it before
// it calls the next handler:
//
//	c.Set(httplog.ContextKey, request.Context())    // gin
//	c.Locals(httplog.ContextKey, request.Context()) // fiber
//
// Then AddAttrs(c, …), SetRoute(c, …), ContextAttrs(c) and
// slog.InfoContext(c, …) find the request. It is a string because gin looks up
// nothing else.
const ContextKey = "github.com/ledger-sdk/ledger-go/httplog.context"

// exchangeKey is the key of the exchange in a context.
type exchangeKey struct{}

// exchangeOf returns the exchange ctx belongs to, or nil.
func exchangeOf(ctx context.Context) *exchange {
	if ctx == nil {
		return nil
	}
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	inner, ok := ctx.Value(ContextKey).(context.Context)
	if !ok {
		return nil
	}
	x, _ := inner.Value(exchangeKey{}).(*exchange)
	return x
}

// isFor reports whether r is the request of the exchange or a copy of it, and
// not one that a handler has made with the context of another: the copies that
// middleware makes keep the request line and the client's address.
func (x *exchange) isFor(r *http.Request) bool {
	return r.RequestURI == x.received.RequestURI && r.RemoteAddr == x.received.RemoteAddr
}

// Value implements [context.Context].
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// add calls f with the additions of the exchange, unless it is closed.
func (x *exchange) add(f func(*additions)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return
	}
	if x.added == nil {
		x.added = new(additions)
	}
	f(x.added)
}

// noAdditions stands for those of a request that nobody said anything of.
var noAdditions additions

// close returns the additions, which do not change any more.
func (x *exchange) close() *additions {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	if x.added == nil {
		return &noAdditions
	}
	return x.added
}

// A recordContext is the context a request's own record is logged with. It has
// the values of the request's context but is never cancelled, so that the
// record of a cancelled request is not lost. It belongs to no exchange: the
// record has the correlation attrs already, and a handler that adds those of
// [ContextAttrs] must not repeat them.
type recordContext struct{ x *exchange }

func (c recordContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (c recordContext) Done() <-chan struct{}                   { return nil }
func (c recordContext) Err() error                              { return nil }

func (c recordContext) Value(key any) any {
	if key == (exchangeKey{}) || key == ContextKey {
		return nil
	}
	return c.x.Context.Value(key)
}
