package otlp

import (
	"encoding/binary"
	"log/slog"
	"math"
	"strconv"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/rawslog"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// attrTag is the tag of an attribute of a record, or of a group's member.
func attrTag(root bool) byte {
	if root {
		return tagAttribute
	}
	return tagMember
}

// appendKey appends a KeyValue up to its value, which is an AnyValue of size bytes.
func appendKey(b []byte, tag byte, key string, size int) []byte {
	if len(key)+size < 120 { // all lengths take one byte
		b = append(b, tag, byte(4+len(key)+size), tagKey, byte(len(key)))
		b = append(b, key...)
		return append(b, tagValue, byte(size))
	}
	n := uint64(len(key))
	whole := 1 + uint64(sizeVarint(n)) + n + 1 + uint64(sizeVarint(uint64(size))) + uint64(size)
	b = appendVarint(append(b, tag), whole)
	b = appendVarint(append(b, tagKey), n)
	b = append(b, key...)
	return appendVarint(append(b, tagValue), uint64(size))
}

// appendStringAttr appends a KeyValue whose value is s, a clean text.
func appendStringAttr(b []byte, tag byte, key, s string) []byte {
	n := len(s)
	b = appendKey(b, tag, key, 1+sizeVarint(uint64(n))+n)
	b = appendVarint(append(b, tagString), uint64(n))
	return append(b, s...)
}

func appendIntAttr(b []byte, tag byte, key string, n int64) []byte {
	b = appendKey(b, tag, key, 1+sizeVarint(uint64(n)))
	return appendVarint(append(b, tagInt), uint64(n))
}

func appendDoubleAttr(b []byte, tag byte, key string, f float64) []byte {
	b = appendKey(b, tag, key, 9)
	return binary.LittleEndian.AppendUint64(append(b, tagDouble), math.Float64bits(f))
}

func (*Format) AppendAttr(b []byte, key string, v slog.Value, root bool) []byte {
	start := len(b)
	b = appendTextField(append(b, attrTag(root), 0), tagKey, key)
	return appendScalarValue(append(b, tagValue, 0), start, v.Kind(), v)
}

func (*Format) AppendKnown(b []byte, k *wire.KnownKey, kind slog.Kind, v slog.Value, root bool) []byte {
	start := len(b)
	b = append(b, attrTag(root), 0, tagKey, byte(k.Len()))
	b = k.AppendBare(b)
	return appendScalarValue(append(b, tagValue, 0), start, kind, v)
}

// appendScalarValue appends the value of the KeyValue that begins at start, and
// writes the lengths of both, for which the caller left one byte each. nil is an
// empty value.
func appendScalarValue(b []byte, start int, kind slog.Kind, v slog.Value) []byte {
	mark := len(b)
	switch kind {
	case slog.KindString:
		b = appendStringValue(b, v.String())
	case slog.KindInt64, slog.KindDuration:
		b = appendVarint(append(b, tagInt), rawslog.Bits(v))
	case slog.KindUint64:
		if u := rawslog.Bits(v); u <= math.MaxInt64 {
			b = appendVarint(append(b, tagInt), u)
		} else { // OTLP has no such integer
			text := len(b) + 2
			b = strconv.AppendUint(append(b, tagString, 0), u, 10)
			b[text-1] = byte(len(b) - text)
		}
	case slog.KindFloat64:
		switch f := math.Float64frombits(rawslog.Bits(v)); { // the server fails on what JSON has no number for
		case math.IsNaN(f):
			b = appendStringValue(b, "NaN")
		case math.IsInf(f, 1):
			b = appendStringValue(b, "+Inf")
		case math.IsInf(f, -1):
			b = appendStringValue(b, "-Inf")
		default:
			b = binary.LittleEndian.AppendUint64(append(b, tagDouble), math.Float64bits(f))
		}
	case slog.KindBool:
		b = append(b, tagBool, 0)
		if rawslog.Bits(v) != 0 {
			b[mark+1] = 1
		}
	case slog.KindTime:
		b = jsontext.AppendTime(append(b, tagString, 0), v.Time())
		b[mark+1] = byte(len(b) - mark - 2)
	}
	return closeMember(b, start, mark)
}

// closeMember writes the two lengths of the KeyValue that begins at start and whose
// value begins at mark.
func closeMember(b []byte, start, mark int) []byte {
	if n := len(b) - start - 2; n < 0x80 {
		b[start+1], b[mark-1] = byte(n), byte(len(b)-mark)
		return b
	}
	return closeLength(closeLength(b, mark-1), start+1)
}

func appendStringValue(b []byte, s string) []byte {
	s = jsontext.Clean(s)
	b = appendVarint(append(b, tagString), uint64(len(s)))
	return append(b, s...)
}

// AppendJSON appends an attribute whose value is sanitized JSON.
func (*Format) AppendJSON(b []byte, key string, json []byte, root bool) []byte {
	return appendJSONMember(b, attrTag(root), key, json, 1) // the encoder keeps to the depth
}

// OpenGroup begins a group. It leaves one byte each for three lengths: those of the
// KeyValue, of its value, and of the list in that.
func (*Format) OpenGroup(b []byte, key string, root bool) []byte {
	if root && key != wire.EndpointRestKey {
		key = wire.SafeKey(key, false)
	}
	b = append(b, attrTag(root), 0, tagKey)
	b = appendVarint(b, uint64(len(key)))
	b = append(b, key...)
	return append(b, tagValue, 0, tagKVList, 0)
}

// CloseGroup ends the group that OpenGroup began at mark.
func (*Format) CloseGroup(b []byte, mark int) []byte {
	member := mark + 1
	key, n := binary.Uvarint(b[member+2:])
	value := member + 2 + n + int(key) + 1
	if n := len(b) - member - 1; n < 0x80 { // the two inside are shorter
		b[member], b[value], b[value+2] = byte(n), byte(len(b)-value-1), byte(len(b)-value-3)
		return b
	}
	b = closeLength(b, value+2)
	b = closeLength(b, value)
	return closeLength(b, member)
}
