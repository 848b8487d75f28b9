// Fiber is a gofiber/fiber service whose requests arrive with the template of
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
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/httplog/fiberlog"
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
func serve(ctx context.Context, logger *slog.Logger, app *fiber.App) error {
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), ":8080"))
	if err != nil {
		return err
	}
	logger.Info("listening", "addr", listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- app.Listener(listener, fiber.ListenConfig{DisableStartupMessage: true}) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return app.ShutdownWithContext(deadline)
}

func routes(logger *slog.Logger) *fiber.App {
	app := fiber.New(fiber.Config{
		ReadTimeout:  30 * time.Second,
		WriteTimeout: 30 * time.Second,
		IdleTimeout:  2 * time.Minute,
	})
	// recover goes outside: fiberlog records a panic and lets it go on; recover makes
	// a 500 of it. Without recover a panic ends the process.
	app.Use(recover.New(), fiberlog.Middleware(logger, nil))

	app.Get("/users/:id", func(c fiber.Ctx) error {
		id := c.Params("id")
		logger.InfoContext(c, "fetching user", "user_id", id)
		if id == "0" {
			return fiber.NewError(fiber.StatusNotFound, "no such user")
		}
		return c.JSON(fiber.Map{"id": id})
	})
	api := app.Group("/api/v1")
	api.Get("/bills/:cents/:people", func(c fiber.Ctx) error {
		cents, err := strconv.Atoi(c.Params("cents"))
		if err != nil {
			return errors.Join(fiber.ErrBadRequest, err) // the error is on the request's record
		}
		people, _ := strconv.Atoi(c.Params("people"))
		return c.JSON(fiber.Map{"each": cents / people}) // a bug: without people this panics
	})
	return app
}
