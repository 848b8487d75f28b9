package crash

import (
	"errors"
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
)

func TestCrashThatWasToldOf(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		told bool
	}{
		"the same":             {"delivered: panic: boom\npanic: boom [recovered, repanicked]\n", true},
		"a struct":             {"delivered: panic: (main.T)\npanic: (main.T) 0xc000012345 [recovered, repanicked]\n", true},
		"a named number":       {"delivered: panic: main.Code(\npanic: main.Code(5) [recovered, repanicked]\n", true},
		"another":              {"delivered: panic: (main.T)\npanic: database is gone [recovered, repanicked]\n", false},
		"another, of a number": {"delivered: panic: main.Code(\npanic: main.Other(5)\n", false},
		"one of two":           {"delivered: panic: a\ndelivered: panic: b\npanic: a\n", true},
		"none":                 {"from: {\"release\":\"1\"}\ndelivered: panic: a\n", true},
	} {
		c := parse([]byte(test.text + "\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:10 +0x1\n"))
		if name == "none" {
			c = parse([]byte(test.text))
		}
		if (c == nil) != test.told {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

type named int

func TestFirstLineOfAPanic(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{"two\nlines", "panic: two"},
		{errors.New("boom"), "panic: boom"},
		{5, "panic: 5"},
		{named(5), "panic: crash.named("},
		{struct{ n int }{1}, "panic: (struct { n int })"},
		{new(named), "panic: (*crash.named)"},
	} {
		if got := firstLine(test.value); got != test.want {
			t.Errorf("%T: %q, want %q", test.value, got, test.want)
		}
	}
}

func FuzzCrash(f *testing.F) {
	f.Add("panic: boom [recovered, repanicked]\n\ngoroutine 1 [running]:\nmain.f({0x1, 0x2})\n\t/src/main.go:10 +0x1d\nmain.main()\n\t/src/main.go:6 +0x18\n")
	f.Add("delivered: panic: boom\npanic: boom\n\ngoroutine 1 [running]:\n")
	f.Add("goroutine 8 [running]:\nsync.fatal({0x1})\n\t/go/src/runtime/panic.go:1191 +0x18\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := parse([]byte(text))
		if c == nil {
			return
		}
		if c.Message == "" || len(c.frames) > errstack.MaxFrames || strings.Contains(c.Message, "\n") {
			t.Errorf("%+v", c)
		}
		_ = errstack.Stack(c, 0) // must not panic
	})
}
