package otlpjudge

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go"
	"pgregory.net/rapid"
)

// A backend decodes what it is sent.
type backend struct {
	*httptest.Server
	mu      sync.Mutex
	records []Record
	faults  []error
}

func newBackend(t testing.TB) *backend {
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/api/v1/ingest/batch") { // as Ledger 2 answers
			http.Error(w, `{"detail":"Not Found"}`, http.StatusNotFound)
			return
		}
		records, err := ReadRequest(r)
		if err == nil && (r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/v1/logs") || r.Header.Get("Authorization") != "Bearer "+APIKey) {
			err = fmt.Errorf("%s %s, Authorization %q", r.Method, r.URL.Path, r.Header.Get("Authorization"))
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if err != nil {
			b.faults = append(b.faults, err)
		}
		b.records = append(b.records, records...)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *backend) take() ([]Record, []error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	records, faults := b.records, b.faults
	b.records, b.faults = nil, nil
	return records, faults
}

// TestRandomProgramsArriveAsLogged sends random programs to a server that reads
// them with OpenTelemetry's own types.
func TestRandomProgramsArriveAsLogged(t *testing.T) {
	b := newBackend(t)
	rapid.Check(t, func(t *rapid.T) {
		p := Programs(12).Draw(t, "program")
		began, ended, err := p.Run(ledger.Options{
			BaseURL:            b.URL + rapid.SampledFrom([]string{"", "/otlp"}).Draw(t, "prefix"),
			DisableCompression: rapid.IntRange(0, 9).Draw(t, "plain") == 0,
		})
		records, faults := b.take()
		if err != nil || len(faults) > 0 {
			t.Fatalf("%v %v", err, faults)
		}
		if err := p.Check(records, began, ended); err != nil {
			t.Fatal(err)
		}
	})
}

// TestModelIsSlogs holds the model against the standard JSONHandler: what it
// expects by slog's rules alone is what that writes.
func TestModelIsSlogs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, c := range Programs(3).Draw(t, "program").Calls {
			var out bytes.Buffer
			if err := c.Handle(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.Level(math.MinInt32)})); err != nil {
				t.Fatal(err)
			}
			standard, err := readJSON(out.Bytes(), nil)
			if err != nil {
				continue // JSONHandler leaves a comma out where a group turns out empty
			}
			got := standard.(Members)
			for len(got) > 0 && got[0].Key != slog.MessageKey {
				got = got[1:]
			}
			w := walker{plain: true}
			want, _ := w.build(c.Steps, c.Attrs, true)
			if !sameInJSON(want, got[1:]) {
				t.Fatalf("model and JSONHandler differ (-want +got):\n%s", cmp.Diff(want, got[1:]))
			}
		}
	})
}

// sameInJSON compares what JSON keeps of two values.
func sameInJSON(want, got Value) bool {
	switch w := want.(type) {
	case Members:
		g, ok := got.(Members)
		return ok && slices.EqualFunc(w, g, func(a, b Member) bool { return a.Key == b.Key && sameInJSON(a.Value, b.Value) })
	case List:
		g, ok := got.(List)
		return ok && slices.EqualFunc(w, g, func(a, b Value) bool { return sameInJSON(a, b) })
	case Double:
		switch g := got.(type) {
		case Double:
			return w == g
		case int64:
			return math.Float64frombits(w.Bits) == float64(g)
		case string: // a whole number that a uint64 holds
			f, err := strconv.ParseFloat(g, 64)
			return err == nil && math.Float64frombits(w.Bits) == f
		}
		return false
	case string:
		g, ok := got.(string)
		// What the SDK words in its own way, and what it masks.
		if ok && (w == "NaN" || w == "+Inf" || w == "-Inf" || w == redacted || strings.HasPrefix(w, "!PANIC")) {
			return true
		}
		return ok && w == g
	}
	return want == got
}

