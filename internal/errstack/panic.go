package errstack

import (
	"fmt"
	"reflect"
)

func IsBasic(kind reflect.Kind) bool {
	return kind == reflect.String || kind >= reflect.Bool && kind <= reflect.Complex128
}

// PanicValue returns the value of a panic as text. Like the runtime it shows no
// more than the type of a value that is composed of others: it may be huge,
// secret, or contain itself.
func PanicValue(value any) (text string) {
	defer func() {
		if recover() != nil { // of the value's own method
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

// PanicText tells of a panic in a method of v. A nil pointer whose methods do
// not expect it is common enough to be shown as such, as fmt does.
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
