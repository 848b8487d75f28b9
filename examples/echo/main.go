// Echo is a service of labstack/echo whose requests arrive with the
// template of their route.
//
//	go -C examples/echo run .
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/httplog"
)

var requests = []string{
	"GET /users/42?page=2",
	"GET /users/0",
	"GET /api/v1/orders/7/items/9",
	"GET /nowhere/123",
	"GET /panic",
}

func main() { demo.Main(serve, requests...) }

func serve(ctx context.Context, l net.Listener) error {
	ledgerHandler, err := ledger.NewHandler(&ledger.Options{
		Service:      "echo-example",
		ContextAttrs: httplog.ContextAttrs,
	})
	if err != nil {
		return err
	}
	err = demo.Serve(ctx, l, routes(slog.New(ledgerHandler))) // a graceful http.Server

	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline))
}

func routes(logger *slog.Logger) http.Handler {
	router := echo.New()
	// Echo keeps the route to itself; this tells it to the middleware outside.
	router.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { // echo v4: func(c echo.Context) error
			httplog.SetRoute(c.Request().Context(), c.Path())
			return next(c)
		}
	})

	router.GET("/users/:id", func(c *echo.Context) error {
		logger.InfoContext(c.Request().Context(), "fetching user", "user_id", c.Param("id"))
		if c.Param("id") == "0" {
			return echo.NewHTTPError(http.StatusNotFound, "no such user")
		}
		return c.JSON(http.StatusOK, map[string]string{"id": c.Param("id")})
	})
	orders := router.Group("/api/v1/orders/:order")
	orders.GET("/items/:item", func(c *echo.Context) error { return c.NoContent(http.StatusOK) })
	router.GET("/panic", func(*echo.Context) error { panic("index out of reach") })

	// Around the router rather than in router.Use, so that the status logged is
	// the one that Echo's error handler has sent.
	logging := httplog.Middleware(logger, &httplog.Options{
		TemplateStyle: httplog.ColonTemplate, // unmatched paths in Echo's style, too
	})
	return logging(router)
}
