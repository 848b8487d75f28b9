package ledgerview

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSourceLines(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "src")
	write(t, parent, "outside.go", "secret")
	write(t, dir, "internal/a b.go", "one\ntwo\r\nthree\nfour\nfive")
	write(t, dir, ".hidden/x.go", "secret")
	write(t, dir, ".env", "secret")
	write(t, dir, "config.yaml", "secret")
	write(t, dir, "binary.go", "\xff\xfe")
	write(t, dir, "large.go", strings.Repeat("x\n", maxSource))
	if err := os.Symlink(filepath.Join(parent, "outside.go"), filepath.Join(dir, "link.go")); err != nil {
		t.Log(err) // not everywhere
	}
	p := open(t, &Options{SourceDir: dir, Editor: "ed://{file}:{line}"})
	type source struct {
		File, Editor string
		Line, First  int
		Lines        []string
	}
	want := source{File: "internal/a b.go", Line: 3, First: 2, Lines: []string{"two", "three", "four"}, Editor: "ed://" + strings.ReplaceAll(filepath.ToSlash(dir), " ", "%20") + "/internal/a%20b.go:3"}
	var got source
	p.get("/api/source?line=3&context=1&file="+url.QueryEscape("internal/a b.go"), &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	p.get("/api/source?line=3&context=1&file="+url.QueryEscape(filepath.Join(dir, "internal/a b.go")), &got)
	if len(got.Lines) != 3 {
		t.Errorf("by its absolute path: %+v", got)
	}
	p.get("/api/source?line=1&context=50&file="+url.QueryEscape("internal/a b.go"), &got)
	if len(got.Lines) != 5 || got.First != 1 {
		t.Errorf("all: %+v", got)
	}
	for _, file := range []string{
		"../outside.go", "internal/../../outside.go", "/etc/passwd", filepath.Join(parent, "outside.go"), "link.go", ".hidden/x.go", ".env", "config.yaml", "binary.go", "large.go",
		"internal", "none.go", "..", ".", "\x00.go", `..\outside.go`, "C:/x.go",
	} {
		status, body := p.do("GET", "/api/source?line=1&file="+url.QueryEscape(file), "")
		if status != 404 || strings.Contains(body, "secret") {
			t.Errorf("%q: %d %s", file, status, body)
		}
	}
	if status, _ := p.do("GET", "/api/source?line=99&context=0&file="+url.QueryEscape("internal/a b.go"), ""); status != 404 {
		t.Errorf("a line that is not there: %d", status)
	}
}

func TestWithoutSources(t *testing.T) {
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "none")} {
		p := open(t, &Options{SourceDir: dir, Editor: "ed://{file}"})
		if status, _ := p.do("GET", "/api/source?line=1&file=viewer.go", ""); status != 404 {
			t.Errorf("%q: %d", dir, status)
		}
	}
}

func TestOwnFrames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "net/own.go", "package net")
	s := newSources(dir, "")
	defer s.close()
	for file, want := range map[string]bool{
		"main.go": true, "internal/order/store.go": true, "net/http/server.go": false, "net/own.go": true, "internal/poll/fd.go": false,
		"github.com/jackc/pgx/v5/rows.go": false, "cmd/api/main.go": true, "encoding/json/decode.go": false, "order/store.go": true,
		"/home/me/shop/main.go": true, "/home/me/go/pkg/mod/x@v1/y.go": false, "/usr/local/go/src/net/http/server.go": false, filepath.Join(dir, "net/own.go"): true,
	} {
		if got := s.own(file); got != want {
			t.Errorf("%s is own: %v", file, got)
		}
	}
}

func TestCauseTree(t *testing.T) {
	type tree struct {
		said   string
		frames int
		causes []tree
	}
	var shape func(c cause) tree
	shape = func(c cause) tree {
		s := tree{said: c.Type + "|" + c.Message, frames: len(c.Frames)}
		for _, inner := range c.Causes {
			s.causes = append(s.causes, shape(inner))
		}
		return s
	}
	for _, tt := range []struct {
		name, message, stack string
		want                 tree
	}{
		{"no stack", "m", "", tree{said: "E|m"}},
		{"a chain", "load: dial: refused", "  File \"a.go\", line 1, in a.F\n  File \"b.go\", line 2, in b.G\n" +
			"Caused by: *net.OpError: dial: refused\n  File \"c.go\", line 3, in c.H\n  ... 2 more\nCaused by: syscall.Errno: refused\n",
			tree{"E|load: dial: refused", 2, []tree{{"*net.OpError|dial: refused", 1, []tree{{said: "syscall.Errno|refused"}}}}}},
		{"joined", "both: one\ntwo: \"inner\"", "Caused by: *errors.joinError: one two: 'inner'\nCaused by: A: one\nCaused by: B: two: 'inner'\nCaused by: C: 'inner'\n",
			tree{"E|both: one\ntwo: \"inner\"", 0, []tree{{"*errors.joinError|one two: 'inner'", 0, []tree{{said: "A|one"}, {"B|two: 'inner'", 0, []tree{{said: "C|'inner'"}}}}}}}},
		{"Go's own", "m", "goroutine 1 [running]:\nmain.(*T).f(0x1, {0x2})\n\t/src/main.go:12 +0x1d\nexample.org/x/y.G(...)\n\t/src/y.go:7\ncreated by main.main in goroutine 1\n\t/src/main.go:3 +0x5\n",
			tree{said: "E|m", frames: 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, shape(causeTree("E", tt.message, tt.stack)), cmp.AllowUnexported(tree{})); diff != "" {
				t.Errorf("causes (-want +got):\n%s", diff)
			}
		})
	}
	got := causeTree("E", "m", "main.(*T).f(0x1)\n\t/src/main.go:12 +0x1d\nexample.org/x/y.G(...)\n\t/src/y.go:7\n").Frames
	want := []frame{{Func: "main.(*T).f", File: "/src/main.go", Line: 12}, {Func: "y.G", File: "/src/y.go", Line: 7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frames of Go's own stacks (-want +got):\n%s", diff)
	}
}

// No text may make the tree panic, or grow without bound.
func FuzzCauseTree(f *testing.F) {
	f.Add("a: b", "  File \"a.go\", line 1, in a.F\nCaused by: T: b\nCaused by: U: \nmain.f()\n\tx.go:1 +0x1")
	f.Fuzz(func(t *testing.T, message, stack string) {
		var count func(c cause) int
		count = func(c cause) int {
			if c.Frames == nil || c.Causes == nil {
				t.Fatal("a list is null")
			}
			n := 1 + len(c.Frames)
			for _, inner := range c.Causes {
				n += count(inner)
			}
			return n
		}
		if n := count(causeTree("E", message, stack)); n > maxCauses+maxFrames {
			t.Errorf("%d causes and frames", n)
		}
	})
}
