package encode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// framePattern is how the server's grouping reads frames (ledger-wire 5.1).
var framePattern = regexp.MustCompile(`File "([^"]+)", line (\d+)`)

// callersError carries a stack as go-errors does, and httplog for panics.
type callersError struct {
	error
	pcs []uintptr
}

func (e callersError) Callers() []uintptr { return e.pcs }
func (e callersError) Unwrap() error      { return e.error }

// pkgFrame and pkgStack are shaped as those of pkg/errors.
type (
	pkgFrame uintptr
	pkgStack []pkgFrame
	pkgError struct {
		error
		stack pkgStack
	}
)

func (e pkgError) StackTrace() pkgStack { return e.stack }

type oopsError struct {
	error
	frames []runtime.Frame
}

func (e oopsError) StackFrames() []runtime.Frame { return e.frames }
func (e oopsError) LogValue() slog.Value         { return slog.GroupValue(slog.String("code", "x")) }

type unhashable []int

func (e unhashable) Error() string { return "unhashable" }
func (e unhashable) Unwrap() error { return errors.New("inner") }

type selfWrapping struct{}

func (e *selfWrapping) Error() string { return "self" }
func (e *selfWrapping) Unwrap() error { return e }

type panickyUnwrap struct{}

func (panickyUnwrap) Error() string { return "pu" }
func (panickyUnwrap) Unwrap() error { panic("no") }

//go:noinline
func callers() []uintptr {
	pcs := make([]uintptr, 32)
	return pcs[:runtime.Callers(1, pcs)]
}

// capture logs through a slog.Logger, so that the record's PC is a real one.
type capture struct {
	rec   *Encoder
	entry []byte
}

func (c *capture) Enabled(context.Context, slog.Level) bool { return true }
func (c *capture) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *capture) WithGroup(string) slog.Handler            { return c }
func (c *capture) Handle(ctx context.Context, r slog.Record) error {
	c.entry = c.rec.wholeEntry(c.rec.formats[ledgerForm], c.rec.Root(), ctx, r, 1)
	return nil
}

func stackOf(t *testing.T, err error) string {
	t.Helper()
	c := &capture{rec: testRecorder(recordOptions{}, "p", time.Now)}
	logHere(slog.New(c), err)
	requireAccepted(t, c.entry, time.Now())
	s, _ := decodeEntry(t, c.entry)["stack_trace"].(string)
	return s
}

//go:noinline
func logHere(log *slog.Logger, err error) { log.Error("failed", "err", err) }

func TestStackBeginsAtTheLogCall(t *testing.T) {
	stack := stackOf(t, errors.New("x"))
	lines := strings.Split(stack, "\n")
	if want := `  File "internal/encode/stack_test.go", line `; !strings.HasPrefix(lines[0], want) || !strings.HasSuffix(lines[0], ", in encode.logHere") {
		t.Errorf("first frame %q, want %s… of logHere", lines[0], want)
	}
	if !strings.Contains(lines[1], "in encode.stackOf") || !strings.Contains(lines[2], "TestStackBeginsAtTheLogCall") {
		t.Errorf("callers are missing:\n%s", stack)
	}
	for _, unwanted := range []string{"log/slog", "runtime.", `File "/`, "attrs.go", "encoder.go"} {
		if strings.Contains(stack, unwanted) {
			t.Errorf("stack holds %s:\n%s", unwanted, stack)
		}
	}
}

func TestStackOfTheErrorComesFirst(t *testing.T) {
	pcs := callers()
	stack := make(pkgStack, len(pcs))
	for i, pc := range pcs {
		stack[i] = pkgFrame(pc)
	}
	frame, _ := runtime.CallersFrames(pcs).Next()
	for name, err := range map[string]error{
		"Callers":     callersError{errors.New("x"), pcs},
		"StackTrace":  pkgError{errors.New("x"), stack},
		"StackFrames": oopsError{errors.New("x"), []runtime.Frame{frame}},
		"wrapped":     fmt.Errorf("w: %w", callersError{errors.New("x"), pcs}),
	} {
		t.Run(name, func(t *testing.T) {
			if got := stackOf(t, err); !strings.Contains(strings.SplitN(got, "\n", 2)[0], "in encode.callers") {
				t.Errorf("stack is not the error's:\n%s", got)
			}
		})
	}
}

func TestCausesFollow(t *testing.T) {
	err := fmt.Errorf("load: %w", errors.Join(&fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, errors.New("second")))
	stack := stackOf(t, err)
	for _, want := range []string{
		"Caused by: *errors.joinError: open x: file does not exist second\n",
		"Caused by: *fs.PathError: open x: file does not exist\n",
		"Caused by: *errors.errorString: file does not exist\n",
		"Caused by: *errors.errorString: second\n",
	} {
		if !strings.Contains(stack, want) {
			t.Errorf("lacks %q:\n%s", want, stack)
		}
	}
}

func TestMessagesDoNotPassForFrames(t *testing.T) {
	evil := errors.New("evil\n  File \"evil.go\", line 1, in evil\n    at evil (evil.js:1:1)")
	stack := stackOf(t, fmt.Errorf("w: %w", evil))
	for _, match := range framePattern.FindAllStringSubmatch(stack, -1) {
		if match[1] == "evil.go" {
			t.Errorf("the message became a frame:\n%s", stack)
		}
	}
	if len(framePattern.FindAllString(stack, -1)) == 0 {
		t.Errorf("no frames:\n%s", stack)
	}
}

func TestHostileErrorsEnd(t *testing.T) {
	for name, err := range map[string]error{
		"cycle":                  &selfWrapping{},
		"no comparing":           unhashable{1},
		"nil":                    (*selfWrapping)(nil),
		"panicking Unwrap":       panickyUnwrap{},
		"panicking Error within": fmt.Errorf("%w %w", errors.New("a"), panickyUnwrap{}),
	} {
		t.Run(name, func(t *testing.T) { stackOf(t, err) })
	}
}

func TestErrorThatIsALogValuerIsAnError(t *testing.T) {
	c := &capture{rec: testRecorder(recordOptions{}, "p", time.Now)}
	slog.New(c).Error("failed", "err", oopsError{errors.New("inner"), nil})
	entry := decodeEntry(t, c.entry)
	if entry["error_message"] != "inner" || entry["log_type"] != "exception" {
		t.Errorf("entry %s", c.entry)
	}
}
