package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A pkg is what the go command says of a package.
type pkg struct {
	ImportPath, Dir                    string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
	TestGoFiles, XTestGoFiles          []string
	Module                             struct{ Path, Dir string }

	Rel string // Dir below the module's root
}

func list(patterns ...string) ([]*pkg, error) {
	out, err := exec.Command("go", append([]string{"list", "-json"}, patterns...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list %v: %w", patterns, err)
	}
	var all []*pkg
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		p := new(pkg)
		if err := d.Decode(p); err != nil {
			return nil, err
		}
		if p.Rel, err = filepath.Rel(p.Module.Dir, p.Dir); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func load(name string) (*pkg, error) {
	all, err := list(name)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// users are the packages whose tests have something to say about p: its own, and
// for an internal one those that import it. The nearest come first, the module's
// root last, for its tests take longest.
func (p *pkg) users() ([]string, error) {
	if !strings.Contains(p.ImportPath, "/internal/") {
		return []string{p.ImportPath}, nil
	}
	all, err := list(p.Module.Path+"/internal/...", p.Module.Path+"/ledgertest", p.Module.Path)
	if err != nil {
		return nil, err
	}
	names := []string{p.ImportPath}
	for _, other := range all {
		uses := slices.Concat(other.Imports, other.TestImports, other.XTestImports)
		tested := len(other.TestGoFiles)+len(other.XTestGoFiles) > 0
		if other.ImportPath != p.ImportPath && tested && (slices.Contains(uses, p.ImportPath) || other.ImportPath == p.Module.Path) {
			names = append(names, other.ImportPath)
		}
	}
	slices.SortStableFunc(names[1:], func(a, b string) int { return rank(p, a) - rank(p, b) })
	return names, nil
}

func rank(p *pkg, name string) int {
	if name == p.Module.Path {
		return 1
	}
	return 0
}

type verdict string

const (
	killed   verdict = "killed"
	timedOut verdict = "timeout" // counts as killed
	survived verdict = "SURVIVED"
	noMutant verdict = "" // it does not compile
)

// A bench runs tests against the mutants of one package.
type bench struct {
	pkg     *pkg
	timeout time.Duration
	skip    string
	own     bool // only the package's own tests judge

	tests []string // packages, nearest first
	took  map[string]time.Duration
	dir   string // for overlays and binaries
}

// open finds the tests, and makes sure that they pass while nothing is broken.
func (b *bench) open() (err error) {
	b.tests = []string{b.pkg.ImportPath}
	if !b.own {
		if b.tests, err = b.pkg.users(); err != nil {
			return err
		}
	}
	if b.dir, err = os.MkdirTemp("", "mutate"); err != nil {
		return err
	}
	b.took = make(map[string]time.Duration)
	for _, name := range b.tests {
		b.took[name] = time.Minute
		began := time.Now()
		if v, out := b.test(name, nil); v != survived {
			return fmt.Errorf("%s fails as it is (%s):\n%s", name, v, out)
		}
		b.took[name] = time.Since(began)
	}
	return nil
}

func (b *bench) close() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

// judge tells what becomes of a mutant, and which test killed it.
func (b *bench) judge(m *mutant) (v verdict, by string, err error) {
	file := filepath.Join(b.dir, m.file)
	if err := os.WriteFile(file, m.broken(), 0o600); err != nil {
		return "", "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(b.pkg.Dir, m.file): file}})
	if err != nil {
		return "", "", err
	}
	name := filepath.Join(b.dir, "overlay.json")
	if err := os.WriteFile(name, overlay, 0o600); err != nil {
		return "", "", err
	}
	flags := []string{"-overlay", name}
	for _, tests := range b.tests {
		v, out := b.test(tests, flags)
		if v != survived {
			return v, culprit(out), nil
		}
	}
	return survived, "", nil
}

// A beginning is the first of what is printed: a mutant may print without end.
type beginning []byte

func (b *beginning) Write(p []byte) (int, error) {
	*b = append(*b, p[:min(len(p), 64<<10-len(*b))]...)
	return len(p), nil
}

// A mutant may loop and take memory without end: it must not take the machine's.
const limited = `ulimit -v 4194304 2>/dev/null; exec "$0" "$@"`

// test builds the tests of a package and runs them.
func (b *bench) test(name string, flags []string) (verdict, string) {
	binary := filepath.Join(b.dir, "tests")
	build := exec.Command("go", slices.Concat([]string{"test", "-c", "-o", binary, "-vet=off"}, flags, []string{name})...)
	if out, err := build.CombinedOutput(); err != nil {
		return noMutant, string(out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), max(b.timeout, 5*b.took[name]))
	defer cancel()
	run := exec.CommandContext(ctx, "bash", "-c", limited, binary, "-test.failfast", "-test.short", "-test.skip", b.skip)
	run.WaitDelay = 5 * time.Second
	run.Dir = b.pkg.Module.Dir + strings.TrimPrefix(name, b.pkg.Module.Path)
	var out beginning
	run.Stdout, run.Stderr = &out, &out
	err := run.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return survived, ""
	case ctx.Err() != nil:
		return timedOut, ""
	case errors.As(err, &exit):
		return killed, string(out)
	default:
		return noMutant, err.Error()
	}
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)|^(panic: .*|fatal error: .*)`)

func culprit(out string) string {
	if found := failed.FindStringSubmatch(out); found != nil {
		return "by " + found[1] + found[2]
	}
	return ""
}
