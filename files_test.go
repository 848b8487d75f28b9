package ledger_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mayCallEachOther are the pairs of files that call each other; each says why.
var mayCallEachOther = []string{
	".: crash.go, handler.go",
	"internal/encode: attrs.go, endpoint.go",
}

// Within a package calls between files run one way, so that a reader can begin at one
// end and stop anywhere.
func TestCallsBetweenFilesRunOneWay(t *testing.T) {
	const module = "github.com/ledger-sdk/ledger-go"
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f",
		`{{.ImportPath}} {{.Export}}{{if not .Standard}}{{if .Module}}{{if .Module.Main}} {{.Dir}} {{join .GoFiles ","}}{{end}}{{end}}{{end}}`,
		".", "./internal/...", "./httplog", "./ledgertest", "./ledgerview", "./cmd/...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	var packages [][]string
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) > 1 {
			exports[words[0]] = words[1]
		}
		if len(words) == 4 {
			packages = append(packages, words)
		}
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	if len(packages) < 25 {
		t.Fatalf("only %d packages", len(packages))
	}
	for _, p := range packages {
		path, dir, names := p[0], p[2], strings.Split(p[3], ",")
		short := "."
		if path != module {
			short = strings.TrimPrefix(path, module+"/")
		}
		for _, pair := range circles(t, fset, imports, path, dir, names) {
			if text := short + ": " + pair; !slices.Contains(mayCallEachOther, text) {
				t.Errorf("%s call each other, maybe by way of others", text)
			}
		}
	}
}

// circles are the pairs of a package's files that call each other, one of them directly.
func circles(t *testing.T, fset *token.FileSet, imports types.Importer, path, dir string, names []string) (pairs []string) {
	t.Helper()
	var files []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg, err := (&types.Config{Importer: imports}).Check(path, fset, files, info)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]map[string]bool{}
	for id, used := range info.Uses {
		if f, ok := used.(*types.Func); ok && f.Pkg() == pkg {
			from, to := filepath.Base(fset.Position(id.Pos()).Filename), filepath.Base(fset.Position(f.Pos()).Filename)
			if calls[from] == nil {
				calls[from] = map[string]bool{}
			}
			calls[from][to] = true
		}
	}
	var reaches func(from, to string, seen map[string]bool) bool
	reaches = func(from, to string, seen map[string]bool) bool {
		if seen[from] {
			return false
		}
		seen[from] = true
		for next := range calls[from] {
			if next == to || reaches(next, to, seen) {
				return true
			}
		}
		return false
	}
	for from, all := range calls {
		for to := range all {
			if from != to && reaches(to, from, map[string]bool{}) {
				pairs = append(pairs, min(from, to)+", "+max(from, to))
			}
		}
	}
	slices.Sort(pairs)
	return slices.Compact(pairs)
}
