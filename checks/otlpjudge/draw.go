package otlpjudge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// A source of random draws. The names are for rapid's output only.
type source struct{ *rapid.T }

func (s source) n(below int) int { return rapid.IntRange(0, below-1).Draw(s.T, "n") }

func (s source) chance(one int) bool { return s.n(one) == 0 }

func pick[T any](s source, values ...T) T { return values[s.n(len(values))] }

// Programs generates programs of up to calls calls.
func Programs(calls int) *rapid.Generator[*Program] {
	return rapid.Custom(func(t *rapid.T) *Program {
		s := source{t}
		p := &Program{
			Service:     pick(s, "", "shop", "bad\xffservice\x00"),
			Environment: pick(s, "", "production"),
			Release:     pick(s, "v1.2.3", "2b7d"),
			AddSource:   s.chance(4),
		}
		for range 1 + s.n(calls) {
			p.Calls = append(p.Calls, s.call())
		}
		return p
	})
}

var levels = []slog.Level{-4, 0, 4, 8, 12, -8, -5, 3, 7, 11, 13, 15, 16, -9, -100, 100, math.MinInt32, math.MaxInt32}

func (s source) call() *Call {
	c := &Call{Level: pick(s, levels...), Message: s.text(), PC: caller()}
	now := time.Now()
	switch s.n(8) {
	case 0: // a zero time
	case 1:
		c.Time = now.Add(10 * time.Minute)
	case 2:
		c.Time = time.Date(pick(s, 1, 1066, 1969, 1970), 1, 1, 0, 0, 0, 0, time.UTC)
	case 3:
		c.Time = now.Add(time.Minute)
	case 4:
		c.Time = time.Date(pick(s, 2600, 9999), 1, 1, 0, 0, 0, 5, time.FixedZone("", 3600))
	default:
		c.Time = now.Add(-time.Duration(rapid.Int64Range(0, 1e18).Draw(s.T, "age")))
	}
	rooted := true
	for range s.n(5) {
		if s.chance(3) {
			c.Steps = append(c.Steps, Step{Group: pick(s, "g", "h", "é\xff", "new\nline", "ledger.custom", "service.version", "exception.type")})
			rooted = false
		} else {
			c.Steps = append(c.Steps, Step{Attrs: s.rootAttrs(s.n(4), rooted)})
		}
	}
	c.Attrs = s.rootAttrs(s.n(7), rooted)
	if s.chance(3) {
		c.Context = append(s.traceAttrs(), s.attrs(s.n(2), 2)...)
	}
	if s.chance(4) { // an endpoint, in a With of the root or in the record
		switch {
		case len(c.Steps) > 0 && c.Steps[0].Group == "":
			c.Steps[0].Attrs = append(c.Steps[0].Attrs, s.endpoint())
		case rooted:
			c.Attrs = append([]Attr{s.endpoint()}, c.Attrs...)
		}
	}
	if s.chance(40) { // about as large as the server takes, or larger
		for i := range 1 + s.n(3) {
			c.Attrs = append(c.Attrs, text(fmt.Sprint("big", i), strings.Repeat(pick(s, "x", "é", "\x00", "\xff", "😀"), s.n(110_000))))
		}
	}
	return c
}

//go:noinline
func caller() uintptr {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:])
	return pcs[0]
}

// rootAttrs are attrs for a place that may be the root, where some keys mean
// something.
func (s source) rootAttrs(n int, rooted bool) []Attr {
	attrs := s.attrs(n, 0)
	if s.chance(5) {
		attrs = append(attrs, text(pick(s, "ledger.log_type", "ledger.importance"),
			pick(s, "console", "database", "custom", "exception", "endpoint", "low", "high", "nonsense", "")))
	}
	if s.chance(5) {
		a := s.value(0)
		a.Key = pick(s, "ledger.log_id", "ledger.sequence", "ledger.duration_ms", "ledger.endpoint", "exception.type",
			"exception.stacktrace", "service.version", "deployment.environment.name", "telemetry.sdk.version",
			"process.runtime.version", "http.route", "url.query", "attr.service.version", "service.name")
		attrs = append(attrs, a)
	}
	if rooted && s.chance(4) {
		attrs = append(attrs, s.traceAttrs()...)
	}
	return attrs
}

func (s source) traceAttrs() []Attr {
	trace := fmt.Sprintf("%016x%016x", rapid.Uint64().Draw(s.T, "trace"), rapid.Uint64().Draw(s.T, "trace"))
	span := fmt.Sprintf("%016x", rapid.Uint64().Draw(s.T, "span"))
	attrs := []Attr{text("trace_id", pick(s, trace, strings.ToUpper(trace), trace[1:], strings.Repeat("0", 32), "x"+trace[1:]))}
	if !s.chance(4) {
		attrs = append(attrs, text("span_id", pick(s, span, strings.ToUpper(span), span+"0")))
	}
	return attrs
}

