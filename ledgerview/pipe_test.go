package ledgerview

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pipe sends text through a pipe and returns what was kept, oldest first.
func pipeText(t *testing.T, text string) []shown {
	t.Helper()
	p := open(t, nil)
	var echo bytes.Buffer
	if err := p.viewer.Pipe(strings.NewReader(text), &echo); err != nil {
		t.Fatal(err)
	}
	if echo.String() != text {
		t.Errorf("passed on %.300q, not %.300q", echo.String(), text)
	}
	list := p.find("")
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

func TestLines(t *testing.T) {
	local := time.Date(2026, 4, 12, 16, 0, 0, 0, time.Local)
	type want struct {
		level, message, logType string
		at                      time.Time // zero: when it came
		service, kind, said     string
		attributes              map[string]any
	}
	for _, tt := range []struct {
		name, line string
		want       want
	}{
		{"slog JSON", `{"time":"2026-04-12T16:00:00.5+02:00","level":"WARN","msg":"slow","service":"api","user":{"id":42}}`,
			want{"warning", "slow", "logger", base.Add(500 * time.Millisecond), "api", "", "", map[string]any{"service": "api", "user": map[string]any{"id": 42.0}}}},
		{"slog's own levels", `{"level":"ERROR+4","msg":"m"}`, want{level: "critical", message: "m", logType: "logger"}},
		{"slog's own levels below", `{"level":"INFO-1","msg":"m"}`, want{level: "debug", message: "m", logType: "logger"}},
		{"zap", `{"level":"error","ts":1776002400.25,"caller":"a/b.go:7","msg":"failed","error":"open /tmp/x: no","stacktrace":"main.f\n\t/src/main.go:12\nmain.main\n\t/src/main.go:3"}`,
			want{"error", "failed", "exception", base.Add(250 * time.Millisecond), "", "open …: no", "open /tmp/x: no", map[string]any{"caller": "a/b.go:7", "error": "open /tmp/x: no"}}},
		{"zerolog", `{"level":"fatal","error":"dial: refused","time":1776002400,"message":"gone"}`,
			want{"critical", "gone", "exception", base, "", "dial: refused", "dial: refused", map[string]any{"error": "dial: refused"}}},
		{"zerolog, trace", `{"level":"trace","message":"m","n":1}`, want{level: "debug", message: "m", logType: "logger", attributes: map[string]any{"n": 1.0}}},
		{"pino", `{"level":50,"time":1776002400123,"pid":1,"msg":"bad"}`, want{level: "error", message: "bad", logType: "logger", at: base.Add(123 * time.Millisecond), attributes: map[string]any{"pid": 1.0}}},
		{"an error below error", `{"level":"info","msg":"m","error":"x"}`, want{level: "info", message: "m", logType: "logger", attributes: map[string]any{"error": "x"}}},
		{"a request", `{"level":"INFO","msg":"GET /","endpoint":{"method":"GET","path":"/","status_code":200,"duration_ms":1}}`,
			want{level: "info", message: "GET /", logType: "endpoint", attributes: map[string]any{"endpoint": map[string]any{"method": "GET", "path": "/", "status_code": 200.0, "duration_ms": 1.0}}}},
		{"JSON without a message", `{"a":1}`, want{level: "info", message: `{"a":1}`, logType: "logger", attributes: map[string]any{"a": 1.0}}},
		{"slog text", `time=2026-04-12T14:00:00.000Z level=ERROR msg="two words" err="no \"x\"" req.id=7 req.ok=true "odd key"=v`,
			want{"error", "two words", "exception", base, "", "no …", `no "x"`, map[string]any{"err": `no "x"`, "req": map[string]any{"id": 7.0, "ok": true}, "odd key": "v"}}},
		{"logfmt", `level=info msg=ok n=1.5`, want{level: "info", message: "ok", logType: "logger", attributes: map[string]any{"n": 1.5}}},
		{"equations", `a=1 b=2`, want{level: "info", message: "a=1 b=2", logType: "logger"}},
		{"nearly logfmt", `level=info msg="open`, want{level: "info", message: `level=info msg="open`, logType: "logger"}},
		{"package log", "2026/04/12 16:00:00 started", want{level: "info", message: "started", logType: "logger", at: local}},
		{"a level in capitals", "[WARN] disk is full", want{level: "warning", message: "[WARN] disk is full", logType: "logger"}},
		{"a level in a sentence", "no error was found", want{level: "info", message: "no error was found", logType: "logger"}},
		{"colours", "\x1b[31mERROR\x1b[0m red", want{level: "error", message: "ERROR red", logType: "logger"}},
		{"plain", "  hello  ", want{level: "info", message: "  hello  ", logType: "logger"}},
		{"Windows", "hello\r", want{level: "info", message: "hello", logType: "logger"}},
		{"broken JSON", `{"level":"info"`, want{level: "info", message: `{"level":"info"`, logType: "logger"}},
		{"no text", "a\xffb", want{level: "info", message: "a\ufffdb", logType: "logger"}},
		{"an impossible time", `{"time":"-5","msg":"m"}`, want{level: "info", message: "m", logType: "logger", attributes: map[string]any{"time": "-5"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := pipeText(t, tt.line+"\n")
			if len(list) != 1 {
				t.Fatalf("%+v", list)
			}
			r := list[0]
			got := want{level: r.Level, message: r.Message, logType: r.LogType, at: r.Time, service: r.Service}
			if r.Error != nil {
				got.kind, got.said = r.Error.Type, r.Error.Message
			}
			if len(r.Attributes) > 0 {
				got.attributes = r.Attributes
			}
			if tt.want.at.IsZero() {
				if time.Since(got.at) > time.Minute {
					t.Errorf("at %v", got.at)
				}
				got.at = time.Time{}
			}
			if !got.at.Equal(tt.want.at) {
				t.Errorf("at %v, want %v", got.at, tt.want.at)
			}
			got.at, tt.want.at = time.Time{}, time.Time{}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(want{})); diff != "" || r.Protocol != "pipe" || r.Run != 1 {
				t.Errorf("protocol %s, run %d (-want +got):\n%s", r.Protocol, r.Run, diff)
			}
		})
	}
}

func TestWhatSlogWrites(t *testing.T) {
	var text bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&text, nil), slog.NewTextHandler(&text, nil)} {
		slog.New(h).Error("it failed", "n", 1, slog.Group("g", "a b", "c=d", "f", 1.5), "err", errors.New("why\nnot"))
	}
	list := pipeText(t, text.String())
	if len(list) != 2 {
		t.Fatalf("%s became %v", &text, messages(list))
	}
	want := map[string]any{"n": 1.0, "g": map[string]any{"a b": "c=d", "f": 1.5}, "err": "why\nnot"}
	for _, r := range list {
		if diff := cmp.Diff(want, r.Attributes); diff != "" || r.Message != "it failed" || r.Level != "error" || r.Error.Message != "why\nnot" || time.Since(r.Time) > time.Minute {
			t.Errorf("%+v (-want +got):\n%s", r, diff)
		}
	}
}

