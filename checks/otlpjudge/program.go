package otlpjudge

import (
	"context"
	"log/slog"
	"time"
)

// A Program is a random slog program.
type Program struct {
	Service, Environment, Release string
	AddSource                     bool
	Calls                         []*Call
}

// A Call is one log call and all that leads to it.
type Call struct {
	Steps   []Step
	Context []Attr // what Options.ContextAttrs returns for it
	Time    time.Time
	Level   slog.Level
	Message string
	Attrs   []Attr
	PC      uintptr
}

// A Step is a With, or a WithGroup when Group is not empty.
type Step struct {
	Group string
	Attrs []Attr
}

// An Attr is a slog.Attr of which it is known what it should come to.
type Attr struct {
	Key  string
	slog slog.Value

	isGroup  bool
	group    []Attr
	isString bool  // slog.KindString when resolved
	isNil    bool  // Any(nil)
	want     Value // of everything else
	err      error // that it holds
	errType  string
}

func (a Attr) attr() slog.Attr { return slog.Attr{Key: a.Key, Value: a.slog} }

func attrsOf(attrs []Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = a.attr()
	}
	return out
}

type contextKey struct{}

// ContextAttrs is for Options.ContextAttrs.
func ContextAttrs(ctx context.Context) []slog.Attr {
	call, _ := ctx.Value(contextKey{}).(*Call)
	if call == nil {
		return nil
	}
	return attrsOf(call.Context)
}

// Handle makes the call on what derives from h.
func (c *Call) Handle(h slog.Handler) error {
	for _, step := range c.Steps {
		if step.Group != "" {
			h = h.WithGroup(step.Group)
		} else {
			h = h.WithAttrs(attrsOf(step.Attrs))
		}
	}
	r := slog.NewRecord(c.Time, c.Level, c.Message, c.PC)
	r.AddAttrs(attrsOf(c.Attrs)...)
	return h.Handle(context.WithValue(context.Background(), contextKey{}, c), r)
}
