package httplog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// catch calls f and returns what it panics with, and whether it returned.
func catch(f func()) (value any, returned bool) {
	done := make(chan struct{})
	go func() { // for runtime.Goexit
		defer close(done)
		defer func() {
			if !returned {
				value = recover()
			}
		}()
		f()
		returned = true
	}()
	<-done
	return value, returned
}

type errBoom struct{ code int }

func (e *errBoom) Error() string { return fmt.Sprintf("boom %d", e.code) }

type badError struct{}

func (badError) Error() string { panic("in Error") }

type textCode string

type level struct{ name string }

func (l *level) String() string { return l.name }

//go:noinline
func explode(value any) { panic(value) }

var nilMap map[string]int

func TestPanics(t *testing.T) {
	boom := &errBoom{7}
	before := func(value any) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) { explode(value) }
	}
	after := func(value any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "half")
			explode(value)
		}
	}
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  float64
		level   slog.Level
		text    string // of the error, "" for none
		top     string // the function the stack begins with
		unwraps error
		goesOn  any // the value that reaches the server; exactly, unless a string for errors of the runtime
	}{
		{"a string", before("boom"), 500, slog.LevelError, "panic: boom", "explode", nil, "boom"},
		{"an error", before(boom), 500, slog.LevelError, "panic: boom 7", "explode", boom, boom},
		{"a wrapped error", before(fmt.Errorf("call: %w", boom)), 500, slog.LevelError, "panic: call: boom 7", "explode", boom, nil},
		{"after the header", after("boom"), 202, slog.LevelError, "panic: boom", "explode", nil, "boom"},
		{"nil", before(nil), 500, slog.LevelError, "panic: panic called with nil argument", "explode", new(runtime.PanicNilError), nil},
		{"a number", before(42), 500, slog.LevelError, "panic: 42", "explode", nil, 42},
		{"a named string", before(textCode("E1")), 500, slog.LevelError, "panic: E1", "explode", nil, textCode("E1")},
		{"a Stringer", before(&level{"E1"}), 500, slog.LevelError, "panic: E1", "explode", nil, nil},
		{"a Stringer that panics", before((*level)(nil)), 500, slog.LevelError, "panic: (*httplog_test.level)", "explode", nil, (*level)(nil)},
		{"a struct", before(struct{ secret string }{"hush"}), 500, slog.LevelError, "panic: (struct { secret string })", "explode", nil, struct{ secret string }{"hush"}},
		{"a map that holds itself", before(cyclic), 500, slog.LevelError, "panic: (map[string]interface {})", "explode", nil, nil},
		{"an error that panics", before(badError{}), 500, slog.LevelError, "panic: (httplog_test.badError)", "explode", badError{}, badError{}},
		{"a nil pointer as an error", before((*errBoom)(nil)), 500, slog.LevelError, "panic: (*httplog_test.errBoom)", "explode", (*errBoom)(nil), nil},
		{"invalid UTF-8", before("b\xffm"), 500, slog.LevelError, "panic: b\uFFFDm", "explode", nil, "b\xffm"},
		{"of the runtime", func(http.ResponseWriter, *http.Request) { nilMap["x"] = 1 }, 500, slog.LevelError, "panic: assignment to entry in nil map", "TestPanics.func", nil, nil},
		{"of a signal", func(http.ResponseWriter, *http.Request) { var e *errBoom; e.code++ }, 500, slog.LevelError, "panic: runtime error: invalid memory address or nil pointer dereference", "TestPanics.func", nil, nil},
		{"in a deferred function", func(http.ResponseWriter, *http.Request) {
			defer explode("cleanup")
			explode("first")
		}, 500, slog.LevelError, "panic: cleanup", "explode", nil, "cleanup"},
		{"recovered inside", func(w http.ResponseWriter, _ *http.Request) {
			defer func() {
				_ = recover()
				w.WriteHeader(http.StatusTeapot)
			}()
			explode("boom")
		}, 418, slog.LevelWarn, "", "", nil, nil},
		{"http.ErrAbortHandler", before(http.ErrAbortHandler), 499, slog.LevelInfo, "", "", nil, http.ErrAbortHandler},
		{"http.ErrAbortHandler after the header", after(http.ErrAbortHandler), 202, slog.LevelInfo, "", "", nil, http.ErrAbortHandler},
		{"http.ErrAbortHandler wrapped", before(fmt.Errorf("copy: %w", http.ErrAbortHandler)), 500, slog.LevelError, "panic: copy: net/http: abort Handler", "explode", http.ErrAbortHandler, nil},
		{"runtime.Goexit", func(http.ResponseWriter, *http.Request) { runtime.Goexit() }, 500, slog.LevelError, "", "", nil, nil},
		{"runtime.Goexit during a panic", func(http.ResponseWriter, *http.Request) {
			defer runtime.Goexit()
			explode("boom")
		}, 500, slog.LevelError, "", "", nil, nil},
		{"runtime.Goexit after the header", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			runtime.Goexit()
		}, 202, slog.LevelInfo, "", "", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			book := newLogbook(nil)
			mux := http.NewServeMux()
			mux.Handle("GET /x/{id}", tt.handler)
			handler := httplog.Middleware(book.logger(), nil)(mux)
			value, returned := catch(func() {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x/1", nil))
			})
			if returned != (tt.name == "recovered inside") {
				t.Errorf("the handler returned %t", returned)
			}
			if tt.goesOn != nil && value != tt.goesOn {
				t.Errorf("%#v goes on, want %#v", value, tt.goesOn)
			}
			if wantValue := tt.text != "" || tt.goesOn != nil; (value != nil) != wantValue {
				t.Errorf("goes on with %#v", value)
			}

			entries := book.entries(t)
			if wantEntries := map[bool]int{true: 1, false: 2}[tt.text == ""]; len(entries) != wantEntries {
				t.Fatalf("%d records, want %d: %v", len(entries), wantEntries, entries)
			}
			request := entries[len(entries)-1]
			group := endpoint(t, request)
			if group["status_code"] != tt.status || group["path"] != "/x/{id}" || request["level"] != tt.level.String() {
				t.Errorf("endpoint %v at %v, want status %v at %v", group, request["level"], tt.status, tt.level)
			}
			if request["error"] != nil || request["ledger.log_type"] != nil {
				t.Errorf("the request's own record has an error: %v", request)
			}
			if tt.text == "" {
				return
			}
			exception, _ := book.afterPanic(t)
			want := map[string]any{
				"level": "ERROR", "msg": tt.text, "error": tt.text, "ledger.log_type": "exception",
				"method": "GET", "path": "/x/{id}", "request_id": request["request_id"],
			}
			if diff := cmp.Diff(want, entries[0]); diff != "" {
				t.Errorf("exception (-want +got):\n%s", diff)
			}
			err := panicOf(t, exception)
			if err.Error() != tt.text {
				t.Errorf("text = %q, want %q", err.Error(), tt.text)
			}
			if tt.unwraps != nil && !errors.Is(err, tt.unwraps) && !errors.As(err, new(*runtime.PanicNilError)) {
				t.Errorf("%v does not wrap %#v", err, tt.unwraps)
			}
			functions := functionsOf(err.Callers())
			if len(functions) == 0 || !strings.Contains(functions[0], tt.top) {
				t.Fatalf("stack %v, want it to begin in %s", functions, tt.top)
			}
			for _, function := range functions {
				if strings.HasPrefix(function, "runtime.") || strings.Contains(function, "/httplog.") {
					t.Errorf("stack has %s", function)
				}
			}
			if source := functionsOf([]uintptr{exception.PC}); source[0] != functions[0] {
				t.Errorf("source of the exception is %v, want the panic in %s", source, functions[0])
			}
		})
	}
}

