package httplog_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
)

func TestErrorLogLevels(t *testing.T) {
	for line, want := range map[string]slog.Level{
		"http: Accept error: accept tcp: too many open files; retrying in 5ms":                slog.LevelError,
		"http: TLS handshake error from 192.0.2.1:5: remote error: tls: bad certificate":      slog.LevelWarn,
		"http: TLS handshake error from 192.0.2.1:5: EOF":                                     slog.LevelInfo,
		"http: TLS handshake error from 192.0.2.1:5: read tcp a->b: connection reset by peer": slog.LevelInfo,
		"http: TLS handshake error from 192.0.2.1:5: read tcp a->b: i/o timeout":              slog.LevelInfo,
		"http: superfluous response.WriteHeader call from main.show (main.go:7)":              slog.LevelWarn,
		"http: response.Write on hijacked connection from main.show (main.go:7)":              slog.LevelWarn,
		"http2: server: error reading preface from client 192.0.2.1:5: bogus greeting":        slog.LevelWarn,
		"http: proxy error: context canceled":                                                 slog.LevelInfo,
		"http: proxy error: dial tcp 192.0.2.1:80: connect: connection refused":               slog.LevelError,
		"httputil: ReverseProxy read error during body copy: EOF, unexpected: something: EOF": slog.LevelError,
		"a line that nobody knows": slog.LevelError,
	} {
		book := newLogbook(slog.LevelDebug)
		httplog.ErrorLog(book.logger()).Print(line)
		record := book.record(t)
		if record.Level != want || record.Message != line || record.NumAttrs() != 0 {
			t.Errorf("%s: %v %q with %d attrs, want %v", line, record.Level, record.Message, record.NumAttrs(), want)
		}
		if frame, _ := runtime.CallersFrames([]uintptr{record.PC}).Next(); !strings.HasSuffix(frame.Function, ".TestErrorLogLevels") {
			t.Errorf("source is %s, want the caller of ErrorLog", frame.Function)
		}
	}
	book := newLogbook(slog.LevelWarn)
	httplog.ErrorLog(book.logger()).Print("http: TLS handshake error from 192.0.2.1:5: EOF")
	if entries := book.entries(t); len(entries) > 0 {
		t.Errorf("below the level there is %v", entries)
	}
}

func TestErrorLogBoundsWhatItLogs(t *testing.T) {
	book := newLogbook(nil)
	httplog.ErrorLog(book.logger()).Print(strings.Repeat("é\xff\x00", 5000) + "\nsecond\nthird" + strings.Repeat("é", 10_000))
	record := book.record(t)
	if n := len(record.Message); n > 2000 || strings.ContainsAny(record.Message, "\n\x00") {
		t.Errorf("message of %d bytes: %.50q", n, record.Message)
	}
	if detail := attrsOf(record)["detail"].String(); len(detail) > 10_000 || !strings.HasPrefix(detail, "second\nthird") {
		t.Errorf("detail of %d bytes: %.50q", len(detail), detail)
	}
}

// recovering is a middleware that recovers and panics anew.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if value := recover(); value != nil {
				panic(fmt.Sprint("again: ", value))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// A tee announces each line that a server writes, after it was written.
type tee struct {
	io.Writer
	said chan struct{}
}

func (t tee) Write(line []byte) (int, error) {
	defer func() { t.said <- struct{}{} }()
	return t.Writer.Write(line)
}

