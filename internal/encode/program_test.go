package encode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A programmer writes random logging programs: With, WithGroup and attrs of
// every kind. Hostile ones log what no program should.
type programmer struct {
	*rand.Rand
	hostile bool
}

type valuer struct{ v slog.Value }

func (v valuer) LogValue() slog.Value { return v.v }

type selfValuer struct{}

func (v selfValuer) LogValue() slog.Value { return slog.AnyValue(v) }

type twinValuer struct{}

func (v twinValuer) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("a", v), slog.Any("b", v))
}

type panicker struct{ on string }

func (p *panicker) hit(m string) {
	if p.on == m {
		panic("boom in " + m)
	}
}
func (p *panicker) LogValue() slog.Value { p.hit("LogValue"); return slog.IntValue(1) }
func (p *panicker) String() string       { return "p" }

type panickyError struct{ m *string }

func (e *panickyError) Error() string { return *e.m }

type panickyJSON struct{}

func (panickyJSON) MarshalJSON() ([]byte, error) { panic(errors.New("boom")) }

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

type textual string

func (t textual) MarshalText() ([]byte, error) { return []byte(t), nil }

type node struct {
	Next  *node          `json:"next,omitempty"`
	Any   any            `json:"any,omitempty"`
	Extra map[string]any `json:"extra,omitempty"`
}

func (p programmer) pick(s ...string) string { return s[p.IntN(len(s))] }

func (p programmer) key() string {
	if p.hostile && p.IntN(4) == 0 {
		return p.pick("endpoint", "endpo\x00int", "trace_id", "span_id", "ledger.log_type", "ledger.importance", "time", "level",
			"service", "source", "log_id", "_truncated", "method", "path", "status_code", "duration_ms", "exception.type",
			"exception.stacktrace", "a\xffb", "\x00", strings.Repeat("k", p.IntN(3000)), "service.version", "ledger.log_id", "http.route")
	}
	return p.pick("a", "b", "c", "user id", "q\"uote", "é", "日本", "back\\slash", "new\nline", "tab\t", "", "x.y", "\u2028", "del\x7f")
}