// TestServersCopiesCount: the server builds an endpoint out of the attributes,
// also out of a program's own url.query, and measures both. A random program
// found it.
func TestServersCopiesCount(t *testing.T) {
	b := newBackend(t)
	number := func(key string, n int) Attr { return Attr{Key: key, slog: slog.IntValue(n), want: int64(n)} }
	p := &Program{Release: "v1", Calls: []*Call{{PC: caller(), Attrs: []Attr{
		text("url.query", strings.Repeat("q", 49_700)),
		groupOf("endpoint", []Attr{
			text("method", "GET"), text("path", "/"), number("status_code", 200),
			{Key: "duration_ms", slog: slog.Float64Value(1.5), want: double(1.5)},
		}),
	}}}}
	began, ended, err := p.Run(ledger.Options{BaseURL: b.URL})
	if err != nil {
		t.Fatal(err)
	}
	records, _ := b.take()
	if err := p.Check(records, began, ended); err != nil {
		t.Fatal(err)
	}
}

// TestTranscodedProgramsDecode: what was encoded in Ledger's own protocol, before
// the server turned out to speak OTLP only, is OTLP as well.
func TestTranscodedProgramsDecode(t *testing.T) {
	b := newBackend(t)
	rapid.Check(t, func(t *rapid.T) {
		p := Programs(12).Draw(t, "program")
		if _, _, err := p.Run(ledger.Options{BaseURL: b.URL, Protocol: ledger.ProtocolAuto}); err != nil {
			t.Fatal(err)
		}
		records, faults := b.take()
		if len(faults) > 0 || len(records) != len(p.Calls) {
			t.Fatalf("%d records of %d, %v", len(records), len(p.Calls), faults)
		}
		for _, r := range records {
			if size := storedSize(r); size > 100_000 {
				t.Fatalf("the server measures %d characters of attributes", size)
			}
		}
	})
}

// TestDeepNestingDecodesEverywhere: a record that nests too deep must not cost
// its batch.
func TestDeepNestingDecodesEverywhere(t *testing.T) {
	const deep = 150
	innermost := text("innermost", "here")
	group, object, list := innermost, any("here"), any("here")
	var groups []Step
	for range deep {
		group = groupOf("g", []Attr{group})
		object = map[string]any{"o": object}
		list = []any{list}
		groups = append(groups, Step{Group: "w"}, Step{Attrs: []Attr{text("at", "every level")}})
	}
	value := func(key string, v any) Attr { return Attr{Key: key, slog: slog.AnyValue(v)} }
	mixed := groupOf("m", []Attr{groupOf("m", []Attr{value("objects", object), value("lists", list)})})
	calls := []*Call{
		{Attrs: []Attr{group}},
		{Attrs: []Attr{value("objects", object), value("lists", list), mixed}},
		{Steps: groups, Attrs: []Attr{innermost}},
		{Steps: groups, Attrs: []Attr{mixed, innermost}},
		{Steps: groups[:50], Attrs: []Attr{group, mixed, innermost}},
		{Steps: []Step{{Attrs: []Attr{group, mixed}}}, Attrs: []Attr{innermost}},
	}
	for _, protocol := range []ledger.Protocol{ledger.ProtocolOTLP, ledger.ProtocolAuto} {
		b := newBackend(t)
		p := &Program{Calls: calls}
		if _, _, err := p.Run(ledger.Options{BaseURL: b.URL, Protocol: protocol}); err != nil {
			t.Fatal(err)
		}
		records, faults := b.take()
		if len(records) != len(calls) || len(faults) > 0 {
			t.Fatalf("%s: %d records arrived, %v", protocol, len(records), faults)
		}
		for i, r := range records {
			// Few levels, and yet not cut to nothing.
			if d := depthOf(r.Attributes); d < 25 || d > 30 {
				t.Errorf("%s: attributes of record %d nest %d levels", protocol, i, d)
			}
		}
	}
}

func depthOf(v Value) int {
	depth := 0
	switch v := v.(type) {
	case Members:
		for _, m := range v {
			depth = max(depth, depthOf(m.Value))
		}
	case List:
		for _, element := range v {
			depth = max(depth, depthOf(element))
		}
	default:
		return 0
	}
	return depth + 1
}
