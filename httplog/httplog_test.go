package httplog_test

import (
	"bytes"
	"context"
	"fmt"
	"go/build"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
)

func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /users/{id}/notes/{token}", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(45*time.Millisecond + 123456*time.Nanosecond)
			httplog.AddAttrs(r.Context(), slog.String("user", "ada"))
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "done")
		})
		r := httptest.NewRequest(http.MethodPost, "/users/42/notes/t0k3n?page=2&access_token=abc&sort=up", strings.NewReader("body"))
		r.Header.Set("X-Request-Id", "req-1")
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		r.Header.Set("Authorization", "Bearer hush")
		r.Header.Set("Cookie", "session=hush")
		r.Header.Set("User-Agent", "curl/8.5.0")
		book, w := serveOne(t, nil, mux, r)

		want := map[string]any{
			"level": "INFO",
			"msg":   "POST /users/{id}/notes/{token} - 201 (45ms)",
			"endpoint": map[string]any{
				"method":       "POST",
				"path":         "/users/{id}/notes/{token}",
				"status_code":  201.0,
				"duration_ms":  45.12,
				"query_params": "page=2&access_token=***&sort=up",
				"path_params":  map[string]any{"id": "42", "token": "***"},
				"bytes":        4.0,
			},
			"request_id": "req-1",
			"trace_id":   "4bf92f3577b34da6a3ce929d0e0e4736",
			"span_id":    "00f067aa0ba902b7",
			"user":       "ada",

			"client_ip":     "192.0.2.1",
			"user_agent":    "curl/8.5.0",
			"host":          "example.com",
			"http_version":  "1.1",
			"request_bytes": 4.0,
		}
		if diff := cmp.Diff(want, book.entry(t)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		record := book.record(t)
		var first string
		record.Attrs(func(a slog.Attr) bool { first = a.Key; return false })
		if first != "endpoint" {
			t.Errorf("first attr is %q, want endpoint", first)
		}
		if !record.Time.Equal(time.Now()) {
			t.Errorf("time of the record is %v, want the end of the request %v", record.Time, time.Now())
		}
		if got := w.Body.String(); got != "done" {
			t.Errorf("body = %q", got)
		}
	})
}

func TestDurationsAreRounded(t *testing.T) {
	for took, want := range map[time.Duration][2]any{
		45_124_999 * time.Nanosecond: {45.12, "(45ms)"},
		45_125_000 * time.Nanosecond: {45.13, "(45ms)"},
		45_499_999 * time.Nanosecond: {45.5, "(45ms)"},
		45_500_000 * time.Nanosecond: {45.5, "(46ms)"},
		90 * time.Second:             {90_000.0, "(90000ms)"},
	} {
		synctest.Test(t, func(t *testing.T) {
			book, _ := serveOne(t, nil, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(took) }), httptest.NewRequest("GET", "/", nil))
			entry := book.entry(t)
			if got := endpoint(t, entry)["duration_ms"]; got != want[0] || !strings.HasSuffix(entry["msg"].(string), want[1].(string)) {
				t.Errorf("%v: duration_ms %v, message %v, want %v", took, got, entry["msg"], want)
			}
		})
	}
}

func TestLevelFollowsStatus(t *testing.T) {
	custom := func(status int) slog.Level { return slog.Level(status) }
	for _, tt := range []struct {
		status int
		level  func(int) slog.Level
		want   slog.Level
	}{
		{200, nil, slog.LevelInfo},
		{302, nil, slog.LevelInfo},
		{399, nil, slog.LevelInfo},
		{400, nil, slog.LevelWarn},
		{404, nil, slog.LevelWarn},
		{499, nil, slog.LevelWarn}, // written by the handler: not a client that left
		{500, nil, slog.LevelError},
		{503, nil, slog.LevelError},
		{999, nil, slog.LevelError},
		{418, custom, 418},
		{204, func(int) slog.Level { panic("level") }, slog.LevelInfo},
	} {
		book, _ := serveOne(t, &httplog.Options{Level: tt.level}, respond(tt.status), httptest.NewRequest("GET", "/", nil))
		record := book.record(t)
		if record.Level != tt.want {
			t.Errorf("status %d: level %v, want %v", tt.status, record.Level, tt.want)
		}
		if got := endpoint(t, book.entry(t))["status_code"]; got != float64(tt.status) {
			t.Errorf("status_code = %v, want %d", got, tt.status)
		}
	}
}

