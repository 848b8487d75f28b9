// Gin is a service of gin-gonic/gin whose requests arrive with the
// template of their route.
//
//	go -C examples/gin run .
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

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
		Service:      "gin-example",
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
	gin.SetMode(gin.ReleaseMode)
	router := gin.New() // without gin.Logger, and without gin.Recovery: see below
	// Gin keeps the route to itself; this tells it to the middleware outside.
	router.Use(func(c *gin.Context) { httplog.SetRoute(c.Request.Context(), c.FullPath()) })

	router.GET("/users/:id", func(c *gin.Context) {
		logger.InfoContext(c.Request.Context(), "fetching user", "user_id", c.Param("id"))
		if c.Param("id") == "0" {
			c.JSON(http.StatusNotFound, gin.H{"error": "no such user"})
			return
		}
		c.JSON(http.StatusOK, gin.H{"id": c.Param("id")})
	})
	orders := router.Group("/api/v1/orders/:order")
	orders.GET("/items/:item", func(c *gin.Context) { c.Status(http.StatusOK) })
	router.GET("/panic", func(*gin.Context) { panic("index out of reach") })

	logging := httplog.Middleware(logger, &httplog.Options{
		TemplateStyle: httplog.ColonTemplate, // unmatched paths in gin's style, too
	})
	return recovery(logging(router))
}

// recovery answers 500 to a panic, in place of gin.Recovery: that one, inside,
// would hide the panic from the log. This one, outside, comes after it.
func recovery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
