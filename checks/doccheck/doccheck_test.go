package doccheck

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go"
)

const root = "../.."

// A snippet is one ```go block.
type snippet struct {
	file string // relative to the root
	line int    // of its first line of code
	code string
}

// imports are the packages that snippets may use without saying so.
var imports = map[string]string{
	"attribute":  "go.opentelemetry.io/otel/attribute",
	"chi":        "github.com/go-chi/chi/v5",
	"context":    "context",
	"echo":       "github.com/labstack/echo/v5",
	"errors":     "errors",
	"expvar":     "expvar",
	"fmt":        "fmt",
	"gin":        "github.com/gin-gonic/gin",
	"http":       "net/http",
	"httplog":    "github.com/ledger-sdk/ledger-go/httplog",
	"json":       "encoding/json",
	"ledger":     "github.com/ledger-sdk/ledger-go",
	"ledgerotel": "github.com/ledger-sdk/ledger-go/ledgerotel",
	"ledgerprom": "github.com/ledger-sdk/ledger-go/ledgerprom",
	"ledgertest": "github.com/ledger-sdk/ledger-go/ledgertest",
	"ledgerview": "github.com/ledger-sdk/ledger-go/ledgerview",
	"log":        "log",
	"os":         "os",
	"otel":       "go.opentelemetry.io/otel",
	"otelslog":   "go.opentelemetry.io/contrib/bridges/otelslog",
	"prometheus": "github.com/prometheus/client_golang/prometheus",
	"promhttp":   "github.com/prometheus/client_golang/prometheus/promhttp",
	"regexp":     "regexp",
	"signal":     "os/signal",
	"slog":       "log/slog",
	"slogmulti":  "github.com/samber/slog-multi",
	"strings":    "strings",
	"synctest":   "testing/synctest",
	"syscall":    "syscall",
	"testing":    "testing",
	"time":       "time",
	"zap":        "go.uber.org/zap",
	"zapslog":    "go.uber.org/zap/exp/zapslog",
	"zerolog":    "github.com/rs/zerolog",
}

// surroundings are what snippets may take for granted.
const surroundings = `package snippet

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

var (
	ctx     context.Context
	err     error
	handler *ledger.Handler
	logger  *slog.Logger
	logging func(http.Handler) http.Handler
	mux     *http.ServeMux
	r       *http.Request
	router  http.Handler
	srv     *ledgertest.Server
	t       *testing.T
	w       http.ResponseWriter
)
`

func TestEverySnippetCompiles(t *testing.T) {
	var snippets []snippet
	for _, path := range documents(t) {
		text := read(t, path)
		name, _ := filepath.Rel(root, path)
		snippets = append(snippets, find(name, string(text))...)
	}
	if problems := compile(t, snippets); problems != "" {
		t.Errorf("%s", problems)
	}
	t.Logf("%d snippets", len(snippets))
}