func TestLevelDecidesWhatIsWritten(t *testing.T) {
	book := newLogbook(slog.LevelWarn)
	logging := httplog.Middleware(book.logger(), nil)
	for _, status := range []int{200, 404, 500} {
		logging(respond(status)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	var got []any
	for _, entry := range book.entries(t) {
		got = append(got, endpoint(t, entry)["status_code"])
	}
	if diff := cmp.Diff([]any{404.0, 500.0}, got); diff != "" {
		t.Errorf("statuses logged (-want +got):\n%s", diff)
	}
}

// An enabledHandler takes what the function says.
type enabledHandler struct {
	slog.Handler
	enabled func(slog.Level) bool
}

func (h enabledHandler) Enabled(_ context.Context, l slog.Level) bool { return h.enabled(l) }

func TestDisabledLoggerCostsNothing(t *testing.T) {
	none := slog.New(enabledHandler{slog.DiscardHandler, func(slog.Level) bool { return false }})
	var seen *http.Request
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		if _, same := w.(*discardWriter); !same {
			t.Errorf("handler got a %T", w)
		}
	})
	handler := httplog.Middleware(none, nil)(inner)
	w, r := &discardWriter{http.Header{}}, httptest.NewRequest("GET", "/", nil)
	if allocs := testing.AllocsPerRun(100, func() { handler.ServeHTTP(w, r) }); allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
	if seen != r {
		t.Error("handler got another request than the one received")
	}
}

func TestAnyEnabledLevelCounts(t *testing.T) {
	always := func(level slog.Level) func(int) slog.Level { return func(int) slog.Level { return level } }
	for _, tt := range []struct {
		only slog.Level
		opts httplog.Options
	}{
		{slog.LevelInfo, httplog.Options{}},
		{slog.LevelInfo, httplog.Options{Level: always(slog.LevelInfo)}},
		{100, httplog.Options{Level: always(100)}},
		{-100, httplog.Options{Level: always(-100)}},
		{100, httplog.Options{LevelFunc: func(*http.Request, int) slog.Level { return 100 }}},
	} {
		book := newLogbook(slog.Level(-1000))
		logger := slog.New(enabledHandler{book, func(l slog.Level) bool {
			return l == tt.only || tt.only > 50 && l > 50 || tt.only < -50 && l < -50
		}})
		httplog.Middleware(logger, &tt.opts)(ok).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		if n := len(book.entries(t)); n != 1 {
			t.Errorf("only level %v enabled: %d records, want 1", tt.only, n)
		}
	}
}

func TestNilLoggerIsTheDefaultOfTheMoment(t *testing.T) {
	handler := httplog.Middleware(nil, nil)(ok)
	book := newLogbook(nil)
	before := slog.Default()
	slog.SetDefault(book.logger())
	defer slog.SetDefault(before)
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	book.entry(t)
}

func TestNilHandlerIsTheDefaultMux(t *testing.T) {
	book, w := serveOne(t, nil, nil, httptest.NewRequest("GET", "/nowhere", nil))
	if w.Code != http.StatusNotFound || endpoint(t, book.entry(t))["status_code"] != 404.0 {
		t.Errorf("status %d, record %v", w.Code, book.entry(t))
	}
}

func TestOptionsAreCopied(t *testing.T) {
	book := newLogbook(nil)
	opts := &httplog.Options{ExcludePaths: []string{"/health"}, IgnoredPaths: []string{"/noise"}, IgnoredPrefixes: []string{"/bot/"}}
	handler := httplog.Middleware(book.logger(), opts)(ok)
	opts.ExcludePaths[0], opts.IgnoredPaths[0], opts.IgnoredPrefixes[0] = "/a", "/b", "/c"
	opts.Skip = func(*http.Request) bool { return true }
	for _, target := range []string{"/health", "/noise", "/bot/1", "/kept"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
	}
	if got := endpoint(t, book.entry(t))["path"]; got != "/kept" {
		t.Errorf("path = %v", got)
	}
}

func TestSourceIsTheCallOfMiddleware(t *testing.T) {
	book, _ := serveOne(t, nil, ok, httptest.NewRequest("GET", "/", nil))
	frame, _ := runtime.CallersFrames([]uintptr{book.record(t).PC}).Next()
	if !strings.HasSuffix(frame.Function, ".serveOne") {
		t.Errorf("source is %s, want the caller of Middleware", frame.Function)
	}
}

