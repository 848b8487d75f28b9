package encode

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

func TestOTLPKeepsTheServersNamesSafe(t *testing.T) {
	logCall{with: []step{{group: "service.version"}}, attrs: logAttrs("a", 1)}.entryIn(t, otlpForm)
	got := otlpAttributes(t, logCall{level: 8, attrs: logAttrs("exception.stacktrace", 5, "ledger.log_id", "mine", "service.version", "2", "http.route", 7)}.entryIn(t, otlpForm))
	want := map[string]any{"attr.exception.stacktrace": "5", "attr.ledger.log_id": "mine", "service.version": "2",
		"ledger.log_id": "0123456789abcdef000000000000002a"}
	for key, value := range want {
		if g := got[key]; g == nil || fmt.Sprint(g) != value {
			t.Errorf("%s is %v, want %v", key, g, value)
		}
	}
}

// TestOTLPDropsNoMoreThanItMust: the server counts some attributes twice. When
// the largest of them goes, it goes with its copies, and the rest stays.
func TestOTLPDropsNoMoreThanItMust(t *testing.T) {
	endpoint := slog.Group(wire.EndpointKey, "method", "GET", "path", "/", "status_code", 200, "duration_ms", 1.5, "response_body", strings.Repeat("b", 60_000))
	small := slog.Group(wire.EndpointKey, "method", "GET", "path", "/", "status_code", 200, "duration_ms", 1.5)
	for name, large := range map[string][]slog.Attr{
		"a response body":        {endpoint},
		"a query of the program": {small, slog.String("url.query", strings.Repeat("q", 60_000))},
		"its query, not a text":  {small, slog.Any("url.query", []string{strings.Repeat("q", 60_000)})},
	} {
		attrs := append([]slog.Attr{slog.String("keep", "me"), slog.String(wire.TraceIDKey, strings.Repeat("ab", 16))}, large...)
		entry := logCall{attrs: attrs}.entryIn(t, otlpForm)
		got := otlpAttributes(t, entry)
		if cut, _ := got[wire.CutsKey].([]any); len(cut) != 1 || got["keep"] != "me" || !bytes.Contains(entry, bytes.Repeat([]byte{0xab}, 16)) {
			t.Errorf("%s: of the others is left: %v", name, got)
		}
	}
}

func logAttrs(args ...any) []slog.Attr { return slog.Group("", args...).Value.Group() }
