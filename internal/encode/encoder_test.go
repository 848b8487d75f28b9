package encode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/native"
	"github.com/ledger-sdk/ledger-go/internal/otlp"
	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// An entry's ending is as long as was reckoned, whatever its number, and under
// OTLP the record's length says so.
func TestEntriesAreAsLongAsReckoned(t *testing.T) {
	for _, prefix := range []string{"", "0123456789abcdef-", strings.Repeat("p", 48)} {
		rec := testRecorder(recordOptions{}, prefix, testNow)
		for _, encoder := range rec.formats {
			f := encoder
			check := func(message, text string, seq uint64) {
				r := slog.NewRecord(testTime, slog.LevelInfo, message, 0)
				if text != "" {
					r.AddAttrs(slog.String("text", text))
				}
				data, end := rec.Append([]byte("before"), f, rec.Root(), context.Background(), &r, seq)
				data = data[len("before"):]
				whole := wire.Whole(f, data, end)
				if size := f.WholeSize(len(data), end); len(whole) != size {
					t.Errorf("%d bytes, reckoned with %d", len(whole), size)
				}
				if _, err := f.Parse(whole); err != nil {
					t.Errorf("%s: message of %d, text of %d, number %d: %v", f.Protocol(), len(message), len(text), seq, err)
				}
			}
			for _, n := range []int{0, 1, 30, 126, 127, 128, 129} {
				for _, seq := range []uint64{0, 1, 127, 128, 16383, 16384, 1<<21 - 1, 1 << 21, 1<<56 - 1, 1 << 56, 1<<63 - 1} {
					check(strings.Repeat("m", n), "", seq)
				}
			}
			for n := 15_900; n < 16_500; n += 7 { // where a length takes a third byte
				check("m", strings.Repeat("x", n), uint64(n))
			}
		}
	}
}

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

var testTime = time.Date(2026, 3, 1, 12, 30, 45, 123456789, time.UTC)

func testNow() time.Time { return testTime.Add(time.Second) }

// The formats, as they are numbered in tests.
const (
	ledgerForm = 0
	otlpForm   = 1
)

// recordOptions are what the encoding of a record depends on.
type recordOptions struct {
	Service, Environment, Release string
	AddSource, DisableRedaction   bool
	RedactKeys                    []string
	ReplaceAttr                   func([]string, slog.Attr) slog.Attr
	ContextAttrs                  func(context.Context) []slog.Attr
}

func testFormats(o recordOptions, prefix string) (*native.Format, *otlp.Format) {
	of := wire.Program{Service: o.Service, Environment: o.Environment, Release: o.Release, SDKVersion: testVersion, IDPrefix: prefix}
	return native.New(of), otlp.New(of)
}

const testVersion = "0.1.0"

func testRecorder(o recordOptions, prefix string, now func() time.Time) *Encoder {
	native, otlp := testFormats(o, prefix)
	c := Config{
		AddSource: o.AddSource, ReplaceAttr: o.ReplaceAttr, ContextAttrs: o.ContextAttrs,
		Formats: [MaxFormats]Format{native, otlp}, Now: now,
	}
	if !o.DisableRedaction {
		c.Secrets = redact.NewKeys(o.RedactKeys)
	}
	return New(c)
}

type logCall struct {
	opts  recordOptions
	with  []step
	ctx   context.Context
	level slog.Level
	time  time.Time
	msg   string
	attrs []slog.Attr
}

// Whole is Append with the ending.
func (enc *Encoder) wholeEntry(f wire.Format, s *Scope, ctx context.Context, r slog.Record, seq uint64) []byte {
	b, end := enc.Append(nil, f, s, ctx, &r, seq)
	if end.Kinds == (wire.Kinds{}) {
		return b
	}
	return wire.Whole(f, b, end)
}

// entry returns the entry in Ledger's own format.
func (c logCall) entry(t testing.TB) []byte { return c.entryIn(t, ledgerForm) }

func (c logCall) entryIn(t testing.TB, form int) []byte {
	t.Helper()
	if c.time.IsZero() {
		c.time = testTime
	}
	rec := testRecorder(c.opts, "0123456789abcdef", testNow)
	rec.current.Store(int32(form))
	r := slog.NewRecord(c.time, c.level, c.msg, 0)
	r.AddAttrs(c.attrs...)
	ctx := c.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	entry := rec.wholeEntry(rec.formats[form], rec.play(c.with), ctx, r, 42)
	if form == ledgerForm {
		requireAccepted(t, entry, testNow())
	} else if faults := otlpFaults(t, entry); len(faults) > 0 {
		t.Fatalf("the server would not store this entry: %v\n%q", faults, entry)
	}
	return entry
}

type cyclicPanic struct{}

func (cyclicPanic) LogValue() slog.Value {
	m := map[string]any{"password": "hunter2"}
	m["self"] = m
	panic(m)
}

