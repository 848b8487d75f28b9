package encode

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"iter"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/otlp"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

func decodeEntry(t testing.TB, entry []byte) map[string]any {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal(entry, &e); err != nil {
		t.Fatalf("%v: %s", err, entry)
	}
	return e
}

// A protobufField is a field of a message, with its tag, and what it holds if it is
// of bytes.
type protobufField struct{ whole, inside []byte }

// protobufFields yields the fields of a message by their numbers.
func protobufFields(t testing.TB, message []byte) iter.Seq2[int, protobufField] {
	return func(yield func(int, protobufField) bool) {
		for len(message) > 0 {
			tag, n := binary.Uvarint(message)
			var inside []byte
			switch tag & 7 {
			case 0:
				_, size := binary.Uvarint(message[n:])
				n += max(size, 1)
			case 1:
				n += 8
			case 2:
				length, size := binary.Uvarint(message[n:])
				n += size
				if n > len(message) || length > uint64(len(message)-n) {
					t.Fatalf("broken message: %x", message)
				}
				inside = message[n : n+int(length)]
				n += int(length)
			default:
				t.Fatalf("wire type %d: %x", tag&7, message)
			}
			if n > len(message) {
				t.Fatalf("broken message: %x", message)
			}
			if !yield(int(tag>>3), protobufField{message[:n], inside}) {
				return
			}
			message = message[n:]
		}
	}
}

// otlpAttributes reads the root attributes of an OTLP entry as the server
// merges them into one map, by a reader that knows nothing of the encoder's
// names; values are as JSON has them.
func otlpAttributes(t testing.TB, entry []byte) map[string]any {
	t.Helper()
	attrs := map[string]any{}
	for number, record := range protobufFields(t, entry) {
		if number != 2 || len(record.inside) == 0 {
			t.Fatalf("no log record: %x", entry)
		}
		for number, attr := range protobufFields(t, record.inside) {
			if number != 6 {
				continue
			}
			member, err := otlp.New(wire.Program{}).ToJSON(nil, attr.whole, false, nil)
			if err != nil {
				t.Fatalf("broken attribute: %x: %v", attr.whole, err)
			}
			d := json.NewDecoder(strings.NewReader("{" + strings.TrimSuffix(string(member), ",") + "}"))
			d.UseNumber()
			if err := d.Decode(&attrs); err != nil {
				t.Fatalf("%s: %v", member, err)
			}
		}
	}
	return attrs
}

// otlpFaults are the server's rules for one OTLP record (ledger-wire 6).
func otlpFaults(t testing.TB, entry []byte) (faults []string) {
	attrs := otlpAttributes(t, entry)
	poison(attrs, 0, func(format string, args ...any) { faults = append(faults, format) })
	text := func(key string) string { s, _ := attrs[key].(string); return s }
	for _, key := range []string{"exception.type", "exception.message", "exception.stacktrace", "service.version",
		"deployment.environment", "ledger.sdk_version", "telemetry.sdk.version"} {
		if _, ok := attrs[key].(string); attrs[key] != nil && !ok {
			faults = append(faults, key+" is no string")
		}
	}
	size := 0
	if text("ledger.log_type") == "endpoint" {
		for _, key := range []string{"http.request.method", "http.route", "http.response.status_code", "ledger.duration_ms"} {
			if attrs[key] == nil {
				faults = append(faults, "endpoint without "+key)
			}
		}
		built := map[string]any{"method": attrs["http.request.method"], "path": attrs["http.route"],
			"status_code": attrs["http.response.status_code"], "duration_ms": attrs["ledger.duration_ms"],
			"query_params": attrs["url.query"], "path_params": attrs["ledger.path_params"], "response_body": attrs["ledger.response_body"]}
		size += pythonSize(built)
		if len([]rune(text("http.request.method"))) > 8 || len([]rune(text("http.request.method")+" "+text("http.route"))) > 500 {
			faults = append(faults, "endpoint text too long")
		}
	}
	if text("ledger.log_type") == "exception" && (text("exception.type") == "" || text("exception.message") == "") {
		faults = append(faults, "exception without type or message")
	}
	if severity := otlpSeverity(t, entry); severity >= 17 && len(otlpBody(t, entry))+len(text("exception.type"))+64+80 > 2600 {
		faults = append(faults, "a message that is not indexed")
	}
	if id := text("ledger.log_id"); id == "" || len(id) > 64 {
		faults = append(faults, "log_id "+id)
	}
	if size += pythonSize(attrs); size > 100_000 {
		faults = append(faults, "attributes too large")
	}
	return faults
}

// comparable brings attributes of both formats to what they have in common:
// OTLP has no integer above 63 bits, and ids are bytes there.
func comparable(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, member := range v {
			if s, ok := member.(string); ok && (key == "trace_id" || key == "span_id") {
				member = strings.ToLower(s)
			}
			out[key] = comparable(member)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = comparable(v[i])
		}
		return out
	case string:
		if f := json.Number(v); len(v) >= 19 && strings.Trim(v, "0123456789") == "" {
			n, _ := f.Float64()
			return n
		}
	}
	return v
}

