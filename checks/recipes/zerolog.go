package recipes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/rs/zerolog"

	"github.com/ledger-sdk/ledger-go"
)

// newZerolog returns a zerolog logger whose records go to handler.
func newZerolog(handler *ledger.Handler) zerolog.Logger {
	return zerolog.New(slogWriter{handler})
}

// A slogWriter is a zerolog.LevelWriter that passes on to a Ledger handler. zerolog
// writes each record as one line of JSON, which is read again here.
type slogWriter struct{ handler *ledger.Handler }

func (w slogWriter) Write(line []byte) (int, error) { return w.WriteLevel(zerolog.NoLevel, line) }

func (w slogWriter) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	ctx := context.Background()
	if !w.handler.Enabled(ctx, levelOf(level)) {
		return len(line), nil
	}
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return 0, err
	}
	message, _ := fields[zerolog.MessageFieldName].(string)
	r := slog.NewRecord(time.Now(), levelOf(level), message, 0)
	for key, value := range fields {
		switch key {
		case zerolog.MessageFieldName, zerolog.LevelFieldName, zerolog.TimestampFieldName:
			continue // in the record already
		case zerolog.ErrorFieldName:
			if text, ok := value.(string); ok {
				value = errors.New(text)
			}
		}
		r.AddAttrs(slog.Any(key, value))
	}
	return len(line), w.handler.Handle(ctx, r)
}

// Close delivers what was logged. zerolog calls it in Fatal, before os.Exit.
func (w slogWriter) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return w.handler.Flush(ctx)
}

func levelOf(level zerolog.Level) slog.Level {
	switch level {
	case zerolog.TraceLevel, zerolog.DebugLevel:
		return slog.LevelDebug
	case zerolog.WarnLevel:
		return slog.LevelWarn
	case zerolog.ErrorLevel:
		return slog.LevelError
	case zerolog.FatalLevel, zerolog.PanicLevel:
		return ledger.LevelCritical
	}
	return slog.LevelInfo
}