// Snippets that are tests pass, so that what they assert is true.
func TestSnippetsThatAreTestsPass(t *testing.T) {
	var tests []snippet
	for _, path := range documents(t) {
		name, _ := filepath.Rel(root, path)
		for _, s := range find(name, string(read(t, path))) {
			if strings.Contains(s.code, "func Test") {
				tests = append(tests, s)
			}
		}
	}
	if len(tests) < 3 {
		t.Errorf("only %d tests found", len(tests))
	}
	binaries := t.TempDir()
	if problems := run(t, tests, "test", "-c", "-vet=off", "-o", binaries); problems != "" {
		t.Fatal(problems)
	}
	built, err := os.ReadDir(binaries)
	if err != nil || len(built) != len(tests) {
		t.Fatalf("%d of %d snippets became tests: %v", len(built), len(tests), err)
	}
	for _, binary := range built {
		if out, err := exec.Command(filepath.Join(binaries, binary.Name()), "-test.v").CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// The check itself: it must find what does not compile, in every form.
func TestFaultsAreFound(t *testing.T) {
	for name, code := range map[string]string{
		"syntax":         "slog.Info(",
		"unknown name":   "ledger.NewHandle(nil)",
		"unknown field":  "opts := &ledger.Options{FlushEvery: time.Second}",
		"a declaration":  "func f() int { return \"\" }",
		"a program":      "package main\n\nfunc main() { undefined() }",
		"a wrong number": "handler, err := ledger.NewHandler()",
	} {
		t.Run(name, func(t *testing.T) {
			problems := compile(t, []snippet{{"fault.md", 7, code}})
			if !strings.Contains(problems, "fault.md:") {
				t.Errorf("not found, or not where: %q", problems)
			}
		})
	}
}

var fence = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

func find(file, text string) (snippets []snippet) {
	for _, at := range fence.FindAllStringSubmatchIndex(text, -1) {
		snippets = append(snippets, snippet{file, 1 + strings.Count(text[:at[2]], "\n"), text[at[2]:at[3]]})
	}
	return snippets
}

// compile returns what the compiler says of the snippets, by line of their
// documents. They exist only in an overlay of this module.
func compile(t *testing.T, snippets []snippet) string {
	t.Helper()
	return run(t, snippets, "build", "-o", os.DevNull)
}

// run is compile with another command than go build.
func run(t *testing.T, snippets []snippet, command ...string) string {
	t.Helper()
	temp := t.TempDir()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	replace := make(map[string]string)
	var packages []string
	var problems strings.Builder
	for i, s := range snippets {
		source, err := s.source()
		if err != nil {
			fmt.Fprintln(&problems, err)
			continue
		}
		directory := fmt.Sprintf("snippets/s%03d", i)
		packages = append(packages, "./"+directory)
		files := map[string]string{"snippet.go": source}
		if command[0] == "test" {
			files = map[string]string{"snippet_test.go": source}
		}
		if !strings.HasPrefix(s.code, "package ") {
			files["surroundings.go"] = surroundings
			if strings.Contains(s.code, "github.com/gorilla/mux") { // a package, then
				files["surroundings.go"] = strings.Replace(surroundings, "mux     *http.ServeMux", "", 1)
			}
		}
		for name, text := range files {
			real := filepath.Join(temp, fmt.Sprintf("%03d-%s", i, name))
			if err := os.WriteFile(real, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			replace[filepath.Join(here, directory, name)] = real
		}
	}
	if len(packages) == 0 {
		return problems.String()
	}
	overlay := filepath.Join(temp, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := slices.Concat(command, []string{"-overlay", overlay}, packages)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(&problems, "%s%v\n", out, err)
	}
	return problems.String()
}

// source makes a file of the snippet: a program as it is, declarations with a
// package clause, statements as the body of a function.
func (s snippet) source() (string, error) {
	if strings.HasPrefix(s.code, "package ") {
		return fmt.Sprintf("//line %s:%d\n%s", s.file, s.line, s.code), nil
	}
	forms := []string{
		"//line %[1]s:%[2]d\n%[3]s",
		"func _() {\n//line %[1]s:%[2]d\n%[3]s\n%[4]s}\n",
	}
	var fault error
	for _, form := range forms {
		body := "package snippet\n\n" + fmt.Sprintf(form, s.file, s.line, s.code, "")
		file, err := parser.ParseFile(token.NewFileSet(), "", body, parser.SkipObjectResolution)
		if err != nil {
			fault = err
			continue
		}
		var uses strings.Builder
		for _, name := range declared(file) {
			fmt.Fprintf(&uses, "_ = %s\n", name)
		}
		var needed strings.Builder
		for _, name := range packagesOf(file) {
			fmt.Fprintf(&needed, "import %s %q\n", name, imports[name])
		}
		return "package snippet\n\n" + needed.String() + fmt.Sprintf(form, s.file, s.line, s.code, uses.String()), nil
	}
	return "", fmt.Errorf("%s:%d: %w", s.file, s.line, fault)
}

// Relative links lead to files, and to headings where they say so.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code := regexp.MustCompile("(?ms)^```.*?^```$") // f[T](x) is no link
	for _, path := range documents(t) {
		text := code.ReplaceAllString(string(read(t, path)), "")
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, heading, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %s: %v", path, match[1], err)
				continue
			}
			if heading != "" && !slices.Contains(headings(string(read(t, file))), heading) {
				t.Errorf("%s: %s has no such heading", path, match[1])
			}
		}
	}
}

