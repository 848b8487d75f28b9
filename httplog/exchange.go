package httplog

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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
	add(ctx, func(a *additions) { a.template, a.explicit = template, true })
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
	add(ctx, func(a *additions) { a.params, a.explicitParams = params, true })
}

// AddAttrs adds attrs to the record of the request whose context ctx is, or is
// derived from. It is safe for concurrent use. Attrs added after the record was
// written, which is when the handler has returned, are dropped, as are those
// for contexts without a request.
func AddAttrs(ctx context.Context, attrs ...slog.Attr) {
	add(ctx, func(a *additions) { a.attrs = append(a.attrs, attrs...) })
}

// An exchange is one request with its response, and the context the handler
// gets. Handlers may keep the context for longer than the request lasts, so
// exchanges are not reused; what may still be touched then is atomic. All that a
// usual request needs is inside, so that it is one allocation, and what it costs
// is its size.
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
	traceparent string    // valid, or ""

	added atomic.Pointer[additions] // nil: nothing yet, as for most requests
	ids   atomic.Pointer[idAttrs]   // for ContextAttrs, from its first call on

	text        strings.Builder            // what texts of the record are parts of
	attrs       [7 + usualParams]slog.Attr // of the group endpoint, and the path parameters
	returned    bool                       // the handler returned, neither panicked nor exited
	panicLogged bool
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
	mu       sync.Mutex
	closed   bool // the record has been written or left out
	attrs    []slog.Attr
	template string
	explicit bool // the template is that of SetRoute

	params         []slog.Attr // path parameters, not masked yet
	explicitParams bool        // the parameters are those of SetPathParams
}

// closedAdditions stand for those of a request that nobody said anything of
// before its end.
var closedAdditions = &additions{closed: true}

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

func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// add calls f with the additions of the exchange, unless they are closed.
func (x *exchange) add(f func(*additions)) {
	a := x.added.Load()
	if a == nil {
		a = new(additions)
		if !x.added.CompareAndSwap(nil, a) {
			a = x.added.Load()
		}
	}
	if a == closedAdditions {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		f(a)
	}
}

// add calls f with the additions of the request of ctx, for each Middleware around it.
func add(ctx context.Context, f func(*additions)) {
	for x := exchangeOf(ctx); x != nil; x = x.outer {
		x.add(f)
	}
}

// close returns the additions, which do not change any more.
func (x *exchange) close() *additions {
	a := x.added.Swap(closedAdditions)
	if a == nil {
		return closedAdditions
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	return a
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
