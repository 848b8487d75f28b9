package recipes

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/ledger-sdk/ledger-go"
)

// newZap returns a zap logger whose records go to handler.
func newZap(handler *ledger.Handler) *zap.Logger {
	return zap.New(slogCore{handler: handler}, zap.AddCaller())
}

// A slogCore is a zapcore.Core that passes on to a Ledger handler.
type slogCore struct {
	handler *ledger.Handler
	fields  []zapcore.Field // of With
}

func (c slogCore) Enabled(level zapcore.Level) bool {
	return c.handler.Enabled(context.Background(), slogLevel(level))
}

func (c slogCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(e.Level) {
		return checked
	}
	return checked.AddCore(e, c)
}

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	c.fields = slices.Concat(c.fields, fields)
	return c
}

func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, slogLevel(e.Level), e.Message, e.Caller.PC)
	if e.LoggerName != "" {
		r.AddAttrs(slog.String("logger", e.LoggerName))
	}
	r.AddAttrs(attrsOf(slices.Concat(c.fields, fields))...)
	err := c.handler.Handle(context.Background(), r)
	if e.Level == zapcore.FatalLevel { // zap ends the program now
		err = c.Sync()
	}
	return err
}

// Sync delivers what was logged.
func (c slogCore) Sync() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return c.handler.Flush(ctx)
}

func attrsOf(fields []zapcore.Field) (attrs []slog.Attr) {
	for i, f := range fields {
		switch f.Type {
		case zapcore.NamespaceType: // a group of all that follows
			return append(attrs, slog.GroupAttrs(f.Key, attrsOf(fields[i+1:])...))
		case zapcore.ErrorType: // stays an error, so that its type and causes are kept
			attrs = append(attrs, slog.Any(f.Key, f.Interface))
		default:
			m := zapcore.NewMapObjectEncoder()
			f.AddTo(m)
			for key, value := range m.Fields {
				attrs = append(attrs, slog.Any(key, value))
			}
		}
	}
	return attrs
}

func slogLevel(level zapcore.Level) slog.Level {
	switch {
	case level > zapcore.ErrorLevel: // dpanic, panic, fatal
		return ledger.LevelCritical
	case level < zapcore.DebugLevel:
		return slog.LevelDebug
	}
	return slog.Level(4 * level) // -4, 0, 4, 8
}
