// Package fiberlog logs the requests of a Fiber app (v3) by package httplog.
//
//	app := fiber.New()
//	app.Use(recover.New(), fiberlog.Middleware(logger, nil))
//	err := app.Listen(":8080")
//
// It promises one record a request, with the template of Fiber's route, the path
// parameters, the error that the handler returned, and the status that Fiber's
// error handler made of it. Programs call it when they set up their app. It knows
// Fiber and httplog, and must never know package ledger: any [slog.Logger] will
// do.
//
// It is a module of its own, so that programs without Fiber do not carry Fiber.
package fiberlog

import (
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// Middleware returns what [httplog.Middleware] is for net/http: each request is
// logged once, when the handlers inside have returned or panicked. A nil logger
// means [slog.Default] at the time of each request, nil opts the defaults.
//
// It goes inside Fiber's recover: it logs a panic and lets it go on. A recover
// inside hides panics from it. Without any, a panic ends the process.
//
// An error that a handler returns is given to the app's error handler at once, so
// that the record has the status and the bytes that go out. The middleware
// outside gets no error then, as with Fiber's own logger. The error is the attr
// "error" of the request's record, unless it is Fiber's own for a request that no
// route matches.
//
// In handlers [httplog.AddAttrs], [httplog.SetRoute], [httplog.ContextAttrs] and
// slog's functions take the [fiber.Ctx] or its Context(); they mean the same. As
// always with Fiber, only the latter may be kept after the handler has returned.
//
// The callbacks of opts get a request made of Fiber's; they must not read its
// body. The record's bytes are those that the app gives to Fiber: compression
// outside does not count, nor does a stream whose length is not known. Fiber does
// not tell when a client has left, so no record has the status 499.
func Middleware(logger *slog.Logger, opts *httplog.Options) fiber.Handler {
	if opts == nil {
		opts = &httplog.Options{}
	}
	logging := httplog.Middleware(logger, opts)
	bodyLimit := int64(opts.RequestBodyLimit)
	wantsHeader := opts.ErrorBodyLimit > 0 || len(opts.ResponseHeaders) > 0
	return func(c fiber.Ctx) error {
		logging(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for key, values := range w.Header() { // the request's id
				c.Set(key, values[0])
			}
			c.SetContext(r.Context())
			c.Locals(httplog.ContextKey, r.Context())
			_, _ = io.CopyN(io.Discard, r.Body, bodyLimit) // httplog keeps what is read
			defer describe(c, r)                           // the route is found inside; a panic has one, too
			if err := c.Next(); err != nil {
				handleError(c, r, err)
			}
			if wantsHeader {
				copyHeader(w.Header(), &c.Response().Header)
			}
			report(c, w)
		})).ServeHTTP(writer{make(http.Header)}, newRequest(c, bodyLimit > 0))
		return nil
	}
}

// handleError lets the app answer to the error, and adds it to the record.
func handleError(c fiber.Ctx, r *http.Request, err error) {
	if c.App().ErrorHandler(c, err) != nil {
		_ = c.SendStatus(http.StatusInternalServerError) // always nil
	}
	if err != fiber.ErrNotFound && err != fiber.ErrMethodNotAllowed {
		httplog.AddAttrs(r.Context(), slog.Any("error", err))
	}
}

// describe tells the route that matched to the record. Where only middleware
// matched, such as that of static files, there is none.
func describe(c fiber.Ctx, r *http.Request) {
	if !c.Matched() {
		return
	}
	route := c.Route()
	httplog.SetRoute(r.Context(), route.Path)
	params := make([]slog.Attr, len(route.Params))
	for i, name := range route.Params {
		params[i] = slog.String(name, strings.Clone(c.Params(name))) // Fiber reuses the memory
	}
	httplog.SetPathParams(r.Context(), params...)
}
