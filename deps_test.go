package ledger_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
		"github.com/klauspost/compress":      true,
		"golang.org/x/time":                  true,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
