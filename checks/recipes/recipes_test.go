package recipes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// TestMain lets the test's binary be a program that ends itself: see
// TestFatalIsDelivered.
func TestMain(m *testing.M) {
	if logger := os.Getenv("END_BY"); logger != "" {
		h, err := ledger.NewHandler(nil)
		if err != nil {
			panic(err)
		}
		switch logger {
		case "zap":
			newZap(h).Fatal("the end", zap.Int("n", 1))
		case "zerolog":
			l := newZerolog(h)
			l.Fatal().Int("n", 1).Msg("the end")
		}
	}
	goleak.VerifyTestMain(m)
}

func newHandler(t *testing.T, srv *ledgertest.Server, opts ledger.Options) *ledger.Handler {
	t.Helper()
	opts.APIKey, opts.BaseURL = ledgertest.APIKey, srv.URL
	h, err := ledger.NewHandler(&opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// entries shuts the handler down and returns what arrived.
func entries(t *testing.T, srv *ledgertest.Server, h *ledger.Handler) []ledgertest.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	return srv.Entries()
}

// arrived returns each entry as level, message and attributes.
func arrived(t *testing.T, entries []ledgertest.Entry) (lines []string) {
	t.Helper()
	for _, e := range entries {
		attrs, err := json.Marshal(e.Attributes)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s", e.Level, e.Message, attrs))
	}
	return lines
}

func TestSampling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := ledgertest.New(t, ledgertest.InMemory())
		h := newHandler(t, srv, ledger.Options{HTTPTransport: srv.Transport()})
		var left atomic.Int64
		logger := slog.New(sampled(h, &left))
		for range 2 { // each time of five seconds begins anew
			for i := range 1000 {
				logger.Info("often", "i", i)
				logger.Warn("a warning", "i", i)
			}
			logger.Info("rare")
			time.Sleep(5 * time.Second)
		}
		count := make(map[string]int)
		for _, e := range entries(t, srv, h) {
			count[e.Message]++
		}
		// 100 of 1000, and about 45 of the 900 after them, twice.
		if n := count["often"]; n < 200+20 || n > 200+180 {
			t.Errorf("%d of 2000 arrived", n)
		}
		if count["a warning"] != 2000 || count["rare"] != 2 {
			t.Errorf("%d warnings of 2000, %d of 2 rare ones arrived", count["a warning"], count["rare"])
		}
		if n := left.Load(); n != int64(2000-count["often"]) {
			t.Errorf("%d counted as left out, %d are", n, 2000-count["often"])
		}
	})
}

func TestDeduplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := ledgertest.New(t, ledgertest.InMemory())
		h := newHandler(t, srv, ledger.Options{HTTPTransport: srv.Transport()})
		logger := slog.New(deduplicated(h))
		for minute := range 2 {
			for i := range 10 {
				logger.Error("no connection", "minute", minute, "i", i)
			}
			logger.Warn("no connection", "minute", minute)
			time.Sleep(time.Minute)
		}
		want := []string{
			`error no connection {"i":0,"minute":0}`, `warning no connection {"minute":0}`,
			`error no connection {"i":0,"minute":1}`, `warning no connection {"minute":1}`,
		}
		if diff := cmp.Diff(want, arrived(t, entries(t, srv, h))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestLevelByPackage(t *testing.T) {
	const here = "github.com/ledger-sdk/ledger-go/checks/recipes"
	for _, tt := range []struct {
		name   string
		levels map[string]slog.Level
		want   []string
	}{
		{"this one", map[string]slog.Level{here: slog.LevelDebug}, []string{"debug", "info", "warning"}},
		{"one above it", map[string]slog.Level{"github.com/ledger-sdk": slog.LevelDebug}, []string{"debug", "info", "warning"}},
		{"the nearest counts", map[string]slog.Level{"github.com": slog.LevelDebug, here: slog.LevelWarn}, []string{"warning"}},
		{"one whose path begins the same", map[string]slog.Level{strings.TrimSuffix(here, "s"): slog.LevelDebug}, []string{"info", "warning"}},
		{"another", map[string]slog.Level{"database/sql": slog.LevelDebug}, []string{"info", "warning"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := ledgertest.New(t)
			h := newHandler(t, srv, ledger.Options{})
			logger := slog.New(levelByPackage{Handler: h, rest: slog.LevelInfo, levels: tt.levels}).With("a", 1).WithGroup("g")
			logger.Debug("m", "b", 2)
			logger.Info("m", "b", 2)
			logger.Warn("m", "b", 2)
			var levels []string
			for _, e := range entries(t, srv, h) {
				levels = append(levels, e.Level)
			}
			if diff := cmp.Diff(tt.want, levels); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLevelsOfOthers(t *testing.T) {
	srv := ledgertest.New(t)
	h := newHandler(t, srv, ledger.Options{})
	logger := withLevels(h)
	logger.Debug("not of payments")
	logger.Info("of another package")
	if diff := cmp.Diff([]string{"info of another package null"}, arrived(t, entries(t, srv, h))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestZap(t *testing.T) {
	srv := ledgertest.New(t)
	h := newHandler(t, srv, ledger.Options{AddSource: true})
	logger := newZap(h)
	logger.Debug("below the level")
	logger.Named("db").With(zap.String("tenant", "acme"), zap.Namespace("query"), zap.Int("rows", 3)).
		Warn("slow query", zap.Duration("took", time.Second), zap.Strings("tables", []string{"a", "b"}))
	logger.Error("cannot read", zap.Error(fmt.Errorf("load: %w", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist})), zap.Namespace("job"), zap.Int("n", 7))
	if err := logger.Sync(); err != nil {
		t.Error(err)
	}
	got := entries(t, srv, h)
	for _, e := range got {
		source, _ := e.Attributes["source"].(map[string]any)
		if file, _ := source["file"].(string); !strings.HasSuffix(file, "recipes_test.go") {
			t.Errorf("%s: source %v", e.Message, source)
		}
		delete(e.Attributes, "source")
	}
	want := []string{
		`warning slow query {"logger":"db","query":{"rows":3,"tables":["a","b"],"took":1000000000},"tenant":"acme"}`,
		`error cannot read {"error":"load: open x: file does not exist","job":{"n":7}}`,
	}
	if diff := cmp.Diff(want, arrived(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	last := got[len(got)-1]
	if last.LogType != "exception" || last.ErrorType != "*fs.PathError" || !strings.Contains(last.StackTrace, "recipes_test.go") {
		t.Errorf("not an exception: %s, %s\n%s", last.LogType, last.ErrorType, last.StackTrace)
	}
}

func TestZerolog(t *testing.T) {
	srv := ledgertest.New(t)
	h := newHandler(t, srv, ledger.Options{})
	logger := newZerolog(h)
	logger.Debug().Msg("below the level")
	with := logger.With().Timestamp().Str("tenant", "acme").Logger()
	with.Warn().Dur("took", time.Second).Dict("query", zerolog.Dict().Int64("rows", 1<<60)).Msg("slow query")
	logger.Error().Err(errors.New("no space left")).Msg("cannot write")
	logger.Log().Msg("without a level")
	got := entries(t, srv, h)
	want := []string{
		`warning slow query {"query":{"rows":1152921504606846976},"tenant":"acme","took":1000}`,
		`error cannot write {"error":"no space left"}`,
		`info without a level null`,
	}
	if diff := cmp.Diff(want, arrived(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e := got[1]; e.LogType != "exception" || e.ErrorMessage != "no space left" {
		t.Errorf("not an exception: %s, %s", e.LogType, e.ErrorMessage)
	}
}

// TestFatalIsDelivered: what ends the program by os.Exit is delivered before.
func TestFatalIsDelivered(t *testing.T) {
	for _, logger := range []string{"zap", "zerolog"} {
		t.Run(logger, func(t *testing.T) {
			srv := ledgertest.New(t)
			program := exec.Command(os.Args[0])
			program.Env = append(os.Environ(), "END_BY="+logger, "LEDGER_API_KEY="+ledgertest.APIKey, "LEDGER_BASE_URL="+srv.URL)
			var exit *exec.ExitError
			if out, err := program.CombinedOutput(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("the program ended with %v\n%s", err, out)
			}
			if diff := cmp.Diff([]string{`critical the end {"n":1}`}, arrived(t, srv.Entries())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogr(t *testing.T) {
	srv := ledgertest.New(t)
	logger, h, err := newLogr(ledger.Options{APIKey: ledgertest.APIKey, BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	logger = logger.WithName("controller").WithValues("kind", "Pod")
	logger.Info("reconciled", "name", "web-1")
	logger.V(1).Info("queued")
	logger.V(2).Info("too detailed")
	logger.Error(fs.ErrNotExist, "cannot read", "name", "web-2")
	want := []string{
		`info reconciled {"kind":"Pod","logger":"controller","name":"web-1"}`,
		`debug queued {"kind":"Pod","logger":"controller"}`,
		`error cannot read {"err":"file does not exist","kind":"Pod","logger":"controller","name":"web-2"}`,
	}
	got := entries(t, srv, h)
	if diff := cmp.Diff(want, arrived(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e := got[2]; e.LogType != "exception" {
		t.Errorf("log type %s", e.LogType)
	}
}

func TestAttrsFromTheContext(t *testing.T) {
	srv := ledgertest.New(t)
	var stdout bytes.Buffer
	logger, h, err := newContextLogger(&stdout, ledger.Options{APIKey: ledgertest.APIKey, BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	service := httplog.Middleware(logger, nil)(withTenant(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := ledger.With(r.Context(), slog.Int("order", 42))
		logger.WithGroup("payment").InfoContext(ctx, "charged", "amount", 9)
		logger.InfoContext(r.Context(), "done")
	})))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Tenant", "acme")
	r.Header.Set("X-Request-ID", "r-1")
	service.ServeHTTP(httptest.NewRecorder(), r)
	want := []string{
		`info charged {"order":42,"payment":{"amount":9},"request_id":"r-1","tenant":"acme"}`,
		`info done {"request_id":"r-1","tenant":"acme"}`,
	}
	if diff := cmp.Diff(want, arrived(t, entries(t, srv, h))[:2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var lines []string
	for line := range strings.Lines(stdout.String()) {
		_, after, _ := strings.Cut(line, " ") // the time
		lines = append(lines, after)
	}
	want = []string{
		"level=INFO msg=charged payment.amount=9 payment.tenant=acme payment.order=42 payment.request_id=r-1\n",
		"level=INFO msg=done tenant=acme request_id=r-1\n",
	}
	if diff := cmp.Diff(want, lines[:2]); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	if n := strings.Count(lines[2], "request_id="); n != 1 {
		t.Errorf("the request's own line has %d request_id: %s", n, lines[2])
	}
}

func TestStdoutToo(t *testing.T) {
	srv := ledgertest.New(t)
	h := newHandler(t, srv, ledger.Options{})
	stdout := os.Stdout
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout = w
	logger := stdoutToo(h)
	os.Stdout = stdout
	logger.With("tenant", "acme").Info("order placed", "order", 42)
	w.Close()
	var local map[string]any
	if err := json.NewDecoder(r).Decode(&local); err != nil {
		t.Fatal(err)
	}
	if local["msg"] != "order placed" || local["order"] != 42.0 || local["tenant"] != "acme" {
		t.Errorf("stdout has %v", local)
	}
	if diff := cmp.Diff([]string{`info order placed {"order":42,"tenant":"acme"}`}, arrived(t, entries(t, srv, h))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAuditApart(t *testing.T) {
	main, auditor := ledgertest.New(t), ledgertest.New(t)
	h, audit := newHandler(t, main, ledger.Options{}), newHandler(t, auditor, ledger.Options{})
	logger := auditApart(h, audit)
	logger.Info("page viewed", "audit", false)
	logger.Info("role granted", "audit", true)
	logger.With("audit", true).Info("role revoked")
	for _, tt := range []struct {
		srv     *ledgertest.Server
		handler *ledger.Handler
		want    []string
	}{
		{main, h, []string{`info page viewed {"audit":false}`}},
		{auditor, audit, []string{`info role granted {"audit":true}`, `info role revoked {"audit":true}`}},
	} {
		if diff := cmp.Diff(tt.want, arrived(t, entries(t, tt.srv, tt.handler))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestLocalWhileDown(t *testing.T) {
	srv := ledgertest.New(t)
	h := newHandler(t, srv, ledger.Options{Diagnostics: slog.DiscardHandler, BreakerDelay: 10 * time.Millisecond})
	var local bytes.Buffer
	logger := localWhileDown(h, slog.NewTextHandler(&local, nil))
	logger.Info("one")
	srv.SetAPIKeys("ledger_another")
	for h.Status().Healthy {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_ = h.Flush(ctx)
		cancel()
	}
	logger.Info("two")
	srv.SetAPIKeys(ledgertest.APIKey)
	for !h.Status().Healthy {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_ = h.Flush(ctx)
		cancel()
	}
	logger.Info("three")
	if s := local.String(); strings.Contains(s, "one") || !strings.Contains(s, "two") || strings.Contains(s, "three") {
		t.Errorf("the local copy has\n%s", s)
	}
	if n := len(entries(t, srv, h)); n != 3 {
		t.Errorf("%d entries arrived", n)
	}
}
