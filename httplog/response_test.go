package httplog_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// The optional interfaces, as a writer has them or not.
type (
	canFlush       struct{}
	canFlushError  struct{}
	canHijack      struct{}
	canReadFrom    struct{}
	canPush        struct{}
	canCloseNotify struct{}
)

func (canFlush) Flush()                                        {}
func (canFlushError) FlushError() error                        { return errFlush }
func (canHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errHijack }
func (canReadFrom) ReadFrom(r io.Reader) (int64, error)        { return io.Copy(io.Discard, r) }
func (canPush) Push(string, *http.PushOptions) error           { return http.ErrNotSupported }
func (canCloseNotify) CloseNotify() <-chan bool                { return nil }

var (
	errFlush  = errors.New("flush")
	errHijack = errors.New("hijack")
)

// interfacesOf names the optional interfaces of a writer.
func interfacesOf(w http.ResponseWriter) string {
	var names []string
	if _, ok := w.(http.Flusher); ok {
		names = append(names, "Flusher")
	}
	if _, ok := w.(http.Hijacker); ok {
		names = append(names, "Hijacker")
	}
	if _, ok := w.(io.ReaderFrom); ok {
		names = append(names, "ReaderFrom")
	}
	if _, ok := w.(http.Pusher); ok {
		names = append(names, "Pusher")
	}
	if _, ok := w.(interface{ CloseNotify() <-chan bool }); ok {
		names = append(names, "CloseNotifier")
	}
	return strings.Join(names, " ")
}

func TestOptionalInterfacesAreKeptExactly(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range allWriters(&discardWriter{http.Header{}}) {
		want := interfacesOf(w)
		seen[want] = true
		httplog.Middleware(newLogbook(nil).logger(), nil)(http.HandlerFunc(func(got http.ResponseWriter, _ *http.Request) {
			if got := interfacesOf(got); got != want {
				t.Errorf("handler got %q, want %q", got, want)
			}
			if inner := got.(interface{ Unwrap() http.ResponseWriter }).Unwrap(); inner != w {
				t.Errorf("%q: Unwrap returns a %T", want, inner)
			}
			if n, err := io.WriteString(got, "four"); n != 4 || err != nil {
				t.Errorf("%q: WriteString = %d, %v", want, n, err)
			}
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	}
	if len(seen) != 32 {
		t.Errorf("%d combinations, want 32", len(seen))
	}
}

// use serves one request with a writer and lets the handler use what it gets.
func use(t *testing.T, w http.ResponseWriter, handler http.HandlerFunc) map[string]any {
	t.Helper()
	book := newLogbook(nil)
	httplog.Middleware(book.logger(), nil)(handler).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	return endpoint(t, book.entry(t))
}

func TestOptionalInterfacesReachTheWriter(t *testing.T) {
	type writer = http.ResponseWriter
	base := &discardWriter{http.Header{}}
	t.Run("the error of a flush", func(t *testing.T) {
		w := struct {
			writer
			canFlush
			canFlushError
		}{writer: base}
		use(t, w, func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != errFlush {
				t.Errorf("Flush: %v", err)
			}
			w.(http.Flusher).Flush()
		})
	})
	t.Run("a flush without error", func(t *testing.T) {
		w := httptest.NewRecorder()
		use(t, w, func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
		})
		if !w.Flushed {
			t.Error("not flushed")
		}
	})
	t.Run("no flush", func(t *testing.T) {
		use(t, base, func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("Flush: %v", err)
			}
		})
	})
	t.Run("a hijack that fails", func(t *testing.T) {
		w := struct {
			writer
			canHijack
		}{writer: base}
		got := use(t, w, func(w http.ResponseWriter, _ *http.Request) {
			if _, _, err := http.NewResponseController(w).Hijack(); err != errHijack {
				t.Errorf("Hijack: %v", err)
			}
			w.WriteHeader(http.StatusBadRequest)
		})
		if got["status_code"] != 400.0 || got["bytes"] != 0.0 {
			t.Errorf("endpoint %v", got)
		}
	})
	t.Run("push and close notification", func(t *testing.T) {
		w := struct {
			writer
			canPush
			canCloseNotify
		}{writer: base}
		use(t, w, func(w http.ResponseWriter, _ *http.Request) {
			if err := w.(http.Pusher).Push("/x", nil); err != http.ErrNotSupported {
				t.Errorf("Push: %v", err)
			}
			_ = w.(interface{ CloseNotify() <-chan bool }).CloseNotify()
		})
	})
}