// A program that a document starts is where it says: in the root's module, or in the
// module of the folder that -C names.
func TestCommandsFindTheirPrograms(t *testing.T) {
	command := regexp.MustCompile("go (?:-C (\\S+) )?(?:run|test|build)(?: -C (\\S+))? ([^\\n`|#]+)")
	found := 0
	for _, path := range documents(t) {
		for _, match := range command.FindAllStringSubmatch(string(read(t, path)), -1) {
			directory, ownModule := match[1]+match[2], match[1]+match[2] != ""
			for _, argument := range strings.Fields(match[3]) {
				if !strings.HasPrefix(argument, "./") || strings.HasSuffix(argument, "...") {
					continue
				}
				found++
				program := filepath.Join(root, directory, argument)
				if sources, _ := filepath.Glob(filepath.Join(program, "*.go")); len(sources) == 0 {
					t.Errorf("%s: %s: no program there", path, match[0])
				}
				if _, err := os.Stat(filepath.Join(program, "go.mod")); err == nil && !ownModule {
					t.Errorf("%s: %s: a module of its own: want go -C %s run .", path, match[0], strings.TrimPrefix(argument, "./"))
				}
			}
			if ownModule {
				found++
				if _, err := os.Stat(filepath.Join(root, directory, "go.mod")); err != nil {
					t.Errorf("%s: %s: %v", path, match[0], err)
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d found", found)
	}
}

// headings returns the anchors of a document, as GitHub makes them.
func headings(text string) (anchors []string) {
	for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := strings.ReplaceAll(strings.ToLower(h[1]), " ", "-")
		anchors = append(anchors, regexp.MustCompile(`[^\w-]`).ReplaceAllString(anchor, ""))
	}
	return anchors
}

// Every option is in the README and in docs/configuration.md, with its variable.
func TestEveryOptionIsDocumented(t *testing.T) {
	variables := regexp.MustCompile(`LEDGER_[A-Z_]+`).FindAllString(string(read(t, filepath.Join(root, "options.go"))), -1)
	if len(variables) == 0 {
		t.Fatal("no variables")
	}
	configuration := string(read(t, filepath.Join(root, "docs", "configuration.md")))
	readme := string(read(t, filepath.Join(root, "README.md")))
	for field := range reflect.TypeFor[ledger.Options]().Fields() {
		for name, text := range map[string]string{"README.md": readme, "configuration.md": configuration} {
			if !strings.Contains(text, "`"+field.Name+"`") {
				t.Errorf("%s does not have %s", name, field.Name)
			}
		}
	}
	for _, v := range variables {
		if !strings.Contains(configuration, "`"+v+"`") && v != "LEDGER_" {
			t.Errorf("configuration.md does not have %s", v)
		}
	}
}

// Every key of the metrics and of the status is in docs/migration.md.
func TestEveryMetricIsDocumented(t *testing.T) {
	migration := string(read(t, filepath.Join(root, "docs", "migration.md")))
	var check func(reflect.Type)
	check = func(of reflect.Type) {
		for field := range of.Fields() {
			if key := field.Tag.Get("json"); !strings.Contains(migration, "`"+key+"`") {
				t.Errorf("migration.md does not have %s", key)
			}
			if field.Type.Kind() == reflect.Struct {
				check(field.Type)
			}
		}
	}
	check(reflect.TypeFor[ledger.Metrics]())
	check(reflect.TypeFor[ledger.Status]())
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// documents are the Markdown files that users read.
func documents(t *testing.T) []string {
	t.Helper()
	top, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(below) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	return slices.Concat(top, below, []string{
		filepath.Join(root, "examples", "README.md"), filepath.Join(root, "deploy", "README.md"),
	})
}

// declared returns the variables that statements declare: a snippet need not use
// what it shows.
func declared(file *ast.File) (names []string) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "_" || f.Body == nil {
			continue
		}
		for _, statement := range f.Body.List {
			if a, ok := statement.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
				for _, left := range a.Lhs {
					if id, ok := left.(*ast.Ident); ok && id.Name != "_" {
						names = append(names, id.Name)
					}
				}
			}
		}
	}
	return names
}

// packagesOf returns the packages that file uses and does not import itself.
func packagesOf(file *ast.File) (names []string) {
	own := make(map[string]bool)
	for _, i := range file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		for name, known := range imports {
			own[name] = own[name] || known == path
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := selector.X.(*ast.Ident); ok && imports[id.Name] != "" && !own[id.Name] {
				names = append(names, id.Name)
			}
		}
		return true
	})
	slices.Sort(names)
	return slices.Compact(names)
}
