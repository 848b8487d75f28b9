package httplog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/ledger-sdk/ledger-go/httplog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A logbook keeps the lines that a JSON handler writes, and the records that it
// was given. Each record is announced, so that tests can wait for it.
type logbook struct {
	slog.Handler
	mu      *sync.Mutex
	buf     *bytes.Buffer
	records *[]slog.Record
	written chan struct{}
}

func newLogbook(level slog.Leveler) *logbook {
	buf := new(bytes.Buffer)
	return &logbook{
		Handler: slog.NewJSONHandler(buf, &slog.HandlerOptions{Level: level, AddSource: true}),
		mu:      new(sync.Mutex),
		buf:     buf,
		records: new([]slog.Record),
		written: make(chan struct{}, 100_000),
	}
}

func (l *logbook) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.written <- struct{}{} }()
	if err := ctx.Err(); err != nil {
		return err // as a handler that sends records would
	}
	*l.records = append(*l.records, r)
	return l.Handler.Handle(ctx, r)
}

func (l *logbook) logger() *slog.Logger { return slog.New(l) }

// entries returns the lines as decoded JSON, without time and source.
func (l *logbook) entries(t testing.TB) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var entries []map[string]any
	for line := range bytes.Lines(l.buf.Bytes()) {
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatalf("not JSON: %v\n%s", err, line)
		}
		delete(entry, "time")
		delete(entry, "source")
		entries = append(entries, entry)
	}
	return entries
}

// entry returns the one line there is.
func (l *logbook) entry(t testing.TB) map[string]any {
	t.Helper()
	entries := l.entries(t)
	if len(entries) != 1 {
		t.Fatalf("got %d records, want one: %v", len(entries), entries)
	}
	return entries[0]
}

// record returns the one record there is.
func (l *logbook) record(t testing.TB) slog.Record {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(*l.records) != 1 {
		t.Fatalf("got %d records, want one", len(*l.records))
	}
	return (*l.records)[0]
}

// afterPanic returns the two records there are: the exception and the request.
func (l *logbook) afterPanic(t testing.TB) (exception, request slog.Record) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(*l.records) != 2 {
		t.Fatalf("got %d records, want two: %s", len(*l.records), l.buf)
	}
	return (*l.records)[0], (*l.records)[1]
}

// panicOf returns the error of a record, which must have what package ledger
// reads a stack from.
func panicOf(t testing.TB, r slog.Record) panicError {
	t.Helper()
	err, ok := attrsOf(r)["error"].Any().(panicError)
	if !ok {
		t.Fatalf("error is a %T", attrsOf(r)["error"].Any())
	}
	return err
}

type panicError interface {
	error
	Unwrap() error
	Callers() []uintptr
}

// accessLog are the fields of an access log.
const accessLog = httplog.ClientIP | httplog.UserAgent | httplog.Host | httplog.HTTPVersion | httplog.RequestBytes

func endpoint(t testing.TB, entry map[string]any) map[string]any {
	t.Helper()
	group, ok := entry["endpoint"].(map[string]any)
	if !ok {
		t.Fatalf("no group endpoint in %v", entry)
	}
	return group
}

// serveOne serves one request through the middleware and returns the logbook
// and the response.
func serveOne(t testing.TB, opts *httplog.Options, handler http.Handler, r *http.Request) (*logbook, *httptest.ResponseRecorder) {
	t.Helper()
	book := newLogbook(nil)
	w := httptest.NewRecorder()
	httplog.Middleware(book.logger(), opts)(handler).ServeHTTP(w, r)
	return book, w
}

// pathOf returns the path logged for a GET of target.
func pathOf(t testing.TB, opts *httplog.Options, handler http.Handler, target string) string {
	t.Helper()
	book, _ := serveOne(t, opts, handler, httptest.NewRequest(http.MethodGet, target, nil))
	path, _ := endpoint(t, book.entry(t))["path"].(string)
	return path
}

func respond(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

var ok = respond(http.StatusOK)

// attrsOf returns the attrs of a record by key.
func attrsOf(r slog.Record) map[string]slog.Value {
	attrs := make(map[string]slog.Value)
	r.Attrs(func(a slog.Attr) bool {
		attrs[a.Key] = a.Value
		return true
	})
	return attrs
}
