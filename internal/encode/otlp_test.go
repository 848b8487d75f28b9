package encode

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
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

// Lengths in protobuf take a byte up to 127, and then two, and three. Whatever is
// written with its length reads back, at every size around where one grows.
func TestOTLPLengths(t *testing.T) {
	sizes := []int{}
	for n := range 300 {
		sizes = append(sizes, n)
	}
	for n := 16_300; n < 16_420; n++ {
		sizes = append(sizes, n)
	}
	rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
	f := rec.formats[otlpForm]
	check := func(n int, message string, attrs []slog.Attr, want map[string]any) {
		r := slog.NewRecord(testTime, slog.LevelWarn, message, 0)
		r.AddAttrs(attrs...)
		for range 2 { // with keys that are new, and known
			entry := rec.wholeEntry(f, rec.Root(), context.Background(), r, 42)
			got := otlpAttributes(t, entry)
			for key, v := range want {
				if !reflect.DeepEqual(got[key], v) {
					t.Fatalf("%d characters: %.40q is %.80q", n, key, fmt.Sprint(got[key]))
				}
			}
			if text := otlpBody(t, entry); text != jsontext.Cut(message, wire.MaxMessage) {
				t.Fatalf("a message of %d characters has %d", n, len(text))
			}
		}
	}
	for _, n := range sizes {
		text := strings.Repeat("t", n)
		key := strings.Repeat("k", n) + "_"
		shortened := jsontext.Cut(text, wire.MaxErrorMessage)
		if n == 0 {
			shortened = plainErrorName
		}
		check(n, text, []slog.Attr{slog.String("known", text), slog.Any("err", errors.New(text)), slog.Group("group", slog.String("s", text))},
			map[string]any{"known": text, "err": text, "group": map[string]any{"s": text}, "exception.message": shortened})
		check(n, "m", []slog.Attr{slog.String("k\"", text), slog.Any("json", []string{text}), slog.Group("many", slog.Int("i", 1), slog.String("s", text)), slog.Bool("last", true)},
			map[string]any{"k\"": text, "json": []any{text}, "many": map[string]any{"i": json.Number("1"), "s": text}, "last": true})
		check(n, "m", []slog.Attr{slog.Int(key, 7), slog.Group(key+"g", slog.Bool("b", true)), slog.Float64(key+"f", 1.5)},
			map[string]any{key: json.Number("7"), key + "g": map[string]any{"b": true}, key + "f": json.Number("1.5")})
		if n > 300 {
			continue // a path is shorter
		}
		check(n, "m", []slog.Attr{slog.Group("endpoint", "method", "GET", "path", text, "status_code", n, "duration_ms", 1.5, "query_params", text, "response_body", text+"_")},
			map[string]any{"http.route": text, "http.response.status_code": json.Number(fmt.Sprint(n)), "url.query": nilIfEmpty(text), "ledger.response_body": text + "_"})
	}
}

func nilIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// otlpBody is the message of an entry.
func otlpBody(t testing.TB, entry []byte) (text string) {
	for _, record := range protobufFields(t, entry) {
		for number, field := range protobufFields(t, record.inside) {
			if number != 5 {
				continue
			}
			for _, body := range protobufFields(t, field.inside) {
				text = string(body.inside)
			}
		}
	}
	return text
}

// otlpSeverity is the number of an entry's level.
func otlpSeverity(t testing.TB, entry []byte) (severity byte) {
	for _, record := range protobufFields(t, entry) {
		for number, field := range protobufFields(t, record.inside) {
			if number == 2 {
				severity = field.whole[len(field.whole)-1]
			}
		}
	}
	return severity
}

// plainErrorName is the type of an error that says nothing at all.
const plainErrorName = "*errors.errorString"

