// Package crash keeps what the runtime prints when the process dies, and reads what an
// earlier process left.
//
// Package ledger calls it. It must never know what an entry is, nor how one is sent.
package crash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
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

// firstLine is the first line of what the runtime prints of a panic. Where it has words of
// its own, such as main.T(5) or (main.T) 0xc000012345, that is the beginning, up to a
// parenthesis.
func firstLine(value any) string {
	line, _, _ := strings.Cut("panic: "+errstack.PanicValue(value), "\n")
	switch value.(type) {
	case nil, string, error, fmt.Stringer:
		return line
	}
	switch t := reflect.TypeOf(value); {
	case !errstack.IsBasic(t.Kind()):
		return "panic: (" + t.String() + ")"
	case t.PkgPath() != "":
		return "panic: " + t.String() + "("
	}
	return line
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

// A Crash is a crash of an earlier process, as an error with its stack.
type Crash struct {
	Message string
	frames  []runtime.Frame
	At      time.Time
	From    *wire.Origin // nil when it is not known
}

// Error is the first line of what the runtime printed.
func (c *Crash) Error() string { return c.Message }

// StackFrames returns the stack of the goroutine that crashed.
func (c *Crash) StackFrames() []runtime.Frame { return c.frames }

// parse reads what the runtime prints of a crash; nil when it is empty, or
// reports a panic that was delivered.
func parse(text []byte) *Crash {
	var from *wire.Origin
	if after, ok := bytes.CutPrefix(text, []byte(fromPrefix)); ok {
		var line []byte
		line, text, _ = bytes.Cut(after, []byte("\n"))
		if json.Unmarshal(line, &from) != nil {
			from = nil
		}
	}
	var told []string
	for bytes.HasPrefix(text, []byte(deliveredPrefix)) {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		told = append(told, string(line[len(deliveredPrefix):]))
		text = rest
	}
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(text), "\uFFFD")), "\n")
	c := &Crash{Message: strings.TrimSpace(lines[0]), From: from}
	plain, _, _ := strings.Cut(c.Message, " [recovered")
	if c.Message == "" || slices.ContainsFunc(told, func(line string) bool {
		return plain == line || (strings.HasSuffix(line, "(") || strings.HasSuffix(line, ")")) && strings.HasPrefix(plain, line)
	}) {
		return nil
	}
	c.Message = plain
	defer c.name()
	for i, line := range lines {
		if strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, "]:") {
			c.frames = parseFrames(lines[i+1:])
			break
		}
	}
	return c
}

// name makes a message where there is none: of a fatal error the runtime writes
// only the stack here, the text just to stderr.
func (c *Crash) name() {
	if !strings.HasPrefix(c.Message, "goroutine ") {
		return
	}
	c.Message = "fatal error of the Go runtime"
	for _, f := range c.frames {
		pkg, function := errstack.SplitFunction(f.Function)
		if !errstack.IsPlumbing(pkg, f.File) && !strings.HasSuffix(function, ".fatal") && !strings.HasSuffix(function, ".throw") {
			c.Message += ", in " + function
			return
		}
	}
}

// parseFrames reads the frames of one goroutine, two lines each.
func parseFrames(lines []string) (frames []runtime.Frame) {
	for i := 0; i+1 < len(lines) && len(frames) < errstack.MaxFrames; i += 2 {
		call, place := lines[i], strings.TrimSpace(lines[i+1])
		if call == "" || strings.HasPrefix(call, "created by ") {
			break
		}
		if arguments := strings.LastIndexByte(call, '('); arguments > 0 {
			call = call[:arguments]
		}
		place, _, _ = strings.Cut(place, " +0x")
		colon := strings.LastIndexByte(place, ':')
		if colon < 0 {
			break
		}
		line, err := strconv.Atoi(place[colon+1:])
		if err != nil {
			break
		}
		frames = append(frames, runtime.Frame{Function: call, File: place[:colon], Line: line})
	}
	return frames
}
