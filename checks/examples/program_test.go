package examples

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

const examplesDir = "../../examples"

// patience is how long a program may take for anything.
const patience = 30 * time.Second

// build copies the example to a folder of its own, as a user would, and builds
// it there. Only what the repository has not published yet comes from it.
func build(t *testing.T, example string) (binary string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	from := filepath.Join(examplesDir, example)
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Replace []struct{ Old, New struct{ Path string } }
	}
	if err := json.Unmarshal(goCommand(t, dir, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	edits := []string{"mod", "edit", "-module=example.com/copy"}
	for _, replace := range mod.Replace {
		target, err := filepath.Abs(filepath.Join(from, replace.New.Path))
		if err != nil {
			t.Fatal(err)
		}
		edits = append(edits, "-replace="+replace.Old.Path+"="+target)
	}
	goCommand(t, dir, edits...)
	binary = filepath.Join(dir, "program")
	goCommand(t, dir, "build", "-o", binary, ".")
	return binary
}

func goCommand(t *testing.T, dir string, args ...string) (stdout []byte) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	stdout, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return stdout
}

// A program is a running example.
type program struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr output
	exited         bool
}

// start starts the binary in its folder. It logs to srv and listens on a free
// port, unless env says otherwise.
func start(t *testing.T, srv *ledgertest.Server, binary string, env ...string) *program {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	p := &program{cmd: exec.CommandContext(ctx, binary)}
	p.cmd.Dir = filepath.Dir(binary)
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LEDGER_") })
	p.cmd.Env = append(p.cmd.Env, "LEDGER_API_KEY="+ledgertest.APIKey, "LEDGER_BASE_URL="+srv.URL, "ADDR=127.0.0.1:0")
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cancel(); !p.exited {
			_ = p.cmd.Wait()
		}
	})
	return p
}

// run runs the binary to its end with the text as its standard input.
func run(t *testing.T, srv *ledgertest.Server, binary, stdin string, env ...string) *program {
	t.Helper()
	p := start(t, srv, binary, env...)
	p.write(t, stdin)
	_ = p.stdin.Close()
	return p
}

func (p *program) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, text); err != nil {
		t.Fatal(err)
	}
}

// addr returns the address that the program listens on.
func (p *program) addr(t *testing.T) string {
	t.Helper()
	return p.stdout.await(t, p, regexp.MustCompile(`msg=listening addr=(\S+)`))[1]
}

// terminate ends the program as Kubernetes and systemd do.
func (p *program) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// expectExit waits for the end of the program.
func (p *program) expectExit(t *testing.T, code int) {
	t.Helper()
	_ = p.cmd.Wait() // the exit code says it
	p.exited = true
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", got, code, &p.stdout, &p.stderr)
	}
}

// expectSilence checks that the program had nothing to complain about.
func (p *program) expectSilence(t *testing.T) {
	t.Helper()
	if text := p.stderr.String(); text != "" {
		t.Errorf("stderr:\n%s", text)
	}
}

// An output keeps what a program writes.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed by the next write; nil when nobody waits
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the pattern matches, and returns its groups.
func (o *output) await(t *testing.T, p *program, pattern *regexp.Regexp) []string {
	t.Helper()
	timeout := time.After(patience)
	for {
		o.mu.Lock()
		found := pattern.FindStringSubmatch(o.text.String())
		if o.changed == nil {
			o.changed = make(chan struct{})
		}
		changed := o.changed
		o.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("no %q\nstdout:\n%s\nstderr:\n%s", pattern, &p.stdout, &p.stderr)
		}
	}
}