func TestCancelledRequestIsLogged(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "kept"), time.Hour)
	var value any
	book := newLogbook(nil)
	logger := slog.New(valueHandler{book, func(ctx context.Context) {
		value = ctx.Value(key{})
		if _, limited := ctx.Deadline(); limited || ctx.Done() != nil || ctx.Err() != nil {
			t.Error("the record's context can end")
		}
	}})
	handler := httplog.Middleware(logger, nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		cancel()
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	got := endpoint(t, book.entry(t))
	if got["status_code"] != 202.0 || got["client_aborted"] != true {
		t.Errorf("endpoint = %v, want status 202 and client_aborted", got)
	}
	if value != "kept" {
		t.Errorf("the handler sees the value %v in its context, want that of the request", value)
	}
}

// A valueHandler shows the context of each record to a function.
type valueHandler struct {
	slog.Handler
	see func(context.Context)
}

func (h valueHandler) Handle(ctx context.Context, r slog.Record) error {
	h.see(ctx)
	return h.Handler.Handle(ctx, r)
}

func TestClientThatLeavesBeforeTheFirstByte(t *testing.T) {
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter, cancel func())
		want    any
		level   slog.Level
		aborted any
	}{
		{"nothing written", func(_ http.ResponseWriter, cancel func()) { cancel() }, 499.0, slog.LevelInfo, true},
		{"an error after it left", func(w http.ResponseWriter, cancel func()) {
			cancel()
			http.Error(w, "context canceled", http.StatusInternalServerError)
		}, 499.0, slog.LevelInfo, true},
		{"a body after it left", func(w http.ResponseWriter, cancel func()) {
			cancel()
			_, _ = io.WriteString(w, "late")
		}, 499.0, slog.LevelInfo, true},
		{"after the header", func(w http.ResponseWriter, cancel func()) {
			w.WriteHeader(http.StatusOK)
			cancel()
		}, 200.0, slog.LevelInfo, true},
		{"after the header of an error", func(w http.ResponseWriter, cancel func()) {
			w.WriteHeader(http.StatusBadGateway)
			cancel()
		}, 502.0, slog.LevelError, true},
		{"not at all", func(http.ResponseWriter, func()) {}, 200.0, slog.LevelInfo, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tt.handler(w, cancel) })
			book, _ := serveOne(t, nil, handler, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
			got := endpoint(t, book.entry(t))
			if got["status_code"] != tt.want || got["client_aborted"] != tt.aborted || book.record(t).Level != tt.level {
				t.Errorf("%v at %v, want status %v, client_aborted %v at %v", got, book.record(t).Level, tt.want, tt.aborted, tt.level)
			}
		})
	}
	t.Run("a deadline of ours is no client that left", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		book, _ := serveOne(t, nil, respond(503), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		got := endpoint(t, book.entry(t))
		if got["status_code"] != 503.0 || got["client_aborted"] != nil {
			t.Errorf("%v, want 503", got)
		}
	})
	t.Run("a cancellation of ours is no client that left", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(fmt.Errorf("shutting down"))
		book, _ := serveOne(t, nil, respond(503), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		if got := endpoint(t, book.entry(t)); got["status_code"] != 503.0 {
			t.Errorf("%v, want 503", got)
		}
	})
}

func TestExcludedAndSkippedRequests(t *testing.T) {
	opts := &httplog.Options{
		ExcludePaths: []string{"/health", "/metrics"},
		Skip:         func(r *http.Request) bool { return r.Header.Get("X-Probe") != "" },
	}
	for _, tt := range []struct {
		target, probe string
		logged        bool
	}{
		{"/health", "", false},
		{"/health?full=1", "", false},
		{"/metrics", "", false},
		{"/health/", "", true},
		{"/healthy", "", true},
		{"/users", "yes", false},
		{"/users", "", true},
	} {
		r := httptest.NewRequest("GET", tt.target, nil)
		if tt.probe != "" {
			r.Header.Set("X-Probe", tt.probe)
		}
		var ids int
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ids = len(httplog.ContextAttrs(r.Context()))
			httplog.AddAttrs(r.Context(), slog.Int("n", 1))
		})
		book, w := serveOne(t, opts, handler, r)
		if got := len(book.entries(t)) == 1; got != tt.logged {
			t.Errorf("%s with probe %q: logged %t, want %t", tt.target, tt.probe, got, tt.logged)
		}
		// Other records of the request are correlated all the same.
		if ids != 1 || w.Header().Get("X-Request-Id") == "" {
			t.Errorf("%s: %d ids, header %q", tt.target, ids, w.Header().Get("X-Request-Id"))
		}
	}
	t.Run("a panicking Skip skips nothing", func(t *testing.T) {
		book, _ := serveOne(t, &httplog.Options{Skip: func(*http.Request) bool { panic("skip") }}, ok, httptest.NewRequest("GET", "/", nil))
		book.entry(t)
	})
}