// A server serves the middleware over real connections.
func newServer(t *testing.T, http2 bool, opts *httplog.Options, handler http.Handler) (*httptest.Server, *logbook) {
	t.Helper()
	book := newLogbook(nil)
	server := httptest.NewUnstartedServer(httplog.Middleware(book.logger(), opts)(handler))
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, book
}

// eachProtocol runs a test over HTTP/1.1 and HTTP/2.
func eachProtocol(t *testing.T, test func(t *testing.T, http2 bool)) {
	t.Run("HTTP/1.1", func(t *testing.T) { test(t, false) })
	t.Run("HTTP/2", func(t *testing.T) { test(t, true) })
}

func get(t *testing.T, server *httptest.Server, path string) (*http.Response, string) {
	t.Helper()
	response, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestServerInterfaces(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		var bare string
		var got, errs []string
		probe := func(w http.ResponseWriter, _ *http.Request) {
			got = append(got, interfacesOf(w))
			controller := http.NewResponseController(w)
			for _, err := range []error{
				controller.SetReadDeadline(time.Now().Add(time.Minute)),
				controller.SetWriteDeadline(time.Now().Add(time.Minute)),
				controller.EnableFullDuplex(),
				controller.Flush(),
			} {
				if err != nil {
					errs = append(errs, err.Error())
				}
			}
		}
		outer := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			bare = interfacesOf(w)
			httplog.Middleware(newLogbook(nil).logger(), nil)(http.HandlerFunc(probe)).ServeHTTP(w, r)
		}))
		outer.EnableHTTP2 = http2
		outer.StartTLS()
		defer outer.Close()
		response, _ := get(t, outer, "/")
		if (response.ProtoMajor == 2) != http2 {
			t.Fatalf("protocol %s", response.Proto)
		}
		if diff := cmp.Diff([]string{bare}, got); diff != "" {
			t.Errorf("interfaces (-want +got):\n%s", diff)
		}
		if len(errs) > 0 {
			t.Errorf("response controller: %v", errs)
		}
	})
}

func TestServerSentEvents(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		next := make(chan struct{})
		server, book := newServer(t, http2, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := 0; ; i++ {
				_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
				select {
				case <-next:
				case <-r.Context().Done():
					return
				}
			}
		}))
		response, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(response.Body)
		for i := range 3 {
			line, err := lines.ReadString('\n')
			if want := fmt.Sprintf("data: %d\n", i); line != want || err != nil {
				t.Fatalf("line %q, %v, want %q", line, err, want)
			}
			_, _ = lines.ReadString('\n')
			next <- struct{}{}
		}
		_ = response.Body.Close() // the client leaves
		<-book.written
		got := endpoint(t, book.entry(t))
		if got["status_code"] != 200.0 || got["client_aborted"] != true || book.entry(t)["level"] != "INFO" {
			t.Errorf("record %v", book.entry(t))
		}
	})
}

func TestClientThatLeavesARealServer(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		arrived := make(chan struct{})
		server, book := newServer(t, http2, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
			http.Error(w, "gone", http.StatusInternalServerError)
		}))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		request, _ := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		if response, err := server.Client().Do(request); err == nil { // it may have been on its way
			_ = response.Body.Close()
		}
		<-book.written
		entry := book.entry(t)
		if got := endpoint(t, entry); got["status_code"] != 499.0 || got["client_aborted"] != true || entry["level"] != "INFO" {
			t.Errorf("record %v", entry)
		}
	})
}

func TestWebSocket(t *testing.T) {
	server, book := newServer(t, false, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		kind, message, err := conn.Read(r.Context())
		if err != nil {
			t.Error(err)
		}
		if err := conn.Write(r.Context(), kind, append([]byte("echo "), message...)); err != nil {
			t.Error(err)
		}
		_, _, _ = conn.Read(r.Context()) // until the client closes
	}))
	conn, response, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if response.Header.Get("X-Request-Id") == "" {
		t.Error("no request id on the upgrade")
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, message, err := conn.Read(t.Context()); string(message) != "echo hello" || err != nil {
		t.Errorf("message %q, %v", message, err)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	<-book.written
	got := endpoint(t, book.entry(t))
	if _, has := got["bytes"]; has || got["status_code"] != 101.0 || got["client_aborted"] != nil || book.entry(t)["level"] != "INFO" {
		t.Errorf("record %v", book.entry(t))
	}
}

func TestHijackWithoutAHeader(t *testing.T) {
	server, book := newServer(t, false, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
	}))
	if _, body := get(t, server, "/"); body != "hi" {
		t.Errorf("body %q", body)
	}
	<-book.written
	if got := endpoint(t, book.entry(t)); got["status_code"] != 101.0 {
		t.Errorf("endpoint %v", got)
	}
}

