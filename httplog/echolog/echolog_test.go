package echolog_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/httplog/echolog"
)

func newRouter(logger *slog.Logger, opts *httplog.Options) *echo.Echo {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	e.Use(middleware.Recover(), echolog.Middleware(logger, opts))
	return e
}

var errCard = errors.New("card declined")

// TestStatus: the status that goes out is the one logged, with what was written
// and the error that the handler returned.
func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler echo.HandlerFunc
		status  int
		want    string
		body    string
		err     any
	}{
		{"nothing", func(*echo.Context) error { return nil }, 200, "INFO GET /users/{id} - 200", "", nil},
		{"body", func(c *echo.Context) error { return c.String(201, "hello") }, 201, "INFO GET /users/{id} - 201", "hello", nil},
		{"JSON", func(c *echo.Context) error { return c.JSON(200, 7) }, 200, "INFO GET /users/{id} - 200", "7\n", nil},
		{"no content", func(c *echo.Context) error { return c.NoContent(204) }, 204, "INFO GET /users/{id} - 204", "", nil},
		{"HTTP error", func(*echo.Context) error { return echo.NewHTTPError(404, "no such user") }, 404, "WARN GET /users/{id} - 404",
			`{"message":"no such user"}` + "\n", "code=404, message=no such user"},
		{"error", func(*echo.Context) error { return fmt.Errorf("charge: %w", errCard) }, 500, "ERROR GET /users/{id} - 500",
			`{"message":"Internal Server Error"}` + "\n", "charge: card declined"},
		{"error after the body", func(c *echo.Context) error { return errors.Join(c.String(200, "hello"), errCard) }, 200, "INFO GET /users/{id} - 200",
			"hello", "card declined"},
		{"changed by a hook", func(c *echo.Context) error {
			response, err := echo.UnwrapResponse(c.Response())
			if err != nil {
				return err
			}
			response.Before(func() { response.Status = 418 })
			return c.String(200, "hello")
		}, 418, "WARN GET /users/{id} - 418", "hello", nil},
		{"redirect", func(c *echo.Context) error { return c.Redirect(303, "/") }, 303, "INFO GET /users/{id} - 303", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book, logger := newBook()
			router := newRouter(logger, nil)
			router.GET("/users/:id", tt.handler)
			resp, body := get(t, router, "GET", "/users/7?token=s3cr3t")
			if resp.StatusCode != tt.status || body != tt.body {
				t.Errorf("the client got %d %q, want %d %q", resp.StatusCode, body, tt.status, tt.body)
			}
			if diff := cmp.Diff([]string{tt.want}, book.lines(t)); diff != "" {
				t.Fatalf("logged (-want +got):\n%s", diff)
			}
			record := book.records(t)[0]
			endpoint := record["endpoint"].(map[string]any)
			if endpoint["bytes"] != float64(len(tt.body)) {
				t.Errorf("logged %v bytes, want %d", endpoint["bytes"], len(tt.body))
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
		{"/users/:id/posts/:post", "GET", "/users/7/posts/9", nil, "INFO GET /users/{id}/posts/{post} - 200"},
		{"/users/:id", "GET", "/users/7", &httplog.Options{TemplateStyle: httplog.ColonTemplate}, "INFO GET /users/:id - 200"},
		{"/users/:id", "GET", "/orders/7", nil, "WARN GET /orders/{id} - 404"},
		{"/users/:id", "POST", "/users/7", nil, "WARN POST /users/{id} - 405"},
	} {
		book, logger := newBook()
		router := newRouter(logger, tt.opts)
		router.GET(tt.route, func(*echo.Context) error { return nil })
		get(t, router, tt.method, tt.target)
		if diff := cmp.Diff([]string{tt.want}, book.lines(t)); diff != "" {
			t.Errorf("%s: logged (-want +got):\n%s", tt.target, diff)
		}
		if err := book.records(t)[0]["error"]; err != nil {
			t.Errorf("%s: error = %v", tt.target, err)
		}
	}
}

// TestErrorHandler: a status that only the error handler of the program knows.
func TestErrorHandler(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, nil)
	handled := 0
	router.HTTPErrorHandler = func(c *echo.Context, err error) {
		if r, _ := echo.UnwrapResponse(c.Response()); r != nil && r.Committed {
			return
		}
		handled++
		if errors.Is(err, errCard) {
			_ = c.String(402, "pay first")
		}
	}
	router.GET("/users/:id", func(*echo.Context) error { return errCard })
	if resp, body := get(t, router, "GET", "/users/7"); resp.StatusCode != 402 || body != "pay first" {
		t.Errorf("the client got %d %q", resp.StatusCode, body)
	}
	if diff := cmp.Diff([]string{"WARN GET /users/{id} - 402"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
	if handled != 1 {
		t.Errorf("the error was handled %d times", handled)
	}
}

// TestErrorGoesOn: a middleware outside gets the error, too.
func TestErrorGoesOn(t *testing.T) {
	_, logger := newBook()
	router := echo.New()
	var got error
	router.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			got = next(c)
			return got
		}
	}, echolog.Middleware(logger, nil))
	router.GET("/users/:id", func(*echo.Context) error { return errCard })
	get(t, router, "GET", "/users/7")
	if got != errCard {
		t.Errorf("the middleware outside got %v", got)
	}
}