func checkTranscoding(t testing.TB, seed uint64) {
	t.Helper()
	p := programmer{rand.New(rand.NewPCG(seed, 3)), seed%2 == 0}
	steps, r := p.program()
	c := recordOptions{Service: "shop", DisableRedaction: true}
	rec := testRecorder(c, "0123456789abcdef", time.Now)
	native, otlp := rec.formats[ledgerForm], rec.formats[otlpForm]
	ctx := context.Background()
	s := rec.play(steps) // in the native format
	a := rec.wholeEntry(native, s, ctx, r, seed)
	b := rec.wholeEntry(otlp, s, ctx, r, seed) // what With bound is transcoded
	requireAccepted(t, a, time.Now())
	if faults := otlpFaults(t, b); len(faults) > 0 {
		t.Fatalf("seed %d: the server would not store: %v\n%q", seed, faults, b)
	}
	s2 := rec.play(steps) // bound in OTLP
	c2 := rec.wholeEntry(otlp, s2, ctx, r, seed)
	if faults := otlpFaults(t, c2); len(faults) > 0 {
		t.Fatalf("seed %d: the server would not store: %v\n%q", seed, faults, c2)
	}
	a2 := rec.wholeEntry(native, s2, ctx, r, seed)
	requireAccepted(t, a2, time.Now())

	want := decodeEntry(t, a)
	delete(want, "stack_trace")
	same := func(name string, entry []byte) {
		t.Helper()
		requireAccepted(t, entry, time.Now())
		got := decodeEntry(t, entry)
		delete(got, "stack_trace") // each line of this test logs from its own place
		if ts, _ := got["timestamp"].(string); len(ts) == len("2006-01-02T15:04:05.000000000Z") {
			got["timestamp"] = ts[:26] + "Z"
		}
		if strings.Contains(string(a), `"_truncated"`) || strings.Contains(string(entry), `"_truncated"`) {
			return
		}
		if strings.Contains(string(entry), wire.TooDeep) { // OTLP ends nesting earlier
			return
		}
		if diff := difference(comparable(want), comparable(got)); diff != "" {
			t.Fatalf("seed %d: %s differs (-native +got):\n%s\n%s\n%s", seed, name, diff, a, entry)
		}
	}
	fromOTLP, err := wire.Transcode(otlp, native, b)
	if err != nil {
		t.Fatal(err)
	}
	same("OTLP with transcoded With attrs", fromOTLP)
	fromOTLP2, err := wire.Transcode(otlp, native, c2)
	if err != nil {
		t.Fatal(err)
	}
	same("OTLP", fromOTLP2)
	same("native with transcoded With attrs", a2)
	there, err := wire.Transcode(native, otlp, a)
	if err != nil {
		t.Fatal(err)
	}
	if faults := otlpFaults(t, there); len(faults) > 0 {
		t.Fatalf("seed %d: the server would not store: %v\n%q", seed, faults, there)
	}
	back, err := wire.Transcode(otlp, native, there)
	if err != nil {
		t.Fatal(err)
	}
	same("there and back", back)
}

func FuzzTranscodeKeepsEverything(f *testing.F) {
	for seed := range fuzzSeeds(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { checkTranscoding(t, seed) })
}

func FuzzTranscodeForeignBytes(f *testing.F) {
	rec := testRecorder(recordOptions{}, "0123456789abcdef", time.Now)
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0)
	r.AddAttrs(slog.Int("a", 1), slog.Group("g", slog.Any("b", []int{1})))
	native, otlp := rec.formats[ledgerForm], rec.formats[otlpForm]
	f.Add(rec.wholeEntry(native, rec.Root(), context.Background(), r, 1))
	f.Add(rec.wholeEntry(otlp, rec.Root(), context.Background(), r, 1))
	f.Add([]byte("{}"))
	f.Add([]byte(`{ "level" : "info", "message" : "m", "attributes" : { "a" : { "b" : [ 1 , 2 ] , "c" : { } } , "endpoint" : { "method" : "GET" } }, "log_id":"x","timestamp":"2026-03-01T12:30:45Z"}`))
	endpoint := slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0)
	endpoint.AddAttrs(slog.Group("endpoint", slog.String("method", "GET"), slog.String("path", "/"), slog.Int("status_code", 200), slog.Float64("duration_ms", 1),
		slog.Group("path_params", slog.String("id", "1"))))
	params := rec.wholeEntry(otlp, rec.Root(), context.Background(), endpoint, 1)
	for _, text := range []string{`{"id":"1"}`, `{ "id":1 }`, `{"id":"1\}`, `{"\":"1"}`, `not JSON {`, `{"id": 1} `, `[` + "\x00" + `]       `} {
		f.Add(bytes.Replace(params, []byte(`{"id":"1"}`), []byte(text), 1))
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		_, _ = wire.Transcode(native, otlp, entry)
		if b, err := wire.Transcode(otlp, native, entry); err == nil && !json.Valid(b) {
			t.Errorf("%q became %q", entry, b)
		}
		for _, format := range []wire.Format{native, otlp} {
			other := wire.Origin{Release: "another", Environment: "other"}
			once := format.Standalone(entry, other)
			if again := format.Standalone(once, wire.Origin{Release: "a third"}); !bytes.Equal(once, again) && !bytes.Equal(once, entry) {
				t.Errorf("%q names two origins: %q", entry, again)
			}
		}
	})
}
