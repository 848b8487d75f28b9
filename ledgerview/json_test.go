package ledgerview

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestCompactJSON(t *testing.T) {
	deep := strings.Repeat("[", 150) + strings.Repeat("]", 150)
	for _, tt := range []struct{ name, in, want string }{
		{"white space", " { \"a\" : [ 1 , true ,\tnull ] }\n", `{"a":[1,true,null]}`},
		{"escapes that JSON does not need", `"\u00e9\/\u0041"`, `"é/A"`},
		{"escapes that it does", `"\"\\\n\u0000\u001F"`, `"\"\\\n\u0000\u001f"`},
		{"a pair of surrogates", `"\ud83d\ude00"`, `"😀"`},
		{"half a pair", `"\ud83d!"`, `"�!"`},
		{"bytes that are no text", "\"a\xffb\"", `"a�b"`},
		{"what JSON lacks", `[NaN,Infinity,-Infinity]`, `["NaN","Infinity","-Infinity"]`},
		{"numbers as they are", `[-0.10e+5,100000000000000000000]`, `[-0.10e+5,100000000000000000000]`},
		{"empty", `{"a":{},"b":[]}`, `{"a":{},"b":[]}`},
		{"nesting", deep, strings.Repeat("[", 100) + tooDeep + strings.Repeat("]", 100)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := compactJSON(nil, []byte(tt.in))
			if err != nil || string(got) != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
	for _, in := range []string{"", "{", `{"a"}`, `{"a":1,}`, "[1,]", "01", "1.", "tru", `"a`, "{} {}", `"\x"`, `"\u12"`, "-", "1e", "{a:1}", strings.Repeat("[", 150)} {
		if got, err := compactJSON(nil, []byte(in)); err == nil {
			t.Errorf("%q is no JSON, and was read as %s", in, got)
		}
	}
}

// The compact form must be JSON, mean the same, and be a fixed point.
func FuzzCompactJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"x\u00e9\n"],"b":{"c":null}}`, `"\ud83d\ude00\ud83d"`, `[NaN]`, "\"\xff\x01\"", strings.Repeat(`{"a":`, 120) + "1" + strings.Repeat("}", 120)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := compactJSON(nil, in)
		if err != nil {
			if json.Valid(in) {
				t.Fatalf("valid JSON was refused: %q", in)
			}
			return
		}
		if !json.Valid(got) || !utf8.Valid(got) {
			t.Fatalf("%q became %q, which is no JSON", in, got)
		}
		again, err := compactJSON(nil, got)
		if err != nil || string(again) != string(got) {
			t.Fatalf("%q became %q, and that %q (%v)", in, got, again, err)
		}
		if end := tokenEnd(append(got, ' '), 0); got[0] != '-' && (got[0] < '0' || got[0] > '9') && end != len(got) && got[0] != 't' && got[0] != 'f' && got[0] != 'n' {
			t.Fatalf("%q is thought to end at %d", got, end)
		}
		if json.Valid(in) && !strings.Contains(string(got), "too deep") {
			var a, b any
			if json.Unmarshal(in, &a) == nil && json.Unmarshal(got, &b) == nil && !cmp.Equal(a, b) {
				t.Fatalf("%q became %q: %s", in, got, cmp.Diff(a, b))
			}
		}
		var w leafWalk
		w.leaves(got, func(path, value []byte) bool {
			if !json.Valid(value) {
				t.Fatalf("the leaf %q of %q is %q", path, got, value)
			}
			if value[0] == '"' {
				var want string
				if err := json.Unmarshal(value, &want); err != nil || string(unquote(value, nil)) != want {
					t.Fatalf("%s is %q, not %q (%v)", value, unquote(value, nil), want, err)
				}
			}
			return true
		})
	})
}

func TestLeaves(t *testing.T) {
	object, err := compactJSON(nil, []byte(`{"a":1,"g":{"b":"x","h":{"c":null}},"list":[1,{"id":2},[]],"flat.key":true,"q\"":"y","e":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var w leafWalk
	w.leaves(object, func(path, value []byte) bool {
		got = append(got, fmt.Sprintf("%s=%s", path, value))
		return true
	})
	want := []string{"a=1", `g.b="x"`, "g.h.c=null", "list=1", "list.id=2", "list=[]", "flat.key=true", `q"="y"`, "e={}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leaves (-want +got):\n%s", diff)
	}
	got = nil
	w.leaves(object, func(path, _ []byte) bool {
		got = append(got, string(path))
		return len(got) < 3
	})
	if len(got) != 3 {
		t.Errorf("the walk went on after it was ended: %q", got)
	}
}

func FuzzNeedle(f *testing.F) {
	f.Add("Order Created", "order c")
	f.Add("ÜBER straße", "über")
	f.Add("aAaAb", "aab")
	f.Fuzz(func(t *testing.T, text, part string) {
		if !utf8.ValidString(text) || !utf8.ValidString(part) {
			t.Skip()
		}
		n := newNeedle(part)
		want := strings.Contains(strings.ToLower(text), strings.ToLower(part))
		if got := n.in([]byte(text)); got != want && isASCII(text) {
			t.Errorf("%q in %q is %v", part, text, got)
		}
		if p := newPattern("*" + strings.ReplaceAll(part, "*", "") + "*"); isASCII(text+part) && !strings.Contains(part, "*") && p.matches([]byte(text)) != want {
			t.Errorf("*%s* matches %q: %v", part, text, !want)
		}
	})
}

func isASCII(s string) bool {
	for _, r := range s {
		if r >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"5*", "503", true}, {"5*", "253", false}, {"*", "", true}, {"*", "x", true}, {"a*b*c", "aXbYc", true}, {"a*b*c", "aXbY", false},
		{"a*a", "a", false}, {"*ab*ab", "ab", false}, {"*ab*ab", "abab", true}, {"É*", "école", true}, {"**x**", "AxB", true}, {"a*aa", "aa", false},
	} {
		if got := newPattern(tt.pattern).matches([]byte(tt.text)); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.text, got)
		}
	}
}