func TestInformationalResponsesAreNotFinal(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		server, book := newServer(t, http2, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusProcessing)
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK) // superfluous
		}))
		server.Config.ErrorLog = nil
		var hints []int
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			hints = append(hints, code)
			return nil
		}})
		request, _ := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		<-book.written
		if diff := cmp.Diff([]int{103, 102}, hints); diff != "" || response.StatusCode != 418 {
			t.Errorf("status %d, informational (-want +got):\n%s", response.StatusCode, diff)
		}
		if got := endpoint(t, book.entry(t)); got["status_code"] != 418.0 {
			t.Errorf("endpoint %v", got)
		}
	})
}

func TestInvalidStatusIsAPanic(t *testing.T) {
	book := newLogbook(nil)
	handler := httplog.Middleware(book.logger(), nil)(respond(42))
	if value, _ := catch(func() { handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) }); value == nil {
		t.Error("no panic")
	}
	if got := endpoint(t, book.entries(t)[1]); got["status_code"] != 500.0 {
		t.Errorf("endpoint %v", got)
	}
}

func TestBytesAreThoseOfTheBody(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.txt")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	mux.HandleFunc("/write", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("123")) })
	mux.HandleFunc("/string", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") })
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/forbidden", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		_, _ = w.Write([]byte("no body allowed"))
	})
	eachProtocol(t, func(t *testing.T, http2 bool) {
		server, book := newServer(t, http2, nil, mux)
		for _, path := range []string{"/file", "/write", "/string", "/empty", "/forbidden"} {
			get(t, server, path)
			<-book.written
		}
		if _, err := server.Client().Head(server.URL + "/write"); err != nil {
			t.Fatal(err)
		}
		<-book.written
		var got []any
		for _, entry := range book.entries(t) {
			got = append(got, endpoint(t, entry)["bytes"])
		}
		if diff := cmp.Diff([]any{100_000.0, 3.0, 5.0, 0.0, 0.0, 0.0}, got); diff != "" {
			t.Errorf("bytes (-want +got):\n%s", diff)
		}
	})
}

// A sourceWriter notes what its ReadFrom is given.
type sourceWriter struct {
	httptest.ResponseRecorder
	source io.Reader
}

func (w *sourceWriter) ReadFrom(r io.Reader) (int64, error) {
	w.source = r
	return io.Copy(struct{ io.Writer }{&w.ResponseRecorder}, r)
}

// sendfile works only with the file itself.
func TestReadFromGetsTheFileItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.txt")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		status, limit int
		kept          any
	}{
		{200, 0, nil}, {200, 4, nil}, {404, 0, nil}, {404, 4, "0123"}, {404, 10, "0123456789"}, {404, 100, "0123456789"},
	} {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		w := &sourceWriter{ResponseRecorder: *httptest.NewRecorder()}
		book := newLogbook(nil)
		httplog.Middleware(book.logger(), &httplog.Options{ErrorBodyLimit: tt.limit})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(tt.status)
			if n, err := w.(io.ReaderFrom).ReadFrom(file); n != 10 || err != nil {
				t.Errorf("ReadFrom = %d, %v", n, err)
			}
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.source != io.Reader(file) && tt.limit <= 10 {
			t.Errorf("status %d, limit %d: ReadFrom got a %T", tt.status, tt.limit, w.source)
		}
		got := endpoint(t, book.entry(t))
		if w.Body.String() != "0123456789" || got["bytes"] != 10.0 || got["response_body"] != tt.kept {
			t.Errorf("status %d, limit %d: body %q, endpoint %v", tt.status, tt.limit, w.Body, got)
		}
	}
}

