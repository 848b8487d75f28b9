package fiberlog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/static"
	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/httplog/fiberlog"
)

func newApp(logger *slog.Logger, opts *httplog.Options, config ...fiber.Config) *fiber.App {
	app := fiber.New(config...)
	app.Use(recover.New(), fiberlog.Middleware(logger, opts))
	return app
}

var errCard = errors.New("card declined")

// TestStatus: the status that goes out is the one logged, with what was written
// and the error that the handler returned.
func TestStatus(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.txt")
	if err := os.WriteFile(file, make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		handler fiber.Handler
		status  int
		want    string
		bytes   int
		err     any
	}{
		{"nothing", func(fiber.Ctx) error { return nil }, 200, "INFO GET /users/{id} - 200", 0, nil},
		{"body", func(c fiber.Ctx) error { return c.Status(201).SendString("hello") }, 201, "INFO GET /users/{id} - 201", 5, nil},
		{"JSON", func(c fiber.Ctx) error { return c.JSON(7) }, 200, "INFO GET /users/{id} - 200", 1, nil},
		{"status", func(c fiber.Ctx) error { return c.SendStatus(403) }, 403, "WARN GET /users/{id} - 403", 9, nil},
		{"Fiber's error", func(fiber.Ctx) error { return fiber.NewError(404, "no such user") }, 404, "WARN GET /users/{id} - 404", 12, "no such user"},
		{"error", func(fiber.Ctx) error { return fmt.Errorf("charge: %w", errCard) }, 500, "ERROR GET /users/{id} - 500", 21, "charge: card declined"},
		{"file", func(c fiber.Ctx) error { return c.SendFile(file) }, 200, "INFO GET /users/{id} - 200", 100_000, nil},
		{"redirect", func(c fiber.Ctx) error { return c.Redirect().To("/") }, 303, "INFO GET /users/{id} - 303", 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book, logger := newBook()
			app := newApp(logger, nil)
			app.Get("/users/:id", tt.handler)
			resp, body := get(t, app, "GET", "/users/7?token=s3cr3t")
			if resp.StatusCode != tt.status || len(body) != tt.bytes {
				t.Errorf("the client got %d and %d bytes, want %d and %d: %.50q", resp.StatusCode, len(body), tt.status, tt.bytes, body)
			}
			if diff := cmp.Diff([]string{tt.want}, book.lines(t)); diff != "" {
				t.Fatalf("logged (-want +got):\n%s", diff)
			}
			record := book.records(t)[0]
			endpoint := record["endpoint"].(map[string]any)
			if endpoint["bytes"] != float64(tt.bytes) {
				t.Errorf("logged %v bytes, want %d", endpoint["bytes"], tt.bytes)
			}
			if record["error"] != tt.err {
				t.Errorf("error = %v, want %v", record["error"], tt.err)
			}
			if endpoint["query_params"] != "token=***" {
				t.Errorf("query_params = %v", endpoint["query_params"])
			}
			if diff := cmp.Diff(map[string]any{"id": "7"}, endpoint["path_params"]); diff != "" {
				t.Errorf("path_params (-want +got):\n%s", diff)
			}
			if id := resp.Header.Get("X-Request-ID"); id == "" || id != record["request_id"] {
				t.Errorf("the client got the id %q, logged is %v", id, record["request_id"])
			}
		})
	}
}

func TestTemplates(t *testing.T) {
	for _, tt := range []struct {
		route, method, target string
		opts                  *httplog.Options
		want                  string
	}{
		{"/users/:id/posts/:post?", "GET", "/users/7/posts/9", nil, "INFO GET /users/{id}/posts/{post} - 200"},
		{"/flights/:from-:to/:day<int>", "GET", "/flights/FRA-OSL/17", nil, "INFO GET /flights/{from}-{to}/{day} - 200"},
		{"/files/*", "GET", "/files/a/b", nil, "INFO GET /files/* - 200"},
		{"/users/:id", "GET", "/users/7", &httplog.Options{TemplateStyle: httplog.ColonTemplate}, "INFO GET /users/:id - 200"},
		{"/users/:id", "HEAD", "/users/7", nil, "INFO HEAD /users/{id} - 200"},
		{"/users/:id", "GET", "/orders/7", nil, "WARN GET /orders/{id} - 404"},
		{"/users/:id", "POST", "/users/7", nil, "WARN POST /users/{id} - 405"},
	} {
		book, logger := newBook()
		app := newApp(logger, tt.opts)
		app.Get(tt.route, func(fiber.Ctx) error { return nil })
		get(t, app, tt.method, tt.target)
		if diff := cmp.Diff([]string{tt.want}, book.lines(t)); diff != "" {
			t.Errorf("%s: logged (-want +got):\n%s", tt.target, diff)
		}
		if err := book.records(t)[0]["error"]; err != nil {
			t.Errorf("%s: error = %v", tt.target, err)
		}
	}
}

