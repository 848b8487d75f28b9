package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// starting measures what making a handler takes.
func starting(size size, t *table) {
	for _, p := range shippers() {
		s := newSink(nil)
		var took, bytes series
		for n := range size.rounds + 1 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			l := p.open(s, 0)
			once := time.Since(began)
			runtime.ReadMemStats(&after)
			if n > 0 { // the first reads what is read once
				took, bytes = append(took, float64(once)), append(bytes, float64(after.TotalAlloc-before.TotalAlloc))
			}
			within(atMost, l.close)()
		}
		r := row{Figure: "Making a handler", Who: p.name, Value: fmt.Sprintf("%.0f µs, %.0f kB", took.median()/1e3, bytes.median()/1e3)}
		if p.ours {
			r.Target = "≤ 200 µs, ≤ 100 kB"
			r.judge(took.median() <= 200e3 && bytes.median() <= 100e3)
		}
		t.add(r)
		s.close()
	}
}

// plainService is a program that serves HTTP and logs; sized programs have more
// imports, and make their handler in setUp.
const plainService = `package main

import (
	"log/slog"
	"net/http"
%s)

func main() {
	setUp()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { slog.InfoContext(r.Context(), "asked", "path", r.URL.Path) })
	slog.Error("it ends", "err", http.ListenAndServe("localhost:8080", nil))
}

func setUp() {
%s
}
`

// binarySize measures what each adds to a program that already has net/http and slog.
func binarySize(_ size, t *table) {
	folder, err := os.MkdirTemp("", "size")
	if err != nil {
		fatal(err)
	}
	defer os.RemoveAll(folder)
	build := func(imports, setUp string) float64 {
		source, program := filepath.Join(folder, "main.go"), filepath.Join(folder, "program")
		if err := os.WriteFile(source, fmt.Appendf(nil, plainService, imports, setUp), 0o600); err != nil {
			fatal(err)
		}
		if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
			fatal(fmt.Errorf("%w: %s", err, out))
		}
		info, err := os.Stat(program)
		if err != nil {
			fatal(err)
		}
		return float64(info.Size()) / 1e6
	}
	plain := build("", "")
	for _, p := range []struct{ name, imports, setUp string }{
		{"ledger", `"github.com/ledger-sdk/ledger-go"`, `h, _ := ledger.NewHandler(nil); slog.SetDefault(slog.New(h))`},
		{
			"otelslog + otlploghttp",
			`"context"; "go.opentelemetry.io/contrib/bridges/otelslog"; "go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"; sdklog "go.opentelemetry.io/otel/sdk/log"`,
			`e, _ := otlploghttp.New(context.Background()); p := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(e)))
			slog.SetDefault(otelslog.NewLogger("x", otelslog.WithLoggerProvider(p)))`,
		},
		{
			"sentry-go/slog", `"context"; "github.com/getsentry/sentry-go"; sentryslog "github.com/getsentry/sentry-go/slog"`,
			`_ = sentry.Init(sentry.ClientOptions{}); slog.SetDefault(slog.New(sentryslog.Option{}.NewSentryHandler(context.Background())))`,
		},
		{
			"axiom-go/adapters/slog", `axiomslog "github.com/axiomhq/axiom-go/adapters/slog"`,
			`h, _ := axiomslog.New(); slog.SetDefault(slog.New(h))`,
		},
	} {
		t.add(row{Figure: "Added to a binary with net/http", Who: p.name, Value: fmt.Sprintf("%.1f MB", build(p.imports+"\n", p.setUp)-plain)})
	}
}
