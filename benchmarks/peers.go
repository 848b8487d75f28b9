package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"time"

	axiomslog "github.com/axiomhq/axiom-go/adapters/slog"
	"github.com/axiomhq/axiom-go/axiom"
	"github.com/getsentry/sentry-go"
	sentryslog "github.com/getsentry/sentry-go/slog"
	kitlog "github.com/go-kit/kit/log"
	"github.com/grafana/loki-client-go/loki"
	phuslu "github.com/phuslu/log"
	"github.com/rs/zerolog"
	slogloki "github.com/samber/slog-loki/v3"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/ledger-sdk/ledger-go"
)

// A logger is a handler under measurement, ready to log.
type logger struct {
	handler slog.Handler
	flush   func()       // delivers what is left; nothing where that cannot be asked for
	close   func()       // delivers what is left and releases all
	status  func()       // Ledger's
	lost    func() int64 // Ledger's: how many it has dropped
}

// A peer is one way of logging. Shippers deliver to a sink; local ones write to
// io.Discard.
type peer struct {
	name  string
	local bool
	ours  bool
	most  float64 // times the yardstick that a delivered record may cost; 0: nothing is promised
	// open makes a logger whose buffer, where it can be set, holds that many
	// records; 0 leaves the default.
	open func(s *sink, buffer int) logger
}

const json = "slog.JSONHandler"

// peers returns all that are measured, the yardstick first.
func peers() []peer {
	all := []peer{
		{name: json, local: true, open: local(func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) })},
		{name: "ledger", ours: true, most: 1.2, open: openLedger(ledger.ProtocolLedger, false)},
		{name: "ledger, OTLP", ours: true, most: 1.2, open: openLedger(ledger.ProtocolOTLP, false)},
	}
	return append(all,
		peer{name: "otelslog + otlploghttp", open: openOTel(otlploghttp.NoCompression)},
		peer{name: "otelslog + otlploghttp, gzip", open: openOTel(otlploghttp.GzipCompression)},
		peer{name: "sentry-go/slog", open: openSentry},
		peer{name: "axiom-go/adapters/slog", open: openAxiom},
		peer{name: "samber/slog-loki", open: openLoki},
		peer{name: "zerolog.SlogHandler", local: true, open: local(func(w io.Writer) slog.Handler {
			return zerolog.NewSlogHandler(zerolog.New(w).With().Timestamp().Logger())
		})},
		peer{name: "zapslog", local: true, open: local(func(w io.Writer) slog.Handler {
			return zapslog.NewHandler(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(w), zapcore.InfoLevel))
		})},
		peer{name: "phuslu/log slog handler", local: true, open: local(func(w io.Writer) slog.Handler { return phuslu.SlogNewJSONHandler(w, nil) })},
	)
}

// plain are our handlers without compression, of which only the cost of delivery is told.
func plain() []peer {
	return []peer{
		{name: "ledger, without compression", ours: true, most: 1, open: openLedger(ledger.ProtocolLedger, true)},
		{name: "ledger, OTLP, without compression", ours: true, most: 1, open: openLedger(ledger.ProtocolOTLP, true)},
	}
}

// shippers are the peers that deliver, ours first.
func shippers() (some []peer) {
	for _, p := range peers() {
		if !p.local {
			some = append(some, p)
		}
	}
	return some
}

func local(handler func(io.Writer) slog.Handler) func(*sink, int) logger {
	return func(*sink, int) logger {
		return logger{handler: handler(io.Discard), flush: func() {}, close: func() {}}
	}
}

// openLedger opens our handler with the server's rate limits raised, and without
// compression where plain is set.
func openLedger(protocol ledger.Protocol, plain bool) func(*sink, int) logger {
	return func(s *sink, buffer int) logger {
		opts := &ledger.Options{
			APIKey:             "ledger_benchmark",
			BaseURL:            s.URL,
			Protocol:           protocol,
			DisableCompression: plain,
			Diagnostics:        slog.DiscardHandler,
			MaxBufferSize:      buffer,
			MaxBufferBytes:     max(buffer*1000, 16<<20), // the default, or 1 kB a record
			RequestsPerMinute:  math.MaxInt32,
			RequestsPerHour:    math.MaxInt32,
		}
		h, err := ledger.NewHandler(opts)
		if err != nil {
			fatal(err)
		}
		return logger{
			handler: h,
			flush:   func() { _ = h.Flush(context.Background()) },
			close: func() {
				ctx, cancel := context.WithTimeout(context.Background(), atMost)
				defer cancel()
				_ = h.Shutdown(ctx)
			},
			status: func() { h.Status() },
			lost:   func() int64 { return h.Metrics().Buffer.TotalDropped },
		}
	}
}

// atMost is how long any logger may take to deliver what is left.
const atMost = 20 * time.Second

func openOTel(compression otlploghttp.Compression) func(*sink, int) logger {
	return func(s *sink, buffer int) logger {
		ctx := context.Background()
		exporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(s.URL+"/v1/logs"), otlploghttp.WithCompression(compression))
		if err != nil {
			fatal(err)
		}
		var options []sdklog.BatchProcessorOption
		if buffer > 0 {
			options = append(options, sdklog.WithMaxQueueSize(buffer))
		}
		provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter, options...)))
		return logger{
			handler: otelslog.NewHandler("benchmarks", otelslog.WithLoggerProvider(provider)),
			flush:   func() { _ = provider.ForceFlush(ctx) },
			close: func() {
				ctx, cancel := context.WithTimeout(ctx, atMost)
				defer cancel()
				_ = provider.Shutdown(ctx)
			},
		}
	}
}

func openSentry(s *sink, _ int) logger {
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: strings.Replace(s.URL, "http://", "http://key@", 1) + "/1",
	})
	if err != nil {
		fatal(err)
	}
	ctx := sentry.SetHubOnContext(context.Background(), sentry.NewHub(client, sentry.NewScope()))
	return logger{
		handler: sentryslog.Option{}.NewSentryHandler(ctx),
		flush:   func() { client.Flush(atMost) },
		close: func() {
			client.Flush(atMost)
			client.Close()
		},
	}
}

func openAxiom(s *sink, _ int) logger {
	client, err := axiom.NewClient(axiom.SetNoEnv(), axiom.SetURL(s.URL), axiom.SetToken("xaat-00000000-0000-0000-0000-000000000000"), axiom.SetNoTracing())
	if err != nil {
		fatal(err)
	}
	h, err := axiomslog.New(axiomslog.SetClient(client), axiomslog.SetDataset("logs"))
	if err != nil {
		fatal(err)
	}
	return logger{handler: h, flush: func() {}, close: h.Close}
}

func openLoki(s *sink, _ int) logger {
	config, err := loki.NewDefaultConfig(s.URL + "/loki/api/v1/push")
	if err != nil {
		fatal(err)
	}
	client, err := loki.NewWithLogger(config, kitlog.NewNopLogger())
	if err != nil {
		fatal(err)
	}
	return logger{handler: slogloki.Option{Client: client}.NewLokiHandler(), flush: func() {}, close: client.Stop}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "benchmarks:", err)
	os.Exit(1)
}