func functionsOf(callers []uintptr) []string {
	var functions []string
	frames := runtime.CallersFrames(callers)
	for {
		frame, more := frames.Next()
		functions = append(functions, frame.Function)
		if !more {
			return functions
		}
	}
}

// recurse panics n calls deep.
//
//go:noinline
func recurse(n int) int {
	if n == 0 {
		explode(strings.Repeat("é", 100_000))
	}
	return recurse(n-1) + 1
}

func TestPanicIsBounded(t *testing.T) {
	book := newLogbook(nil)
	handler := httplog.Middleware(book.logger(), nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { recurse(10_000) }))
	catch(func() { handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) })
	exception, _ := book.afterPanic(t)
	err := panicOf(t, exception)
	if len(exception.Message) > 2000 || !strings.HasSuffix(exception.Message, "… [truncated]") {
		t.Errorf("message of %d bytes", len(exception.Message))
	}
	if text := err.Error(); len(text) > 10_100 || !utf8.ValidString(text) || !strings.HasSuffix(text, "… [truncated]") {
		t.Errorf("text of %d bytes", len(text))
	}
	callers := err.Callers()
	if len(callers) == 0 || len(callers) > 64 {
		t.Errorf("%d frames", len(callers))
	}
	callers[0] = 0
	if err.Callers()[0] == 0 {
		t.Error("Callers shares its slice")
	}
}

