// Stdlog sends what package log and libraries that log through it write.
//
//	go run ./examples/stdlog
package main

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
)

func main() { demo.MainJob(run) }

func run(context.Context) error {
	handler, err := ledger.NewHandler(&ledger.Options{Service: "legacy"})
	if err != nil {
		return err
	}
	// From here on slog's top-level functions and those of package log arrive,
	// the latter as records at Info.
	slog.SetDefault(slog.New(handler))
	slog.Info("told by slog", "answer", 42)
	log.Print("told by log.Print")

	// Lines of log at another level:
	slog.SetLogLoggerLevel(slog.LevelWarn)
	log.Print("told by log.Print, as a warning")
	slog.SetLogLoggerLevel(slog.LevelInfo)

	// Libraries that want a *log.Logger get one of their own, with a level and
	// attrs that say where a line comes from.
	server := &http.Server{
		ErrorLog: slog.NewLogLogger(handler.WithAttrs([]slog.Attr{slog.String("logger", "net/http")}), slog.LevelError),
	}
	server.ErrorLog.Print("http: TLS handshake error from 192.0.2.1: EOF")

	// log.Fatal and os.Exit end the process at once, with nothing delivered:
	// return an error to main instead, and shut down before it exits.
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return handler.Shutdown(deadline)
}