func TestOnlyRegisteredRoutes(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /users/{id}", ok)
	mux.Handle("/files/{path...}", ok)
	catchAll, rest := http.NewServeMux(), http.NewServeMux()
	catchAll.Handle("/", ok)
	rest.Handle("/{path...}", ok)
	// A route that matches all is a route.
	for _, handler := range []http.Handler{catchAll, rest} {
		book, _ := serveOne(t, &httplog.Options{OnlyRegisteredRoutes: true}, handler, httptest.NewRequest("GET", "/any/thing", nil))
		book.entry(t)
	}
	for target, logged := range map[string]bool{"/users/1": true, "/files/a": true, "/nowhere": false} {
		book, _ := serveOne(t, &httplog.Options{OnlyRegisteredRoutes: true}, mux, httptest.NewRequest("GET", target, nil))
		if got := len(book.entries(t)) == 1; got != logged {
			t.Errorf("%s: logged %t, want %t", target, got, logged)
		}
	}
}

func TestAddAttrsFromGoroutinesAndLate(t *testing.T) {
	const goroutines, each = 8, 50
	var late context.Context
	book, _ := serveOne(t, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		late = r.Context()
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := range each {
					httplog.AddAttrs(r.Context(), slog.Int(fmt.Sprintf("g%d_%d", g, i), i))
					httplog.SetRoute(r.Context(), "/route")
					_ = httplog.ContextAttrs(r.Context())
				}
			})
		}
		wg.Wait()
	}), httptest.NewRequest("GET", "/", nil))
	record := book.record(t)
	attrs := attrsOf(record)
	const others = 6 // endpoint, request_id, client_ip, host, http_version, request_bytes
	if len(attrs) != goroutines*each+others {
		t.Errorf("%d attrs, want %d", len(attrs), goroutines*each+others)
	}
	before := record.NumAttrs()
	httplog.AddAttrs(late, slog.Bool("late", true))
	httplog.SetRoute(late, "/late")
	if record.NumAttrs() != before || len(httplog.ContextAttrs(late)) != 1 {
		t.Error("the record changed after it was written")
	}
}

