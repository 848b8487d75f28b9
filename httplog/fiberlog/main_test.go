package fiberlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v3"
	"go.uber.org/goleak"

	"github.com/ledger-sdk/ledger-go/httplog"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's own: for each server and file cache that was one that sleeps
		// before it sees the end; and a clock for ever.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*inMemoryCacheManager).handleCleanCache"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// A book keeps records as JSON, with the attrs of httplog's contexts.
type book struct {
	slog.Handler
	mu     sync.Mutex
	text   bytes.Buffer
	logged chan struct{} // gets one for each record
}

func newBook() (*book, *slog.Logger) {
	b := &book{logged: make(chan struct{}, 100)}
	b.Handler = slog.NewJSONHandler(&b.text, nil)
	return b, slog.New(b)
}

func (b *book) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(httplog.ContextAttrs(ctx)...)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.logged <- struct{}{}
	return b.Handler.Handle(ctx, r)
}

// records returns what was logged, oldest first.
func (b *book) records(t *testing.T) []map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var records []map[string]any
	for line := range strings.Lines(b.text.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	return records
}

// lines returns the messages of the records, without the time that a request took.
func (b *book) lines(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, record := range b.records(t) {
		line, _, _ := strings.Cut(record["msg"].(string), " (")
		lines = append(lines, record["level"].(string)+" "+line)
	}
	return lines
}

// serve serves the app, as app.Listen does, until the test ends.
func serve(t *testing.T, app *fiber.App) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true}) }()
	t.Cleanup(func() {
		if err := errors.Join(app.Shutdown(), <-served); err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// get serves the app, sends it a request, and returns the response with its body.
func get(t *testing.T, app *fiber.App, method, target string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, serve(t, app)+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, req)
}

func send(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// A failure is the error of a panic's record.
type failure struct {
	err     error
	callers []uintptr
}

// function returns the innermost function of the stack.
func (f *failure) function() string {
	frame, _ := runtime.CallersFrames(f.callers).Next()
	return frame.Function
}

// A failureHandler keeps the first error that comes with a stack.
type failureHandler struct {
	slog.Handler
	found **failure
}

func (h failureHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(interface {
			error
			Callers() []uintptr
		}); ok && *h.found == nil {
			*h.found = &failure{err, err.Callers()}
		}
		return true
	})
	return h.Handler.Handle(ctx, r)
}
