// Gin is a gin-gonic/gin service whose requests arrive with the template of
// their route, and with the errors that handlers gave to gin.
//
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run .
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/httplog/ginlog"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	ledgerHandler, err := ledger.NewHandler(&ledger.Options{
		Service:      "users",
		ContextAttrs: httplog.ContextAttrs,
	})
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(os.Stdout, nil), ledgerHandler))

	err = serve(ctx, logger, routes(logger))
	if err != nil {
		logger.Error("service failed", "error", err)
	}

	// Shut logging down last, so that it delivers what the last request logged.
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, ledgerHandler.Shutdown(deadline))
}

// serve answers requests until ctx ends. Requests in progress then get ten
// seconds to finish.
func serve(ctx context.Context, logger *slog.Logger, handler http.Handler) error {
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), ":8080"))
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          httplog.ErrorLog(logger),
	}
	logger.Info("listening", "addr", listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(deadline)
}

func routes(logger *slog.Logger) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.HandleMethodNotAllowed = true
	// The recovery goes outside: ginlog records a panic and lets it go on; the
	// recovery answers 500, and need not print the stack once more.
	router.Use(gin.RecoveryWithWriter(io.Discard), ginlog.Middleware(logger, nil))

	router.GET("/users/:id", func(c *gin.Context) {
		id := c.Param("id")
		logger.InfoContext(c, "fetching user", "user_id", id)
		if id == "0" {
			c.JSON(http.StatusNotFound, gin.H{"error": "no such user"})
			return
		}
		c.JSON(http.StatusOK, gin.H{"id": id})
	})
	api := router.Group("/api/v1")
	api.GET("/bills/:cents/:people", func(c *gin.Context) {
		cents, err := strconv.Atoi(c.Param("cents"))
		if err != nil {
			_ = c.AbortWithError(http.StatusBadRequest, err) // the error is on the request's record
			return
		}
		people, _ := strconv.Atoi(c.Param("people"))
		c.JSON(http.StatusOK, gin.H{"each": cents / people}) // a bug: without people this panics
	})
	return router
}