func with(attrs ...slog.Attr) step { return step{attrs: attrs} }

func TestEntryFields(t *testing.T) {
	notFound := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	endpoint := func(extra ...any) slog.Attr {
		return slog.Group("endpoint", append([]any{"method", "GET", "path", "/users/{id}", "status_code", 200, "duration_ms", 45.12}, extra...)...)
	}
	longPath := "/" + strings.Repeat("p", 600)
	for _, tt := range []struct {
		name string
		call logCall
		want map[string]any
	}{
		{"time in UTC, microseconds", logCall{time: testTime.In(time.FixedZone("", 3600))}, map[string]any{"timestamp": "2026-03-01T12:30:45.123456Z"}},
		{"time ahead within four minutes", logCall{time: testNow().Add(4 * time.Minute)}, map[string]any{"timestamp": "2026-03-01T12:34:46.123456Z"}},
		{"time too far ahead", logCall{time: testNow().Add(4*time.Minute + 1)}, map[string]any{
			"timestamp": "2026-03-01T12:30:46.123456Z", "attributes": map[string]any{"time": "2026-03-01T12:34:46.12345679Z"},
		}},
		{"time out of the years", logCall{time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}, map[string]any{
			"timestamp": "2026-03-01T12:30:46.123456Z", "attributes": map[string]any{"time": "+12026-01-01T00:00:00Z"},
		}},
		{"old time", logCall{time: time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC)}, map[string]any{"timestamp": "1969-12-31T23:59:59.999999Z"}},
		{"debug", logCall{level: -1}, map[string]any{"level": "debug", "importance": "standard", "log_type": "logger"}},
		{"info", logCall{level: 3}, map[string]any{"level": "info", "importance": "standard"}},
		{"warning", logCall{level: 4}, map[string]any{"level": "warning", "importance": "standard"}},
		{"error", logCall{level: 11}, map[string]any{"level": "error", "importance": "high"}},
		{"critical", logCall{level: 12}, map[string]any{"level": "critical", "importance": "critical"}},
		{"constants", logCall{opts: recordOptions{Environment: "prod", Release: "1.2", Service: "shop"}}, map[string]any{
			"environment": "prod", "release": "1.2", "sdk_version": testVersion, "platform": "go",
			"platform_version": strings.TrimPrefix(runtime.Version(), "go"), "attributes": map[string]any{"service": "shop"},
			"log_id": "0123456789abcdef000000000000002a",
		}},
		{"no attrs", logCall{}, map[string]any{"attributes": nil}},
		{"steering attrs", logCall{attrs: []slog.Attr{slog.String("ledger.log_type", "database"), slog.String("ledger.importance", "low")}}, map[string]any{
			"log_type": "database", "importance": "low", "attributes": nil,
		}},
		{"steering attrs of With, in a group", logCall{with: []step{with(slog.String("ledger.importance", "low")), {group: "g"}},
			attrs: []slog.Attr{slog.String("ledger.log_type", "custom"), slog.Int("a", 1)}}, map[string]any{
			"log_type": "custom", "importance": "low", "attributes": map[string]any{"g": map[string]any{"a": 1.0}},
		}},
		{"steering to what the server does not know", logCall{attrs: []slog.Attr{slog.String("ledger.log_type", "network"), slog.Int("ledger.importance", 5)}}, map[string]any{
			"log_type": "logger", "importance": "standard",
			"attributes": map[string]any{"ledger.log_type": "network", "ledger.importance": 5.0},
		}},
		{"steering to what would be refused", logCall{level: 8, attrs: []slog.Attr{slog.String("ledger.log_type", "exception")}}, map[string]any{"log_type": "logger"}},
		{"endpoint", logCall{attrs: []slog.Attr{endpoint("bytes", 7)}}, map[string]any{"log_type": "endpoint", "attributes": map[string]any{
			"endpoint": map[string]any{"method": "GET", "path": "/users/{id}", "status_code": 200.0, "duration_ms": 45.12, "bytes": 7.0},
		}}},
		{"endpoint of WithGroup", logCall{with: []step{{group: "endpoint"}}, attrs: endpoint().Value.Group()}, map[string]any{"log_type": "endpoint"}},
		{"endpoint of With", logCall{with: []step{with(endpoint())}}, map[string]any{"log_type": "endpoint"}},
		{"endpoint lacking a member", logCall{attrs: []slog.Attr{slog.Group("endpoint", "method", "GET", "path", "/", "status_code", 200)}}, map[string]any{"log_type": "logger"}},
		{"endpoint replaced by what is none", logCall{attrs: []slog.Attr{endpoint(), slog.Int("endpoint", 1)}}, map[string]any{"log_type": "logger"}},
		{"endpoint with a status that is no number", logCall{attrs: []slog.Attr{endpoint("status_code", "200")}}, map[string]any{"log_type": "logger"}},
		{"endpoint with a status above 16 bits", logCall{attrs: []slog.Attr{endpoint("status_code", 1<<15)}}, map[string]any{"log_type": "logger"}},
		{"endpoint with a status below 16 bits", logCall{attrs: []slog.Attr{endpoint("status_code", -1<<15-1)}}, map[string]any{"log_type": "logger"}},
		{"endpoint with the highest status", logCall{attrs: []slog.Attr{endpoint("status_code", 1<<15-1)}}, map[string]any{"log_type": "endpoint"}},
		{"endpoint with the lowest status", logCall{attrs: []slog.Attr{endpoint("status_code", -1<<15)}}, map[string]any{"log_type": "endpoint"}},
		{"endpoint with a long method", logCall{attrs: []slog.Attr{endpoint("method", "PROPPATCH")}}, map[string]any{"log_type": "endpoint", "attributes": map[string]any{
			"endpoint": map[string]any{"method": "_OTHER", "path": "/users/{id}", "status_code": 200.0, "duration_ms": 45.12},
		}}},
		{"endpoint with a method that is no text", logCall{attrs: []slog.Attr{endpoint("method", 7)}}, map[string]any{"log_type": "logger"}},
		{"endpoint with a path that is no text", logCall{attrs: []slog.Attr{endpoint("path", 7)}}, map[string]any{"log_type": "logger"}},
		{"endpoint with a duration that is no number", logCall{attrs: []slog.Attr{endpoint("duration_ms", "1")}}, map[string]any{"log_type": "logger"}},
		{"endpoint with a negative duration", logCall{attrs: []slog.Attr{endpoint("duration_ms", -1)}}, map[string]any{"log_type": "logger"}},
		{"endpoint with the longest duration", logCall{attrs: []slog.Attr{endpoint("duration_ms", 1<<31-1)}}, map[string]any{"log_type": "endpoint"}},
		{"endpoint with a longer one", logCall{attrs: []slog.Attr{endpoint("duration_ms", 1<<31)}}, map[string]any{"log_type": "logger"}},
		{"endpoint of nothing", logCall{attrs: []slog.Attr{slog.Group("endpoint", slog.Any("", nil))}}, map[string]any{"log_type": "logger", "attributes": nil}},
		{"endpoint of many inlined groups", logCall{attrs: []slog.Attr{endpoint(slices.Repeat([]any{slog.Group("", "a", 1)}, 200)...)}}, map[string]any{"log_type": "endpoint", "attributes": map[string]any{
			"endpoint": map[string]any{"method": "GET", "path": "/users/{id}", "status_code": 200.0, "duration_ms": 45.12, "a": 1.0},
		}}},
		{"endpoint of unsigned numbers", logCall{attrs: []slog.Attr{endpoint("status_code", uint64(404), "duration_ms", uint64(3))}}, map[string]any{"log_type": "endpoint", "attributes": map[string]any{
			"endpoint": map[string]any{"method": "GET", "path": "/users/{id}", "status_code": 404.0, "duration_ms": 3.0},
		}}},
		{"endpoint with a long path", logCall{attrs: []slog.Attr{endpoint("path", longPath)}}, map[string]any{"log_type": "endpoint", "attributes": map[string]any{
			"endpoint": map[string]any{"method": "GET", "path": jsontext.Cut(longPath, wire.MaxPath), "path_full": longPath, "status_code": 200.0, "duration_ms": 45.12},
		}}},
		{"endpoint in a group", logCall{with: []step{{group: "g"}}, attrs: []slog.Attr{endpoint()}}, map[string]any{"log_type": "logger"}},
		{"error", logCall{level: 8, attrs: []slog.Attr{slog.Any("err", notFound)}}, map[string]any{
			"log_type": "exception", "error_type": "*fs.PathError", "error_message": "open x: file does not exist",
		}},
		{"error below Error", logCall{level: 4, attrs: []slog.Attr{slog.Group("g", slog.Any("err", notFound))}}, map[string]any{
			"log_type": "logger", "error_type": "*fs.PathError", "error_message": "open x: file does not exist", "stack_trace": nil,
		}},
		{"error without a text", logCall{level: 8, attrs: []slog.Attr{slog.Any("err", errors.New(""))}}, map[string]any{
			"log_type": "exception", "error_type": "*errors.errorString", "error_message": "*errors.errorString",
		}},
		{"error of nothing but NUL", logCall{level: 8, attrs: []slog.Attr{slog.Any("err", errors.New("\x00"))}}, map[string]any{
			"log_type": "exception", "error_type": "*errors.errorString", "error_message": "*errors.errorString",
		}},
		{"error of the record before that of With", logCall{level: 8, with: []step{with(slog.Any("e", errors.New("with")))}, attrs: []slog.Attr{slog.Any("err", errors.New("record"))}}, map[string]any{"error_message": "record"}},
		{"error of With", logCall{level: 8, with: []step{with(slog.Any("e", errors.New("with")))}}, map[string]any{"error_message": "with", "log_type": "exception"}},
		{"error of the record before that of the context", logCall{level: 8, opts: recordOptions{ContextAttrs: func(context.Context) []slog.Attr {
			return []slog.Attr{slog.Any("e", errors.New("context"))}
		}}, attrs: []slog.Attr{slog.Any("err", errors.New("record"))}}, map[string]any{"error_message": "record"}},
		{"error of the context", logCall{level: 8, opts: recordOptions{ContextAttrs: func(context.Context) []slog.Attr {
			return []slog.Attr{slog.Any("e", errors.New("context"))}
		}}}, map[string]any{"error_message": "context", "log_type": "exception"}},
		{"wrapped error", logCall{level: 8, attrs: []slog.Attr{slog.Any("err", fmt.Errorf("a: %w", errors.Join(errors.New("b"), notFound)))}}, map[string]any{"error_type": "*fs.PathError"}},
		{"error that panics", logCall{level: 8, attrs: []slog.Attr{slog.Any("err", &panickyError{})}}, map[string]any{
			"error_type": "*encode.panickyError", "attributes": map[string]any{"err": "!PANIC: runtime error: invalid memory address or nil pointer dereference"},
		}},
		{"context attrs at the root", logCall{opts: recordOptions{ContextAttrs: func(context.Context) []slog.Attr {
			return []slog.Attr{slog.String("request_id", "r"), slog.String("held", "context"), slog.String("g", "no")}
		}}, with: []step{with(slog.String("held", "with")), {group: "g"}}, attrs: []slog.Attr{slog.Int("a", 1)}}, map[string]any{
			"attributes": map[string]any{"request_id": "r", "held": "with", "g": map[string]any{"a": 1.0}},
		}},
		{"context attrs beside an empty group", logCall{opts: recordOptions{ContextAttrs: func(context.Context) []slog.Attr {
			return []slog.Attr{slog.String("user", "ann"), slog.String("shop", "one")}
		}}, with: []step{with(slog.Group("user"), slog.Int("x", 1)), {group: "shop"}}}, map[string]any{
			"attributes": map[string]any{"user": "ann", "shop": "one", "x": 1.0},
		}},
		{"context attrs that panic", logCall{opts: recordOptions{ContextAttrs: func(context.Context) []slog.Attr { panic("boom") }}}, map[string]any{
			"attributes": map[string]any{"_context": "!PANIC: boom"},
		}},
		{"ReplaceAttr that panics", logCall{opts: recordOptions{ReplaceAttr: func([]string, slog.Attr) slog.Attr { panic("boom") }}, attrs: []slog.Attr{slog.Int("a", 1)}}, map[string]any{
			"attributes": map[string]any{"a": "!PANIC: boom"},
		}},
		{"panic of a value that holds itself, and a secret", logCall{attrs: []slog.Attr{slog.Any("a", cyclicPanic{})}}, map[string]any{
			"attributes": map[string]any{"a": "!PANIC: (map[string]interface {})"},
		}},
		{"NaN, NUL and years", logCall{attrs: []slog.Attr{slog.Float64("f", float64(nan())), slog.String("s", "a\x00b"), slog.Float64("big", 1e20)}}, map[string]any{
			"attributes": map[string]any{"f": "NaN", "s": "ab", "big": 1e20},
		}},
		{"places", logCall{attrs: []slog.Attr{slog.Any("nil", (*slog.Source)(nil)), slog.Any("none", &slog.Source{}), slog.Any("line", &slog.Source{Line: 3})}}, map[string]any{
			"attributes": map[string]any{"line": map[string]any{"line": 3.0}},
		}},
		{"trace of With", logCall{with: []step{with(slog.String("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"))}}, map[string]any{
			"attributes": map[string]any{"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
		}},
		{"words of JSON", logCall{attrs: []slog.Attr{slog.Any("list", json.RawMessage(`[true, false, null, -1]`))}}, map[string]any{
			"attributes": map[string]any{"list": []any{true, false, nil, -1.0}},
		}},
		{"secrets", logCall{with: []step{with(slog.String("API-Key", "x"), slog.Int("token_count", 3))}, attrs: []slog.Attr{
			slog.Group("db", slog.String("Password", "x"), slog.String("user", "u")),
			slog.Any("headers", http.Header{"Authorization": {"Bearer x"}, "Accept": {"*/*"}}),
			slog.Group("Cookie", slog.String("a", "b")),
		}}, map[string]any{"attributes": map[string]any{
			"API-Key": redact.Mask, "token_count": 3.0, "db": map[string]any{"Password": redact.Mask, "user": "u"},
			"headers": map[string]any{"Authorization": redact.Mask, "Accept": []any{"*/*"}}, "Cookie": redact.Mask,
		}}},
		{"secrets when redaction is off", logCall{opts: recordOptions{DisableRedaction: true, RedactKeys: []string{"a"}}, attrs: []slog.Attr{slog.String("password", "x"), slog.Int("a", 1)}}, map[string]any{
			"attributes": map[string]any{"password": "x", "a": 1.0},
		}},
		{"secrets of RedactKeys", logCall{opts: recordOptions{RedactKeys: []string{"Social Security"}}, attrs: []slog.Attr{slog.String("social_security", "x"), slog.String("social_security_office", "y")}}, map[string]any{
			"attributes": map[string]any{"social_security": redact.Mask, "social_security_office": "y"},
		}},
		{"context attrs beside a group that is a secret", logCall{opts: recordOptions{ContextAttrs: func(context.Context) []slog.Attr {
			return []slog.Attr{slog.String("request_id", "r")}
		}}, with: []step{{group: "secrets"}}, attrs: []slog.Attr{slog.Group("g", slog.Int("a", 1))}}, map[string]any{
			"attributes": map[string]any{"request_id": "r", "secrets": map[string]any{"g": map[string]any{"a": redact.Mask}}},
		}},
		{"group that is a secret", logCall{with: []step{{group: "secrets"}}, attrs: []slog.Attr{slog.String("a", "x")}}, map[string]any{
			"attributes": map[string]any{"secrets": map[string]any{"a": redact.Mask}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entry := decodeEntry(t, tt.call.entry(t))
			got := map[string]any{}
			for key := range tt.want {
				got[key] = entry[key]
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("entry (-want +got):\n%s", diff)
			}
			// The same in OTLP, read back.
			rec := testRecorder(tt.call.opts, "", testNow)
			otlp, native := rec.formats[otlpForm], rec.formats[ledgerForm]
			back, err := wire.Transcode(otlp, native, tt.call.entryIn(t, otlpForm))
			if err != nil {
				t.Fatal(err)
			}
			entry = decodeEntry(t, back)
			for key := range tt.want {
				got[key] = entry[key]
			}
			if s, ok := got["timestamp"].(string); ok && len(s) > 27 {
				got["timestamp"] = s[:26] + "Z"
			}
			if tt.name == "old time" {
				return // OTLP cannot express it
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("OTLP entry (-want +got):\n%s", diff)
			}
		})
	}
}

func nan() float64 { var zero float64; return zero / zero }

func TestRecordWithoutATimeGetsTheCurrentOne(t *testing.T) {
	rec := testRecorder(recordOptions{}, "p", testNow)
	entry := rec.wholeEntry(rec.formats[ledgerForm], rec.Root(), nil, slog.Record{}, 1)
	if got, want := decodeEntry(t, entry)["timestamp"], "2026-03-01T12:30:46.123456Z"; got != want {
		t.Errorf("timestamp %v, want %v", got, want)
	}
}

// A clock that is out of all bounds costs the entry its time, and nothing else.
func TestClockBeyondWhatCanBeExpressed(t *testing.T) {
	for _, year := range []int{-5, 1, 1960, 10_000, 20_000} {
		rec := testRecorder(recordOptions{}, "p", func() time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) })
		for _, encoder := range rec.formats {
			f := encoder
			p, err := f.Parse(rec.wholeEntry(f, rec.Root(), nil, slog.NewRecord(time.Time{}, slog.LevelInfo, "m", 0), 1))
			if err != nil || p.Message != "m" {
				t.Errorf("year %d, %s: %v, %v", year, f.Protocol(), p, err)
			} else if p.Sec < f.Limits().Earliest || p.Sec > wire.Latest {
				t.Errorf("year %d, %s: logged at %v", year, f.Protocol(), time.Unix(p.Sec, 0))
			}
		}
	}
}

