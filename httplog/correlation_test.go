package httplog_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
)

func TestRequestID(t *testing.T) {
	generated := regexp.MustCompile(`\A[0-9a-f]{32}\z`)
	for _, tt := range []struct {
		name  string
		sent  []string
		taken bool
	}{
		{"absent", nil, false},
		{"empty", []string{""}, false},
		{"plain", []string{"abc-123_X.y:z"}, true},
		{"128 characters", []string{strings.Repeat("x", 128)}, true},
		{"129 characters", []string{strings.Repeat("x", 129)}, false},
		{"a space", []string{"a b"}, false},
		{"a line break", []string{"a\nb"}, false},
		{"markup", []string{"<script>"}, false},
		{"not ASCII", []string{"é"}, false},
		{"invalid UTF-8", []string{"\xff"}, false},
		{"two, the first counts", []string{"one", "two"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header["X-Request-Id"] = tt.sent
			book, w := serveOne(t, nil, ok, r)
			got := w.Header().Get("X-Request-Id")
			if tt.taken && got != tt.sent[0] || !tt.taken && !generated.MatchString(got) {
				t.Errorf("id = %q", got)
			}
			if logged := book.entry(t)["request_id"]; logged != got {
				t.Errorf("request_id = %v, sent back %q", logged, got)
			}
		})
	}
	t.Run("another header", func(t *testing.T) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Correlation-Id", "mine")
		r.Header.Set("X-Request-Id", "other")
		book, w := serveOne(t, &httplog.Options{RequestIDHeader: "x-correlation-ID"}, ok, r)
		if book.entry(t)["request_id"] != "mine" || w.Header().Get("X-Correlation-Id") != "mine" || w.Header().Get("X-Request-Id") != "" {
			t.Errorf("record %v, header %v", book.entry(t), w.Header())
		}
	})
	t.Run("no name of a header", func(t *testing.T) {
		value, _ := catch(func() { httplog.Middleware(nil, &httplog.Options{RequestIDHeader: "X Request"}) })
		if text, _ := value.(string); !strings.Contains(text, "RequestIDHeader") {
			t.Errorf("panic %v, want it to name the option", value)
		}
	})
	t.Run("unique", func(t *testing.T) {
		seen := map[string]bool{}
		for range 1000 {
			_, w := serveOne(t, nil, ok, httptest.NewRequest("GET", "/", nil))
			seen[w.Header().Get("X-Request-Id")] = true
		}
		if len(seen) != 1000 {
			t.Errorf("%d different ids of 1000", len(seen))
		}
	})
	t.Run("the handler may answer another", func(t *testing.T) {
		_, w := serveOne(t, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("X-Request-Id", "second")
		}), httptest.NewRequest("GET", "/", nil))
		if got := w.Header()["X-Request-Id"]; len(got) != 2 || got[1] != "second" {
			t.Errorf("header %v", got)
		}
	})
}

func TestTraceparent(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for value, valid := range map[string]bool{
		"00-" + trace + "-" + span + "-01":                        true,
		"00-" + trace + "-" + span + "-00":                        true,
		"01-" + trace + "-" + span + "-01":                        true,
		"cc-" + trace + "-" + span + "-01-what-the-future-brings": true,
		"cc-" + trace + "-" + span + "-01x":                       false,
		"00-" + trace + "-" + span + "-01-x":                      false,
		"ff-" + trace + "-" + span + "-01":                        false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01":      false,
		"00-" + trace + "-" + strings.Repeat("0", 16) + "-01":     false,
		"00-" + strings.ToUpper(trace) + "-" + span + "-01":       false,
		"00-" + trace + "-" + span + "-0":                         false,
		"00-" + trace + "-" + span + "-0g":                        false,
		"0g-" + trace + "-" + span + "-01":                        false,
		"00_" + trace + "-" + span + "-01":                        false,
		"00-" + trace + "_" + span + "-01":                        false,
		"00-" + trace + "-" + span + "_01":                        false,
		"":                                                        false,
		"00":                                                      false,
		strings.Repeat("-", 55):                                   false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Traceparent", value)
		book, _ := serveOne(t, nil, ok, r)
		entry := book.entry(t)
		if got := entry["trace_id"] == trace && entry["span_id"] == span; got != valid || !valid && entry["trace_id"] != nil {
			t.Errorf("%q: trace_id %v, span_id %v", value, entry["trace_id"], entry["span_id"])
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Traceparent"] = []string{"00-" + trace + "-" + span + "-01", "00-" + trace + "-" + span + "-01"}
	if book, _ := serveOne(t, nil, ok, r); book.entry(t)["trace_id"] != nil {
		t.Error("one of two headers was taken")
	}
}

// A contextHandler adds the attrs of httplog as handlers with an option for it do.
type contextHandler struct{ slog.Handler }

func (h contextHandler) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(httplog.ContextAttrs(ctx)...)
	return h.Handler.Handle(ctx, r)
}

func TestContextAttrsReachEveryRecordOnce(t *testing.T) {
	book := newLogbook(nil)
	logger := slog.New(contextHandler{book})
	handler := httplog.Middleware(logger, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		logger.InfoContext(ctx, "working")
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Request-Id", "req-1")
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	handler.ServeHTTP(httptest.NewRecorder(), r)

	want := map[string]any{
		"request_id": "req-1",
		"trace_id":   "4bf92f3577b34da6a3ce929d0e0e4736",
		"span_id":    "00f067aa0ba902b7",
	}
	for _, entry := range book.entries(t) {
		got := map[string]any{"request_id": entry["request_id"], "trace_id": entry["trace_id"], "span_id": entry["span_id"]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", entry["msg"], diff)
		}
	}
	for line := range strings.Lines(book.buf.String()) {
		if n := strings.Count(line, `"request_id"`); n != 1 {
			t.Errorf("request_id is there %d times: %s", n, line)
		}
	}
}

func TestContextAttrsShareNothingThatAppendWrites(t *testing.T) {
	_, _ = serveOne(t, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		a := append(httplog.ContextAttrs(r.Context()), slog.Int("a", 1))
		b := append(httplog.ContextAttrs(r.Context()), slog.Int("b", 2))
		if a[len(a)-1].Key != "a" || b[len(b)-1].Key != "b" {
			t.Errorf("%v and %v", a, b)
		}
	}), httptest.NewRequest("GET", "/", nil))
}

// The record of a request that another router's adapter is around has its ids
// once, too.
func TestContextAttrsOnceInsideAnAdapter(t *testing.T) {
	book := newLogbook(nil)
	logger := slog.New(contextHandler{book})
	outer := httplog.Middleware(newLogbook(nil).logger(), nil)
	outer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := routerContext{context.Background(), map[string]any{httplog.ContextKey: r.Context()}}
		httplog.Middleware(logger, nil)(ok).ServeHTTP(w, r.WithContext(ctx))
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	book.entry(t)
	if n := strings.Count(book.buf.String(), `"request_id"`); n != 1 {
		t.Errorf("request_id is there %d times: %s", n, book.buf)
	}
}