// TestNoRoute: middleware that answers, below a prefix, is no route.
func TestNoRoute(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.js"), []byte("let a"), 0o600); err != nil {
		t.Fatal(err)
	}
	book, logger := newBook()
	app := newApp(logger, nil)
	app.Use("/static", static.New(dir))
	if resp, body := get(t, app, "GET", "/static/app.js"); resp.StatusCode != 200 || body != "let a" {
		t.Errorf("the client got %d %q", resp.StatusCode, body)
	}
	if diff := cmp.Diff([]string{"INFO GET /static/app.js - 200"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

// TestErrorHandler: a status that only the error handler of the program knows.
func TestErrorHandler(t *testing.T) {
	for name, answer := range map[string]error{"answers": nil, "fails": errors.New("no template")} {
		t.Run(name, func(t *testing.T) {
			book, logger := newBook()
			handled := 0
			app := newApp(logger, nil, fiber.Config{ErrorHandler: func(c fiber.Ctx, err error) error {
				handled++
				if errors.Is(err, errCard) && answer == nil {
					return c.Status(402).SendString("pay first")
				}
				return answer
			}})
			app.Get("/users/:id", func(fiber.Ctx) error { return errCard })
			resp, body := get(t, app, "GET", "/users/7")
			status, want, text := 402, "WARN GET /users/{id} - 402", "pay first"
			if answer != nil {
				status, want, text = 500, "ERROR GET /users/{id} - 500", "Internal Server Error"
			}
			if resp.StatusCode != status || body != text || handled != 1 {
				t.Errorf("the client got %d %q; the error was handled %d times", resp.StatusCode, body, handled)
			}
			if diff := cmp.Diff([]string{want}, book.lines(t)); diff != "" {
				t.Errorf("logged (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPanic: Fiber's recover outside answers, after both records are written.
func TestPanic(t *testing.T) {
	var caught *failure
	book, logger := newBook()
	app := newApp(slog.New(failureHandler{logger.Handler(), &caught}), nil)
	app.Get("/users/:id", func(fiber.Ctx) error { panic(errCard) })
	resp, body := get(t, app, "GET", "/users/7")
	if resp.StatusCode != 500 || body != "card declined" {
		t.Errorf("the client got %d %q, want what Fiber makes of it", resp.StatusCode, body)
	}
	want := []string{"ERROR panic: card declined", "ERROR GET /users/{id} - 500"}
	if diff := cmp.Diff(want, book.lines(t)); diff != "" {
		t.Fatalf("logged (-want +got):\n%s", diff)
	}
	for _, record := range book.records(t) {
		if record["request_id"] != resp.Header.Get("X-Request-ID") {
			t.Errorf("%q has request_id %v", record["msg"], record["request_id"])
		}
	}
	if caught == nil || !errors.Is(caught.err, errCard) {
		t.Fatalf("the error logged is %v", caught)
	}
	if first := caught.function(); !strings.Contains(first, "TestPanic") {
		t.Errorf("the stack begins at %s", first)
	}
}

func TestContexts(t *testing.T) {
	for name, contextOf := range map[string]func(fiber.Ctx) context.Context{
		"Fiber's":       func(c fiber.Ctx) context.Context { return c },
		"the request's": func(c fiber.Ctx) context.Context { return c.Context() },
	} {
		t.Run(name, func(t *testing.T) {
			book, logger := newBook()
			app := newApp(logger, nil)
			app.Get("/users/:id", func(c fiber.Ctx) error {
				ctx := contextOf(c)
				logger.InfoContext(ctx, "fetching user")
				httplog.AddAttrs(ctx, slog.String("tenant", "acme"))
				return nil
			})
			resp, _ := get(t, app, "GET", "/users/7")
			if diff := cmp.Diff([]string{"INFO fetching user", "INFO GET /users/{id} - 200"}, book.lines(t)); diff != "" {
				t.Fatalf("logged (-want +got):\n%s", diff)
			}
			records := book.records(t)
			if id := resp.Header.Get("X-Request-ID"); id == "" || records[0]["request_id"] != id {
				t.Errorf("the record has request_id %v, want %q", records[0]["request_id"], id)
			}
			if records[1]["tenant"] != "acme" {
				t.Errorf("tenant = %v", records[1]["tenant"])
			}
		})
	}
}

// TestRequest: what the request says arrives as it does with net/http.
func TestRequest(t *testing.T) {
	book, logger := newBook()
	app := newApp(logger, &httplog.Options{
		TrustedProxies:   []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		RequestHeaders:   []string{"Accept-Language"},
		ResponseHeaders:  []string{"Etag"},
		RequestBodyLimit: 10,
		ErrorBodyLimit:   100,
	})
	app.Post("/users/:id", func(c fiber.Ctx) error {
		c.Set("ETag", "v1")
		return c.Status(422).SendString("no name in " + string(c.Body()))
	})
	req, err := http.NewRequestWithContext(t.Context(), "POST", serve(t, app)+"/users/7%2F8?page=2", strings.NewReader("a long text"))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"X-Forwarded-For": "203.0.113.9", "User-Agent": "test/1", "Accept-Language": "nn", "Content-Type": "text/plain",
		"X-Request-ID": "from-outside", "Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	} {
		req.Header.Set(key, value)
	}
	req.Host = "users.example.com"
	if _, body := send(t, req); body != "no name in a long text" {
		t.Errorf("the client got %q", body)
	}
	got := book.records(t)[0]
	for _, key := range []string{"time", "level", "msg"} {
		delete(got, key)
	}
	delete(got["endpoint"].(map[string]any), "duration_ms")
	want := map[string]any{
		"endpoint": map[string]any{
			"method": "POST", "path": "/users/{id}", "status_code": 422.0, "query_params": "page=2",
			"path_params": map[string]any{"id": "7%2F8"}, "response_body": "no name in a long text", "bytes": 22.0,
		},
		"request_id": "from-outside", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
		"client_ip": "203.0.113.9", "user_agent": "test/1", "host": "users.example.com", "http_version": "1.1", "request_bytes": 11.0,
		"request_headers": map[string]any{"Accept-Language": "nn"}, "response_headers": map[string]any{"Etag": "v1"},
		"request_body": "a long tex",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

// TestStream: a stream is sent after the handler has returned; its record does
// not wait for it.
func TestStream(t *testing.T) {
	book, logger := newBook()
	app := newApp(logger, nil)
	app.Get("/events", func(c fiber.Ctx) error {
		return c.SendStreamWriter(func(w *bufio.Writer) {
			_, _ = w.WriteString("one ")
			_ = w.Flush()
			_, _ = w.WriteString("two")
		})
	})
	if _, body := get(t, app, "GET", "/events"); body != "one two" {
		t.Errorf("the client got %q", body)
	}
	if diff := cmp.Diff([]string{"INFO GET /events - 200"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

// TestNothingIsShared: Fiber reuses the memory of a request for the next one, on
// the same connection. What was kept of the first stays as it was.
func TestNothingIsShared(t *testing.T) {
	book, logger := newBook()
	app := newApp(logger, nil)
	var kept context.Context
	app.Get("/users/:id", func(c fiber.Ctx) error {
		if kept == nil {
			kept = c.Context()
		}
		return nil
	})
	base := serve(t, app)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, id := range []string{"first-id", "other-id"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/users/"+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-ID", id)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	logger.InfoContext(kept, "later")
	if got := book.records(t)[2]["request_id"]; got != "first-id" {
		t.Errorf("request_id = %v, want that of the first request", got)
	}
}

// TestNested: in the app and in a group, it logs once.
func TestNested(t *testing.T) {
	book, logger := newBook()
	app := newApp(logger, nil)
	group := app.Group("/api", fiberlog.Middleware(logger, nil))
	group.Get("/users/:id", func(c fiber.Ctx) error { return c.Status(201).SendString("made") })
	if resp, body := get(t, app, "GET", "/api/users/7"); resp.StatusCode != 201 || body != "made" {
		t.Errorf("the client got %d %q", resp.StatusCode, body)
	}
	if diff := cmp.Diff([]string{"INFO GET /api/users/{id} - 201"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

func TestExcluded(t *testing.T) {
	book, logger := newBook()
	app := newApp(logger, &httplog.Options{ExcludePaths: []string{"/livez"}})
	app.Get("/livez", func(c fiber.Ctx) error { return errCard })
	if resp, _ := get(t, app, "GET", "/livez"); resp.StatusCode != 500 {
		t.Errorf("the client got %d", resp.StatusCode)
	}
	if lines := book.lines(t); len(lines) > 0 {
		t.Errorf("logged %q", lines)
	}
}