func TestErrorBodies(t *testing.T) {
	write := func(status int, header http.Header, parts ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for name, values := range header {
				w.Header()[name] = values
			}
			w.WriteHeader(status)
			for i, part := range parts {
				if i%2 == 0 {
					_, _ = w.Write([]byte(part))
				} else {
					_, _ = io.WriteString(w, part)
				}
			}
		}
	}
	as := func(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }
	for _, tt := range []struct {
		name    string
		limit   int
		handler http.Handler
		want    any
	}{
		{"none asked for", 0, write(500, as("text/plain"), "oops"), nil},
		{"a negative limit", -1, write(500, as("text/plain"), "oops"), nil},
		{"success", 100, write(200, as("text/plain"), "fine"), nil},
		{"text", 100, write(500, as("text/plain; charset=utf-8"), "oops"), "oops"},
		{"JSON", 100, write(400, as("application/json"), `{"a":1}`), `{"a":1}`},
		{"problem", 100, write(404, as("application/problem+json"), `{"a":1}`), `{"a":1}`},
		{"XML", 100, write(404, as("application/atom+xml"), "<a/>"), "<a/>"},
		{"a malformed parameter", 100, write(404, as("TEXT/HTML; charset"), "<p>"), "<p>"},
		{"an image", 100, write(404, as("image/png"), "PNG"), nil},
		{"octets", 100, write(404, as("application/octet-stream"), "oops"), nil},
		{"no type, text", 100, write(404, nil, "plain words"), "plain words"},
		{"no type, binary", 100, write(404, nil, "\x00\x01\x02\xff"), nil},
		{"compressed", 100, write(404, http.Header{"Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}}, "oops"), nil},
		{"in parts", 8, write(404, as("text/plain"), "abc", "def", "ghi", "jkl"), "abcdefgh"},
		{"exactly", 6, write(404, as("text/plain"), "abc", "def"), "abcdef"},
		{"cut before a character", 3, write(404, as("text/plain"), "abé!"), "ab"},
		{"cut after a character", 4, write(404, as("text/plain"), "abé!"), "abé"},
		{"cut within an emoji", 6, write(404, as("text/plain"), "abc", "\U0001F600"), "abc"},
		{"a limit of one", 1, write(404, as("text/plain"), "é"), nil},
		{"not UTF-8", 100, write(404, as("text/plain"), "a\xffb\xc3"), "a?b?"},
		{"http.Error", 100, http.HandlerFunc(http.NotFound), "404 page not found\n"},
		{"empty", 100, write(404, as("text/plain")), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book, _ := serveOne(t, &httplog.Options{ErrorBodyLimit: tt.limit}, tt.handler, httptest.NewRequest("GET", "/", nil))
			got := endpoint(t, book.entry(t))["response_body"]
			if got == "" {
				got = nil
			}
			if got != tt.want {
				t.Errorf("response_body = %q, want %q", got, tt.want)
			}
		})
	}
}

// endless is a body of n bytes.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.n)
	e.n -= n
	return int(n), nil
}

// Bodies pass through: a gigabyte up and down leaves the heap as it was.
func TestBodiesAreNotBuffered(t *testing.T) {
	const size = 1 << 30
	var peak atomic.Uint64
	sample := func() {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		peak.Store(max(peak.Load(), stats.HeapAlloc))
	}
	book := newLogbook(nil)
	server := httptest.NewServer(httplog.Middleware(book.logger(), &httplog.Options{ErrorBodyLimit: 1024})(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			buf := make([]byte, 1<<20)
			var total int64
			for i := 0; ; i++ {
				n, err := r.Body.Read(buf)
				total += int64(n)
				if total>>26 != (total-int64(n))>>26 { // every 64 MiB
					sample()
				}
				if err != nil {
					break
				}
			}
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			for range 64 { // 64 MiB of an error
				_, _ = w.Write(buf)
			}
			sample()
			_, _ = fmt.Fprint(w, total)
		})))
	defer server.Close()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	response, err := server.Client().Post(server.URL, "application/octet-stream", &endless{size})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	<-book.written
	if grown := int64(peak.Load()) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	got := endpoint(t, book.entry(t))
	if body, _ := got["response_body"].(string); len(body) != 1024 {
		t.Errorf("%d bytes of the body logged, want 1024", len(body))
	}
}

// unwrapOnly is what many middlewares make of a writer.
type unwrapOnly struct{ http.ResponseWriter }

func (u unwrapOnly) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// hijackable is a writer that can be hijacked, in principle.
type hijackable struct{ http.ResponseWriter }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}

// Two writers of an outer middleware are of one type, and have what is behind them.
func TestOuterWritersOfOneTypeMayDiffer(t *testing.T) {
	var can bool
	mw := httplog.Middleware(newLogbook(nil).logger(), nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, can = w.(http.Hijacker)
	}))
	for i, inner := range []http.ResponseWriter{httptest.NewRecorder(), hijackable{httptest.NewRecorder()}, httptest.NewRecorder()} {
		mw.ServeHTTP(unwrapOnly{inner}, httptest.NewRequest("GET", "/", nil))
		if want := i == 1; can != want {
			t.Errorf("request %d: can be hijacked: %t, want %t", i, can, want)
		}
	}
}