// The first second that a format can express is logged, and the one before is not.
func TestEarliestTime(t *testing.T) {
	rec := testRecorder(recordOptions{}, "p", testNow)
	for _, f := range rec.formats {
		first := f.Limits().Earliest
		for at, want := range map[int64]int64{first: first, first - 1: testNow().Unix()} {
			p, err := f.Parse(rec.wholeEntry(f, rec.Root(), nil, slog.NewRecord(time.Unix(at, 0), slog.LevelInfo, "m", 0), 1))
			if err != nil || p.Sec != want {
				t.Errorf("%s: %d is logged at %d, want %d: %v", f.Protocol(), at, p.Sec, want, err)
			}
		}
	}
}

func TestTextsAreCutOnCharacterBoundaries(t *testing.T) {
	for _, unit := range []string{"a", "é", "日", "😀"} {
		full := strings.Repeat(unit, wire.MaxMessage)
		entry := decodeEntry(t, logCall{msg: full}.entry(t))
		if entry["message"] != full {
			t.Errorf("message of %d %s was changed", wire.MaxMessage, unit)
		}
		entry = decodeEntry(t, logCall{msg: full + unit, level: 4, attrs: []slog.Attr{slog.Any("e", errors.New(full))}}.entry(t))
		for key, limit := range map[string]int{"message": wire.MaxMessage, "error_message": wire.MaxErrorMessage} {
			s := entry[key].(string)
			if n := utf8.RuneCountInString(s); n != limit || !strings.HasSuffix(s, jsontext.CutMark) || !utf8.ValidString(s) {
				t.Errorf("%s has %d characters, ends in %q", key, n, s[len(s)-20:])
			}
		}
	}
}

