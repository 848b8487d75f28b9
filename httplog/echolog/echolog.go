// Package echolog logs the requests of an Echo router (v5) by package httplog.
//
//	e := echo.New()
//	e.Use(middleware.Recover(), echolog.Middleware(logger, nil))
//	err := e.Start(":8080")
//
// It promises one record a request, with the template of Echo's route, the path
// parameters, the error that the handler returned, and the status that Echo's
// error handler made of it. Programs call it when they set up their router. It
// knows Echo and httplog, and must never know package ledger: any [slog.Logger]
// will do.
//
// It is a module of its own, so that programs without Echo do not carry Echo.
package echolog

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// Middleware returns what [httplog.Middleware] is for net/http: each request is
// logged once, when the handlers inside have returned or panicked. A nil logger
// means [slog.Default] at the time of each request, nil opts the defaults.
//
// It goes inside Echo's Recover: it logs a panic and lets it go on. A Recover
// inside hides panics from it.
//
// An error that a handler returns is given to [echo.Echo.HTTPErrorHandler] at
// once, so that the record has the status and the bytes that went out. It then
// goes on to the middleware outside, as with HandleError of Echo's own request
// logger: those see a response that is committed. The error is the attr "error"
// of the request's record, unless it is Echo's own for a request that no route
// matches.
//
// In handlers [httplog.AddAttrs], [httplog.ContextAttrs] and slog's functions take
// c.Request().Context().
func Middleware(logger *slog.Logger, opts *httplog.Options) echo.MiddlewareFunc {
	logging := httplog.Middleware(logger, opts)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			writer, setWriter := innermost(c)
			// A Recover outside answers by the writer that was there.
			defer setWriter(writer)
			logging(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				setWriter(w)
				c.SetRequest(r)
				route := c.Path()
				describe(c, r)
				if err = next(c); err != nil {
					c.Echo().HTTPErrorHandler(c, err)
					if err != echo.ErrNotFound && err != echo.ErrMethodNotAllowed {
						httplog.AddAttrs(r.Context(), slog.Any("error", err))
					}
				}
				if c.Path() != route { // with Echo.Pre the route is found inside
					describe(c, r)
				}
			})).ServeHTTP(writer, c.Request())
			return err
		}
	}
}

// innermost returns the writer below Echo's Response, which sees what goes out:
// hooks of the Response may change the status. Where there is no Response it is
// the context's writer.
func innermost(c *echo.Context) (w http.ResponseWriter, set func(http.ResponseWriter)) {
	response, err := echo.UnwrapResponse(c.Response())
	if err != nil {
		return c.Response(), c.SetResponse
	}
	return response.ResponseWriter, func(w http.ResponseWriter) { response.ResponseWriter = w }
}

// describe tells the route that matched to the record.
func describe(c *echo.Context, r *http.Request) {
	httplog.SetRoute(r.Context(), c.Path())
	values := c.PathValues()
	params := make([]slog.Attr, len(values))
	for i, v := range values {
		params[i] = slog.String(v.Name, v.Value)
	}
	httplog.SetPathParams(r.Context(), params...)
}