// A handler's goroutine may outlive the request and go on adding while the
// record is written; the race detector is the judge.
func TestAddAttrsWhileTheRecordIsWritten(t *testing.T) {
	stop, started := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	book, _ := serveOne(t, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		wg.Go(func() {
			for i := 0; ; i++ {
				httplog.AddAttrs(r.Context(), slog.Int("i", i))
				httplog.SetRoute(r.Context(), "/route")
				if i == 0 {
					close(started)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		<-started
	}), httptest.NewRequest("GET", "/", nil))
	book.entry(t)
}

func TestContextsWithoutARequest(t *testing.T) {
	for _, ctx := range []context.Context{t.Context(), nil} {
		httplog.SetRoute(ctx, "/x")
		httplog.AddAttrs(ctx, slog.Int("n", 1))
		if attrs := httplog.ContextAttrs(ctx); attrs != nil {
			t.Errorf("ContextAttrs = %v, want nil", attrs)
		}
	}
}

func TestMethods(t *testing.T) {
	for method, want := range map[string]string{
		"GET": "GET", "DELETE": "DELETE", "PROPFIND": "PROPFIND", "get": "get",
		"PROPPATCH": "_OTHER", "": "_OTHER", "\xff": "_OTHER", "A B": "_OTHER", "GÊT": "_OTHER", "G\nT": "_OTHER",
		strings.Repeat("X", 1<<16): "_OTHER",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method = method
		book, _ := serveOne(t, nil, ok, r)
		if got := endpoint(t, book.entry(t))["method"]; got != want {
			t.Errorf("method %.20q logged as %v, want %s", method, got, want)
		}
	}
}

// checkBounded fails when an entry has more, or something else, than the
// promises of the package allow.
func checkBounded(t testing.TB, entry map[string]any) {
	t.Helper()
	group := endpoint(t, entry)
	method, _ := group["method"].(string)
	path, _ := group["path"].(string)
	full, _ := group["path_full"].(string)
	query, _ := group["query_params"].(string)
	message, _ := entry["msg"].(string)
	if method == "" || len(method) > 8 || path == "" || len(path) > 491 || len(full) > 16383 || len(query) >= 2048 || len(message) > 540 {
		t.Errorf("out of bounds: method %d, path %d of %d, query %d, message %d bytes", len(method), len(path), len(full), len(query), len(message))
	}
	params, _ := group["path_params"].(map[string]any)
	texts := []string{method, path, full, query, message}
	for key, limit := range map[string]int{"client_ip": 39, "user_agent": 512, "host": 260, "http_version": 40} {
		value, _ := entry[key].(string)
		if len(value) > limit {
			t.Errorf("%s has %d bytes", key, len(value))
		}
		texts = append(texts, value)
	}
	for name, value := range params {
		value, _ := value.(string)
		if len(value) > 512 {
			t.Errorf("path parameter %s has %d bytes", name, len(value))
		}
		texts = append(texts, value)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u202e' }) {
			t.Errorf("not printable: %.100q", text)
		}
	}
	for _, key := range []string{"status_code", "duration_ms"} {
		if _, ok := group[key].(float64); !ok {
			t.Errorf("%s is %v, want a number", key, group[key])
		}
	}
}

func TestGarbageIsOneBoundedRecord(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/files/{name}", ok)
	long := strings.Repeat("a/", 1<<15)
	for name, r := range map[string]*http.Request{
		"nothing at all":     {},
		"invalid UTF-8":      {Method: "GET", URL: &url.URL{Path: "/\xff\xfe\xc3(", RawQuery: "\xff=\xfe"}},
		"control characters": {Method: "G\x00T", URL: &url.URL{Path: "/a\r\nb\x00\x1b[31m\u202e\u2028", RawQuery: "a=\r\n&b=\x00"}},
		"64 KiB path":        {Method: "GET", URL: &url.URL{Path: "/" + long, RawQuery: long}},
		"64 KiB of ids":      {Method: "GET", URL: &url.URL{Path: strings.Repeat("/1", 1<<15)}},
		"64 KiB parameter":   {Method: "GET", URL: &url.URL{Path: "/files/" + strings.Repeat("é", 1<<15)}},
		"64 KiB of controls": {Method: "GET", URL: &url.URL{Path: "/" + strings.Repeat("\x01", 1<<16), RawQuery: strings.Repeat("\x01", 1<<16)}},
		"64 KiB of secrets":  {Method: "GET", URL: &url.URL{Path: "/", RawQuery: strings.Repeat("key=abc&", 1<<13)}},
		"headers": {Method: "GET", URL: &url.URL{Path: "/"}, Header: http.Header{
			"X-Request-Id": {strings.Repeat("x", 1<<16)}, "Traceparent": {"\xff", "00"},
		}},
		"relative": {Method: "GET", URL: &url.URL{Path: "no/slash"}},
		"asterisk": {Method: "OPTIONS", RequestURI: "*", URL: &url.URL{Path: "*"}},
		"authority": {
			Method: "CONNECT", Host: "example.com:443", URL: &url.URL{Host: "example.com:443"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, raw := range []bool{false, true} {
				opts := &httplog.Options{RawPaths: raw, KeepIgnored: true}
				handler := http.Handler(mux)
				if r.URL == nil {
					handler = ok // the mux itself needs a URL
				}
				book, w := serveOne(t, opts, handler, r)
				entry := book.entry(t)
				checkBounded(t, entry)
				if id := w.Header().Get("X-Request-Id"); len(id) > 128 || id != entry["request_id"] {
					t.Errorf("request id %.200q sent back, %v logged", id, entry["request_id"])
				}
			}
		})
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("GET", "/users/1", "a=b&token=c", "id", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 200, "body")
	f.Add("\xff", "/\x00\xff//", ";;==&&%zz", "\r\n", "00-", 404, "\xff\xc3")
	f.Fuzz(func(t *testing.T, method, path, query, id, traceparent string, status int, body string) {
		r := &http.Request{
			Method: method,
			URL:    &url.URL{Path: path, RawQuery: query},
			Header: http.Header{"X-Request-Id": {id}, "Traceparent": {traceparent}, "Content-Type": {body}, "User-Agent": {body}, "X-Forwarded-For": {id}},
			Host:   query,
			Body:   io.NopCloser(strings.NewReader(path)),

			RemoteAddr: id,
		}
		mux := http.NewServeMux()
		mux.HandleFunc("/a/{token}/{rest...}", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", body)
			w.WriteHeader(200 + (status&0x7fffffff)%800)
			_, _ = io.WriteString(w, body)
		})
		book, _ := serveOne(t, &httplog.Options{KeepIgnored: true, ErrorBodyLimit: 16, RequestBodyLimit: 16, RequestHeaders: []string{"Content-Type"}}, mux, r)
		entry := book.entry(t)
		checkBounded(t, entry)
		if got, _ := endpoint(t, entry)["response_body"].(string); len(got) > 16 || !utf8.ValidString(got) {
			t.Errorf("response_body = %q", got)
		}
		if got := entry["request_id"].(string); !regexp.MustCompile(`\A[A-Za-z0-9_.:-]{1,128}\z`).MatchString(got) {
			t.Errorf("request_id = %q", got)
		}
	})
}

func TestImportsNothingOfLedger(t *testing.T) {
	pkg, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range pkg.Imports {
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			t.Errorf("imports %s, want the standard library only", path)
		}
	}
}