// What protobuf has a number for and JSON has none becomes a text, in both formats the
// same.
func TestNumbersThatAreNone(t *testing.T) {
	forFormats(t, func(t *testing.T, form int) {
		entry := logCall{attrs: logAttrs("nan", math.NaN(), "inf", math.Inf(1), "-inf", math.Inf(-1), "zero", math.Copysign(0, -1), "group", slog.GroupValue(slog.Float64("f", math.Inf(-1))))}.entryIn(t, form)
		got := attributesIn(t, form, entry)
		want := map[string]any{"nan": "NaN", "inf": "+Inf", "-inf": "-Inf", "zero": "-0", "group": map[string]any{"f": "-Inf"}}
		for key, v := range want {
			g := got[key]
			if n, ok := g.(json.Number); ok {
				g = strings.TrimSuffix(n.String(), ".0")
			}
			if !reflect.DeepEqual(g, v) {
				t.Errorf("%s is %v, want %v", key, g, v)
			}
		}
		// The reader above would make texts of numbers, too.
		for text, want := range map[string]int{"NaN": 1, "+Inf": 1, "-Inf": 2} {
			if n := bytes.Count(entry, []byte(text)); n != want {
				t.Errorf("%s stands there %d times, want %d", text, n, want)
			}
		}
	})
}

// attributesIn are the attributes of an entry in a format, as the server has them.
func attributesIn(t testing.TB, form int, entry []byte) map[string]any {
	t.Helper()
	if form == otlpForm {
		return otlpAttributes(t, entry)
	}
	var e struct{ Attributes map[string]any }
	d := json.NewDecoder(bytes.NewReader(entry))
	d.UseNumber()
	if err := d.Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e.Attributes
}

// OTLP's attributes nest 30 levels, whether groups or values, or one within the other,
// make them; what would be the 31st says so. Protobuf's decoders read all of it.
func TestOTLPEndsAtItsDepth(t *testing.T) {
	rec := testRecorder(recordOptions{}, "0123456789abcdef", testNow)
	limit := rec.formats[otlpForm].Limits().Depth
	if limit != 30 {
		t.Fatalf("the limit is %d", limit)
	}
	nest := func(levels, groups int) slog.Attr {
		var v any = "leaf"
		for range levels - groups {
			v = map[string]any{"g": v}
		}
		a := slog.Any("g", v)
		for range groups {
			a = slog.Attr{Key: "g", Value: slog.GroupValue(a)}
		}
		return a
	}
	for levels := limit - 3; levels < limit+3; levels++ { // besides the attributes themselves
		for groups := range levels + 1 {
			call := logCall{attrs: []slog.Attr{nest(levels, groups)}}
			transcoded, err := wire.Transcode(rec.formats[ledgerForm], rec.formats[otlpForm], call.entry(t))
			if err != nil {
				t.Fatal(err)
			}
			for how, entry := range map[string][]byte{"written": call.entryIn(t, otlpForm), "transcoded": transcoded} {
				var got = otlpAttributes(t, entry)["g"]
				depth := 1
				for {
					m, ok := got.(map[string]any)
					if !ok {
						break
					}
					depth++
					got = m["g"]
				}
				want := "leaf"
				if levels+1 > limit {
					want = wire.TooDeep
				}
				if depth != min(levels+1, limit) || got != want {
					t.Errorf("%d levels, %d of them groups, %s: %d levels, ends in %v", levels, groups, how, depth, got)
				}
				if n := messagesWithin(entry); n > 100 {
					t.Errorf("%d levels, %d of them groups, %s: %d nested messages", levels, groups, how, n)
				}
			}
		}
	}
}

// messagesWithin is how many messages of protobuf nest in a record with one deep
// attribute, with those of the request around it.
func messagesWithin(entry []byte) int {
	const request = 3 // the request, ResourceLogs, ScopeLogs
	deepest := 0
	var look func(b []byte, depth int)
	look = func(b []byte, depth int) {
		deepest = max(deepest, depth)
		for len(b) > 0 {
			tag, n := binary.Uvarint(b)
			if n <= 0 || tag&7 != 2 {
				return
			}
			size, m := binary.Uvarint(b[n:])
			if m <= 0 || size > uint64(len(b)-n-m) {
				return
			}
			look(b[n+m:n+m+int(size)], depth+1)
			b = b[n+m+int(size):]
		}
	}
	look(entry, request)
	return deepest
}
