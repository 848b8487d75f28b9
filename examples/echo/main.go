// Echo is a labstack/echo service whose requests arrive with the template of
// their route, and with the errors that handlers returned.
//
//	LEDGER_API_KEY=ledger_… LEDGER_BASE_URL=https://ledger.example.com go run .
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/httplog/echolog"
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
	router := echo.New()
	router.Logger = logger // Echo's own messages
	// Recover goes outside: echolog records a panic and lets it go on; Recover makes
	// a 500 of it.
	router.Use(middleware.Recover(), echolog.Middleware(logger, nil))

	router.GET("/users/:id", func(c *echo.Context) error {
		id := c.Param("id")
		logger.InfoContext(c.Request().Context(), "fetching user", "user_id", id)
		if id == "0" {
			return echo.NewHTTPError(http.StatusNotFound, "no such user")
		}
		return c.JSON(http.StatusOK, map[string]string{"id": id})
	})
	api := router.Group("/api/v1")
	api.GET("/bills/:cents/:people", func(c *echo.Context) error {
		cents, err := strconv.Atoi(c.Param("cents"))
		if err != nil {
			return echo.ErrBadRequest.Wrap(err) // the error is on the request's record
		}
		people, _ := strconv.Atoi(c.Param("people"))
		return c.JSON(http.StatusOK, map[string]int{"each": cents / people}) // a bug: without people this panics
	})
	return router
}