// What a ResponseController finds behind an outer middleware's writer passes the
// middleware all the same.
func TestResponseControllerThroughAnOuterWriter(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"flush": func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusInternalServerError) // too late
		},
		"hijack": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: close\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			book := newLogbook(nil)
			inner := httplog.Middleware(book.logger(), nil)(handler)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(unwrapOnly{w}, r) }))
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
			server.Start()
			defer server.Close()
			response, err := server.Client().Transport.RoundTrip(httptest.NewRequest("GET", server.URL, nil))
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			server.Client().CloseIdleConnections()
			<-book.written
			if got := endpoint(t, book.entry(t)); got["status_code"] != float64(response.StatusCode) {
				t.Errorf("the client got %d, the record is %v", response.StatusCode, got)
			}
		})
	}
}

// As proxies do: the upstream fails before its first byte, and then the answer
// is an error.
func TestReadFromThatWritesNothing(t *testing.T) {
	server, book := newServer(t, false, &httplog.Options{ErrorBodyLimit: 100}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.Copy(w, iotest.ErrReader(errors.New("upstream"))); err != nil {
			http.Error(w, "bad gateway", http.StatusBadGateway)
		}
	}))
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	<-book.written
	if got := endpoint(t, book.entry(t)); response.StatusCode != 502 || got["status_code"] != 502.0 || got["response_body"] != "bad gateway\n" {
		t.Errorf("the client got %d, the record is %v", response.StatusCode, got)
	}
}

// The answer to HEAD has no body, whatever the handler writes.
func TestHeadWithAnErrorBody(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/copy" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.(io.ReaderFrom).ReadFrom(struct{ io.Reader }{strings.NewReader("not found")})
			return
		}
		http.Error(w, "not found", http.StatusNotFound)
	})
	server, book := newServer(t, false, &httplog.Options{ErrorBodyLimit: 100}, handler)
	for _, path := range []string{"/", "/copy"} {
		response, err := server.Client().Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		<-book.written
	}
	for _, entry := range book.entries(t) {
		got := endpoint(t, entry)
		if _, has := got["response_body"]; has || got["bytes"] != 0.0 || got["status_code"] != 404.0 {
			t.Errorf("endpoint %v", got)
		}
	}
}

// panickingReader gives n bytes and then panics.
type panickingReader struct{ n int }

func (r *panickingReader) Read(p []byte) (int, error) {
	if r.n <= 0 {
		panic("of the reader")
	}
	n := min(len(p), r.n)
	r.n -= n
	return n, nil
}

// What went out before a reader panics is in the record: the client has seen a
// 200 and the bytes.
func TestReaderThatPanics(t *testing.T) {
	for _, tt := range []struct {
		n      int
		status float64
	}{{655_872, 200}, {1, 200}, {0, 500}} {
		server, book := newServer(t, false, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, &panickingReader{tt.n})
		}))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		response, err := server.Client().Get(server.URL)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if float64(response.StatusCode) != tt.status {
				t.Errorf("the client got %d, want %v", response.StatusCode, tt.status)
			}
		}
		<-book.written
		<-book.written
		got := endpoint(t, book.entries(t)[1])
		if got["status_code"] != tt.status || got["bytes"] != float64(tt.n) {
			t.Errorf("after %d bytes: endpoint %v", tt.n, got)
		}
	}
}

// Behind a Middleware that wraps, a file still reaches the server as it is.
func TestReadFromGetsWhatTheKernelSends(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, tt := range map[string]struct {
		source io.Reader
		asIs   bool
	}{
		"a file":            {file, true},
		"a part of a file":  {&io.LimitedReader{R: file, N: 1}, true},
		"a connection":      {new(net.TCPConn), true},
		"another reader":    {strings.NewReader(""), false},
		"a part of another": {&io.LimitedReader{R: strings.NewReader(""), N: 1}, false},
	} {
		w := &sourceWriter{ResponseRecorder: *httptest.NewRecorder()}
		httplog.Middleware(newLogbook(nil).logger(), nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(tt.source)
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if got := w.source == tt.source; got != tt.asIs {
			t.Errorf("%s: ReadFrom got a %T", name, w.source)
		}
	}
}