func (p programmer) text() string {
	if p.hostile {
		switch p.IntN(8) {
		case 0:
			return "nul\x00nul"
		case 1:
			return "bad\xff\xc3"
		case 2:
			return strings.Repeat(p.pick("x", "é", "😀", "\x7f", "\n", "<"), p.IntN(60_000))
		case 3:
			return p.pick("exception", "endpoint", "critical", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
		}
	}
	return p.pick("", "plain", "with \"quotes\" and \\", "line\nbreak\ttab\r", "<html>&", "日本語 and 😀", "\u2028\u2029", "ctl\x01\x1f\x7f", "\ufffd")
}

func (p programmer) value(depth int) slog.Value {
	switch n := p.IntN(24); n {
	case 0, 1:
		return slog.StringValue(p.text())
	case 2:
		return slog.Int64Value(p.Int64() >> p.IntN(64))
	case 3:
		return slog.Uint64Value(p.Uint64() >> p.IntN(64))
	case 4:
		return slog.BoolValue(p.IntN(2) == 0)
	case 5:
		return slog.DurationValue(time.Duration(p.Int64()))
	case 6:
		zones := []*time.Location{time.UTC, time.FixedZone("", 19800), time.FixedZone("", -3600*8)}
		return slog.TimeValue(time.Unix(p.Int64N(4e9)-1e9, p.Int64N(1e9)).In(zones[p.IntN(3)]).Truncate([]time.Duration{1, time.Microsecond, time.Second}[p.IntN(3)]))
	case 7, 8:
		return slog.Float64Value([]float64{0, math.Copysign(0, -1), 1, -1.5, 12.34, 1e20, 1e21, -1e300, 1e-7, 5e-324, 123456789.123, 0.1, 1 << 62, p.NormFloat64()}[p.IntN(14)])
	case 9, 10, 11:
		if depth > 3 {
			return slog.IntValue(1)
		}
		return slog.GroupValue(p.attrs(p.IntN(4), depth+1)...)
	case 12:
		if depth > 3 {
			return slog.IntValue(1)
		}
		return slog.AnyValue(valuer{p.value(depth + 1)})
	case 13:
		return slog.AnyValue(nil)
	case 14:
		return slog.AnyValue(errors.New(p.text()))
	case 15:
		return slog.AnyValue([]byte(p.text()))
	case 16:
		return slog.AnyValue(map[string]any{p.key(): p.text(), "n": []int{1, 2}, "f": 1e20, "h": 2.5})
	case 17:
		return slog.AnyValue(rawJSON(p.pick(`{"a" : [1, 2.0, "x\u00e9\ud83d\ude00"]}`, `[]`, `{}`, `nope`, `1e5`, `{"a":`, `"\/"`)))
	case 18:
		return slog.AnyValue(textual(p.text()))
	case 19:
		return slog.AnyValue(struct {
			A int
			B string `json:"b,omitempty"`
			C *node
			D any
		}{p.IntN(9), p.text(), &node{Any: p.text()}, p.text()})
	case 20:
		return slog.AnyValue(&slog.Source{Function: "f", File: p.text(), Line: p.IntN(3)})
	case 21:
		return slog.AnyValue(make(chan int))
	case 22:
		return slog.AnyValue(http.Header{"Accept": {p.text()}})
	}
	if p.hostile {
		return p.hostileValue(depth)
	}
	return slog.StringValue("tail")
}

func (p programmer) hostileValue(depth int) slog.Value {
	cycle := &node{}
	cycle.Next = cycle
	var nilError *panickyError
	values := []any{
		math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), float32(1e38), 1e308,
		selfValuer{}, twinValuer{}, selfGroup{}, selfGroup{twice: true}, &panicker{"LogValue"}, (*panicker)(nil), nilError, panickyJSON{}, cycle,
		rawJSON(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), rawJSON(`"\ud800 \udc00\ud800"`), rawJSON("\"\xff\""),
		rawJSON(`100000000000000000000000`), rawJSON(`1e400`), rawJSON(`-1E+999`), rawJSON(`"\u0000"`), rawJSON(`{"\u0000":{"\ud800":1}}`),
		rawJSON(strings.Repeat("9", 5000)), new(big.Int).Lsh(big.NewInt(1), 200), json.Number("1e5000"), json.RawMessage(nil),
		time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{},
		[]any{math.NaN()}, func() {}, errors.Join(errors.New("a\x00"), fmt.Errorf("w: %w", errors.New("b"))), errors.New(""),
		strings.Repeat("😀", 20_000), map[string]any{"password": "hunter2"}, struct{ error }{nil}, [][]byte{{0}}, http.Header{"Cookie": {"a"}},
	}
	if depth < 50 && p.IntN(3) == 0 {
		return slog.GroupValue(slog.Any(p.key(), p.hostileValue(depth+1)))
	}
	if p.IntN(6) == 0 {
		return slog.GroupValue(
			slog.Any("method", p.pick("GET", "PROPPATCH", "é\x00")), slog.Any("path", p.pick("/", strings.Repeat("/é", 3000))),
			slog.Any("status_code", []any{200, 200.0, 99999, "200", -1, uint(5), 200.5}[p.IntN(7)]),
			slog.Any("duration_ms", []any{1, 2.5, 1e10, math.NaN(), -1, "x", true}[p.IntN(7)]),
			slog.Any("query_params", "a=1"), slog.Group("path_params", "id", 1), slog.Any(p.key(), p.text()))
	}
	return slog.AnyValue(values[p.IntN(len(values))])
}

func (p programmer) attrs(n, depth int) []slog.Attr {
	attrs := make([]slog.Attr, n)
	for i := range attrs {
		attrs[i] = slog.Attr{Key: p.key(), Value: p.value(depth)}
		if p.IntN(20) == 0 {
			attrs[i] = slog.Attr{}
		}
		if p.hostile && p.IntN(12) == 0 {
			attrs[i] = slog.Any("endpoint", p.hostileValue(60))
		}
	}
	return attrs
}

// A step is one With or WithGroup.
type step struct {
	group string
	attrs []slog.Attr
}

func (p programmer) program() (steps []step, r slog.Record) {
	for range p.IntN(5) {
		if p.IntN(2) == 0 {
			steps = append(steps, step{group: p.pick("g", "h", "é", "new\nline", "endpoint")})
		} else {
			steps = append(steps, step{attrs: p.attrs(p.IntN(4), 0)})
		}
	}
	levels := []slog.Level{-4, 0, 4, 8, 12, 3, -100, 100}
	r = slog.NewRecord(time.Now(), levels[p.IntN(len(levels))], p.text(), 0)
	r.AddAttrs(p.attrs(p.IntN(8), 0)...)
	return steps, r
}