func TestAttributesAtTheLimit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		attrs []slog.Attr
		cut   []any // paths
		kept  []string
	}{
		{"exactly at the limit", []slog.Attr{slog.String("k", strings.Repeat("a", 99_991))}, nil, []string{"k"}},
		{"one over", []slog.Attr{slog.String("k", strings.Repeat("a", 99_992)), slog.Int("a", 1)}, []any{"k"}, []string{"k", "a"}},
		{"escapes at the limit", []slog.Attr{slog.String("k", strings.Repeat("é", 16_665))}, nil, []string{"k"}},
		{"escapes over", []slog.Attr{slog.String("k", strings.Repeat("é", 16_666))}, []any{"k"}, []string{"k"}},
		{"emoji at the limit", []slog.Attr{slog.String("k", strings.Repeat("😀", 8_332))}, nil, []string{"k"}},
		{"emoji over", []slog.Attr{slog.String("k", strings.Repeat("😀", 8_333))}, []any{"k"}, []string{"k"}},
		{"largest first", []slog.Attr{slog.String("m", strings.Repeat("a", 40_000)), slog.String("l", strings.Repeat("a", 70_000)), slog.String("s", "s")}, []any{"l"}, []string{"m", "l", "s"}},
		{"as far as the next", []slog.Attr{slog.String("m", strings.Repeat("a", 60_000)), slog.String("l", strings.Repeat("a", 70_000)), slog.String("s", "s")}, []any{"m", "l"}, []string{"m", "l", "s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := attributesOf(t, logCall{attrs: tt.attrs}.entry(t))
			for _, key := range tt.kept {
				if _, ok := got[key]; !ok {
					t.Errorf("%s is gone", key)
				}
			}
			cut, _ := got[wire.CutsKey].([]any)
			if diff := cmp.Diff(tt.cut, cut); diff != "" {
				t.Errorf("cut (-want +got):\n%s", diff)
			}
			for _, a := range tt.attrs {
				whole := a.Value.String()
				if text, ok := got[a.Key].(string); ok && text != whole {
					kept, marked := strings.CutSuffix(text, jsontext.CutMark)
					if !marked || !strings.HasPrefix(whole, kept) || len(kept) < len(whole)/3 || !slices.Contains(tt.cut, any(a.Key)) {
						t.Errorf("of %s is left %d of %d bytes, ends in %q", a.Key, len(text), len(whole), text[max(len(text)-20, 0):])
					}
				}
			}
		})
	}
	t.Run("an endpoint stays one", func(t *testing.T) {
		call := logCall{attrs: []slog.Attr{slog.Group("endpoint", "method", "GET", "path", "/", "status_code", 200, "duration_ms", 1,
			"response_body", strings.Repeat("x", 120_000))}}
		if got := decodeEntry(t, call.entry(t))["log_type"]; got != "endpoint" {
			t.Errorf("log_type %v", got)
		}
		call.entryIn(t, otlpForm)
	})
	t.Run("a long stack under OTLP", func(t *testing.T) {
		call := logCall{level: 8, attrs: []slog.Attr{slog.Any("e", errors.New(strings.Repeat("日", 9000))), slog.String("x", strings.Repeat("日", 9_000))}}
		call.entryIn(t, otlpForm)
	})
}

