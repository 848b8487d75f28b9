package ledger

import (
	"log/slog"
	"reflect"
	"time"
	"unsafe"
)

// A recordLayout is a [slog.Record] as Go 1.26 lays it out. Record.Attrs copies
// the record, and each attr twice; to look at them where they are takes a fifth
// off the encoding of five (benchmarks/README.md).
type recordLayout struct {
	_      time.Time // Time
	_      string    // Message
	_      slog.Level
	_      uintptr // PC
	front  [5]slog.Attr
	nFront int
	back   []slog.Attr
}

// layoutKnown reports whether slog.Record is laid out so. If a version of Go
// changes it, all goes through Record.Attrs again.
var layoutKnown = sameLayout(reflect.TypeFor[slog.Record](), reflect.TypeFor[recordLayout]())

func sameLayout(theirs, ours reflect.Type) bool {
	if theirs.Size() != ours.Size() {
		return false
	}
	for _, name := range []string{"front", "nFront", "back"} {
		t, ok := theirs.FieldByName(name)
		o, _ := ours.FieldByName(name)
		if !ok || t.Offset != o.Offset || t.Type != o.Type {
			return false
		}
	}
	return true
}

// hasAttrs reports whether r has attrs. Record.NumAttrs copies all of it to tell.
func hasAttrs(r *slog.Record) bool {
	if layoutKnown {
		return (*recordLayout)(unsafe.Pointer(r)).nFront > 0
	}
	return r.NumAttrs() > 0
}

// attrsOf returns r's attrs, which stay r's; only where [layoutKnown].
func attrsOf(r *slog.Record) (front, back []slog.Attr) {
	l := (*recordLayout)(unsafe.Pointer(r))
	return l.front[:l.nFront], l.back
}