// play returns what a handler's scope is after the steps.
func (enc *Encoder) play(steps []step) *Scope {
	s := enc.Root()
	for _, step := range steps {
		if step.attrs == nil {
			s = enc.WithGroup(s, step.group)
		} else {
			s = enc.WithAttrs(s, step.attrs)
		}
	}
	return s
}

// standardAttributes are the attrs as the standard JSONHandler nests and
// renders them, without NUL.
func standardAttributes(t testing.TB, opts *slog.HandlerOptions, steps []step, r slog.Record) map[string]any {
	t.Helper()
	var out bytes.Buffer
	var h slog.Handler = slog.NewJSONHandler(&out, opts)
	for _, step := range steps {
		if step.attrs == nil {
			h = h.WithGroup(step.group)
		} else {
			h = h.WithAttrs(step.attrs)
		}
	}
	if err := h.Handle(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		return nil // a comma is missing where a group inside turned out empty: a fault of JSONHandler's
	}
	delete(all, "time")
	delete(all, "level")
	delete(all, "msg")
	return all
}

func attributesOf(t testing.TB, entry []byte) map[string]any {
	t.Helper()
	var e struct {
		Attributes map[string]any `json:"attributes"`
	}
	if err := json.Unmarshal(entry, &e); err != nil {
		t.Fatalf("%v: %s", err, entry)
	}
	if e.Attributes == nil {
		e.Attributes = map[string]any{}
	}
	return e.Attributes
}

func checkAgainstStandard(t testing.TB, seed uint64, replace func([]string, slog.Attr) slog.Attr) {
	t.Helper()
	p := programmer{rand.New(rand.NewPCG(seed, 1)), false}
	steps, r := p.program()
	opts := &slog.HandlerOptions{}
	rec := testRecorder(recordOptions{DisableRedaction: true, ReplaceAttr: replace}, "prefix", time.Now)
	if replace != nil {
		opts.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == "time" || a.Key == "level" || a.Key == "msg") {
				return a
			}
			return replace(groups, a)
		}
	}
	want := standardAttributes(t, opts, steps, r)
	entry := rec.wholeEntry(rec.formats[ledgerForm], rec.play(steps), context.Background(), r, seed)
	requireAccepted(t, entry, time.Now())
	if want == nil {
		return
	}
	if diff := difference(want, attributesOf(t, entry)); diff != "" {
		t.Fatalf("seed %d: attributes differ from JSONHandler's (-want +got):\n%s\n%s", seed, diff, entry)
	}
}

func replaceSome(groups []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case "a":
		return slog.Attr{}
	case "b":
		return slog.Int(a.Key, 5) // not the groups: JSONHandler's are wrong after an empty one
	case "c":
		return slog.Group("c2", slog.Int("b", 1), slog.Any("x", valuer{slog.IntValue(3)}))
	}
	return a
}

func FuzzEntryAgainstJSONHandler(f *testing.F) {
	for seed := range fuzzSeeds(250) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		checkAgainstStandard(t, seed, nil)
		checkAgainstStandard(t, seed, replaceSome)
	})
}

func FuzzHostileEntry(f *testing.F) {
	for seed := range fuzzSeeds(250) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		p := programmer{rand.New(rand.NewPCG(seed, 2)), true}
		steps, r := p.program()
		rec := testRecorder(recordOptions{Service: p.pick("", "shop"), AddSource: p.IntN(2) == 0}, "0123456789abcdef", time.Now)
		entry := rec.wholeEntry(rec.formats[ledgerForm], rec.play(steps), context.Background(), r, seed)
		requireAccepted(t, entry, time.Now())
	})
}

// difference is cmp.Diff for decoded JSON, without its exponential time on
// arrays within arrays.
func difference(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	w, _ := json.MarshalIndent(want, "", " ")
	g, _ := json.MarshalIndent(got, "", " ")
	return cmp.Diff(strings.Split(string(w), "\n"), strings.Split(string(g), "\n"))
}

// fuzzSeeds are fewer under the race detector, which these tests, of one
// goroutine each, have nothing to show.
func fuzzSeeds(n uint64) uint64 {
	if raceEnabled {
		return n / 10
	}
	return n
}