// With GODEBUG=panicnil=1 recover cannot tell a nil panic from none.
func TestNilPanicThatRecoverCannotSee(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	book := newLogbook(nil)
	handler := httplog.Middleware(book.logger(), nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { explode(nil) }))
	if _, returned := catch(func() { handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) }); returned {
		t.Error("the panic was swallowed")
	}
	if exception, _ := book.afterPanic(t); panicOf(t, exception).Error() != "panic: nil" {
		t.Errorf("records %v", book.entries(t))
	}
}

// The stack of a panic that another Middleware has let go on is still that of
// the handler, and so is the stack that a handler further out can take.
func TestPanicThroughTwoMiddlewares(t *testing.T) {
	outer, inner := newLogbook(nil), newLogbook(nil)
	handler := httplog.Middleware(outer.logger(), nil)(httplog.Middleware(inner.logger(), nil)(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { explode("boom") })))
	var stack string
	catch(func() {
		defer func() {
			var pcs [64]uintptr
			stack = strings.Join(functionsOf(pcs[:runtime.Callers(0, pcs[:])]), "\n")
			panic(recover())
		}()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	})
	for _, book := range []*logbook{outer, inner} {
		exception, _ := book.afterPanic(t)
		if top := functionsOf(panicOf(t, exception).Callers())[0]; !strings.HasSuffix(top, ".explode") {
			t.Errorf("stack begins in %s", top)
		}
	}
	if !strings.Contains(stack, "httplog_test.explode") {
		t.Errorf("the stack further out has lost the handler:\n%s", stack)
	}
}

// A panic after the client has left is a panic.
func TestPanicAfterTheClientLeft(t *testing.T) {
	for _, status := range []int{0, 202} {
		ctx, cancel := context.WithCancel(t.Context())
		book := newLogbook(nil)
		handler := httplog.Middleware(book.logger(), nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			cancel()
			if status != 0 {
				w.WriteHeader(status)
			}
			explode("boom")
		}))
		catch(func() {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		})
		want := float64(max(status, 0))
		if status == 0 {
			want = 500
		}
		_, request := book.afterPanic(t)
		if got := endpoint(t, book.entries(t)[1])["status_code"]; got != want || request.Level != slog.LevelError {
			t.Errorf("status %v at %v, want %v", got, request.Level, want)
		}
	}
}

// Through a real server: the connection ends, the server says what it always
// says, and the next request is served.
func TestPanicReachesTheServer(t *testing.T) {
	book := newLogbook(nil)
	mux := http.NewServeMux()
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { explode("boom") })
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/goexit", func(http.ResponseWriter, *http.Request) { runtime.Goexit() })
	mux.Handle("/ok", ok)
	var said strings.Builder
	server := httptest.NewUnstartedServer(httplog.Middleware(book.logger(), nil)(mux))
	server.Config.ErrorLog = log.New(&said, "", 0)
	server.Start()
	for _, path := range []string{"/panic", "/abort", "/goexit", "/ok"} {

		response, err := server.Client().Get(server.URL + path)
		if (err == nil) != (path == "/ok") {
			t.Errorf("%s: error %v", path, err)
		}
		if err == nil {
			_ = response.Body.Close()
		}
		<-book.written
	}
	<-book.written // the panic has two records
	server.Close()
	if n := strings.Count(said.String(), "http: panic serving"); n != 1 || !strings.Contains(said.String(), "boom") || !strings.Contains(said.String(), "explode") {
		t.Errorf("the server said:\n%s", said.String())
	}
	var got []any
	for _, entry := range book.entries(t) {
		if entry["endpoint"] == nil {
			got = append(got, entry["level"], entry["error"])
			continue
		}
		got = append(got, entry["level"], endpoint(t, entry)["status_code"])
	}
	if diff := cmp.Diff([]any{"ERROR", "panic: boom", "ERROR", 500.0, "INFO", 499.0, "ERROR", 500.0, "INFO", 200.0}, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

type panickyHandler struct{ slog.Handler }

func (panickyHandler) Handle(context.Context, slog.Record) error { panic("of the logger") }

// The panic that goes on is the handler's, even if the logger panics too.
func TestPanicOfTheLoggerHidesNoPanic(t *testing.T) {
	h := httplog.Middleware(slog.New(panickyHandler{slog.NewTextHandler(io.Discard, nil)}), nil)
	for _, want := range []any{http.ErrAbortHandler, "of the handler"} {
		value, returned := catch(func() {
			h(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(want) })).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		})
		if returned || value != want {
			t.Errorf("the panic that went on is %v, want %v", value, want)
		}
	}
}
