package ledger

import (
	"context"
	"log/slog"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// LevelCritical is the least level of critical entries. From [slog.LevelError] up to
// it, entries are errors.
const LevelCritical = slog.Level(12)

// Enabled reports whether level is at least Options.Level.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.config.Level.Level()
}

// Handle encodes r and queues the entry. It never waits for the network or for the
// queue, it ignores the end of ctx, and it never panics, whatever the values in r
// do. After Shutdown it counts r as dropped and returns [ErrClosed]. Otherwise it
// returns nil.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if h.closed.Load() {
		return h.refuse()
	}
	w := buffer.NewWriter()
	seq := uint64(h.count.Logged.Add(1))
	format := h.protocols.ForEncoding()
	data, ending := h.encoder.Append(w.Space(), format, h.scope, ctx, &r, seq)
	e := w.Entry(data, r.Level >= slog.LevelError)
	e.Ending, e.Format = ending, format
	w.Close()
	if !h.queue.Push(e) {
		return ErrClosed
	}
	return nil
}

// refuse counts a record that came after Shutdown.
func (c *core) refuse() error {
	c.count.Logged.Add(1)
	c.count.QueueDropped[stats.Closed].Add(1)
	c.count.LastDrop.Store(c.count.At(c.now()))
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