func TestGroupsEndAtTheDepthLimit(t *testing.T) {
	depth := func(v any) (n int) {
		for {
			m, ok := v.(map[string]any)
			if !ok {
				return n
			}
			n++
			v = m["g"]
		}
	}
	a := slog.Group("g", slog.Int("leaf", 1))
	for range 150 {
		a = slog.Attr{Key: "g", Value: slog.GroupValue(a)}
	}
	native := logCall{attrs: []slog.Attr{a}}.entry(t)
	if n := depth(attributesOf(t, native)); n != wire.MaxDepth {
		t.Errorf("attributes nest %d levels, want %d", n, wire.MaxDepth)
	}
	own, otlp := testFormats(recordOptions{}, "0123456789abcdef")
	transcoded, err := wire.Transcode(own, otlp, native)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range [][]byte{logCall{attrs: []slog.Attr{a}}.entryIn(t, otlpForm), transcoded} {
		if n := depth(otlpAttributes(t, entry)); n != otlp.Limits().Depth {
			t.Errorf("attributes nest %d levels in OTLP, want %d", n, otlp.Limits().Depth)
		}
	}
	var steps []step
	for range 150 {
		steps = append(steps, step{group: "g"})
	}
	logCall{with: steps, attrs: []slog.Attr{slog.Any("deep", rawJSON(strings.Repeat("[", 50)+strings.Repeat("]", 50))), slog.Group("h", slog.Int("a", 1))}}.entry(t)
	logCall{attrs: []slog.Attr{slog.Any("twins", twinValuer{})}}.entry(t)
}

