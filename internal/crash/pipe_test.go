//go:build linux

package crash

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

func TestCrashFileThatIsAPipeHoldsNothingUp(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, fileName), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if _, _, err := Open(root, wire.Origin{}); err == nil {
		t.Error("a pipe is taken for a file")
	}
}
