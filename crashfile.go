package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/spool"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A crashFile is where the runtime writes what it prints when the process dies
// of a panic or a fatal error. It is in SpoolDir, and the next start makes one
// critical entry of it. The runtime has one such file a process, so the newest
// handler with a SpoolDir has it. A nil crashFile does nothing.
type crashFile struct {
	mu   sync.Mutex
	file *os.File // nil when closed
	root *os.Root
	from wire.Origin
}

const (
	crashName = "crash.txt"
	// maxCrash bounds what is read of it: the first goroutine, the one that
	// crashed, is at its beginning.
	maxCrash = 256 << 10
	// toldPrefix begins a line about a panic that was delivered before it ended
	// the process, so that it is not told twice.
	toldPrefix = "delivered: "
	// fromPrefix begins the file: which program it is that may crash.
	fromPrefix = "from: "
)

// crashOwner is whose file the runtime writes to.
var crashOwner atomic.Pointer[crashFile]

// openCrashFile returns what an earlier process wrote, and has the runtime write
// there from now on, for a program of the given origin.
func openCrashFile(root *os.Root, from wire.Origin) (*crashFile, *crashError, error) {
	file, err := root.OpenFile(crashName, os.O_RDWR|os.O_CREATE|spool.OpenNoWait, 0o600)
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
	text, err := io.ReadAll(io.LimitReader(file, maxCrash))
	crash := parseCrash(text)
	if crash != nil {
		crash.at = info.ModTime()
	}
	_, seekErr := file.Seek(0, io.SeekEnd)
	c := &crashFile{file: file, root: root, from: from}
	if err := errors.Join(err, seekErr, debug.SetCrashOutput(file, debug.CrashOptions{})); err != nil {
		_ = file.Close()
		return nil, crash, err
	}
	crashOwner.Store(c)
	return c, crash, nil
}

// forget empties the file, once what it told is safe, and begins it anew.
func (c *crashFile) forget() {
	if c != nil {
		_ = c.file.Truncate(0)
		_, _ = c.file.Seek(0, io.SeekStart) // the runtime's copy of the file has the same place
		if text, err := json.Marshal(c.from); err == nil {
			_, _ = c.file.WriteString(fromPrefix + string(text) + "\n")
		}
	}
}

// told notes that a panic was delivered, of which the runtime will print line, or
// what begins so where that ends in a parenthesis.
func (c *crashFile) told(line string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil {
		_, _ = c.file.WriteString(toldPrefix + line + "\n")
	}
}

// close gives the runtime's output back.
func (c *crashFile) close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if crashOwner.CompareAndSwap(c, nil) {
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
	}
	_ = c.file.Close()
	_ = c.root.Remove(crashName)
	c.file = nil
}

// A crashError is a crash of an earlier process, as an error with its stack.
type crashError struct {
	message string
	frames  []runtime.Frame
	at      time.Time
	from    *wire.Origin // nil when it is not known
}

func (c *crashError) Error() string { return c.message }

// StackFrames returns the stack of the goroutine that crashed.
func (c *crashError) StackFrames() []runtime.Frame { return c.frames }

// parseCrash reads what the runtime prints of a crash; nil when it is empty, or
// tells of a panic that was delivered.
func parseCrash(text []byte) *crashError {
	var from *wire.Origin
	if after, ok := bytes.CutPrefix(text, []byte(fromPrefix)); ok {
		var line []byte
		line, text, _ = bytes.Cut(after, []byte("\n"))
		if json.Unmarshal(line, &from) != nil {
			from = nil
		}
	}
	var told []string
	for bytes.HasPrefix(text, []byte(toldPrefix)) {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		told = append(told, string(line[len(toldPrefix):]))
		text = rest
	}
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(text), "\uFFFD")), "\n")
	c := &crashError{message: strings.TrimSpace(lines[0]), from: from}
	plain, _, _ := strings.Cut(c.message, " [recovered")
	if c.message == "" || slices.ContainsFunc(told, func(line string) bool {
		return plain == line || (strings.HasSuffix(line, "(") || strings.HasSuffix(line, ")")) && strings.HasPrefix(plain, line)
	}) {
		return nil
	}
	c.message = plain
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
func (c *crashError) name() {
	if !strings.HasPrefix(c.message, "goroutine ") {
		return
	}
	c.message = "fatal error of the Go runtime"
	for _, f := range c.frames {
		pkg, function := errstack.SplitFunction(f.Function)
		if !errstack.IsPlumbing(pkg, f.File) && !strings.HasSuffix(function, ".fatal") && !strings.HasSuffix(function, ".throw") {
			c.message += ", in " + function
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
