package errstack

import (
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// MaxFrames is how many frames of a stack are kept. The server groups by three.
const MaxFrames = 100

// maxErrors is how many errors of one tree of causes are looked at.
const maxErrors = 32

// A frame is one line of a stack.
type frame struct {
	function string
	file     string // relative to its module
	line     int
}

// Stack returns err's stack as text, the innermost frame first. It is the stack that
// err, or an error that it wraps, carries; otherwise that of the log call, which
// begins at pc. Sections for the causes follow.
//
// Frames look like Python's: the server's grouping reads these before any other,
// and takes lines of a message for frames if there are none (ledger-wire 5.1). The
// text is empty if there is no frame.
func Stack(err error, pc uintptr) (text string) {
	defer func() {
		if recover() != nil {
			text = ""
		}
	}()
	frames, carrier := carriedStack(err)
	if len(frames) == 0 {
		frames = callStack(pc)
	}
	if len(frames) == 0 {
		return ""
	}
	s := stackWriter{carrier: carrier, budget: maxErrors}
	s.frames(frames, nil)
	s.causes(err, frames, Text(err))
	return string(s.b)
}

// carriedStack returns the outermost stack of err's chain, and the error that
// carries it.
func carriedStack(err error) ([]frame, error) {
	for range maxErrors {
		if frames := framesOf(err); len(frames) > 0 {
			return frames, err
		}
		causes := causesOf(err)
		if len(causes) != 1 {
			break
		}
		err = causes[0]
	}
	return nil, nil
}

type stackWriter struct {
	b       []byte
	carrier error // the error whose frames are written already
	budget  int   // how many more errors may be written
}

// frames writes frames, without the end that they share with outer.
func (s *stackWriter) frames(frames, outer []frame) {
	own := len(frames)
	for i := 1; i <= len(outer) && own > 0 && frames[own-1] == outer[len(outer)-i]; i++ {
		own--
	}
	for _, f := range frames[:own] {
		s.b = append(s.b, `  File "`...)
		s.b = append(s.b, f.file...)
		s.b = append(s.b, `", line `...)
		s.b = strconv.AppendInt(s.b, int64(f.line), 10)
		s.b = append(s.b, `, in `...)
		s.b = append(s.b, f.function...)
		s.b = append(s.b, '\n')
	}
	if common := len(frames) - own; common > 0 {
		s.b = fmt.Appendf(s.b, "  ... %d more\n", common)
	}
}

// causes writes a section for each cause of err that says something new. The layers
// of pkg/errors do not.
func (s *stackWriter) causes(err error, outer []frame, said string) {
	for _, cause := range causesOf(err) {
		if s.budget--; s.budget < 0 {
			return
		}
		message := Text(cause)
		var frames []frame
		if !same(cause, s.carrier) {
			frames = framesOf(cause)
		}
		if message != said || len(frames) > 0 || len(causesOf(err)) > 1 {
			s.b = fmt.Appendf(s.b, "Caused by: %T: %s\n", cause, quoteless(jsontext.Cut(message, 1000)))
			s.frames(frames, outer)
		}
		if len(frames) == 0 {
			frames = outer
		}
		s.causes(cause, frames, message)
	}
}

func same(a, b error) (equal bool) {
	defer func() { _ = recover() }() // some types do not compare
	return a == b
}

// quoteless replaces double quotes, without which a message cannot look like a
// frame, and keeps it on one line.
func quoteless(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '"':
			return '\''
		case '\n', '\r':
			return ' '
		}
		return r
	}, s)
}

// framesOf returns the stack that err itself carries.
func framesOf(err error) (frames []frame) {
	defer func() {
		if recover() != nil {
			frames = nil
		}
	}()
	if e, ok := err.(interface{ Callers() []uintptr }); ok { // go-errors, httplog
		return resolveFrames(e.Callers())
	}
	if e, ok := err.(interface{ StackFrames() []runtime.Frame }); ok { // samber/oops
		return relativeFrames(e.StackFrames())
	}
	// pkg/errors and cockroachdb: StackTrace returns a slice of program counters,
	// of a type of their own.
	method := reflect.ValueOf(err).MethodByName("StackTrace")
	if !method.IsValid() || method.Type().NumIn() != 0 || method.Type().NumOut() != 1 {
		return nil
	}
	out := method.Type().Out(0)
	if out.Kind() != reflect.Slice || out.Elem().Kind() != reflect.Uintptr {
		return nil
	}
	stack := method.Call(nil)[0]
	pcs := make([]uintptr, min(stack.Len(), MaxFrames))
	for i := range pcs {
		pcs[i] = uintptr(stack.Index(i).Uint())
	}
	return resolveFrames(pcs)
}