func (s source) attrs(n, depth int) []Attr {
	attrs := make([]Attr, n)
	for i := range attrs {
		if s.chance(25) {
			attrs[i] = Attr{isNil: true} // slog.Attr{}
			continue
		}
		attrs[i] = s.value(depth)
		attrs[i].Key = s.key()
	}
	return attrs
}

func (s source) key() string {
	return pick(s, "a", "b", "c", "user id", "q\"uote", "é", "日本", "back\\slash", "new\nline", "", "x.y", "\u2028",
		"bad\xffkey", "nul\x00key", "password", "X-Api-Key", "token_count", strings.Repeat("k", 200))
}

func (s source) text() string {
	switch s.n(10) {
	case 0:
		return rapid.String().Draw(s.T, "text")
	case 1:
		return string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(s.T, "bytes"))
	case 2:
		return strings.Repeat(pick(s, "x", "é", "😀", "\n", "\xff"), s.n(12_000))
	}
	return pick(s, "", "plain", `with "quotes" and \`, "line\nbreak\ttab\r", "<html>&", "日本語 and 😀", "\u2028\u2029", "nul\x00", "\xc3", "\ufffd",
		strings.Repeat("y", 127), strings.Repeat("y", 128))
}

// isEmptyGroup is slog's own notion, which knows nothing of what a LogValuer hides.
func (a Attr) isEmptyGroup() bool {
	return a.slog.Kind() == slog.KindGroup && len(a.slog.Group()) == 0
}

// groupOf is a group; slog leaves empty ones out of it.
func groupOf(key string, members []Attr) Attr {
	value := slog.GroupValue(attrsOf(members)...)
	return Attr{Key: key, slog: value, isGroup: true, group: slices.DeleteFunc(slices.Clone(members), Attr.isEmptyGroup)}
}

func text(key, value string) Attr {
	return Attr{Key: key, slog: slog.StringValue(value), isString: true, want: clean(value)}
}

// A Declined is an error with a type that says something.
type Declined struct{ Reason string }

func (d Declined) Error() string { return d.Reason }

// A valuer hides a value.
type valuer struct{ value slog.Value }

func (v valuer) LogValue() slog.Value { return v.value }

type marshaler string

func (m marshaler) MarshalText() ([]byte, error) { return []byte(m), nil }

// A panicker panics when it is asked for its value.
type panicker struct{}

func (panicker) LogValue() slog.Value { panic("boom") }

type order struct {
	ID       int      `json:"id"`
	Price    float64  `json:"price"`
	Tags     []string `json:"tags"`
	Password string   `json:"password"`
	Next     *order   `json:"next,omitempty"`
}

func (s source) value(depth int) Attr {
	scalar := func(v slog.Value, want Value) Attr { return Attr{slog: v, want: want} }
	switch s.n(20) {
	case 0, 1:
		return text("", s.text())
	case 2:
		n := rapid.Int64().Draw(s.T, "int")
		return scalar(slog.Int64Value(n), n)
	case 3:
		n := rapid.Uint64().Draw(s.T, "uint")
		if n > math.MaxInt64 { // OTLP has no such integer
			return scalar(slog.Uint64Value(n), fmt.Sprint(n))
		}
		return scalar(slog.Uint64Value(n), int64(n))
	case 4:
		b := s.chance(2)
		return scalar(slog.BoolValue(b), b)
	case 5:
		d := time.Duration(rapid.Int64().Draw(s.T, "duration"))
		return scalar(slog.DurationValue(d), int64(d))
	case 6:
		zone := pick(s, time.UTC, time.FixedZone("", 19800), time.FixedZone("", -8*3600))
		t := time.Unix(rapid.Int64Range(-1e9, 4e9).Draw(s.T, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(s.T, "nanos")).In(zone)
		return scalar(slog.TimeValue(t), t.Format(time.RFC3339Nano))
	case 7, 8:
		f := pick(s, 0, math.Copysign(0, -1), 1, -1.5, 12.34, 1e20, 1e21, -1e300, 1e-7, 5e-324, math.MaxFloat64, rapid.Float64().Draw(s.T, "float"),
			math.NaN(), math.Inf(1), math.Inf(-1))
		switch { // JSON, in which the server stores it, has no such numbers
		case math.IsNaN(f):
			return scalar(slog.Float64Value(f), "NaN")
		case math.IsInf(f, 1):
			return scalar(slog.Float64Value(f), "+Inf")
		case math.IsInf(f, -1):
			return scalar(slog.Float64Value(f), "-Inf")
		}
		return scalar(slog.Float64Value(f), double(f))
	case 9, 10, 11:
		if depth > 4 {
			return scalar(slog.IntValue(1), int64(1))
		}
		group := s.attrs(s.n(4), depth+1)
		return groupOf("", group)
	case 12:
		if depth > 4 {
			return scalar(slog.AnyValue(panicker{}), "!PANIC: boom")
		}
		a := s.value(depth + 1)
		if a.err != nil {
			return a
		}
		a.slog = slog.AnyValue(valuer{a.slog})
		return a
	case 13:
		return Attr{slog: slog.AnyValue(nil), isNil: true}
	case 14, 15:
		return s.failure()
	default:
		return goValue(s.goValue(depth))
	}
}

func (s source) failure() Attr {
	message := s.text()
	a := Attr{}
	switch s.n(4) {
	case 0:
		a.err, a.errType = errors.New(message), "*errors.errorString"
	case 1:
		a.err, a.errType = Declined{message}, "otlpjudge.Declined"
	case 2:
		a.err, a.errType = fmt.Errorf("charge card: %w", &Declined{message}), "*otlpjudge.Declined"
	case 3:
		a.err, a.errType = errors.Join(errors.New("first"), Declined{message}), "otlpjudge.Declined"
	}
	a.slog, a.want = slog.AnyValue(a.err), clean(a.err.Error())
	return a
}

// goValue is an attr that holds v, of a type that slog leaves to encoding/json.
func goValue(v any) Attr {
	a := Attr{slog: slog.AnyValue(v)}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		a.want = "!ERROR:" + err.Error()
		return a
	}
	want, err := readJSON(b.Bytes(), func(key string, v Value) Value {
		if secret(key) {
			return redacted
		}
		return v
	})
	if err != nil {
		panic(err)
	}
	a.want = want
	return a
}

func (s source) goValue(depth int) any {
	if depth > 4 {
		return []string{s.text()}
	}
	switch s.n(12) {
	case 0:
		return []int64{rapid.Int64().Draw(s.T, "int"), 0, -1}
	case 1:
		return []string{s.text(), s.text()}
	case 2:
		return []float64{1.5, rapid.Float64().Draw(s.T, "float"), 1e20}
	case 3:
		return []any{nil, true, s.text(), 7, s.goValue(depth + 1)}
	case 4:
		return map[string]any{s.key(): s.text(), "n": s.goValue(depth + 1)}
	case 5:
		return []byte(s.text())
	case 6:
		return json.RawMessage(pick(s, `{"a" : [1, 2.0, "x\u00e9\ud83d\ude00\ud800"]}`, `[]`, `{}`, `[[],{}]`, `"\/\u0000"`, `1e5`, `{"b":1,"b":2}`, `nope`,
			`[18446744073709551615,9223372036854775807,-9223372036854775808,0.0,-0]`))
	case 7:
		return marshaler(s.text())
	case 8:
		return order{ID: s.n(100), Price: 9.75, Tags: []string{s.text()}, Password: "hunter2", Next: &order{}}
	case 9:
		return &order{Tags: nil}
	case 10:
		return pick[any](s, []float64{math.NaN()}, func() {}, struct{}{}, [2]bool{true, false}, int8(3), float32(2.5), uint64(math.MaxUint64))
	default:
		return [][]any{{}, {s.text()}, {map[string]int{"one": 1}}}
	}
}

// endpoint is a group "endpoint" like httplog's. Now and then it is none,
// because something is missing or of the wrong type.
func (s source) endpoint() Attr {
	number := func(key string, n int) Attr { return Attr{Key: key, slog: slog.IntValue(n), want: int64(n)} }
	members := []Attr{text("method", pick(s, "GET", "POST", "PROPPATCH!")), text("path", pick(s, "/users/{id}", "/", "/é\xff", strings.Repeat("/p", 1500)))}
	if !s.chance(6) {
		members = append(members, number("status_code", pick(s, 200, 404, 599)))
	}
	if s.chance(8) {
		members = append(members, text("duration_ms", "slow"))
	} else {
		f := pick(s, 0, 45.12, 1e6)
		members = append(members, Attr{Key: "duration_ms", slog: slog.Float64Value(f), want: double(f)})
	}
	if s.chance(2) {
		members = append(members, text("query_params", "token=***&page=2"))
	}
	if s.chance(2) {
		group := []Attr{text("id", pick(s, "42", "\"q\"\n")), text("name", "é")}
		members = append(members, groupOf("path_params", group))
	}
	if s.chance(3) {
		members = append(members, text("response_body", "not found\n"), number("bytes", 1024))
	}
	return groupOf("endpoint", members)
}
