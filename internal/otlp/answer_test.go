package otlp

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go/internal/wire"
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
		want   wire.Answer
	}{
		{"empty", 200, "", wire.Answer{Readable: true}},
		{"empty JSON", 200, "{}", wire.Answer{Readable: true}},
		{"some rejected", 200, string(partialSuccess(2, "Log 0: too old; Log 7: too large")), wire.Answer{Readable: true, Rejected: 2, Message: "Log 0: too old; Log 7: too large"}},
		{"some rejected, in JSON", 200, `{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"Log 3: x"}}`, wire.Answer{Readable: true, Rejected: 1, Message: "Log 3: x"}},
		{"a number in JSON", 200, `{"partialSuccess":{"rejectedLogRecords":1,"errorMessage":"x"}}`, wire.Answer{Readable: true, Rejected: 1, Message: "x"}},
		{"quota", 200, string(partialSuccess(10, "Daily logs quota exceeded (99990/100000)")), wire.Answer{Readable: true, Rejected: 10, Quota: true, Left: 9, Message: "Daily logs quota exceeded (99990/100000)"}},
		{"a quota with room for some", 200, string(partialSuccess(10, "Daily logs quota exceeded (494/501)")), wire.Answer{Readable: true, Rejected: 10, Quota: true, Left: 7, Message: "Daily logs quota exceeded (494/501)"}},
		{"a quota used up", 200, string(partialSuccess(10, "Daily logs quota exceeded (502/501)")), wire.Answer{Readable: true, Rejected: 10, Quota: true, Message: "Daily logs quota exceeded (502/501)"}},
		{"a quota without figures", 200, string(partialSuccess(10, "Daily logs quota exceeded")), wire.Answer{Readable: true, Rejected: 10, Quota: true, Message: "Daily logs quota exceeded"}},
		{"more than were sent", 200, string(partialSuccess(99, "x")), wire.Answer{Readable: true, Rejected: 10, Message: "x"}},
		{"a negative count", 200, string(partialSuccess(-1, "x")), wire.Answer{Readable: true, Message: "x"}},
		{"a warning", 200, string(partialSuccess(0, "careful")), wire.Answer{Readable: true, Message: "careful"}},
		{"an error", 429, `{"detail":"Ingestion rate limit exceeded"}`, wire.Answer{Readable: true, Message: "Ingestion rate limit exceeded"}},
		{"an error of a Collector's", 503, "\x08\x0e\x12\x08too busy", wire.Answer{Readable: true, Message: "too busy"}},
		{"an error of a Collector's, in JSON", 503, `{"code":14,"message":"too busy"}`, wire.Answer{Readable: true, Message: "too busy"}},
		{"an error of nobody's", 502, "Bad Gateway", wire.Answer{}},
		{"a proxy's page", 200, "<html>hello</html>", wire.Answer{Foreign: true}},
		{"a word", 200, "OK\n", wire.Answer{Foreign: true}},
		{"garbage", 200, "\xff\xff\xff", wire.Answer{}},
		{"broken off", 200, string(partialSuccess(2, "Log")[:6]), wire.Answer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := (*Format)(nil).ReadAnswer(tt.status, strings.NewReader(tt.body), 10)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(wire.Answer{})); diff != "" {
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
		a := (*Format)(nil).ReadAnswer(status, bytes.NewReader(body), n)
		if a.Rejected < 0 || a.Rejected > n || len([]rune(a.Message)) > maxAnswerText {
			t.Fatalf("%+v", a)
		}
	})
}

// TestOTLPFrameHoldsEntries takes a body apart by its lengths.
func TestOTLPFrameHoldsEntries(t *testing.T) {
	f := New(wire.Program{Service: "shop", Environment: "prod", Release: "1.0"})
	for _, count := range []int{1, 2, 100} {
		entry := f.AppendWhole(nil, f.Begin(nil, 0, strings.Repeat("m", count*30)), wire.Ending{Kinds: wire.Kinds{LogType: wire.TypeLogger, Importance: wire.ImportanceLow}})
		before, between, after := f.Frame(count, count*len(entry))
		body := append(append([]byte(nil), before...), bytes.Repeat(append(entry, between...), count)...)
		body = append(body, after...)
		resourceLogs, rest, ok := nextField(body)
		if !ok || len(rest) > 0 || resourceLogs.tag>>3 != 1 {
			t.Fatalf("%d entries: not one ResourceLogs", count)
		}
		resource, rest, _ := nextField(resourceLogs.bytes)
		scopeLogs, rest, ok := nextField(rest)
		if !ok || len(rest) > 0 || resource.tag>>3 != 1 || scopeLogs.tag>>3 != 2 {
			t.Fatalf("%d entries: not one ScopeLogs", count)
		}
		records := 0
		for b := scopeLogs.bytes; len(b) > 0; {
			field, rest, ok := nextField(b)
			if !ok {
				t.Fatalf("%d entries: broken", count)
			}
			if field.tag>>3 == 2 {
				records++
			}
			b = rest
		}
		if records != count {
			t.Errorf("%d records, want %d", records, count)
		}
	}
}
