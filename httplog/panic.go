package httplog

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A panicError is a panic as an error.
type panicError struct {
	value   any
	text    string
	callers []uintptr
}

// maxPanicText is the longest text of a panic that is logged, in bytes. It is
// what the Ledger server takes as a message.
const maxPanicText = 10000

func newPanicError(value any, callers []uintptr) *panicError {
	text := strings.ToValidUTF8(panicText(value), "\uFFFD")
	return &panicError{value: value, text: "panic: " + cutText(text, maxPanicText), callers: callers}
}

func (e *panicError) Error() string { return e.text }

// Unwrap returns the value of the panic when it is an error, otherwise nil.
func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// Callers returns the stack at the panic as [runtime.Callers] does, innermost
// first, without frames of the runtime and of this package.
func (e *panicError) Callers() []uintptr { return slices.Clone(e.callers) }

// log writes the record of the panic of a request. Its message is the first line of
// the text: a long one makes the server lose the entry.
func (e *panicError) log(ctx context.Context, sink slog.Handler, at time.Time, x *exchange, what *endpoint) {
	var source uintptr
	if len(e.callers) > 0 {
		source = e.callers[0]
	}
	first, _, _ := strings.Cut(e.text, "\n")
	record := slog.NewRecord(at, slog.LevelError, printable(first, maxMessage), source)
	record.AddAttrs(
		slog.String("ledger.log_type", "exception"),
		slog.Any("error", e),
		slog.String("method", what.method),
		slog.String("path", what.path))
	record.AddAttrs(x.appendIDs(nil)...)
	_ = sink.Handle(ctx, record)
	x.panicLogged = true
}

// goOn lets the panic of a request go on. It must be deferred.
func (x *exchange) goOn(value any) {
	if x.panicLogged {
		panicOn(value)
	}
	panic(value)
}

// panicOn panics. Its name on the stack of a panic says that a Middleware has
// logged the panic; see [ErrorLog].
//
//go:noinline
func panicOn(value any) { panic(value) }

// panicText returns the value of a panic as text. Like the runtime it shows no
// more than the type of a value that is composed of others: it may be huge,
// secret, or contain itself.
func panicText(value any) string {
	typeText := fmt.Sprintf("(%T)", value)
	return guard(typeText, func() string {
		switch v := value.(type) {
		case nil:
			return "nil"
		case error:
			return v.Error()
		case fmt.Stringer:
			return v.String()
		}
		if kind := reflect.TypeOf(value).Kind(); kind == reflect.String || kind >= reflect.Bool && kind <= reflect.Complex128 {
			return fmt.Sprint(value)
		}
		return typeText
	})
}

// maxFrames is how many frames of a stack are kept. The innermost ones tell
// what happened, the outermost ones how the server was started.
const maxFrames = 64

// panicCallers returns the stack of the panic or [runtime.Goexit] because of
// which the caller runs: the caller is a deferred function, or was called by
// one. It also reports whether it is a panic. The value that recover returned
// cannot tell: it is nil for a nil panic too when GODEBUG has panicnil=1.
func panicCallers() (callers []uintptr, panicked bool) {
	var pcs [maxFrames + 32]uintptr
	n := runtime.Callers(2, pcs[:])
	exited := false
	for _, pc := range pcs[:n] {
		frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
		switch {
		case frame.Function == "runtime.Goexit":
			exited = true
		case frame.Function == "runtime.gopanic" && !panicked && !exited:
			// What was called since then, such as package log, is no part of it.
			callers, panicked = callers[:0], true
		case strings.HasPrefix(frame.Function, "runtime."):
		case isOwnFrame(frame):
		case len(callers) < maxFrames:
			callers = append(callers, pc)
		}
	}
	return callers, panicked
}

// ownPath is the path of this package. The adapters of routers are below it.
var ownPath = reflect.TypeFor[panicError]().PkgPath()

// isOwnFrame reports whether the frame is of the middleware or of an adapter.
// Tests play handlers.
func isOwnFrame(frame runtime.Frame) bool {
	rest, ok := strings.CutPrefix(frame.Function, ownPath)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '/') && !strings.HasSuffix(frame.File, "_test.go")
}

// callerOutside returns the innermost caller that is not of this package or an
// adapter.
func callerOutside() uintptr {
	var pcs [8]uintptr
	n := runtime.Callers(2, pcs[:])
	for _, pc := range pcs[:n] {
		if frame, _ := runtime.CallersFrames([]uintptr{pc}).Next(); !isOwnFrame(frame) {
			return pc
		}
	}
	return 0
}