// TestPanic: Echo's Recover outside answers, after both records are written.
func TestPanic(t *testing.T) {
	var caught *failure
	book, logger := newBook()
	router := newRouter(slog.New(failureHandler{logger.Handler(), &caught}), nil)
	router.GET("/users/:id", func(*echo.Context) error { panic(errCard) })
	resp, body := get(t, router, "GET", "/users/7")
	if resp.StatusCode != 500 || !strings.Contains(body, "Internal Server Error") {
		t.Errorf("the client got %d %q, want what Echo makes of it", resp.StatusCode, body)
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

func TestContext(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, nil)
	router.GET("/users/:id", func(c *echo.Context) error {
		ctx := c.Request().Context()
		logger.InfoContext(ctx, "fetching user")
		httplog.AddAttrs(ctx, slog.String("tenant", "acme"))
		return nil
	})
	resp, _ := get(t, router, "GET", "/users/7")
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
}

// TestPlaces: wherever it stands it logs once, with the route.
func TestPlaces(t *testing.T) {
	for name, install := range map[string]func(*echo.Echo, echo.MiddlewareFunc) *echo.Group{
		"Use":           func(e *echo.Echo, m echo.MiddlewareFunc) *echo.Group { e.Use(m); return e.Group("/api") },
		"Pre":           func(e *echo.Echo, m echo.MiddlewareFunc) *echo.Group { e.Pre(m); return e.Group("/api") },
		"Group":         func(e *echo.Echo, m echo.MiddlewareFunc) *echo.Group { return e.Group("/api", m) },
		"Use and Group": func(e *echo.Echo, m echo.MiddlewareFunc) *echo.Group { e.Use(m); return e.Group("/api", m) },
	} {
		t.Run(name, func(t *testing.T) {
			book, logger := newBook()
			e := echo.New()
			group := install(e, echolog.Middleware(logger, nil))
			group.GET("/users/:id", func(c *echo.Context) error { return c.String(201, "made") })
			get(t, e, "GET", "/api/users/7")
			if diff := cmp.Diff([]string{"INFO GET /api/users/{id} - 201"}, book.lines(t)); diff != "" {
				t.Fatalf("logged (-want +got):\n%s", diff)
			}
			endpoint := book.records(t)[0]["endpoint"].(map[string]any)
			if diff := cmp.Diff(map[string]any{"id": "7"}, endpoint["path_params"]); diff != "" {
				t.Errorf("path_params (-want +got):\n%s", diff)
			}
			if endpoint["bytes"] != 4.0 {
				t.Errorf("bytes = %v", endpoint["bytes"])
			}
		})
	}
}

// TestWriterOutside: compression outside works, and the bytes are those that
// go out.
func TestWriterOutside(t *testing.T) {
	book, logger := newBook()
	e := echo.New()
	e.Use(middleware.Gzip(), echolog.Middleware(logger, nil))
	text := strings.Repeat("hello ", 1000)
	e.GET("/text", func(c *echo.Context) error { return c.String(200, text) })
	if _, body := get(t, e, "GET", "/text"); body != text { // the client unpacks it
		t.Errorf("the client got %d bytes", len(body))
	}
	bytes := book.records(t)[0]["endpoint"].(map[string]any)["bytes"].(float64)
	if bytes == 0 || bytes > 500 {
		t.Errorf("logged %v bytes", bytes)
	}
}

// TestStrangeWriter: a middleware outside whose writer hides Echo's Response.
func TestStrangeWriter(t *testing.T) {
	book, logger := newBook()
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			mine := struct{ http.ResponseWriter }{c.Response()}
			c.SetResponse(mine)
			err := next(c)
			if c.Response() != http.ResponseWriter(mine) {
				t.Errorf("the writer outside is a %T", c.Response())
			}
			return err
		}
	}, echolog.Middleware(logger, nil))
	e.GET("/users/:id", func(c *echo.Context) error { return c.String(201, "made") })
	get(t, e, "GET", "/users/7")
	if diff := cmp.Diff([]string{"INFO GET /users/{id} - 201"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

func TestExcluded(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, &httplog.Options{ExcludePaths: []string{"/livez"}})
	router.GET("/livez", func(c *echo.Context) error { return errCard })
	if resp, _ := get(t, router, "GET", "/livez"); resp.StatusCode != 500 {
		t.Errorf("the client got %d", resp.StatusCode)
	}
	if lines := book.lines(t); len(lines) > 0 {
		t.Errorf("logged %q", lines)
	}
}

// TestHijack: the optional interfaces of the writer are still there.
func TestHijack(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, nil)
	router.GET("/socket", func(c *echo.Context) error {
		conn, _, err := http.NewResponseController(c.Response()).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return err
		}
		defer conn.Close()
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
		return err
	})
	if _, body := get(t, router, "GET", "/socket"); body != "hello" {
		t.Errorf("the client got %q", body)
	}
	<-book.logged // the client may be served before
	if diff := cmp.Diff([]string{"INFO GET /socket - 101"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}
