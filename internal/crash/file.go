// Package crash keeps what the runtime prints when the process dies, and reads what an
// earlier process left.
//
// Package ledger calls it. It must never know what an entry is, nor how one is sent.
package crash

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/spool"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A File is where the runtime writes what it prints when the process dies
// of a panic or a fatal error. It is in SpoolDir, and the next start makes one
// critical entry of it. The runtime has one such file a process, so the newest
// handler with a SpoolDir has it. A nil File does nothing.
type File struct {
	mu   sync.Mutex
	file *os.File // nil when closed
	root *os.Root
	from wire.Origin
}

const (
	fileName = "crash.txt"
	// mostRead bounds what is read of it: the first goroutine, the one that
	// crashed, is at its beginning.
	mostRead = 256 << 10
	// deliveredPrefix begins a line about a panic that was delivered before it ended
	// the process, so that it is not told twice.
	deliveredPrefix = "delivered: "
	// fromPrefix begins the file: which program it is that may crash.
	fromPrefix = "from: "
)

// owner is whose file the runtime writes to.
var owner atomic.Pointer[File]

// Open returns what an earlier process wrote, and has the runtime write
// there from now on, for a program of the given origin.
func Open(root *os.Root, from wire.Origin) (*File, *Crash, error) {
	file, err := root.OpenFile(fileName, os.O_RDWR|os.O_CREATE|spool.OpenNoWait, 0o600)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("crash.txt is no file")
	}
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, mostRead))
	crash := parse(text)
	if crash != nil {
		crash.At = info.ModTime()
	}
	_, seekErr := file.Seek(0, io.SeekEnd)
	c := &File{file: file, root: root, from: from}
	if err := errors.Join(err, seekErr, debug.SetCrashOutput(file, debug.CrashOptions{})); err != nil {
		_ = file.Close()
		return nil, crash, err
	}
	owner.Store(c)
	return c, crash, nil
}

// Forget empties the file, once what it told is safe, and begins it anew.
func (c *File) Forget() {
	if c != nil {
		_ = c.file.Truncate(0)
		_, _ = c.file.Seek(0, io.SeekStart) // the runtime's copy of the file has the same place
		if text, err := json.Marshal(c.from); err == nil {
			_, _ = c.file.WriteString(fromPrefix + string(text) + "\n")
		}
	}
}

// Delivered notes that a panic with value was delivered, so that it is not told again.
func (c *File) Delivered(value any) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil {
		_, _ = c.file.WriteString(deliveredPrefix + firstLine(value) + "\n")
	}
}

// Close gives the runtime's output back.
func (c *File) Close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if owner.CompareAndSwap(c, nil) {
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
	}
	_ = c.file.Close()
	_ = c.root.Remove(fileName)
	c.file = nil
}
