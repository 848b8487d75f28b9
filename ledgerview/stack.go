package ledgerview

import (
	"slices"
	"strconv"
	"strings"
)

// A frame is one line of a stack.
type frame struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
	Own  bool   `json:"own"` // of the program's own module
}

// A cause is an error of a tree of causes, the outermost included.
type cause struct {
	Type    string  `json:"type"`
	Message string  `json:"message"`
	Stack   string  `json:"stack"` // as it was sent; "" for causes
	Frames  []frame `json:"frames"`
	Causes  []cause `json:"causes"`
}

const (
	maxFrames = 200
	maxCauses = 64
)

// causeTree reads a stack as package ledger writes it: frames, then a section for each cause. A section has no depth
// of its own. It hangs under the one before, if that one's message ends in its message, as those of wrappers do, and
// otherwise beside it.
func causeTree(errorType, message, stack string) cause {
	type section struct {
		cause
		parent int
	}
	sections := []section{{cause: cause{Type: errorType, Message: message}, parent: -1}}
	var function string
	frames := 0
	for line := range strings.SplitSeq(stack, "\n") {
		last := &sections[len(sections)-1]
		if rest, ok := strings.CutPrefix(line, "Caused by: "); ok {
			if len(sections) == maxCauses {
				break
			}
			kind, text, _ := strings.Cut(rest, ": ")
			at := len(sections) - 1
			for at > 0 && !wraps(sections[at].Message, text) {
				at = sections[at].parent
			}
			sections = append(sections, section{cause{Type: kind, Message: text}, at})
			continue
		}
		if frames == maxFrames {
			continue
		}
		if f, ok := pythonFrame(line); ok {
			last.Frames = append(last.Frames, f)
			frames++
		} else if f, ok := goFrame(line, function); ok {
			last.Frames = append(last.Frames, f)
			frames++
		}
		function = line
	}
	// Children follow their parents, so from the end on each is complete when it is hung up.
	for i := len(sections) - 1; i > 0; i-- {
		p := &sections[sections[i].parent]
		p.Causes = append([]cause{sections[i].complete()}, p.Causes...)
	}
	return sections[0].complete()
}

// complete has empty lists for nil ones, which JSON tells apart.
func (c cause) complete() cause {
	if c.Frames == nil {
		c.Frames = []frame{}
	}
	if c.Causes == nil {
		c.Causes = []cause{}
	}
	return c
}

// wraps reports whether an error with the message outer may wrap one with the message inner. Stacks hold messages on
// one line, without double quotes, and cut.
func wraps(outer, inner string) bool {
	inner = strings.TrimSuffix(inner, "… [truncated]")
	flat := strings.NewReplacer("\n", " ", "\r", " ", `"`, "'").Replace(outer)
	return inner != "" && flat != inner && strings.Contains(flat, inner)
}

// pythonFrame reads `  File "internal/db/pool.go", line 42, in db.(*Pool).Get`.
func pythonFrame(line string) (f frame, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), `File "`)
	if !ok {
		return f, false
	}
	file, rest, ok := strings.Cut(rest, `", line `)
	if !ok {
		return f, false
	}
	number, function, _ := strings.Cut(rest, ", in ")
	n, err := strconv.Atoi(number)
	return frame{Func: function, File: file, Line: n}, err == nil
}

// goFrame reads the second of the two lines that the runtime, zap and pkg/errors write for a frame: a tab, the file
// and the line.
func goFrame(line, before string) (f frame, ok bool) {
	rest, ok := strings.CutPrefix(line, "\t")
	if !ok {
		return f, false
	}
	rest, _, _ = strings.Cut(rest, " +0x")
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return f, false
	}
	n, err := strconv.Atoi(rest[i+1:])
	if err != nil || !strings.Contains(rest[:i], ".") {
		return f, false
	}
	function := strings.TrimPrefix(before, "created by ")
	function, _, _ = strings.Cut(function, " in goroutine ")
	if end := strings.LastIndexByte(function, '('); end > 0 && strings.HasSuffix(function, ")") && !strings.HasSuffix(function[:end], ".") {
		function = function[:end] // the arguments
	}
	return frame{Func: function[strings.LastIndexByte(function, '/')+1:], File: rest[:i], Line: n}, true
}

// standardPackages are the first elements of the paths of the standard library.
var standardPackages = strings.Fields(`archive bufio bytes cmp compress container context crypto database debug embed
	encoding errors expvar flag fmt go hash html image index io iter log maps math mime net os path plugin reflect regexp
	runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe vendor weak`)

var standardInternal = strings.Fields(`abi bisect buildcfg bytealg chacha8rand concurrent cpu dag fuzz goarch godebug
	goos itoa oserror poll profile race reflectlite runtime saferio singleflight sync syscall sysinfo testlog trace unsafeheader`)

// ownFile guesses by its path whether a frame is of the program's own module. Package ledger writes the paths of the
// main module relative to it, and those of others with the path of their package in front.
func ownFile(path string) bool {
	if strings.HasPrefix(path, "/") || len(path) > 1 && path[1] == ':' {
		return !strings.Contains(path, "/pkg/mod/") && !strings.Contains(path, "/src/runtime/") && !strings.Contains(path, "/go/src/")
	}
	first, rest, nested := strings.Cut(path, "/")
	if !nested {
		return true // main.go
	}
	if first == "internal" {
		second, _, _ := strings.Cut(rest, "/")
		return !slices.Contains(standardInternal, second)
	}
	return !strings.Contains(first, ".") && !slices.Contains(standardPackages, first)
}
