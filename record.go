package ledger

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/levels"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// LevelCritical is the least level of critical entries. From [slog.LevelError] up to
// it, entries are errors.
const LevelCritical = slog.Level(12)

// LevelHandler serves the level that Options.Level is, to read it and to change it
// while the program runs, as zap's AtomicLevel does:
//
//	GET                      {"level":"INFO"}
//	PUT {"level":"DEBUG"}    the same, after the change
//
// A PUT may also be a form, as "curl -X PUT -d level=debug" sends it. A level is
// written as in LEDGER_LEVEL. What is none is answered with 400 and the reason in
// "error", any other method with 405. The handler asks for no credentials: serve it
// where only operators come. level must not be nil.
func LevelHandler(level *slog.LevelVar) http.Handler {
	return levels.Handler(level)
}

// Err returns an attr "error" with err, and for nil the empty Attr, which no handler
// writes. An error at [slog.LevelError] or above makes the entry an exception, with
// the error's type, its text, and its stack.
func Err(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.Any("error", err)
}

// A contextKey is where [With] keeps attrs.
type contextKey struct{}

// With returns a context whose attrs every record has that is logged with it, or with
// a context made from it. The handler needs [ContextAttrs] in its Options for that.
// Attrs that ctx has already stay; one with the key of a new one gives way to it.
// Their values are read when a record is logged. ctx is not changed, so With is safe
// from many goroutines.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	if len(attrs) == 0 {
		return ctx
	}
	before := ContextAttrs(ctx)
	all := append(make([]slog.Attr, 0, len(before)+len(attrs)), before...)
	for _, a := range attrs {
		same := func(b slog.Attr) bool { return a.Key != "" && a.Key == b.Key }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i] = a
		} else {
			all = append(all, a)
		}
	}
	return context.WithValue(ctx, contextKey{}, slices.Clip(all))
}

// ContextAttrs returns the attrs that [With] gave ctx, in their order, for
// Options.ContextAttrs. Do not change them: they belong to the context.
func ContextAttrs(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(contextKey{}).([]slog.Attr)
	return attrs
}

// Enabled reports whether level is at least Options.Level.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.config.Level.Level()
}

// Handle encodes r and queues the entry. It never waits for the network or for the
// queue, it ignores the end of ctx, and it never panics, whatever the values in r
// do. After Shutdown it counts r as dropped and returns [ErrClosed]. Otherwise it
// returns nil.
func (h *Handler) Handle(ctx context.Context, r slog.Record) (err error) {
	if h.closed.Load() {
		return h.refuse()
	}
	w := h.queue.Writer()
	seq := uint64(h.count.Logged.Add(1))
	format := h.protocols.ForEncoding()
	var data []byte
	var ending wire.Ending
	defer func() { // also when a method of a value calls runtime.Goexit
		if data == nil {
			data, ending = h.encoder.AppendLastResort(w.Space(), format, &r, seq, "!EXIT: a method of a value ended the goroutine")
		}
		e := w.Entry(data, r.Level >= slog.LevelError)
		e.Ending, e.Format = ending, format
		w.Close()
		if !h.queue.Push(e) {
			err = ErrClosed
		}
	}()
	data, ending = h.encoder.Append(w.Space(), format, h.scope, ctx, &r, seq)
	return nil
}

// refuse counts a record that came after Shutdown.
func (c *core) refuse() error {
	c.count.Logged.Add(1)
	c.count.QueueDropped[stats.Closed].Add(1)
	c.count.LastDrop.Store(c.count.Now())
	return ErrClosed
}

// WithAttrs returns a handler that adds attrs to its records. It reads and encodes
// their values now, once.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return &Handler{core: h.core, scope: h.encoder.WithAttrs(h.scope, attrs)}
}

// WithGroup returns a handler that puts its records' attrs in a group.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &Handler{core: h.core, scope: h.encoder.WithGroup(h.scope, name)}
}

// encode makes an entry of one of the handler's own records, and counts it as
// logged.
func (c *core) encode(ctx context.Context, r slog.Record) *buffer.Entry {
	format := c.protocols.ForEncoding()
	seq := uint64(c.count.Logged.Add(1))
	data, ending := c.encoder.Append(nil, format, c.encoder.Root(), ctx, &r, seq)
	e := buffer.NewEntry(data)
	e.Ending, e.Format, e.Urgent = ending, format, r.Level >= slog.LevelError
	return e
}