// The middleware allocates at most three times: the exchange, the texts, and the
// attrs that a record has no room for.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	mux := benchmarkMux()
	for _, br := range benchmarkRequests() {
		bare := testing.AllocsPerRun(200, serve(mux, br.request()))
		logged := httplog.Middleware(slog.New(silentHandler{slog.DiscardHandler}), br.opts)(mux)
		if got := testing.AllocsPerRun(200, serve(logged, br.request())) - bare; got > 3 {
			t.Errorf("%s: %v allocations beyond the bare handler, want at most 3", br.name, got)
		}
	}
}

// Two loggers may be stacked: each writes its record, about the same request.
func TestStackedLoggers(t *testing.T) {
	outer, inner := newLogbook(nil), newLogbook(nil)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(_ http.ResponseWriter, r *http.Request) {
		httplog.AddAttrs(r.Context(), slog.Int("n", 1))
	})
	handler := httplog.Middleware(outer.logger(), nil)(httplog.Middleware(inner.logger(), nil)(mux))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/1", nil))
	a, b := outer.entry(t), inner.entry(t)
	for _, entry := range []map[string]any{a, b} {
		if endpoint(t, entry)["path"] != "/users/{id}" || entry["n"] != 1.0 {
			t.Errorf("record %v", entry)
		}
	}
	if a["request_id"] != b["request_id"] {
		t.Errorf("request ids differ: %v, %v", a["request_id"], b["request_id"])
	}
}

// A handler may serve a request of its own making with the context of the one
// it serves.
func TestRequestWithinARequest(t *testing.T) {
	book := newLogbook(nil)
	logging := httplog.Middleware(book.logger(), nil)
	backend := http.NewServeMux()
	backend.Handle("GET /parts/{id}", ok)
	frontend := http.NewServeMux()
	frontend.HandleFunc("GET /pages/{id}", func(_ http.ResponseWriter, r *http.Request) {
		part, _ := http.NewRequestWithContext(r.Context(), "GET", "/parts/1", nil)
		logging(backend).ServeHTTP(httptest.NewRecorder(), part)
	})
	logging(frontend).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/pages/1", nil))
	var paths []any
	for _, entry := range book.entries(t) {
		paths = append(paths, endpoint(t, entry)["path"])
	}
	if diff := cmp.Diff([]any{"/parts/{id}", "/pages/{id}"}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestTextHandlerGetsOneLine(t *testing.T) {
	var buf bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&buf, nil))
	r := httptest.NewRequest("GET", "/", nil)
	r.URL.Path = "/a\nlevel=ERROR msg=forged"
	httplog.Middleware(logger, nil)(ok).ServeHTTP(httptest.NewRecorder(), r)
	if lines := slices.Collect(strings.Lines(buf.String())); len(lines) != 1 {
		t.Errorf("%d lines:\n%s", len(lines), buf.String())
	}
}