func TestSiblingScopesShareNothing(t *testing.T) {
	rec := testRecorder(recordOptions{}, "p", testNow)
	f := rec.formats[ledgerForm]
	base := rec.WithGroup(rec.WithAttrs(rec.Root(), []slog.Attr{slog.Int("a", 1)}), "g")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := string(rune('a' + i))
			s := rec.WithAttrs(rec.WithGroup(base, key), []slog.Attr{slog.Int(key, i)})
			f := wire.Format(f)
			if i%2 == 0 {
				f = rec.formats[otlpForm] // transcoded at the same time
			}
			r := slog.NewRecord(testTime, 0, "m", 0)
			r.AddAttrs(slog.Int("r", i))
			entry := rec.wholeEntry(f, s, context.Background(), r, uint64(i))
			if i%2 == 0 {
				entry, _ = wire.Transcode(f, rec.formats[ledgerForm], entry)
			}
			want := map[string]any{"a": 1.0, "g": map[string]any{key: map[string]any{key: float64(i), "r": float64(i)}}}
			if diff := cmp.Diff(want, attributesOf(t, entry)); diff != "" {
				t.Error(diff)
			}
		})
	}
	wg.Wait()
}

func TestGoldenEntries(t *testing.T) {
	calls := map[string]logCall{
		"plain": {msg: "hello"},
		"attrs": {msg: "request handled", opts: recordOptions{Service: "shop", Environment: "production", Release: "1.4.2"}, with: []step{with(slog.String("region", "eu")), {group: "http"}},
			attrs: []slog.Attr{slog.Int("status", 200), slog.Duration("elapsed", 45*time.Millisecond), slog.Time("at", testTime), slog.Any("tags", []string{"a", "b"}), slog.Group("user", slog.Uint64("id", 1<<63), slog.Float64("score", 12.5))}},
		"endpoint": {msg: "GET /users/{id} - 200 (45ms)", attrs: []slog.Attr{slog.String("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"), slog.String("span_id", "00f067aa0ba902b7"),
			slog.Group("endpoint", "method", "GET", "path", "/users/{id}", "status_code", 200, "duration_ms", 45.12, "query_params", "page=2", slog.Group("path_params", "id", "42"), "bytes", 1024)}},
		"warning": {msg: "retrying", level: 4, attrs: []slog.Attr{slog.Any("err", fs.ErrNotExist), slog.Any("nothing", nil), slog.Bool("last", false)}},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".json", bytes.ReplaceAll(call.entry(t), []byte(wire.PlatformVersion()), []byte("GOVERSION")))
			golden(t, name+".otlp", call.entryIn(t, otlpForm))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "testdata", "entries", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	five := []slog.Attr{slog.String("method", "GET"), slog.Int("status", 200), slog.Bool("cached", true), slog.Duration("elapsed", time.Second), slog.Float64("ratio", 12.3456789)}
	rest := []slog.Attr{slog.Group("user", slog.Int("id", 42)), slog.Time("at", testTime), slog.Any("err", errors.New("refused")), slog.Uint64("n", 1), slog.String("q", "a\"b\n")}
	for name, attrs := range map[string][]slog.Attr{"none": nil, "five": five, "ten": append(append([]slog.Attr{}, five...), rest...)} {
		for form := range MaxFormats {
			rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
			rec.current.Store(int32(form))
			f := rec.formats[form]
			bound := rec.WithGroup(rec.WithAttrs(rec.Root(), five), "g")
			r := slog.NewRecord(testTime, slog.LevelWarn, "message", 0)
			r.AddAttrs(attrs...)
			buf := make([]byte, 0, 8192)
			if n := testing.AllocsPerRun(200, func() { buf, _ = rec.Append(buf[:0], f, bound, context.Background(), &r, 7) }); n != 0 {
				t.Errorf("%s attrs as %s: %v allocations", name, f.Protocol(), n)
			}
		}
	}
}

func FuzzSanitizeJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"x\ud800"]}`, `"\u0000"`, `1e400`, `[[[[]]]]`, `{"password":{"a":1},"b":null}`, "\"\xff\"", `99999999999999999999`, ` [ 1 , true ] `, ` { "a" : { } , "password" : [ 1 ] , "b" : 2 } `} {
		f.Add([]byte(seed))
	}
	secret := redact.NewKeys(nil)
	f.Fuzz(func(t *testing.T, src []byte) {
		if !json.Valid(src) {
			t.Skip() // encoding/json, whose output it gets, returns none
		}
		out := sanitizeJSON(nil, src, 1, secret)
		var v any
		d := json.NewDecoder(bytes.NewReader(out))
		d.UseNumber()
		if err := d.Decode(&v); err != nil || !utf8.Valid(out) {
			t.Fatalf("%q became %q: %v", src, out, err)
		}
		poison(v, 1, t.Fatalf)
		if lone := loneSurrogate(out); lone != "" {
			t.Fatalf("%q keeps %s", src, lone)
		}
		if again := sanitizeJSON(nil, out, 1, secret); !bytes.Equal(again, out) {
			t.Fatalf("%q is not stable: %q", out, again)
		}
		if n := jsontext.Measure(out); n < pythonSize(v) {
			t.Fatalf("%q measures %d, Python's text has %d", out, n, pythonSize(v))
		}
	})
}

// FuzzNoSecretOnTheWire plants a secret under a key that looks like one, within
// random nesting.
func FuzzNoSecretOnTheWire(f *testing.F) {
	f.Add("password", uint64(1))
	f.Add("X-Api-Key", uint64(22222))
	f.Add("set_cookie", uint64(333))
	f.Add("PRIVATE key", uint64(4444))
	f.Fuzz(func(t *testing.T, key string, shape uint64) {
		const planted = "hunter2hunter2"
		if !redact.NewKeys(nil).IsSecret(jsontext.Clean(key)) {
			t.Skip()
		}
		a := slog.String(key, planted)
		var steps []step
		for ; shape > 0; shape /= 6 {
			switch shape % 6 {
			case 0:
				a = slog.Group("g", slog.Int("n", 1), a)
			case 1:
				a = slog.Any("m", map[string]any{key: planted, "l": []any{map[string]string{key: planted}}})
			case 2:
				steps = append(steps, with(slog.Any("w", valuer{slog.GroupValue(a)})))
			case 3:
				steps = append(steps, step{group: "h"})
			case 4:
				a = slog.Group("", a, slog.Any("hdr", http.Header{key: {planted}}))
			case 5:
				steps = append(steps, with(a))
			}
			if len(steps) > 10 {
				break
			}
		}
		for form := range MaxFormats {
			if entry := (logCall{with: steps, attrs: []slog.Attr{a}}).entryIn(t, form); bytes.Contains(entry, []byte(planted)) {
				t.Fatalf("the secret under %q got out: %q", key, entry)
			}
		}
	})
}

// selfGroup resolves to a group of itself, without a key and so inlined.
type selfGroup struct{ twice bool }

func (g selfGroup) LogValue() slog.Value {
	if g.twice {
		return slog.GroupValue(slog.Any("", g), slog.Any("", g))
	}
	return slog.GroupValue(slog.Any("", g))
}

// A group that goes on for ever ends, wherever it stands: a stack that overflows
// cannot be recovered from.
func TestGroupsInlinedForEverEnd(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(32 << 20))
	for form := range MaxFormats {
		for _, twice := range []bool{false, true} {
			a := slog.Any("", selfGroup{twice})
			for _, key := range []string{"", "g", wire.EndpointKey} {
				entry := logCall{attrs: []slog.Attr{slog.Group(key, slog.String("path", "/x"), a), slog.Int("after", 1)}}.entryIn(t, form)
				if !bytes.Contains(entry, []byte("after")) {
					t.Errorf("the attr after the group %q is gone: %s", key, entry)
				}
			}
			for _, group := range []string{"g", wire.EndpointKey} {
				logCall{with: []step{{group: group}}, attrs: []slog.Attr{slog.String("path", "/x"), a}}.entryIn(t, form)
			}
		}
	}
}

// An endpoint counts three times under OTLP, and no entry with one is over the
// server's limit.
func TestEndpointsKeepToTheLimit(t *testing.T) {
	rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
	f := rec.formats[otlpForm]
	for _, c := range []string{"\x7f", "é", "日", "x"} {
		for n := 500; n < 40_000; n += 500 {
			r := slog.NewRecord(testTime, slog.LevelInfo, "m", 0)
			r.AddAttrs(slog.Group(wire.EndpointKey, "method", "GET", "path", "/", "status_code", 200, "duration_ms", 1.5, "response_body", strings.Repeat(c, n)))
			p, err := f.Parse(rec.wholeEntry(f, rec.Root(), context.Background(), r, 1))
			if err != nil {
				t.Fatal(err)
			}
			if m := p.Size(f.Limits()); m > wire.MaxAttributes {
				t.Fatalf("%q × %d is measured as %d", c, n, m)
			}
		}
	}
}
