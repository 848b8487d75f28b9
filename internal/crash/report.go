package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

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
