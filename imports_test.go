package ledger_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mayImport says which packages of this module each of its packages may import.
// Calls run one way: a package never knows who uses it.
var mayImport = map[string]string{
	"internal/rawslog":    "",
	"internal/jsontext":   "",
	"internal/stats":      "",
	"internal/throttle":   "",
	"internal/chaos":      "",
	"internal/gzip":       "",
	"internal/selflog":    "",
	"internal/baseurl":    "",
	"internal/jsonhttp":   "",
	"internal/redact":     "internal/jsontext",
	"internal/errstack":   "internal/jsontext",
	"internal/wire":       "internal/jsontext",
	"internal/levels":     "internal/wire internal/jsonhttp",
	"internal/environ":    "internal/levels",
	"internal/httpclient": "internal/errstack",
	"internal/native":     "internal/wire internal/jsontext internal/rawslog internal/errstack",
	"internal/otlp":       "internal/wire internal/jsontext internal/rawslog internal/errstack",
	"internal/encode":     "internal/wire internal/jsontext internal/redact internal/errstack internal/rawslog",
	"internal/buffer":     "internal/wire internal/stats",
	"internal/body":       "internal/buffer internal/gzip internal/wire",
	"internal/spool":      "internal/wire",
	"internal/protocol":   "internal/native internal/otlp internal/buffer internal/wire",
	"internal/spill":      "internal/spool internal/buffer internal/stats internal/wire internal/protocol",
	"internal/crash":      "internal/spool internal/errstack internal/wire",
	"internal/ingest":     "",
	"httplog":             "",
	"ledgertest":          "internal/ingest",
	"ledgerview":          "internal/ingest internal/spool internal/wire",

	// The root wires them all.
	".": "internal/stats internal/throttle internal/redact internal/errstack internal/wire internal/native internal/otlp " +
		"internal/encode internal/buffer internal/protocol internal/spill internal/crash internal/body " +
		"internal/selflog internal/baseurl internal/jsonhttp internal/levels internal/environ internal/httpclient",
}

// outside are folders of programs and checks, which may import what they like; so may
// modules of their own.
var outside = []string{"checks", "cmd", "deploy", "examples"}

// TestImportsRunOneWay fails on an import that the table does not have, whatever the
// system it is built for.
func TestImportsRunOneWay(t *testing.T) {
	const module = "github.com/ledger-sdk/ledger-go"
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case entry.IsDir() && name != ".":
			_, err := os.Stat(path.Join(name, "go.mod"))
			if err == nil || slices.Contains(outside, name) || base == "testdata" || base[0] == '.' {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		pkg := path.Dir(name)
		may, known := mayImport[pkg]
		if !known {
			t.Errorf("%s: package %s is not in the table", name, pkg)
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if rest, ours := strings.CutPrefix(imported+"/", module+"/"); ours {
				if rest = strings.TrimSuffix(rest, "/"); !slices.Contains(strings.Fields(may), rest) {
					t.Errorf("%s imports %q: not in the table", name, imported)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A program that uses the package compiles these modules and no others: each is
// a leaf, and none brings gRPC, protobuf, OpenTelemetry or Prometheus.
func TestPackageCompilesFewModules(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for module := range strings.FieldsSeq(string(out)) {
		seen[module] = true
	}
	want := map[string]bool{
		"github.com/ledger-sdk/ledger-go":    true,
		"github.com/bits-and-blooms/bitset":  true, // of failsafe-go
		"github.com/caarlos0/env/v11":        true,
		"github.com/failsafe-go/failsafe-go": true,
		"golang.org/x/time":                  true,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
