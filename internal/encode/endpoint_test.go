package encode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// forFormats runs test over both formats.
func forFormats(t *testing.T, test func(*testing.T, int)) {
	t.Helper()
	for form, name := range map[int]string{ledgerForm: "ledger", otlpForm: "otlp"} {
		t.Run(name, func(t *testing.T) { test(t, form) })
	}
}

func wholeEndpoint(more ...any) slog.Attr {
	return slog.Group("endpoint", append([]any{"method", "GET", "path", "/x", "status_code", 200, "duration_ms", 1.5}, more...)...)
}

func TestMembersOfAnEndpointAreMasked(t *testing.T) {
	const secret = "hunter2"
	forFormats(t, func(t *testing.T, form int) {
		for key, a := range map[string]slog.Attr{
			"response_body": wholeEndpoint("response_body", secret),
			"query_params":  wholeEndpoint("query_params", "q="+secret),
			"path_params":   wholeEndpoint(slog.Group("path_params", "id", secret)),
			"tenant":        wholeEndpoint("tenant", secret),
			"path":          slog.Group("endpoint", "method", "GET", "path", "/"+secret, "status_code", 200, "duration_ms", 1.5),
			"method":        wholeEndpoint(), // the others for what the server makes of the mask
			"status_code":   wholeEndpoint(),
			"duration_ms":   wholeEndpoint(),
		} {
			entry := logCall{opts: recordOptions{RedactKeys: []string{key}}, attrs: []slog.Attr{a}}.entryIn(t, form)
			if bytes.Contains(entry, []byte(secret)) || !bytes.Contains(entry, []byte(redact.Mask)) {
				t.Errorf("%s: %q", key, entry)
			}
		}
		members := []slog.Attr{
			slog.String("method", "GET"), slog.String("path", "/"+secret), slog.Int("status_code", 200), slog.Float64("duration_ms", 1), slog.String("response_body", secret),
		}
		entry := logCall{opts: recordOptions{RedactKeys: []string{"endpoint"}}, with: []step{{group: "endpoint"}}, attrs: members}.entryIn(t, form)
		if bytes.Contains(entry, []byte(secret)) {
			t.Errorf("of a group that is masked: %q", entry)
		}
	})
}

// The last of two attrs "endpoint" counts, also when it is a group that holds
// another one.
func TestEndpointHiddenByAGroup(t *testing.T) {
	forFormats(t, func(t *testing.T, form int) {
		steps := []step{with(wholeEndpoint()), {group: "endpoint"}, {group: "x"}}
		for _, call := range []logCall{
			{with: steps, attrs: []slog.Attr{slog.Int("a", 1)}},
			{with: append(steps[:3:3], with(slog.Int("a", 1)))},
		} {
			if entry := call.entryIn(t, form); bytes.Contains(entry, []byte(`"log_type":"endpoint"`)) {
				t.Errorf("%q", entry)
			}
		}
	})
}

func TestEndpointOutOfTheContext(t *testing.T) {
	forFormats(t, func(t *testing.T, form int) {
		call := logCall{opts: recordOptions{ContextAttrs: func(context.Context) []slog.Attr {
			return []slog.Attr{wholeEndpoint("response_body", "the body")}
		}}}
		entry := call.entryIn(t, form)
		for _, want := range []string{"the body", "/x"} {
			if !bytes.Contains(entry, []byte(want)) {
				t.Errorf("%q is gone: %q", want, entry)
			}
		}
		if form == ledgerForm && !bytes.Contains(entry, []byte(`"log_type":"endpoint"`)) {
			t.Errorf("%s", entry)
		}
	})
}

func TestPathParamsAreOrdinaryAttrs(t *testing.T) {
	forFormats(t, func(t *testing.T, form int) {
		replace := func(groups []string, a slog.Attr) slog.Attr {
			if strings.Join(groups, ".") == "endpoint.path_params" {
				return slog.String(a.Key, "replaced")
			}
			return a
		}
		a := wholeEndpoint(slog.Group("path_params", "id", errors.New("hunter2")))
		entry := logCall{opts: recordOptions{ReplaceAttr: replace}, attrs: []slog.Attr{a}}.entryIn(t, form)
		if bytes.Contains(entry, []byte("hunter2")) || !bytes.Contains(entry, []byte("replaced")) {
			t.Errorf("%q", entry)
		}
		entry = logCall{level: slog.LevelError, attrs: []slog.Attr{a}}.entryIn(t, form)
		if n := bytes.Count(entry, []byte("hunter2")); n != 2 {
			t.Errorf("the error stands there %d times, want as a parameter and as the entry's: %q", n, entry)
		}
	})
}

