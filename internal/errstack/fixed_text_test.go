package errstack

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the corpus of causes in testdata")

// corpus is messages of errors of the standard library and of well-known packages,
// and what is fixed in each. A line has the message, a tab, and the fixed part.
var corpus = filepath.Join("testdata", "causes.txt")

func readCorpus(t testing.TB) (messages, causes []string) {
	t.Helper()
	f, err := os.Open(corpus)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		message, cause, _ := strings.Cut(lines.Text(), "\t")
		messages, causes = append(messages, message), append(causes, cause)
	}
	return messages, causes
}

// Each of 200 real messages keeps what says what went wrong, and loses what changes
// from one error to the next.
func TestCausesOfRealMessages(t *testing.T) {
	messages, want := readCorpus(t)
	var got []string
	var text strings.Builder
	for _, message := range messages {
		cause := string(appendCause(nil, message))
		got = append(got, cause)
		fmt.Fprintf(&text, "%s\t%s\n", message, cause)
	}
	if *update {
		if err := os.WriteFile(corpus, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if len(messages) < 200 {
		t.Errorf("%d messages, want 200", len(messages))
	}
}

// What goes is replaced by a star, and the rest stays as it is.
func TestWhatChangesIsNoCause(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"42":                           "",
		"0x1f, 'a' (7)":                "",
		"  user  17\tnot\nfound":       "user * not",
		"don't panic":                  "don't panic",
		"the user's id is 'x'":         "the user's id is *",
		"a 'quote' and an open 'quote": "a * and an open 'quote",
		`cut off "in the middle`:       "cut off *",
		`an escaped "a\"b" quote`:      "an escaped * quote",
		"“typographic” ‘quotes’ «and» others":    "* others",
		"ids 1, 2, 3 and 4 missing":              "ids * and * missing",
		"ids 1 and 2 missing":                    "ids * and * missing",
		"range [1 2 3]":                          "range [*]",
		"dial [::1]:443: refused":                "dial *: refused",
		"dial [fe80::1%25]: refused":             "dial *: refused",
		"not an address [a:z]":                   "not an address [a:z]",
		"unclosed [::1":                          "unclosed [*",
		"id=17 name=ann":                         "id=* name=ann",
		"mail to ann@example.com failed":         "mail to * failed",
		"host db.example.com is down":            "host * is down",
		"field user.name is required":            "field user.name is required",
		"sha256 of ed25519":                      "sha256 of ed25519",
		"deadbeef is gone, so is the facade":     "* is gone, so is the facade",
		"see https://example.org/a/b?c=d now":    "see * now",
		"٤٢ bytes short":                         "* bytes short",
		"日本語のエラー 17":                             "日本語のエラー *",
		"Done. Really?":                          "Done. Really?",
		strings.Repeat("長い", 80):                 strings.Repeat("長い", 50),
		strings.Repeat("1 ", 400) + "and beyond": "* and beyond",
		strings.Repeat("1 ", 600) + "and beyond": "",
	} {
		got := string(appendCause([]byte("before"), text))
		if got = strings.TrimPrefix(got, "before"); got != want {
			t.Errorf("of %.60q is left %q, want %q", text, got, want)
		}
	}
}

// Errors of different cause have different names at one place, and those of the same
// cause have one, in time and memory that are bounded.
func TestKindsAreCauses(t *testing.T) {
	var k Kinds
	of := func(pc uintptr, err error) string { return k.TypeOf(err, err.Error(), pc) }
	missing := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("disk full"), "disk full"},
		{errors.New("no such host"), "no such host"},
		{fs.ErrClosed, "file already closed"},
		{fmt.Errorf("user %d not found", 17), "user * not found"},
		{fmt.Errorf("user %d not found", 18), "user * not found"},
		{fmt.Errorf("load 17: %w", io.ErrUnexpectedEOF), "unexpected EOF"},
		{errors.Join(errors.New("first"), errors.New("second")), "first"},
		{fmt.Errorf("a: %w", errors.Join(errors.New("b"), missing)), "*fs.PathError"},
		{missing, "*fs.PathError"},
		{errors.New("17"), plainType},
		{errors.New(""), plainType},
		{fmt.Errorf("%w", errors.New("")), plainType},
		{errors.New("a\x00b\xff"), "a b\uFFFD"},
	} {
		for range 2 { // new, and known
			if got := of(1, tt.err); got != tt.want {
				t.Errorf("%q is a %q, want %q", tt.err, got, tt.want)
			}
		}
	}

	names := map[string]int{}
	for i := range 1000 {
		letters := strings.Map(func(r rune) rune { return r - '0' + 'g' }, fmt.Sprint(i))
		names[of(2, errors.New("cause "+letters))]++
	}
	if len(names) != maxKinds+1 || names[plainType] != 1000-maxKinds {
		t.Errorf("%d names at one place, %d of the plain type", len(names), names[plainType])
	}
	if got := of(3, errors.New("elsewhere")); got != "elsewhere" {
		t.Errorf("at another place it is a %q", got)
	}

	plain := 0
	for pc := range uintptr(100_000) {
		if of(pc, errors.New("anywhere")) == plainType {
			plain++
		}
	}
	if plain < 100_000-1<<placeBits {
		t.Errorf("%d places are remembered", 100_000-plain)
	}
}

func TestKindsFromManyGoroutines(t *testing.T) {
	var k Kinds
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				letters := strings.Map(func(r rune) rune { return r - '0' + 'g' }, fmt.Sprint(i%100))
				want := "cause " + letters
				if got := k.TypeOf(errors.New(want), want, uintptr(g%2)); got != want && got != plainType {
					t.Errorf("%q is a %q", want, got)
				}
			}
		})
	}
	wg.Wait()
	for pc := range uintptr(2) {
		if n := len(*k.at(pc).kinds.Load()); n != maxKinds {
			t.Errorf("%d kinds at a place", n)
		}
	}
}

func TestKnownKindsCostNoMemory(t *testing.T) {
	var k Kinds
	for _, err := range []error{errors.New("disk full"), errors.New("user 17 not found"), errors.New(strings.Repeat("long and 17 ", 50))} {
		text := err.Error()
		if n := testing.AllocsPerRun(100, func() { k.TypeOf(err, text, 1) }); n != 0 {
			t.Errorf("%.20q: %v allocations", text, n)
		}
	}
}

func FuzzCause(f *testing.F) {
	messages, _ := readCorpus(f)
	for _, message := range messages {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cause := string(appendCause(nil, text))
		if n := utf8.RuneCountInString(cause); n > maxCause {
			t.Errorf("%d characters: %q", n, cause)
		}
		if again := string(appendCause(nil, text)); again != cause {
			t.Errorf("%q, and then %q", cause, again)
		}
	})
}

func BenchmarkKinds(b *testing.B) {
	for name, text := range map[string]string{"fixed": "connection refused", "variable": "dial tcp 10.0.0.5:5432: connect: connection refused"} {
		b.Run(name, func(b *testing.B) {
			var k Kinds
			err := errors.New(text)
			b.ReportAllocs()
			for b.Loop() {
				k.TypeOf(err, text, 1)
			}
		})
	}
}
