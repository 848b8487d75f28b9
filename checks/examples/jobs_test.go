package examples

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func TestWorker(t *testing.T) {
	t.Parallel()
	srv := ledgertest.NewServer()
	defer srv.Close()
	binary := build(t, "worker")
	run(t, srv, binary, `{"id": 1, "prices": [9.5, 20]} {"id": 2, "prices": [-1]} {"id": 3} {"id": 4, "prices": [1]}`).expectExit(t, 0)

	got := make(map[string]int)
	for _, e := range srv.Entries() {
		got[strings.TrimSpace(e.Message+" "+e.ErrorMessage)]++
		if strings.HasPrefix(e.Message, "job") && e.Attributes["job_id"] == nil {
			t.Errorf("%q has no job_id", e.Message)
		}
		if strings.HasPrefix(e.ErrorMessage, "panic: ") {
			if first, _, _ := strings.Cut(e.StackTrace, "\n"); !strings.Contains(first, "main.process") {
				t.Errorf("the panic's stack does not begin where it happened:\n%s", e.StackTrace)
			}
		}
	}
	want := map[string]int{
		"worker started": 1, "job started": 4, "job done": 2,
		"job failed total 1 prices: negative price":                             1,
		"job failed panic: runtime error: index out of range [0] with length 0": 1,
		"worker stopped": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}

	t.Run("SIGTERM while it waits for jobs", func(t *testing.T) {
		p := start(t, srv, binary)
		p.stdout.await(t, p, regexp.MustCompile("worker started"))
		p.terminate(t)
		p.expectExit(t, 0)
		p.expectSilence(t)
	})
	t.Run("a queue that cannot be read", func(t *testing.T) {
		p := run(t, srv, binary, "no JSON")
		p.expectExit(t, 1)
		if !strings.Contains(p.stderr.String(), "read job: invalid character") {
			t.Errorf("stderr: %s", &p.stderr)
		}
	})
}

// TestFanout takes the server down and up again. The file has what was logged
// while the handler was unhealthy, the server and standard output have all.
func TestFanout(t *testing.T) {
	t.Parallel()
	srv := ledgertest.NewServer()
	defer srv.Close()
	binary := build(t, "fanout")
	// An outage in seconds in place of minutes.
	p := start(t, srv, binary, "LEDGER_FLUSH_INTERVAL=50ms", "LEDGER_NETWORK_BACKOFF=20ms", "LEDGER_BREAKER_THRESHOLD=2", "LEDGER_BREAKER_DELAY=500ms")
	file := filepath.Join(filepath.Dir(binary), "failover.jsonl")

	want := []string{"before the outage"}
	p.write(t, want[0]+"\n")
	if err := srv.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	srv.Stop()
	// The first lines of the outage find out that there is one.
	for began := time.Now(); readFile(t, file) == ""; {
		if time.Since(began) > patience {
			t.Fatalf("the file stays empty\nstdout:\n%s\nstderr:\n%s", &p.stdout, &p.stderr)
		}
		line := fmt.Sprintf("logged while it is down (%d)", len(want))
		want = append(want, line)
		p.write(t, line+"\n")
		p.stdout.await(t, p, regexp.MustCompile(regexp.QuoteMeta(line)))
		time.Sleep(10 * time.Millisecond)
	}
	srv.Start()
	if err := srv.Wait(t.Context(), len(want)); err != nil {
		t.Fatal(err)
	}
	want = append(want, "after it")
	p.write(t, want[len(want)-1]+"\n")
	_ = p.stdin.Close()
	p.expectExit(t, 0)

	var arrived []string
	for _, e := range srv.Entries() {
		arrived = append(arrived, e.Message)
	}
	slices.Sort(arrived) // what was held during the outage comes in any order
	slices.Sort(want)
	if diff := cmp.Diff(want, arrived); diff != "" {
		t.Errorf("the server has (-want +got):\n%s", diff)
	}
	if kept := readFile(t, file); !strings.Contains(kept, `"logged while it is down (`) || strings.Contains(kept, "before the outage") {
		t.Errorf("the file has:\n%s", kept)
	}
}

// TestFanoutEnds: SIGTERM ends it while it waits for a line, and a line that is too
// long is a failure.
func TestFanoutEnds(t *testing.T) {
	t.Parallel()
	srv := ledgertest.NewServer()
	defer srv.Close()
	binary := build(t, "fanout")
	p := start(t, srv, binary)
	p.write(t, "one\n")
	p.stdout.await(t, p, regexp.MustCompile("msg=one"))
	p.terminate(t)
	p.expectExit(t, 0)
	p.expectSilence(t)

	p = start(t, srv, binary)
	_, _ = io.WriteString(p.stdin, strings.Repeat("x", 100_000)) // it may end before it has read all
	p.expectExit(t, 1)
	if !strings.Contains(p.stderr.String(), "token too long") {
		t.Errorf("stderr: %s", &p.stderr)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	srv := ledgertest.NewServer()
	defer srv.Close()
	run(t, srv, build(t, "errors"), "").expectExit(t, 0)
	byMessage := make(map[string]ledgertest.Entry)
	for _, e := range srv.Entries() {
		byMessage[e.Message] = e
	}
	tests := []struct {
		message string
		text    string
		first   string   // function of the first frame
		causes  []string // in the "Caused by:" sections
	}{
		{"standard", "read settings: open /does/not/exist: no such file or directory", "run", []string{"*fs.PathError", "syscall.Errno"}},
		{"pkg/errors", "read settings: file does not exist", "readWithPkgErrors", []string{"file does not exist"}},
		{"cockroachdb/errors", "read settings: file does not exist", "readWithCockroach", []string{"file does not exist"}},
		{"errors.Join", "read settings: file does not exist\nquota exceeded", "run", []string{"readWithPkgErrors", "quota exceeded"}},
	}
	for _, test := range tests {
		t.Run(test.message, func(t *testing.T) {
			e := byMessage[test.message]
			if e.LogType != "exception" || e.ErrorMessage != test.text {
				t.Errorf("got %s %q, want exception %q", e.LogType, e.ErrorMessage, test.text)
			}
			if first, _, _ := strings.Cut(e.StackTrace, "\n"); !strings.HasSuffix(first, "."+test.first) {
				t.Errorf("the stack begins %q, want %s", first, test.first)
			}
			_, causes, _ := strings.Cut(e.StackTrace, "Caused by:")
			for _, cause := range test.causes {
				if !strings.Contains(causes, cause) {
					t.Errorf("no cause %q in\n%s", cause, e.StackTrace)
				}
			}
		})
	}
	if got := byMessage["standard"].ErrorType; got != "*fs.PathError" {
		t.Errorf("error_type of the standard library's error is %q", got)
	}
	if e := byMessage["only a warning"]; e.LogType != "logger" || e.StackTrace != "" {
		t.Errorf("the warning is a %s with stack %q", e.LogType, e.StackTrace)
	}
}
