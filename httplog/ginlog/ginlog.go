// Package ginlog logs the requests of a gin router by package httplog.
//
//	router := gin.New()
//	router.Use(gin.Recovery(), ginlog.Middleware(logger, nil))
//	err := router.Run()
//
// It promises one record a request, with the template of gin's route, the path
// parameters, the errors in [gin.Context.Errors], and the status that went out.
// Programs call it when they set up their router. It knows gin and httplog, and
// must never know package ledger: any [slog.Logger] will do.
//
// It is a module of its own, so that programs without gin do not carry gin.
package ginlog

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// Middleware returns what [httplog.Middleware] is for net/http: each request is
// logged once, when the handlers inside have returned or panicked. A nil logger
// means [slog.Default] at the time of each request, nil opts the defaults.
//
// It goes inside gin's recovery, as in router.Use(gin.Recovery(), …) or after
// [gin.Default]: it logs a panic and lets it go on. A recovery inside hides
// panics from it. Requests that no route matches are logged too, but not the
// redirects to a path with or without a trailing slash: gin calls no middleware
// for them. What gin writes after the last handler, the text of its own 404, is
// not in the record's bytes.
//
// In handlers [httplog.AddAttrs], [httplog.SetRoute], [httplog.ContextAttrs] and
// slog's functions take the [gin.Context] or the context of its request; they
// mean the same.
//
// Errors that handlers gave to [gin.Context.Error] are the attr "error" of the
// request's record.
func Middleware(logger *slog.Logger, opts *httplog.Options) gin.HandlerFunc {
	logging := httplog.Middleware(logger, opts)
	return func(c *gin.Context) {
		outside := c.Writer
		// A recovery outside answers by the writer that it knows.
		defer func() { c.Writer = outside }()
		logging(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inside := &writer{ResponseWriter: outside, logged: w}
			c.Request, c.Writer = r, inside
			c.Set(httplog.ContextKey, r.Context())
			httplog.SetRoute(r.Context(), c.FullPath())
			httplog.SetPathParams(r.Context(), params(c)...)
			c.Next()
			inside.commit()
			addErrors(c, r)
		})).ServeHTTP(outside, c.Request)
	}
}

func params(c *gin.Context) []slog.Attr {
	attrs := make([]slog.Attr, len(c.Params))
	for i, p := range c.Params {
		attrs[i] = slog.String(p.Key, p.Value)
	}
	return attrs
}

func addErrors(c *gin.Context, r *http.Request) {
	errs := make([]error, len(c.Errors))
	for i, e := range c.Errors {
		errs[i] = e.Err
	}
	switch len(errs) {
	case 0:
	case 1:
		httplog.AddAttrs(r.Context(), slog.Any("error", errs[0]))
	default:
		httplog.AddAttrs(r.Context(), slog.Any("error", errors.Join(errs...)))
	}
}

// A writer sends a response through httplog's writer, which ends in gin's. Gin
// lets handlers change the status until the first byte; httplog takes the first
// that it is told. So the status stays with gin until it goes out.
type writer struct {
	gin.ResponseWriter // gin's own, which knows status and size
	logged             http.ResponseWriter
	committed          bool
}

// commit tells the status to httplog. Only the first call counts.
func (w *writer) commit() {
	if !w.committed {
		w.committed = true
		w.logged.WriteHeader(w.Status())
	}
}

func (w *writer) WriteHeaderNow() {
	w.commit()
	w.ResponseWriter.WriteHeaderNow()
}

func (w *writer) Write(p []byte) (int, error) {
	w.commit()
	return w.logged.Write(p)
}

func (w *writer) WriteString(s string) (int, error) {
	w.commit()
	return io.WriteString(w.logged, s)
}

func (w *writer) Flush() {
	w.commit()
	_ = http.NewResponseController(w.logged).Flush()
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.logged }

// Hijack hands the connection over. A handler that hijacks has no status of
// gin's.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(w.logged).Hijack()
	if err == nil {
		w.committed = true
	}
	return conn, buffer, err
}