// callStack returns the stack of this goroutine from the log call at pc on. If the
// call was made on another goroutine, only its place is known.
func callStack(pc uintptr) []frame {
	var pcs [MaxFrames]uintptr
	n := runtime.Callers(1, pcs[:])
	all := collect(pcs[:n])
	if pc == 0 {
		return relativeFrames(all)
	}
	call, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	at := slices.IndexFunc(all, func(f runtime.Frame) bool {
		return f.Function == call.Function && f.Line == call.Line && f.File == call.File
	})
	if at < 0 {
		return relativeFrames([]runtime.Frame{call})
	}
	return relativeFrames(all[at:])
}

func resolveFrames(pcs []uintptr) []frame { return relativeFrames(collect(pcs)) }

func collect(pcs []uintptr) (all []runtime.Frame) {
	if len(pcs) == 0 {
		return nil
	}
	frames := runtime.CallersFrames(pcs)
	for len(all) < MaxFrames {
		f, more := frames.Next()
		if f.Function != "" {
			all = append(all, f)
		}
		if !more {
			break
		}
	}
	return all
}

// relativeFrames leaves out the frames of logging and of the runtime. Its paths do
// not depend on the machine that built the program.
func relativeFrames(all []runtime.Frame) []frame {
	frames := make([]frame, 0, len(all))
	for _, f := range all {
		if len(frames) == MaxFrames {
			break
		}
		pkg, function := SplitFunction(f.Function)
		if IsPlumbing(pkg, f.File) {
			continue
		}
		frames = append(frames, frame{
			function: quoteless(jsontext.Clean(function)),
			file:     quoteless(jsontext.Clean(relativeFile(pkg, f.File))),
			line:     f.Line,
		})
	}
	return frames
}

// SplitFunction splits a symbol, such as example.org/db.(*Pool).Get, into the
// package's path and the function with the package's name.
func SplitFunction(symbol string) (pkg, function string) {
	slash := strings.LastIndexByte(symbol, '/') + 1
	// Type arguments may hold a slash: look before them only.
	if bracket := strings.IndexByte(symbol, '['); bracket >= 0 {
		slash = strings.LastIndexByte(symbol[:bracket], '/') + 1
	}
	dot := strings.IndexByte(symbol[slash:], '.')
	if dot < 0 {
		return "", symbol[slash:]
	}
	pkg = strings.ReplaceAll(symbol[:slash+dot], "%2e", ".")
	return pkg, symbol[slash:]
}

// ModulePath is this module's path.
const ModulePath = "github.com/ledger-sdk/ledger-go"

// IsPlumbing reports whether a frame belongs to the runtime or to logging, so that
// stacks leave it out.
func IsPlumbing(pkg, file string) bool {
	switch pkg {
	case "runtime", "log/slog", "log", "testing/synctest":
		return true
	}
	if ours, ok := strings.CutPrefix(pkg, ModulePath); ok && (ours == "" || ours == "/httplog" || strings.HasPrefix(ours, "/internal/")) {
		return !strings.HasSuffix(file, "_test.go")
	}
	return strings.HasPrefix(pkg, "runtime/") || strings.HasPrefix(pkg, "internal/runtime/")
}

// relativeFile returns file relative to the root of the main module. Files of other
// modules begin with their package's path.
func relativeFile(pkg, file string) string {
	base := file[strings.LastIndexAny(file, `/\`)+1:]
	build := mainModule()
	if pkg == "main" {
		pkg = build.main
	}
	if pkg == "" {
		return base
	}
	pkg = strings.TrimSuffix(pkg, "_test")
	if pkg == build.module {
		return base
	}
	if rest, ok := strings.CutPrefix(pkg, build.module+"/"); ok && build.module != "" {
		pkg = rest
	}
	return pkg + "/" + base
}

type buildPaths struct {
	module string // the main module's path
	main   string // the main package's
}

var mainModule = sync.OnceValue(func() (p buildPaths) {
	if build, ok := debug.ReadBuildInfo(); ok {
		p.module, p.main = build.Main.Path, build.Path
		if p.main == "command-line-arguments" {
			p.main = ""
		}
	}
	return p
})
