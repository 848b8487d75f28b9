package ledger

// This file and handler.go name each other, the only two of this package that do: a
// handler inherits the crash before it, and a panic is flushed through a handler.

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/crash"
	"github.com/ledger-sdk/ledger-go/internal/errstack"
)

// RecoverAndFlush is for defer at the top of main and of goroutines:
//
//	defer ledger.RecoverAndFlush(handler, 2*time.Second)
//
// When the function panics, it logs the panic through h as a critical entry with
// the panic's own stack, flushes for at most timeout, and panics on with the
// same value. Without a panic it does nothing, and runtime.Goexit passes. It
// must be deferred itself: called by a deferred function it sees no panic. A nil
// h only lets the panic pass.
func RecoverAndFlush(h *Handler, timeout time.Duration) {
	value := recover()
	if value == nil {
		return
	}
	defer panic(value) // whatever happens in between
	if h == nil {
		return
	}
	callers := make([]uintptr, 64)
	callers = callers[:runtime.Callers(1, callers)]
	err := &panicError{value: value, callers: callers}
	r := slog.NewRecord(h.now(), LevelCritical, err.Error(), 0)
	r.AddAttrs(slog.Any("error", err))
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if h.Handle(ctx, r) == nil && h.Flush(ctx) == nil {
		h.batcher.crashes.Load().Delivered(value)
	}
}

// A panicError is a recovered panic as an error that carries its stack.
type panicError struct {
	value   any
	callers []uintptr
}

func (p *panicError) Error() string { return "panic: " + errstack.PanicValue(p.value) }

// Unwrap returns the panic's value when that is an error.
func (p *panicError) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// Callers returns the stack at the panic, for error_type and stack_trace.
func (p *panicError) Callers() []uintptr { return p.callers }

// A crashError is a crash of an earlier process as an error with its stack. Its name
// is the entry's error_type, by which the server groups crashes.
type crashError struct{ *crash.Crash }

// inheritCrash makes an entry of an earlier process's crash, on disk at once, and
// watches for one of this process. The batcher calls it when the spool is open.
func (c *core) inheritCrash() {
	b := c.batcher
	file, crash, err := crash.Open(b.disk.Root(), c.protocols.Origin())
	if err != nil {
		c.report.Tell("crash", slog.LevelWarn, "crashes are not captured", slog.String("error", err.Error()))
	}
	b.crashes.Swap(file).Close() // of a directory that was removed
	if crash == nil {
		file.Forget()
		return
	}
	r := slog.NewRecord(crash.At, LevelCritical, crash.Message, 0)
	r.AddAttrs(slog.Any("error", &crashError{crash}), slog.Bool("crashed", true))
	e := c.encode(context.Background(), r)
	e.Attribute(crash.From)
	c.count.Taken.Add(1)
	if kept := b.disk.Write([]*buffer.Entry{e}); len(kept) > 0 {
		b.backlog.Hold(buffer.NewBatch[notes](c.queue, kept))
		return // the file keeps it until the disk takes it
	}
	file.Forget()
}