func TestACrashIsOneRecord(t *testing.T) {
	const crash = "panic: runtime error: index out of range [3] with length 2\n\ngoroutine 1 [running]:\nmain.(*T).f(...)\n\t/src/shop/main.go:12 +0x1d\nmain.main()\n\t/src/shop/main.go:5 +0x5\nexit status 2\n"
	list := pipeText(t, "before\n"+crash+"after\n2026/04/12 16:00:00 http: panic serving 127.0.0.1:9: boom\ngoroutine 7 [running]:\nmain.g()\n\t/src/shop/g.go:1\n{\"msg\":\"goes on\"}\n")
	if diff := cmp.Diff([]string{"before", "panic: runtime error: index out of range [3] with length 2", "after", "http: panic serving 127.0.0.1:9: boom", "goes on"}, messages(list)); diff != "" {
		t.Fatal(diff)
	}
	r := list[1]
	if r.Level != "critical" || r.LogType != "exception" || r.Error.Message != "runtime error: index out of range [3] with length 2" || r.Fingerprint == "" || len(r.Error.Frames) != 2 {
		t.Errorf("%+v", r)
	}
	if f := r.Error.Frames[0]; f != (frame{"main.(*T).f", "/src/shop/main.go", 12, true}) {
		t.Errorf("%+v", f)
	}
	if r := list[3]; r.Level != "error" || r.Error.Message != "boom" || r.Fingerprint == "" || r.Fingerprint == list[1].Fingerprint {
		t.Errorf("%+v", r)
	}
}

