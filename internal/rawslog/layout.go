// Package rawslog reads a [slog.Record] and a [slog.Value] where Go keeps them in
// memory, which is faster than slog's methods. It checks the layout when the
// program starts, and uses the methods if a version of Go has another one.
//
// The encoder and the formats call it. It holds the only unsafe code, and must
// never know anything but slog.
package rawslog

import (
	"log/slog"
	"math"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// A recordLayout is a [slog.Record] as Go lays it out, and a valueLayout a
// [slog.Value]. Record.Attrs copies the record, and each attr twice, and a value's
// methods find out its kind once more. Reading them in place saves a fifth of the
// time that five attrs take (benchmarks/README.md).
type recordLayout struct {
	_      time.Time // Time
	_      string    // Message
	_      slog.Level
	_      uintptr // PC
	front  [5]slog.Attr
	nFront int
	back   []slog.Attr
}

type valueLayout struct {
	_   [0]func()
	num uint64
	any any
}

// LayoutKnown reports whether both are laid out so. Only tests change it.
var LayoutKnown = sameLayout(reflect.TypeFor[slog.Record](), reflect.TypeFor[recordLayout](), "front", "nFront", "back") &&
	sameLayout(reflect.TypeFor[slog.Value](), reflect.TypeFor[valueLayout](), "num", "any") &&
	!slices.ContainsFunc(numbers, func(v slog.Value) bool { return num(v) != askedBits(v) })

// numbers are values of all the kinds that [Bits] reads.
var numbers = []slog.Value{
	slog.Int64Value(math.MinInt64), slog.Uint64Value(math.MaxUint64), slog.Float64Value(-0.5),
	slog.BoolValue(true), slog.BoolValue(false), slog.DurationValue(-time.Second),
}

func sameLayout(theirs, ours reflect.Type, fields ...string) bool {
	if theirs.Size() != ours.Size() {
		return false
	}
	for _, name := range fields {
		t, ok := theirs.FieldByName(name)
		o, _ := ours.FieldByName(name)
		if !ok || t.Offset != o.Offset || t.Type != o.Type {
			return false
		}
	}
	return true
}

// HasAttrs reports whether r has attrs. Record.NumAttrs would copy the record.
func HasAttrs(r *slog.Record) bool {
	if LayoutKnown {
		return (*recordLayout)(unsafe.Pointer(r)).nFront > 0
	}
	return askedAttrs(r)
}

// askedAttrs is a function of its own so that only those who ask have a copy of the
// record on their stack.
//
//go:noinline
func askedAttrs(r *slog.Record) bool { return r.NumAttrs() > 0 }

// Attrs returns r's attrs, which the caller must not change. Call it only if
// [LayoutKnown] is true.
func Attrs(r *slog.Record) (front, back []slog.Attr) {
	l := (*recordLayout)(unsafe.Pointer(r))
	return l.front[:l.nFront], l.back
}

// Held returns what v, of the kind Any, holds.
func Held(v *slog.Value) any {
	if LayoutKnown {
		return (*valueLayout)(unsafe.Pointer(v)).any
	}
	return v.Any()
}

// Bits returns the 64 bits of v, which is a number, a bool or a duration.
func Bits(v slog.Value) uint64 {
	if LayoutKnown {
		return num(v)
	}
	return askedBits(v)
}

func num(v slog.Value) uint64 { return (*valueLayout)(unsafe.Pointer(&v)).num }

func askedBits(v slog.Value) uint64 {
	switch v.Kind() {
	case slog.KindBool:
		if v.Bool() {
			return 1
		}
		return 0
	case slog.KindUint64:
		return v.Uint64()
	case slog.KindFloat64:
		return math.Float64bits(v.Float64())
	case slog.KindDuration:
		return uint64(v.Duration())
	}
	return uint64(v.Int64())
}