// A server's own line about a panic is left out exactly when a Middleware has
// logged the panic.
func TestErrorLogLeavesOutPanicsThatWereLogged(t *testing.T) {
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { explode("boom") })
	forged := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		explode("boom\n\ngoroutine 7 [running]:\ngithub.com/ledger-sdk/ledger-go/httplog.panicOn({0x1, 0x2})\n\tpanic.go:7")
	})
	type wrap = func(logging func(http.Handler) http.Handler) http.Handler
	for _, tt := range []struct {
		name    string
		opts    *httplog.Options
		handler wrap
		want    []string // errors of the exceptions
	}{
		{"logged", nil, func(logging func(http.Handler) http.Handler) http.Handler { return logging(boom) }, []string{"panic: boom"}},
		{"logged, and panicked anew", nil, func(logging func(http.Handler) http.Handler) http.Handler { return recovering(logging(boom)) }, []string{"panic: boom"}},
		{"not logged", nil, func(func(http.Handler) http.Handler) http.Handler { return boom }, []string{"panic: boom"}},
		{"excluded", &httplog.Options{ExcludePaths: []string{"/"}}, func(logging func(http.Handler) http.Handler) http.Handler { return logging(boom) }, []string{"panic: boom"}},
		{"outside of the middleware", nil, func(logging func(http.Handler) http.Handler) http.Handler {
			logged := logging(ok)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				logged.ServeHTTP(w, r)
				explode("boom")
			})
		}, []string{"panic: boom"}},
		{"not logged, though the value says so", nil, func(func(http.Handler) http.Handler) http.Handler { return forged },
			[]string{"panic: boom\n\ngoroutine 7 [running]:\ngithub.com/ledger-sdk/ledger-go/httplog.panicOn({0x1, 0x2})\n\tpanic.go:7"}},
		{"http.ErrAbortHandler", nil, func(logging func(http.Handler) http.Handler) http.Handler {
			return logging(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, http2 bool) {
				book := newLogbook(nil)
				server := httptest.NewUnstartedServer(tt.handler(httplog.Middleware(book.logger(), tt.opts)))
				server.EnableHTTP2 = http2
				said := make(chan struct{}, 1)
				server.Config.ErrorLog = log.New(tee{httplog.ErrorLog(book.logger()).Writer(), said}, "", 0)
				server.StartTLS()
				if response, err := server.Client().Get(server.URL); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
				if tt.want != nil {
					<-said // the server speaks of every panic
				}
				server.Close()
				var got []string
				book.mu.Lock()
				defer book.mu.Unlock()
				for _, record := range *book.records {
					attrs := attrsOf(record)
					if attrs["ledger.log_type"].String() != "exception" {
						continue
					}
					err := attrs["error"].Any().(panicError)
					got = append(got, err.Error())
					if functions := functionsOf(err.Callers()); !strings.HasSuffix(functions[0], ".explode") || record.PC != err.Callers()[0] || record.Level != slog.LevelError {
						t.Errorf("at %v, stack %v", record.Level, functions)
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("exceptions (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A Middleware whose logger did not take the exception leaves it to the server.
func TestErrorLogKeepsPanicsThatWereNotTaken(t *testing.T) {
	book := newLogbook(nil)
	none := slog.New(enabledHandler{slog.DiscardHandler, func(l slog.Level) bool { return l == slog.LevelInfo }})
	server := httptest.NewUnstartedServer(httplog.Middleware(none, nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { explode("boom") })))
	server.Config.ErrorLog = httplog.ErrorLog(book.logger())
	server.Start()
	_, _ = server.Client().Get(server.URL)
	server.Close()
	if record := book.record(t); !strings.HasPrefix(record.Message, "http: panic serving 127.0.0.1:") || !strings.HasSuffix(record.Message, ": boom") {
		t.Errorf("message %q", record.Message)
	}
}

// What the server itself says of a client that speaks no TLS.
func TestErrorLogOfARealServer(t *testing.T) {
	book := newLogbook(nil)
	server := httptest.NewUnstartedServer(ok)
	server.Config.ErrorLog = httplog.ErrorLog(book.logger())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "no TLS at all\r\n\r\n")
	<-book.written
	_ = conn.Close()
	server.Close()
	if record := book.record(t); record.Level != slog.LevelWarn || !strings.HasPrefix(record.Message, "http: TLS handshake error from 127.0.0.1:") {
		t.Errorf("%v %q", record.Level, record.Message)
	}
}

// After slog.SetDefault package log's own logger writes to the new default. A
// line of ErrorLog is one record all the same, and never comes by there.
func TestErrorLogDoesNotFeedItself(t *testing.T) {
	before, flags, out := slog.Default(), log.Flags(), log.Writer()
	defer func() {
		slog.SetDefault(before)
		log.SetFlags(flags)
		log.SetOutput(out)
	}()
	for name, logger := range map[string]func(*logbook) *slog.Logger{
		"the logger":  func(book *logbook) *slog.Logger { return book.logger() },
		"the default": func(*logbook) *slog.Logger { return nil },
	} {
		book := newLogbook(nil)
		errorLog := httplog.ErrorLog(logger(book))
		slog.SetDefault(slog.New(valueHandler{book, func(context.Context) {}}))
		errorLog.Print("http: Accept error")
		if entries := book.entries(t); len(entries) != 1 || entries[0]["level"] != "ERROR" {
			t.Errorf("%s: %v", name, entries)
		}
	}
}
