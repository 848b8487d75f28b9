package main

import (
	"io"
	"log"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	chihttplog "github.com/go-chi/httplog/v3"
	"github.com/gofiber/fiber/v3"
	fiberlogger "github.com/gofiber/fiber/v3/middleware/logger"
	"github.com/labstack/echo/v5"
	echomiddleware "github.com/labstack/echo/v5/middleware"
	sloghttp "github.com/samber/slog-http"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/sdk/trace"
)

// peerCases are other middlewares, around the same mux or around the router that
// they are made for, each compared with that router without it.
func peerCases(logger *slog.Logger) []*middlewareCase {
	const target = "/users/42"
	mux := benchmarkMux()
	bare := httpCall(mux, target, nil)
	around := func(name string, h http.Handler) *middlewareCase {
		return &middlewareCase{name: name, bare: bare, call: httpCall(h, target, nil)}
	}
	router := func(name string, bare, logging http.Handler) *middlewareCase {
		return &middlewareCase{name: name, bare: httpCall(bare, target, nil), call: httpCall(logging, target, nil)}
	}
	spans := otelhttp.WithTracerProvider(trace.NewTracerProvider()) // spans are made and thrown away
	return []*middlewareCase{
		around("samber/slog-http", sloghttp.New(logger)(mux)),
		around("go-chi/httplog", chihttplog.RequestLogger(logger, &chihttplog.Options{Level: slog.LevelInfo, Schema: chihttplog.SchemaOTEL})(mux)),
		around("otelhttp (a span, no record)", otelhttp.NewHandler(mux, "bench", spans)),
		router("chi's Logger (a line, no attrs)", chiRouter(), chiRouter(chimiddleware.RequestLogger(
			&chimiddleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", log.LstdFlags), NoColor: true}))),
		router("gin's Logger (a line, no attrs)", ginRouter(), ginRouter(gin.LoggerWithConfig(gin.LoggerConfig{Output: io.Discard}))),
		router("Echo's RequestLogger (slog)", echoRouter(nil), echoRouter(logger)),
		{name: "fiber's logger (a line, no attrs)", bare: fiberCall(), call: fiberCall(fiberlogger.New(fiberlogger.Config{Stream: io.Discard}))},
	}
}

func chiRouter(middlewares ...func(http.Handler) http.Handler) http.Handler {
	router := chi.NewRouter()
	router.Use(middlewares...)
	router.Get("/users/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":42}`) })
	return router
}

func ginRouter(middlewares ...gin.HandlerFunc) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(middlewares...)
	router.GET("/users/:id", func(c *gin.Context) { _, _ = c.Writer.WriteString(`{"id":42}`) })
	return router
}

func echoRouter(logger *slog.Logger) http.Handler {
	router := echo.New()
	if logger != nil {
		router.Logger = logger
		router.Use(echomiddleware.RequestLogger())
	}
	router.GET("/users/:id", func(c *echo.Context) error { return c.String(http.StatusOK, `{"id":42}`) })
	return router
}

// fiberCall returns a function that lets fiber serve one request. Fiber has no
// http.Handler; its own form of a request is used again, as its server does.
func fiberCall(middlewares ...fiber.Handler) func() {
	app := fiber.New()
	for _, m := range middlewares {
		app.Use(m)
	}
	app.Get("/users/:id", func(c fiber.Ctx) error { return c.SendString(`{"id":42}`) })
	serve := app.Handler()
	var c fasthttp.RequestCtx
	var request fasthttp.Request
	request.Header.SetMethod(fasthttp.MethodGet)
	request.SetRequestURI("/users/42")
	return func() {
		c.Init(&request, nil, nil)
		c.Response.Reset()
		serve(&c)
	}
}