// there makes an entry in format form of a record with attrs, and back is that
// entry in the other format and again in this.
func thereAndBack(t *testing.T, form int, steps []step, attrs ...slog.Attr) (there, back map[string]any) {
	t.Helper()
	rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
	rec.current.Store(int32(form))
	native, otlp := rec.formats[ledgerForm], rec.formats[otlpForm]
	r := slog.NewRecord(testTime, 0, "m", 0)
	r.AddAttrs(attrs...)
	entry := rec.wholeEntry(rec.formats[form], rec.play(steps), context.Background(), r, 1)
	for i, from := range []wire.Format{native, otlp} {
		if i < form {
			continue
		}
		to := wire.Format(otlp)
		if from == to {
			to = native
		} else {
			requireAccepted(t, entry, testNow())
			there = attributesOf(t, entry)
		}
		var err error
		if entry, err = wire.Transcode(from, to, entry); err != nil {
			t.Fatal(err)
		}
	}
	requireAccepted(t, entry, testNow())
	return there, attributesOf(t, entry)
}

func TestOneOfTwoEndpointsCounts(t *testing.T) {
	forFormats(t, func(t *testing.T, form int) {
		for name, call := range map[string]struct {
			steps []step
			attr  slog.Attr
		}{
			"the first is not whole": {[]step{with(slog.Group("endpoint", "method", "GET", "path", "/early", "status_code", "pending", "duration_ms", "n/a"))}, wholeEndpoint()},
			"the first has more":     {[]step{with(wholeEndpoint("tenant", "acme"))}, wholeEndpoint()},
			"both have more":         {[]step{with(wholeEndpoint("tenant", "acme"))}, wholeEndpoint("shard", 7)},
		} {
			_, back := thereAndBack(t, form, call.steps, call.attr)
			e := back["endpoint"].(map[string]any)
			if want := name == "both have more"; e["tenant"] != nil || (e["shard"] != nil) != want || e["path"] != "/x" {
				t.Errorf("%s: %v", name, e)
			}
		}
		_, back := thereAndBack(t, form, []step{with(wholeEndpoint()), {group: "ledger.endpoint"}}, slog.Any("status_code", "mine"))
		if e := back["endpoint"].(map[string]any); e["status_code"] != 200.0 {
			t.Errorf("beside a group of the reserved name: %v", back)
		}
	})
}

func TestLastTraceIDCounts(t *testing.T) {
	for _, last := range []any{"legacy-17", 17.0} {
		forFormats(t, func(t *testing.T, form int) {
			steps := []step{with(slog.String("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"))}
			if _, back := thereAndBack(t, form, steps, slog.Any("trace_id", last)); back["trace_id"] != last {
				t.Errorf("trace_id is %v, want %v", back["trace_id"], last)
			}
		})
	}
}

// A name of the server's own is taken away only where its value could not be
// read.
func TestTextsUnderReservedNamesKeepThem(t *testing.T) {
	for key, v := range map[string]any{
		"service.version": textual("1.2.3"), "deployment.environment": rawJSON(`"prod"`), "service.name": testTime, "exception.type": errors.New("own"),
		"telemetry.sdk.version": math.Inf(1), "process.runtime.version": uint64(math.MaxUint64),
	} {
		e := logCall{attrs: []slog.Attr{slog.Any(key, v)}}.entryIn(t, otlpForm)
		if otlpAttributes(t, e)[key] == nil {
			t.Errorf("%s of a %T became %v", key, v, otlpAttributes(t, e))
		}
		if _, back := thereAndBack(t, otlpForm, nil, slog.Any(key, v)); back[key] == nil {
			t.Errorf("%s of a %T became %v", key, v, back)
		}
	}
}

// Of an entry that is too large the endpoint stays whole under OTLP, whose fields
// for it would be empty else, also where it is an exception's.
func TestEndpointOfALargeExceptionStaysWhole(t *testing.T) {
	path := "/" + strings.Repeat("p", 400)
	attrs := []slog.Attr{
		slog.Group("endpoint", "method", "GET", "path", path, "status_code", 500, "duration_ms", 1.5), slog.Any("error", errors.New("boom")), slog.String("ledger.log_type", "exception"),
	}
	for i := range 400 {
		attrs = append(attrs, slog.String(fmt.Sprint("key", i), strings.Repeat("x", 300)))
	}
	entry := logCall{level: slog.LevelError, attrs: attrs}.entryIn(t, otlpForm)
	if !bytes.Contains(entry, []byte(path)) || !bytes.Contains(entry, []byte("_truncated")) {
		t.Errorf("%.2000q", entry)
	}
}
