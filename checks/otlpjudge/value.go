package otlpjudge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	common "go.opentelemetry.io/proto/otlp/common/v1"
)

// A Value is what an AnyValue holds: nil, string, bool, int64, [Double], []byte,
// [List] or [Members].
type Value any

// A Double is a float64 that equals itself and tells 0 from -0.
type Double struct {
	Text string
	Bits uint64
}

func double(f float64) Double {
	return Double{strconv.FormatFloat(f, 'g', -1, 64), math.Float64bits(f)}
}

// A List is an ArrayValue.
type List []Value

// Members are a KeyValueList, or the attributes of a record: in order, and as
// often as they occur.
type Members []Member

// A Member is a KeyValue.
type Member struct {
	Key   string
	Value Value
}

func (m Members) last(key string) (Value, bool) {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i].Key == key {
			return m[i].Value, true
		}
	}
	return nil, false
}

func readMembers(attrs []*common.KeyValue) Members {
	members := Members{}
	for _, a := range attrs {
		members = append(members, Member{a.GetKey(), readValue(a.GetValue())})
	}
	return members
}

func readValue(v *common.AnyValue) Value {
	switch v := v.GetValue().(type) {
	case nil:
		return nil
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_BoolValue:
		return v.BoolValue
	case *common.AnyValue_IntValue:
		return v.IntValue
	case *common.AnyValue_DoubleValue:
		return double(v.DoubleValue)
	case *common.AnyValue_BytesValue:
		return v.BytesValue
	case *common.AnyValue_ArrayValue:
		list := List{}
		for _, element := range v.ArrayValue.GetValues() {
			list = append(list, readValue(element))
		}
		return list
	case *common.AnyValue_KvlistValue:
		return readMembers(v.KvlistValue.GetValues())
	default:
		return fmt.Sprintf("unexpected %T", v)
	}
}

// readJSON returns what encoding/json made of a value, as a Value: whole
// numbers within 64 bits as ints, those of a uint64 alone as text. convert is asked for
// every member of an object.
func readJSON(text []byte, convert func(key string, v Value) Value) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := readToken(d, convert)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func readToken(d *json.Decoder, convert func(string, Value) Value) (Value, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			list := List{}
			for d.More() {
				v, err := readToken(d, convert)
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, err := d.Token()
			return list, err
		}
		members := Members{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readToken(d, convert)
			if err != nil {
				return nil, err
			}
			name := clean(key.(string))
			if convert != nil {
				v = convert(name, v)
			}
			members = append(members, Member{name, v})
		}
		_, err := d.Token()
		return members, err
	case string:
		return clean(t), nil
	case json.Number:
		return number(t.String()), nil
	default:
		return t, nil // nil, bool
	}
}

func number(text string) Value {
	if strings.ContainsAny(text, ".eE") {
		f, _ := strconv.ParseFloat(text, 64)
		return double(f)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if _, err := strconv.ParseUint(text, 10, 64); err == nil {
		return text
	}
	f, _ := strconv.ParseFloat(text, 64)
	return double(f)
}

// clean returns s as the handler promises to send it: each byte that is not
// UTF-8 becomes U+FFFD, and NUL disappears.
func clean(s string) string {
	return strings.ReplaceAll(string([]rune(s)), "\x00", "")
}
