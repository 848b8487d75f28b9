package httplog

import (
	"context"
	"log"
	"log/slog"
	"regexp"
	"strings"
	"time"
)

// ErrorLog returns a logger for the ErrorLog of an [http.Server] or of a
// reverse proxy. Its lines become records of logger:
//
//   - The panic of a request is left out when [Middleware] has logged it.
//     Others are exceptions at Error, with the stack of the panic.
//   - A client whose TLS handshake fails is at Warn; at Info when it went away
//     without a word, as load balancers do that look whether a port is open.
//   - What a handler did wrong, such as a superfluous WriteHeader, is at Warn.
//   - The rest is at Error: the server cannot accept connections, for example.
//
// A nil logger means [slog.Default] at the time of each line. The lines never
// go through package log's own logger. Without ErrorLog they do, and after
// [slog.SetDefault] each becomes a record at Info.
//
// Do not send the records to the very server whose lines they are: a line about
// a delivery would lead to the next delivery.
func ErrorLog(logger *slog.Logger) *log.Logger {
	return log.New(&errorLog{logger, callerOutside()}, "", 0)
}

// An errorLog is the writer inside of what ErrorLog returns. Package log writes
// each line with one call, on the goroutine that logs.
type errorLog struct {
	logger *slog.Logger // nil: slog.Default()
	source uintptr      // the call of ErrorLog
}

// Write logs a line. It always reports success: there is nobody who could do
// anything about a failure.
func (l *errorLog) Write(line []byte) (int, error) {
	logger := l.logger
	if logger == nil {
		logger = slog.Default()
	}
	text := strings.TrimRight(strings.ToValidUTF8(string(line), "\uFFFD"), "\r\n")
	first, rest, _ := strings.Cut(text, "\n")
	record := slog.NewRecord(time.Now(), lineLevel(text), printable(first, maxMessage), l.source)
	if strings.Contains(first, ": panic serving ") {
		if loggedBefore(text) {
			return len(line), nil
		}
		failure := panicOfServer(text)
		record.AddAttrs(slog.String("ledger.log_type", "exception"), slog.Any("error", failure))
		if len(failure.callers) > 0 {
			record.PC = failure.callers[0]
		}
	} else if rest != "" {
		record.AddAttrs(slog.String("detail", cutText(rest, maxPanicText)))
	}
	ctx := context.Background()
	if h := logger.Handler(); h.Enabled(ctx, record.Level) {
		_ = h.Handle(ctx, record)
	}
	return len(line), nil
}

// Parts of lines of package net/http, and their levels. The first that a line
// contains decides.
var lineLevels = []struct {
	part  string
	level slog.Level
}{
	{": panic serving ", slog.LevelError},
	{"http: Accept error", slog.LevelError},
	{"http: TLS handshake error", slog.LevelWarn},
	{"superfluous response.WriteHeader", slog.LevelWarn},
	{"on hijacked connection", slog.LevelWarn},
	{"http: URL query contains semicolon", slog.LevelWarn},
	{"http2: server: error reading preface from client", slog.LevelWarn},
	{"http: proxy error: context canceled", slog.LevelInfo}, // the client left
}

// Ends of lines about clients that went away.
var goneAway = regexp.MustCompile(`: (EOF|connection reset by peer|i/o timeout)$`)

func lineLevel(text string) slog.Level {
	for _, l := range lineLevels {
		if !strings.Contains(text, l.part) {
			continue
		}
		if l.level == slog.LevelWarn && goneAway.MatchString(text) {
			return slog.LevelInfo
		}
		return l.level
	}
	return slog.LevelError
}

// loggedBefore reports whether the panic in the text went through a
// Middleware that logged it: then panicOn is on the stack in the text. The
// stack comes last; the value of the panic, before it, may be anything.
func loggedBefore(text string) bool {
	i := strings.LastIndex(text, "\ngoroutine ")
	return i >= 0 && strings.Contains(text[i:], "\n"+ownPath+".panicOn(")
}

// panicOfServer returns the panic that the text reports. The server recovered
// it, so its value is gone, but the stack is still there: the line is written
// by a function that runs because of the panic.
func panicOfServer(text string) *panicError {
	value := text
	if i := strings.LastIndex(text, "\ngoroutine "); i >= 0 {
		value = text[:i]
	}
	// http: panic serving 192.0.2.1:50000: the value
	if _, after, ok := strings.Cut(value, ": panic serving "); ok {
		if _, after, ok = strings.Cut(after, ": "); ok {
			value = after
		}
	}
	callers, _ := panicCallers()
	return newPanicError(value, callers)
}
