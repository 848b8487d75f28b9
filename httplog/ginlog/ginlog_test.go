package ginlog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/ledger-sdk/ledger-go/httplog/ginlog"
)

func newRouter(logger *slog.Logger, opts *httplog.Options) *gin.Engine {
	router := gin.New()
	router.Use(gin.Recovery(), ginlog.Middleware(logger, opts))
	return router
}

var (
	errCard  = errors.New("card declined")
	errStock = errors.New("out of stock")
)

// TestStatus: the status that goes out is the one logged, however a handler sets
// it, with what the handler wrote and the errors it collected.
func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler gin.HandlerFunc
		status  int
		want    string
		bytes   float64
		err     any
	}{
		{"nothing", func(*gin.Context) {}, 200, "INFO GET /users/{id} - 200", 0, nil},
		{"body", func(c *gin.Context) { c.String(200, "hello") }, 200, "INFO GET /users/{id} - 200", 5, nil},
		{"status alone", func(c *gin.Context) { c.Status(204) }, 204, "INFO GET /users/{id} - 204", 0, nil},
		{"status changed", func(c *gin.Context) { c.Status(201); c.JSON(404, gin.H{}) }, 404, "WARN GET /users/{id} - 404", 2, nil},
		{"status after the body", func(c *gin.Context) { c.String(200, "hello"); c.Status(500) }, 200, "INFO GET /users/{id} - 200", 5, nil},
		{"aborted", func(c *gin.Context) { c.AbortWithStatus(403) }, 403, "WARN GET /users/{id} - 403", 0, nil},
		{"string", func(c *gin.Context) { _, _ = c.Writer.WriteString("héllo") }, 200, "INFO GET /users/{id} - 200", 6, nil},
		{"error", func(c *gin.Context) { _ = c.AbortWithError(502, errCard) }, 502, "ERROR GET /users/{id} - 502", 0, "card declined"},
		{"errors", func(c *gin.Context) {
			_ = c.Error(errCard)
			_ = c.Error(errStock)
			c.Status(500)
		}, 500, "ERROR GET /users/{id} - 500", 0, "card declined\nout of stock"},
		{"redirect", func(c *gin.Context) { c.Redirect(303, "/") }, 303, "INFO GET /users/{id} - 303", 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book, logger := newBook()
			router := newRouter(logger, nil)
			router.GET("/users/:id", tt.handler)
			resp, body := get(t, router, "GET", "/users/7?token=s3cr3t")
			if resp.StatusCode != tt.status {
				t.Errorf("the client got %d, want %d", resp.StatusCode, tt.status)
			}
			if diff := cmp.Diff([]string{tt.want}, book.lines(t)); diff != "" {
				t.Fatalf("logged (-want +got):\n%s", diff)
			}
			record := book.records(t)[0]
			endpoint := record["endpoint"].(map[string]any)
			if tt.status != 303 && (endpoint["bytes"] != tt.bytes || float64(len(body)) != tt.bytes) {
				t.Errorf("logged %v bytes, want %v; the body is %q", endpoint["bytes"], tt.bytes, body)
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
		route, target string
		opts          *httplog.Options
		want          string
	}{
		{"/users/:id/posts/:post", "/users/7/posts/9", nil, "INFO GET /users/{id}/posts/{post} - 200"},
		{"/files/*path", "/files/a/b", nil, "INFO GET /files/{path...} - 200"},
		{"/users/:id", "/users/7", &httplog.Options{TemplateStyle: httplog.ColonTemplate}, "INFO GET /users/:id - 200"},
		{"/users/:id", "/orders/7", nil, "WARN GET /orders/{id} - 404"},
		{"/users/:id", "/orders/7", &httplog.Options{TemplateStyle: httplog.ColonTemplate}, "WARN GET /orders/:id - 404"},
	} {
		book, logger := newBook()
		router := newRouter(logger, tt.opts)
		router.GET(tt.route, func(*gin.Context) {})
		get(t, router, "GET", tt.target)
		if diff := cmp.Diff([]string{tt.want}, book.lines(t)); diff != "" {
			t.Errorf("%s: logged (-want +got):\n%s", tt.target, diff)
		}
	}
}

func TestMethodNotAllowed(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, nil)
	router.HandleMethodNotAllowed = true
	router.POST("/users/:id", func(*gin.Context) {})
	if resp, body := get(t, router, "GET", "/users/7"); resp.StatusCode != 405 || body == "" {
		t.Errorf("the client got %d %q", resp.StatusCode, body)
	}
	if diff := cmp.Diff([]string{"WARN GET /users/{id} - 405"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

// TestPanic: gin's recovery outside answers, after both records are written.
func TestPanic(t *testing.T) {
	var caught *failure
	book, logger := newBook()
	router := newRouter(slog.New(failureHandler{logger.Handler(), &caught}), nil)
	router.GET("/users/:id", func(*gin.Context) { panic(errCard) })
	resp, _ := get(t, router, "GET", "/users/7")
	if resp.StatusCode != 500 {
		t.Errorf("the client got %d, want 500 of gin's recovery", resp.StatusCode)
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

// TestContexts: handlers may give gin's context, by gin's default settings, or
// that of the request.
func TestContexts(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		for name, contextOf := range map[string]func(*gin.Context) context.Context{
			"gin's":         func(c *gin.Context) context.Context { return c },
			"the request's": func(c *gin.Context) context.Context { return c.Request.Context() },
			"a copy of it":  func(c *gin.Context) context.Context { return c.Copy() },
		} {
			t.Run(fmt.Sprintf("%s, fallback %t", name, fallback), func(t *testing.T) {
				book, logger := newBook()
				router := newRouter(logger, nil)
				router.ContextWithFallback = fallback
				router.GET("/users/:id", func(c *gin.Context) {
					ctx := contextOf(c)
					logger.InfoContext(ctx, "fetching user")
					httplog.AddAttrs(ctx, slog.String("tenant", "acme"))
					httplog.SetRoute(ctx, "/people/{id}")
				})
				resp, _ := get(t, router, "GET", "/users/7")
				if diff := cmp.Diff([]string{"INFO fetching user", "INFO GET /people/{id} - 200"}, book.lines(t)); diff != "" {
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
}

// TestNested: in the router and in a group, it logs once.
func TestNested(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, nil)
	group := router.Group("/api", ginlog.Middleware(logger, nil))
	group.GET("/users/:id", func(c *gin.Context) { c.String(201, "made") })
	get(t, router, "GET", "/api/users/7")
	if diff := cmp.Diff([]string{"INFO GET /api/users/{id} - 201"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

func TestExcluded(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, &httplog.Options{ExcludePaths: []string{"/livez"}})
	router.GET("/livez", func(c *gin.Context) { c.String(200, "ok") })
	if resp, body := get(t, router, "GET", "/livez"); resp.StatusCode != 200 || body != "ok" {
		t.Errorf("the client got %d %q", resp.StatusCode, body)
	}
	if lines := book.lines(t); len(lines) > 0 {
		t.Errorf("logged %q", lines)
	}
}

// TestErrorBody: httplog sees the body that goes out.
func TestErrorBody(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, &httplog.Options{ErrorBodyLimit: 100})
	router.GET("/users/:id", func(c *gin.Context) { c.JSON(422, gin.H{"error": "no name"}) })
	get(t, router, "GET", "/users/7")
	if got := book.records(t)[0]["endpoint"].(map[string]any)["response_body"]; got != `{"error":"no name"}` {
		t.Errorf("response_body = %v", got)
	}
}

// TestWriterOutside: a middleware outside keeps its writer, during and after.
func TestWriterOutside(t *testing.T) {
	book, logger := newBook()
	router := gin.New()
	router.Use(func(c *gin.Context) {
		mine := &shouting{c.Writer}
		c.Writer = mine
		c.Next()
		if c.Writer != mine {
			t.Errorf("the writer outside is a %T", c.Writer)
		}
	}, ginlog.Middleware(logger, nil))
	router.GET("/users/:id", func(c *gin.Context) { c.String(200, "hello") })
	if _, body := get(t, router, "GET", "/users/7"); body != "HELLO" {
		t.Errorf("the client got %q", body)
	}
	if diff := cmp.Diff([]string{"INFO GET /users/{id} - 200"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

type shouting struct{ gin.ResponseWriter }

func (w *shouting) Write(p []byte) (int, error) {
	return w.ResponseWriter.Write([]byte(strings.ToUpper(string(p))))
}

// TestStream: what is flushed arrives while the handler still runs.
func TestStream(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, nil)
	arrived := make(chan struct{})
	router.GET("/events", func(c *gin.Context) {
		c.Status(206)
		c.Writer.Flush()
		<-arrived
		_, _ = c.Writer.WriteString("done")
		if err := http.NewResponseController(c.Writer).SetWriteDeadline(time.Time{}); err != nil {
			t.Errorf("write deadline: %v", err)
		}
	})
	addr := serve(t, router)
	conn, r := request(t, addr, "GET /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "206") {
		t.Errorf("first line %q, %v", line, err)
	}
	close(arrived)
	if rest, err := io.ReadAll(r); err != nil || !strings.Contains(string(rest), "done") {
		t.Errorf("the rest is %q, %v", rest, err)
	}
	_ = conn.Close()
	if diff := cmp.Diff([]string{"INFO GET /events - 206"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

func TestHijack(t *testing.T) {
	book, logger := newBook()
	router := newRouter(logger, nil)
	router.GET("/socket", func(c *gin.Context) {
		conn, _, err := c.Writer.Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		_ = conn.Close()
	})
	_, r := request(t, serve(t, router), "GET /socket HTTP/1.1\r\nHost: x\r\n\r\n")
	if text, err := io.ReadAll(r); err != nil || !strings.Contains(string(text), "101") {
		t.Errorf("the client got %q, %v", text, err)
	}
	<-book.logged // the client may be served before
	if diff := cmp.Diff([]string{"INFO GET /socket - 101"}, book.lines(t)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

// serve serves as router.Run does, until the test ends.
func serve(t *testing.T, router *gin.Engine) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- router.RunListener(l) }()
	t.Cleanup(func() {
		_ = l.Close()
		<-served
	})
	return l.Addr().String()
}

func request(t *testing.T, addr, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}
