package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

type entryEncoder interface{}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

type ledgerFormat struct{}

func (ledgerFormat) protocol() Protocol  { return ProtocolLedger }
func (ledgerFormat) path() string        { return "/api/v1/ingest/batch" }
func (ledgerFormat) contentType() string { return "application/json" }
func (ledgerFormat) cost(int) int        { return 1 }
func (ledgerFormat) frame(n, size int) (before, between, after []byte) {
	return []byte(`{"logs":[`), []byte(","), []byte("]}")
}

type recorder struct{ prefix string }
type scope struct{}

func newRecorder(c *config, idPrefix string, now func() time.Time) *recorder {
	return &recorder{idPrefix}
}
func (rec *recorder) root() *scope                                 { return &scope{} }
func (rec *recorder) withAttrs(s *scope, attrs []slog.Attr) *scope { return s }
func (rec *recorder) withGroup(s *scope, name string) *scope       { return s }
func (rec *recorder) appendEntry(b []byte, f wireFormat, s *scope, ctx context.Context, r slog.Record, seq uint64) []byte {
	attrs := map[string]any{}
	r.Attrs(func(a slog.Attr) bool { attrs[a.Key] = a.Value.Any(); return true })
	level := "info"
	switch {
	case r.Level < 0:
		level = "debug"
	case r.Level >= 8:
		level = "error"
	case r.Level >= 4:
		level = "warning"
	}
	e, _ := json.Marshal(map[string]any{"timestamp": r.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), "level": level, "message": r.Message, "attributes": attrs, "log_id": rec.prefix + fmt.Sprint(seq)})
	return append(b, e...)
}
