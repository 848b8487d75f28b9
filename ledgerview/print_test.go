package ledgerview

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

// lineWriter hands on lines as they come.
type lineWriter chan string

func (w lineWriter) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		w <- line
	}
	return len(b), nil
}

func TestPrint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(nil)
		defer v.Close()
		say := func(r record) {
			r.time, r.received, r.labels = base, base, labels{service: "api", logType: "logger"}
			v.store([]record{r})
		}
		say(record{message: "before"})
		lines := make(lineWriter, 10)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		printing := v.Printer(lines)
		say(record{level: levelWarning, message: "hello \x1b[31m\u202e", attributes: []byte(`{"n":1}`)})
		go func() { done <- printing(ctx) }()
		at := base.Local().Format("15:04:05.000")
		if got, want := <-lines, at+` warning  logger    [api] hello \u001b[31m\u202e  {"n":1}`+"\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		say(record{level: levelError, message: "bad", errorType: "*E", errorMessage: "why", refused: true})
		if got, want := <-lines, at+" error    logger    [api] bad  *E: why  (refused)\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		cancel()
		if err := <-done; err != nil || len(lines) > 0 {
			t.Errorf("%v, %d lines more", err, len(lines))
		}

		failure := errors.New("no terminal")
		r, w := io.Pipe()
		r.CloseWithError(failure)
		go func() { done <- v.Print(t.Context(), w) }()
		synctest.Wait()
		say(record{message: "x"})
		if err := <-done; !errors.Is(err, failure) {
			t.Errorf("%v", err)
		}

		go func() { done <- v.Print(t.Context(), lines) }()
		synctest.Wait()
		v.Close()
		if err := <-done; err != nil {
			t.Errorf("after Close: %v", err)
		}
	})
}