func TestBlankAndHugeLines(t *testing.T) {
	huge := strings.Repeat("é", 1<<20)
	list := pipeText(t, "\n   \n\r\n"+huge+"\nlast, without an end")
	if len(list) != 2 || list[1].Message != "last, without an end" {
		t.Fatalf("%d lines", len(list))
	}
	if m := list[0].Message; !strings.HasSuffix(m, cutMark) || len(m) != maxLine+len(cutMark) || len(list[0].Verdict.Notes) != 1 || list[0].Verdict.Notes[0].Kind != noteCut {
		t.Errorf("%d bytes, %+v", len(m), list[0].Verdict)
	}
}

func TestAPipeThatFails(t *testing.T) {
	p := open(t, nil)
	failure := errors.New("the disk is on fire")
	err := p.viewer.Pipe(io.MultiReader(strings.NewReader("one\ntwo"), iotest.ErrReader(failure)), nil)
	if !errors.Is(err, failure) || len(p.find("")) != 2 {
		t.Errorf("%v, %v", err, messages(p.find("")))
	}
	r, w := io.Pipe()
	r.CloseWithError(failure)
	if err := p.viewer.Pipe(strings.NewReader("three\nfour\n"), w); !errors.Is(err, failure) || len(p.find("")) != 4 {
		t.Errorf("nobody takes the lines: %v, %v", err, messages(p.find("")))
	}
	p.viewer.Close()
	var echo bytes.Buffer
	if err := p.viewer.Pipe(strings.NewReader("five\n"), &echo); err != nil || echo.String() != "five\n" {
		t.Errorf("after Close: %v %q", err, &echo)
	}
}

// Lines show while the program runs, and a crash without waiting for more.
func TestLinesShowAtOnce(t *testing.T) {
	p := open(t, nil)
	events, end := p.listen("/api/stream")
	defer end()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- p.viewer.Pipe(r, nil) }()
	fmt.Fprintln(w, "hello")
	if got := p.records(p.next(events)); got[0].Message != "hello" {
		t.Errorf("%+v", got)
	}
	fmt.Fprint(w, "panic: boom\n\ngoroutine 1 [running]:\n")
	if got := p.records(p.next(events)); got[0].Message != "panic: boom" {
		t.Errorf("%+v", got)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Whatever a program writes is passed on as it is, and every line that is not blank is kept somewhere.
func FuzzPipe(f *testing.F) {
	for _, s := range []string{
		"a\nb\n", `{"time":"2026-04-12T16:00:00Z","level":"WARN","msg":"x","err":{"a":[1]}}`, `time=x level=ERROR msg="a\"b" g.h=1 g=2`, "panic: x\n\ngoroutine 1 [running]:\nmain.f()\n\ta.go:1\n",
		"2026/04/12 16:00:00 http: panic serving x: y\n\x1b[31mred\x1b[0m", `{"level":1e400,"ts":1e300,"stack":[{"func":"f","line":1,"source":"a.go"}],"msg":null}`,
		`{"msg":"m","n":1e400}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v := New(&Options{MaxBytes: 8 << 20})
		defer v.Close()
		var echo bytes.Buffer
		if err := v.Pipe(bytes.NewReader(in), &echo); err != nil || !bytes.Equal(echo.Bytes(), in) {
			t.Fatalf("passed on %q: %v", &echo, err)
		}
		blank := true
		for line := range bytes.SplitSeq(in, []byte("\n")) {
			blank = blank && len(bytes.TrimSpace(trimLine(line))) == 0
		}
		snap := v.ring.snapshot(0)
		var c cursor
		n := 0
		for i := range snap.views {
			for at := range snap.views[i].rows {
				c.move(&snap.views[i], at)
				var r shown
				if err := jsonDecode(c.appendRecord(nil, v.sources.own), &r); err != nil {
					t.Fatalf("%q: %v", in, err)
				}
				n++
			}
		}
		if blank != (n == 0) {
			t.Fatalf("%q: %d records", in, n)
		}
	})
}
