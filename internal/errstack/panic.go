package errstack

import (
	"fmt"
	"reflect"
)

// IsBasic reports whether values of that kind are not composed of others.
func IsBasic(kind reflect.Kind) bool {
	return kind == reflect.String || kind >= reflect.Bool && kind <= reflect.Complex128
}

// PanicValue returns the value of a panic as text. Of a value that is composed of
// others it shows only the type, as the runtime does: the value may be huge, be
// secret, or contain itself.
func PanicValue(value any) (text string) {
	defer func() {
		if recover() != nil { // a method of the value panicked
			text = fmt.Sprintf("(%T)", value)
		}
	}()
	switch v := value.(type) {
	case nil:
		return "nil"
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	if IsBasic(reflect.TypeOf(value).Kind()) {
		return fmt.Sprint(value)
	}
	return fmt.Sprintf("(%T)", value)
}

// PanicText describes a panic in a method of v. It shows a nil pointer whose methods
// do not expect it as <nil>, as fmt does.
func PanicText(v, panicked any) (text string) {
	defer func() {
		if recover() != nil {
			text = "!PANIC"
		}
	}()
	if v := reflect.ValueOf(v); v.Kind() == reflect.Pointer && v.IsNil() {
		return "<nil>"
	}
	return "!PANIC: " + PanicValue(panicked)
}
