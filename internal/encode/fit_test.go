package encode

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// numbered returns a map of n members.
func numbered(prefix string, n int) map[string]any {
	m := make(map[string]any, n)
	for i := range n {
		m[fmt.Sprintf("%s%06d", prefix, i)] = i % 10
	}
	return m
}

// cutsOf are the paths of _truncated, and how many more there are.
func cutsOf(t testing.TB, attributes map[string]any) (paths []string, more int) {
	t.Helper()
	list, _ := attributes[wire.CutsKey].([]any)
	for i, path := range list {
		if text := path.(string); i == 20 {
			if _, err := fmt.Sscanf(text, "… and %d more", &more); err != nil {
				t.Errorf("the last is %q", text)
			}
		} else {
			paths = append(paths, text)
		}
	}
	return paths, more
}

// What is over the limit goes where there is most of it.
func TestWhatIsCut(t *testing.T) {
	long := strings.Repeat("s", 30_000)
	huge := make([]int, 1_000_000)
	for name, tt := range map[string]struct {
		attrs []slog.Attr
		check func(t *testing.T, got map[string]any, paths []string, more int)
	}{
		"strings before members": {
			[]slog.Attr{slog.Any("map", numbered("k", 6000)), slog.String("text", long)},
			func(t *testing.T, got map[string]any, paths []string, _ int) {
				if n := len(got["map"].(map[string]any)); n != 6000 || strings.Join(paths, " ") != "text" {
					t.Errorf("%d members, cut are %v", n, paths)
				}
			},
		},
		"members where strings are not enough": {
			[]slog.Attr{slog.Any("map", numbered("k", 9000)), slog.String("text", long), slog.Group("small", slog.String("a", "b"))},
			func(t *testing.T, got map[string]any, paths []string, more int) {
				n, text := len(got["map"].(map[string]any)), got["text"].(string)
				if n < 6500 || n+len(paths)+more != 9001 || len(text) < 100 || fmt.Sprint(got["small"]) != "map[a:b]" {
					t.Errorf("%d members, %d and %d paths, %d characters of text, small: %v", n, len(paths), more, len(text), got["small"])
				}
			},
		},
		"the larger of two containers": {
			[]slog.Attr{slog.Any("large", numbered("k", 12_000)), slog.Any("middle", numbered("k", 1_500))},
			func(t *testing.T, got map[string]any, _ []string, _ int) {
				large, middle := len(got["large"].(map[string]any)), len(got["middle"].(map[string]any))
				if middle != 1_500 || large < 5_000 {
					t.Errorf("%d and %d members", large, middle)
				}
			},
		},
		"two containers of a size": {
			[]slog.Attr{slog.Any("one", numbered("k", 8_000)), slog.Any("two", numbered("k", 8_000))},
			func(t *testing.T, got map[string]any, _ []string, _ int) {
				one, two := len(got["one"].(map[string]any)), len(got["two"].(map[string]any))
				if one != two || one < 3_400 {
					t.Errorf("%d and %d members", one, two)
				}
			},
		},
		"a container within": {
			[]slog.Attr{slog.Group("a", slog.Any("b", map[string]any{"huge": numbered("k", 12_000), "x": 1}), slog.Int("y", 2))},
			func(t *testing.T, got map[string]any, paths []string, _ int) {
				a := got["a"].(map[string]any)
				b := a["b"].(map[string]any)
				if n := len(b["huge"].(map[string]any)); n < 6_500 || fmt.Sprint(b["x"]) != "1" || fmt.Sprint(a["y"]) != "2" || !strings.HasPrefix(paths[0], "a.b.huge.k") {
					t.Errorf("%d members, %v, %v, cut %v", n, b["x"], a["y"], paths[0])
				}
			},
		},
		"the end of an array": {
			[]slog.Attr{slog.Any("list", huge), slog.Int("small", 1)},
			func(t *testing.T, got map[string]any, paths []string, more int) {
				n := len(got["list"].([]any))
				if n < 32_000 || n+len(paths)+more != len(huge) || paths[0] != fmt.Sprintf("list[%d]", n) || fmt.Sprint(got["small"]) != "1" {
					t.Errorf("%d elements, %d more than %d, first %v", n, more, len(paths), paths[0])
				}
			},
		},
		"whole elements of an array of many": {
			[]slog.Attr{slog.Any("list", func() (list []any) {
				for i := range 2000 {
					list = append(list, map[string]any{"id": i, "name": "someone of that name", "at": "2026-03-01T12:30:45Z"})
				}
				return list
			}())},
			func(t *testing.T, got map[string]any, paths []string, more int) {
				list := got["list"].([]any)
				for _, e := range list {
					if len(e.(map[string]any)) != 3 {
						t.Fatalf("an element is %v", e)
					}
				}
				if n := len(list); n < 1000 || n+len(paths)+more != 2000 {
					t.Errorf("%d elements, %d paths and %d more", n, len(paths), more)
				}
			},
		},
		"parts of a few large elements": {
			[]slog.Attr{slog.Any("list", []any{numbered("a", 5000), numbered("b", 5000), 7})},
			func(t *testing.T, got map[string]any, paths []string, _ int) {
				list := got["list"].([]any)
				if len(list) != 3 || len(list[0].(map[string]any)) < 3000 || len(list[1].(map[string]any)) < 3000 || !strings.HasPrefix(paths[0], "list[0].a") {
					t.Errorf("%d elements, cut %v", len(list), paths)
				}
			},
		},
		"many long strings": {
			func() (attrs []slog.Attr) {
				for i := range 400 {
					attrs = append(attrs, slog.String(fmt.Sprint("key", i), strings.Repeat("x", 400)))
				}
				return attrs
			}(),
			func(t *testing.T, got map[string]any, paths []string, more int) {
				for i := range 400 {
					if text, _ := got[fmt.Sprint("key", i)].(string); len(text) < 180 {
						t.Fatalf("of key%d is left %q", i, text)
					}
				}
				if len(paths)+more != 400 {
					t.Errorf("%d paths and %d more", len(paths), more)
				}
			},
		},
		"very many short strings": {
			func() (attrs []slog.Attr) {
				for i := range 3000 {
					attrs = append(attrs, slog.String(fmt.Sprint("key", i), strings.Repeat("x", 20+i%100)))
				}
				return attrs
			}(),
			func(t *testing.T, got map[string]any, _ []string, _ int) {
				if len(got) < 1000 || len(got["key0"].(string)) != 20 || got["key99"] != nil {
					t.Errorf("%d attributes", len(got))
				}
			},
		},
		"a key that nothing can be done about": {
			[]slog.Attr{slog.Int(strings.Repeat("k", 60_000), 1), slog.Any("map", numbered("k", 6000)), slog.Group(strings.Repeat("g", 110_000), slog.Int("a", 1))},
			func(t *testing.T, got map[string]any, paths []string, _ int) {
				if len(paths) != 2 || len(got["map"].(map[string]any)) != 6000 {
					t.Errorf("cut %v", paths)
				}
				for _, path := range paths {
					if jsontext.MeasureString(path) > 80 || !strings.HasSuffix(path, jsontext.CutMark) {
						t.Errorf("path %q", path)
					}
				}
			},
		},
		"a key of the program's with that name": {
			[]slog.Attr{slog.Bool(wire.CutsKey, true), slog.String("text", strings.Repeat("t", 120_000))},
			func(t *testing.T, got map[string]any, paths []string, _ int) {
				if len(paths) != 1 || paths[0] != "text" {
					t.Errorf("cut %v", got[wire.CutsKey])
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			forFormats(t, func(t *testing.T, form int) {
				began := time.Now()
				got := attributesIn(t, form, logCall{attrs: tt.attrs}.entryIn(t, form))
				paths, more := cutsOf(t, got)
				if len(paths) == 0 {
					t.Fatal("nothing was cut")
				}
				tt.check(t, got, paths, more)
				if took := time.Since(began); took > 30*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Whatever the attributes are, they fit and are valid, and of the room most is used.
func TestWhatIsCutFits(t *testing.T) {
	for seed := range fuzzSeeds(60) {
		p := rand.New(rand.NewPCG(seed, 5))
		var value func(size, depth int) any
		value = func(size, depth int) any {
			switch kind := p.IntN(4); {
			case size < 20:
				return p.IntN(1 << 20)
			case kind == 0 && depth > 0 || depth > 6:
				return strings.Repeat([]string{"x", "é", "日", "😀", "\n"}[p.IntN(5)], min(size/6, 3000))
			case kind == 1:
				var list []any
				for left := size; left > 0; {
					n := 1 + p.IntN(left)
					list = append(list, value(n, depth+1))
					left -= n + 10
				}
				return list
			default:
				m := map[string]any{}
				for left := size; left > 0; {
					n := 1 + p.IntN(left)/(1+p.IntN(50))
					m[strings.Repeat("k", p.IntN(20))+fmt.Sprint(len(m))] = value(n, depth+1)
					left -= n + 20
				}
				return m
			}
		}
		attrs := []slog.Attr{slog.String("first", "kept")}
		for range 1 + p.IntN(5) {
			attrs = append(attrs, slog.Any(fmt.Sprint("attr", len(attrs)), value(30_000+p.IntN(300_000), 0)))
		}
		if p.IntN(2) == 0 {
			attrs = append(attrs, wholeEndpoint("response_body", strings.Repeat("b", p.IntN(60_000)), slog.Group("path_params", "id", strings.Repeat("i", p.IntN(3000)))))
		}
		forFormats(t, func(t *testing.T, form int) {
			got := attributesIn(t, form, logCall{attrs: attrs}.entryIn(t, form)) // which checks it
			if got["first"] != "kept" {
				t.Errorf("seed %d: something small is gone", seed)
			}
			if paths, _ := cutsOf(t, got); len(paths) > 0 && form == ledgerForm && pythonSize(got) < 60_000 {
				t.Errorf("seed %d: of the room %d are used", seed, pythonSize(got))
			}
		})
	}
}

// Whatever an entry holds, it is within the limit where it is not measured.
func TestWhatIsNotMeasuredFits(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	words := []string{
		"plain text without an end ", "a, b: c; ", "\x7f", "é", "\U0001F600", "日本", "\\", "\"", "\n", "0123456789abcdef", "-1.5e300", "[{", "\x01",
	}
	formats := testRecorder(recordOptions{Service: "shop"}, "0123456789abcdef", time.Now).formats
	kinds := wire.Kinds{LogType: wire.TypeLogger, Importance: wire.ImportanceStandard}
	measured := 0
	check := func(members []byte) {
		t.Helper()
		for _, f := range formats {
			entry, limits := f.Emit(&wire.Parsed{Sec: 1_770_000_000, Severity: 9, Message: "message", Kinds: kinds, LogID: "0123456789abcdef-1", Members: members}), f.Limits()
			whole, err := f.Parse(entry)
			if err != nil {
				t.Fatal(err)
			}
			if wire.MayExceed(entry, whole.HasEndpoint || whole.LogType == wire.TypeEndpoint, &limits) {
				measured++
			} else if got := whole.Size(limits); got > wire.MaxAttributes {
				t.Fatalf("%s: an entry of %d bytes is not measured, and has %d characters of attributes", f.Protocol(), len(entry), got)
			}
		}
	}
	letters := make([]float64, 4200) // each of its bytes is a letter
	for i := range letters {
		letters[i] = math.Float64frombits(0x6161616161616161 + uint64(i))
	}
	text, _ := json.Marshal(letters)
	check([]byte(`"floats":` + string(text) + `,`))
	check([]byte(`"url.query":"` + strings.Repeat("q", 60_000) + `",`))
	check([]byte(`"endpoint":"` + strings.Repeat("e", 40_000) + `",`))
	check([]byte(`"exponents":[` + strings.Repeat("1e15,", 6000) + `1],`))
	for range 1000 {
		var members []byte
		size := 3000 + random.IntN(90_000)
		for i := 0; size > 0; i++ {
			key := []string{fmt.Sprint("k", i), "endpoint", "url.query", "text"}[random.IntN(4)]
			n := 1 + random.IntN(size)
			size -= n + 10
			var value any
			switch word := words[random.IntN(len(words))*random.IntN(2)]; random.IntN(5) {
			case 0:
				floats := make([]float64, n/20+1)
				for i := range floats { // each byte may be a letter
					floats[i] = math.Float64frombits(0x2020202020202020 | random.Uint64()&0x5f5f5f5f5f5f5f5f)
				}
				value = floats
			case 1:
				value = numbered(word, n/20+1)
			default:
				value = strings.Repeat(word, n/len(word)+1)
			}
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			members = append(append(append(members, `"`+key+`":`...), text...), ',')
		}
		check(members)
	}
	if measured == 0 || measured == 2*(4+1000) {
		t.Errorf("%d of %d are measured", measured, 2*(4+1000))
	}
}

// An entry that is cut again for the other protocol, which counts more of it, has the
// paths of both times.
func TestCutsOfBothProtocolsAreKept(t *testing.T) {
	attrs := []slog.Attr{wholeEndpoint("response_body", strings.Repeat("b", 40_000))}
	for i := range 30 {
		attrs = append(attrs, slog.String(fmt.Sprintf("text%02d", i), strings.Repeat("t", 3_000)))
	}
	entry := logCall{attrs: attrs}.entry(t)
	before, more := cutsOf(t, attributesOf(t, entry))
	if len(before) != 1 || more != 0 {
		t.Fatalf("cut at first: %v", before)
	}
	native, otlp := testFormats(recordOptions{}, "0123456789abcdef")
	there, err := wire.Transcode(native, otlp, entry)
	if err != nil {
		t.Fatal(err)
	}
	if faults := otlpFaults(t, there); len(faults) > 0 {
		t.Error(faults)
	}
	after, _ := cutsOf(t, otlpAttributes(t, there))
	if len(after) < 2 || after[0] != before[0] {
		t.Errorf("cut then: %v, before %v", after, before)
	}
	again, err := wire.Transcode(otlp, native, there)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(after, func() []string { paths, _ := cutsOf(t, attributesOf(t, again)); return paths }()); diff != "" {
		t.Errorf("back (-want +got):\n%s", diff)
	}
}

func BenchmarkCut(b *testing.B) {
	for name, a := range map[string]slog.Attr{
		"string":  slog.String("dump", strings.Repeat("d", 120_000)),
		"map":     slog.Any("map", numbered("k", 20_000)),
		"numbers": slog.Any("list", json.RawMessage("["+strings.Repeat("1,", 1_000_000)+"1]")),
	} {
		b.Run(name, func(b *testing.B) {
			call := logCall{attrs: []slog.Attr{a}}
			rec := testRecorder(recordOptions{}, "p", testNow)
			r := slog.NewRecord(testTime, 0, "m", 0)
			r.AddAttrs(call.attrs...)
			for b.Loop() {
				rec.wholeEntry(rec.formats[ledgerForm], rec.Root(), nil, r, 1)
			}
		})
	}
}
