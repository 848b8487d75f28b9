package recipes

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the code into the document")

// A block is a file's name in a comment, and its code.
var block = regexp.MustCompile("(?ms)^<!-- checks/recipes/(\\w+\\.go) -->\n```go\n(.*?)^```$")

// TestDocumentShowsTheCode: docs/recipes.md shows every file here as it is, without
// its package clause.
func TestDocumentShowsTheCode(t *testing.T) {
	const document = "../../docs/recipes.md"
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	written := block.ReplaceAllFunc(text, func(b []byte) []byte {
		parts := block.FindSubmatch(b)
		name, code := string(parts[1]), string(parts[2])
		shown = append(shown, name)
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want = bytes.TrimPrefix(want, []byte("package recipes\n\n"))
		if diff := cmp.Diff(string(want), code); diff != "" && !*update {
			t.Errorf("%s differs (-file +document); go test -run Document -update writes it:\n%s", name, diff)
		}
		return slices.Concat([]byte("<!-- checks/recipes/"+name+" -->\n```go\n"), want, []byte("```"))
	})
	if *update {
		if err := os.WriteFile(document, written, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if name != "doc.go" && !slices.Contains(shown, name) && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("the document does not show %s", name)
		}
	}
	if fences := bytes.Count(text, []byte("\n```go\n")); fences != len(shown) {
		t.Errorf("%d blocks of Go, %d of them from a file", fences, len(shown))
	}
}
