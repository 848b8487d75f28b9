package ledger

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func partialSuccess(rejected int64, message string) []byte {
	inner := appendVarint([]byte{1 << 3}, uint64(rejected))
	inner = appendTextField(inner, 2<<3|wireBytes, message)
	return append(appendVarint([]byte{1<<3 | wireBytes}, uint64(len(inner))), inner...)
}

func TestOTLPAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   answer
	}{
		{"empty", 200, "", answer{readable: true}},
		{"empty JSON", 200, "{}", answer{readable: true}},
		{"some rejected", 200, string(partialSuccess(2, "Log 0: too old; Log 7: too large")), answer{readable: true, rejected: 2, message: "Log 0: too old; Log 7: too large"}},
		{"some rejected, in JSON", 200, `{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"Log 3: x"}}`, answer{readable: true, rejected: 1, message: "Log 3: x"}},
		{"a number in JSON", 200, `{"partialSuccess":{"rejectedLogRecords":1,"errorMessage":"x"}}`, answer{readable: true, rejected: 1, message: "x"}},
		{"quota", 200, string(partialSuccess(10, "Daily logs quota exceeded (99990/100000)")), answer{readable: true, rejected: 10, quota: true, message: "Daily logs quota exceeded (99990/100000)"}},
		{"more than were sent", 200, string(partialSuccess(99, "x")), answer{readable: true, rejected: 10, message: "x"}},
		{"a negative count", 200, string(partialSuccess(-1, "x")), answer{readable: true, message: "x"}},
		{"a warning", 200, string(partialSuccess(0, "careful")), answer{readable: true, message: "careful"}},
		{"an error", 429, `{"detail":"Ingestion rate limit exceeded"}`, answer{readable: true, message: "Ingestion rate limit exceeded"}},
		{"an error of a Collector's", 503, "\x08\x0e\x12\x08too busy", answer{readable: true, message: "too busy"}},
		{"an error of a Collector's, in JSON", 503, `{"code":14,"message":"too busy"}`, answer{readable: true, message: "too busy"}},
		{"an error of nobody's", 502, "Bad Gateway", answer{}},
		{"a proxy's page", 200, "<html>hello</html>", answer{foreign: true}},
		{"a word", 200, "OK\n", answer{foreign: true}},
		{"garbage", 200, "\xff\xff\xff", answer{}},
		{"broken off", 200, string(partialSuccess(2, "Log")[:6]), answer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := (*otlpFormat)(nil).readAnswer(tt.status, strings.NewReader(tt.body), 10)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzOTLPAnswer(f *testing.F) {
	f.Add(200, partialSuccess(2, "Log 0: x"), 10)
	f.Add(200, []byte(`{"partialSuccess":{"rejectedLogRecords":"1"}}`), 3)
	f.Add(503, []byte(`{"detail":[1]}`), 1)
	f.Fuzz(func(t *testing.T, status int, body []byte, n int) {
		n = max(1, min(n, 1000))
		a := (*otlpFormat)(nil).readAnswer(status, bytes.NewReader(body), n)
		if a.rejected < 0 || a.rejected > n || len([]rune(a.message)) > maxAnswerText {
			t.Fatalf("%+v", a)
		}
	})
}

// TestOTLPFrameHoldsEntries takes a body apart by its lengths.
func TestOTLPFrameHoldsEntries(t *testing.T) {
	f := newOTLPFormat(program{service: "shop", environment: "prod", release: "1.0"})
	for _, count := range []int{1, 2, 100} {
		entry := f.appendWhole(nil, f.begin(nil, 0, strings.Repeat("m", count*30)), ending{kinds: kinds{logType: typeLogger, importance: importanceLow}})
		before, between, after := f.frame(count, count*len(entry))
		body := append(append([]byte(nil), before...), bytes.Repeat(append(entry, between...), count)...)
		body = append(body, after...)
		resourceLogs, rest, ok := nextField(body)
		if !ok || len(rest) > 0 || resourceLogs.number != 1 {
			t.Fatalf("%d entries: not one ResourceLogs", count)
		}
		resource, rest, _ := nextField(resourceLogs.bytes)
		scopeLogs, rest, ok := nextField(rest)
		if !ok || len(rest) > 0 || resource.number != 1 || scopeLogs.number != 2 {
			t.Fatalf("%d entries: not one ScopeLogs", count)
		}
		records := 0
		for b := scopeLogs.bytes; len(b) > 0; {
			field, rest, ok := nextField(b)
			if !ok {
				t.Fatalf("%d entries: broken", count)
			}
			if field.number == 2 {
				records++
			}
			b = rest
		}
		if records != count {
			t.Errorf("%d records, want %d", records, count)
		}
	}
}

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
	endpoint := slog.Group(endpointKey, "method", "GET", "path", "/", "status_code", 200, "duration_ms", 1.5, "response_body", strings.Repeat("b", 60_000))
	small := slog.Group(endpointKey, "method", "GET", "path", "/", "status_code", 200, "duration_ms", 1.5)
	for name, large := range map[string][]slog.Attr{
		"a response body":        {endpoint},
		"a query of the program": {small, slog.String("url.query", strings.Repeat("q", 60_000))},
		"its query, not a text":  {small, slog.Any("url.query", []string{strings.Repeat("q", 60_000)})},
	} {
		attrs := append([]slog.Attr{slog.String("keep", "me"), slog.String(traceIDKey, strings.Repeat("ab", 16))}, large...)
		entry := logCall{attrs: attrs}.entryIn(t, otlpForm)
		got := otlpAttributes(t, entry)
		if got["_truncated"] != true || got["keep"] != "me" || !bytes.Contains(entry, bytes.Repeat([]byte{0xab}, 16)) {
			t.Errorf("%s: of the others is left: %v", name, got)
		}
	}
}

func logAttrs(args ...any) []slog.Attr { return slog.Group("", args...).Value.Group() }
