package errstack

import (
	"testing"
)

func TestRelativeFiles(t *testing.T) {
	for _, tt := range []struct{ pkg, file, want string }{
		{ModulePath, "/home/x/ledger-go/record.go", "record.go"},
		{ModulePath + "_test", "/home/x/ledger-go/record_test.go", "record_test.go"},
		{ModulePath + "/httplog", "/home/x/ledger-go/httplog/httplog.go", "httplog/httplog.go"},
		{"net/http", "/usr/local/go/src/net/http/server.go", "net/http/server.go"},
		{"example.org/db/v2", `C:\mod\example.org\db\v2@v2.0.1\pool.go`, "example.org/db/v2/pool.go"},
	} {
		if got := relativeFile(tt.pkg, tt.file); got != tt.want {
			t.Errorf("relativeFile(%q, %q) = %q, want %q", tt.pkg, tt.file, got, tt.want)
		}
	}
	for symbol, want := range map[string][2]string{
		"example.org/db.(*Pool).Get":            {"example.org/db", "db.(*Pool).Get"},
		"gopkg.in/yaml%2ev3.Unmarshal":          {"gopkg.in/yaml.v3", "yaml%2ev3.Unmarshal"},
		"main.run.func1":                        {"main", "main.run.func1"},
		"example.org/a.Map[go.shape.int,b/c.T]": {"example.org/a", "a.Map[go.shape.int,b/c.T]"},
	} {
		if pkg, function := SplitFunction(symbol); pkg != want[0] || function != want[1] {
			t.Errorf("splitFunction(%q) = %q, %q", symbol, pkg, function)
		}
	}
}

// The frames of this module are left out of users' stacks, those of its tests and
// of its examples are not.
func TestPlumbing(t *testing.T) {
	for _, tt := range []struct {
		pkg, file string
		want      bool
	}{
		{ModulePath, "handler.go", true},
		{ModulePath + "/httplog", "httplog.go", true},
		{ModulePath + "/internal/encode", "attrs.go", true},
		{"runtime", "panic.go", true},
		{"internal/runtime/maps", "map.go", true},
		{ModulePath, "handler_test.go", false},
		{ModulePath + "/internal/encode", "attrs_test.go", false},
		{ModulePath + "/examples/worker", "main.go", false},
		{ModulePath + "x/internal/encode", "attrs.go", false},
		{"main", "main.go", false},
	} {
		if got := IsPlumbing(tt.pkg, tt.file); got != tt.want {
			t.Errorf("IsPlumbing(%q, %q) = %v", tt.pkg, tt.file, got)
		}
	}
}
