package otlp

import (
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math"
	"strconv"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/rawslog"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// levelHeads are the fields severity and severity text of slog's levels from -8
// to 15, which OpenTelemetry numbers 1 to 24.
var levelHeads = func() (heads [24][]byte) {
	for i := range heads {
		l := slog.Level(i - 8)
		heads[i] = appendTextField([]byte{tagSeverity, byte(wire.SeverityOf(l))}, tagSeverityText, wire.SeverityText(l))
	}
	return heads
}()

// Begin appends an entry up to its attributes.
func (*Format) Begin(b []byte, level slog.Level, message string) []byte {
	if i := int(level) + 8; 0 <= i && i < len(levelHeads) {
		b = append(b, levelHeads[i]...)
	} else {
		b = append(b, tagSeverity, byte(wire.SeverityOf(level)))
		b = appendTextField(b, tagSeverityText, wire.SeverityText(level))
	}
	return appendBody(b, message)
}

func appendBody(b []byte, message string) []byte {
	message = jsontext.Clean(jsontext.Cut(message, wire.MaxMessage))
	n := uint64(len(message))
	if n < 126 {
		b = append(b, tagBody, byte(2+n), tagString, byte(n))
		return append(b, message...)
	}
	b = appendVarint(append(b, tagBody), 1+uint64(sizeVarint(n))+n)
	b = appendVarint(append(b, tagString), n)
	return append(b, message...)
}

func attrTag(root bool) byte {
	if root {
		return tagAttribute
	}
	return tagMember
}

// appendKey appends a KeyValue up to its value, an AnyValue of size bytes.
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

// appendStringAttr appends a member whose value is s, a clean text.
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

// appendScalarValue ends the member that began at the length start with its
// value, for both of whose lengths there is one byte. A value that is no scalar
// is left empty.
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
		switch f := math.Float64frombits(rawslog.Bits(v)); { // what JSON has no number for poisons the server
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

// closeMember writes the two lengths of the member that began at the length
// start, and whose value began at mark.
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
	return appendJSONMember(b, attrTag(root), key, json, 1) // the caller has seen to the depth
}

// OpenGroup leaves one byte each for three lengths: that of the member, of its
// value, and of the list in that.
func (*Format) OpenGroup(b []byte, key string, root bool) []byte {
	if root && key != wire.EndpointRestKey {
		key = wire.SafeKey(key, false)
	}
	b = append(b, attrTag(root), 0, tagKey)
	b = appendVarint(b, uint64(len(key)))
	b = append(b, key...)
	return append(b, tagValue, 0, tagKVList, 0)
}

func (*Format) CloseGroup(b []byte, mark int) []byte {
	member := mark + 1
	key, n := binary.Uvarint(b[member+2:])
	value := member + 2 + n + int(key) + 1
	if n := len(b) - member - 1; n < 0x80 { // so are the two inside
		b[member], b[value], b[value+2] = byte(n), byte(len(b)-value-1), byte(len(b)-value-3)
		return b
	}
	b = closeLength(b, value+2)
	b = closeLength(b, value)
	return closeLength(b, member)
}

func (*Format) EndAttrs(b []byte, _ int) []byte { return b }

func (f *Format) Limits() wire.Limits {
	return wire.Limits{OwnFields: true, Earliest: earliest, Depth: maxDepth, FixedSize: f.fixed}
}

const (
	// earliest is 1970: OTLP's times are unsigned, and 0 means none.
	earliest = 1
	// maxDepth keeps a request within the hundred nested messages at which
	// protobuf's decoders for Python, Java, C++ and Rust refuse all of it. The
	// attributes begin at the sixth, and a group takes three.
	maxDepth = 30
)

// AppendFields appends trace ids, which are fields of a record, and an endpoint.
func (*Format) AppendFields(b []byte, f wire.Fields) []byte {
	b = appendID(b, tagTraceID, f.TraceID)
	b = appendID(b, tagSpanID, f.SpanID)
	e := f.Endpoint
	if e == nil {
		return b
	}
	b = appendStringAttr(b, tagAttribute, httpMethodKey, e.Method)
	b = appendStringAttr(b, tagAttribute, httpRouteKey, e.Path)
	b = appendIntAttr(b, tagAttribute, httpStatusKey, e.Status)
	b = appendDoubleAttr(b, tagAttribute, durationKey, e.Duration)
	for _, optional := range [...]struct{ key, value string }{
		{queryKey, e.Query}, {pathParamsKey, e.PathParams}, {responseBodyKey, e.ResponseBody},
	} {
		if optional.value != "" {
			b = appendStringAttr(b, tagAttribute, optional.key, optional.value)
		}
	}
	return b
}

func appendID(b []byte, tag byte, id string) []byte {
	if id == "" {
		return b
	}
	b, _ = hex.AppendDecode(append(b, tag, byte(len(id)/2)), []byte(id)) // wire.Fields holds valid ids
	return b
}

// Members up to their value, with zeros for the two lengths of one byte.
const (
	exceptionTypeHead    = memberHead + string(rune(len(wire.ExceptionType))) + wire.ExceptionType + valueHead
	exceptionMessageHead = memberHead + string(rune(len(wire.ExceptionMessage))) + wire.ExceptionMessage + valueHead

	memberHead = string(rune(tagAttribute)) + "\x00" + string(rune(tagKey))
	valueHead  = string(rune(tagValue)) + "\x00"
)

// plainErrorMember tells the type of a plain error.
var plainErrorMember = string(appendStringAttr(nil, tagAttribute, wire.ExceptionType, errstack.PlainType))

// AppendFailure appends an entry's error.
func (*Format) AppendFailure(b []byte, e wire.Failure) []byte {
	start := len(b)
	if e.Type == errstack.PlainType { // most are
		b = append(b, plainErrorMember...)
	} else {
		b = append(b, exceptionTypeHead...)
		b = closeMember(appendStringValue(b, e.Type), start, start+len(exceptionTypeHead))
	}
	start = len(b)
	b = append(b, exceptionMessageHead...)
	b = closeMember(appendStringValue(b, e.Message), start, start+len(exceptionMessageHead))
	if e.Stack != "" {
		b = appendStringAttr(b, tagAttribute, wire.ExceptionStack, jsontext.Clean(e.Stack))
	}
	return b
}

// appendHeading appends what stands before a record of n bytes.
func appendHeading(b []byte, n int) []byte {
	return appendVarint(append(b, tagRecord), uint64(n))
}

func (f *Format) WholeSize(n int, e wire.Ending) int {
	n += f.endingSize(e)
	return 1 + sizeVarint(uint64(n)) + n
}

func (f *Format) endingSize(e wire.Ending) int {
	const keys = 6 + len(logIDKey) + 6 + len(sequenceKey)
	return len(f.tails[e.LogType][e.Importance]) + keys + 1 + sizeVarint(e.Seq&math.MaxInt64) + 2 + len(f.idPrefix) + wire.SeqDigits + timesSize
}

func (f *Format) AppendWhole(b, data []byte, e wire.Ending) []byte {
	b = appendHeading(b, len(data)+f.endingSize(e))
	b = append(b, data...)
	b = append(b, f.tails[e.LogType][e.Importance]...)
	b = appendIntAttr(b, tagAttribute, sequenceKey, int64(e.Seq&math.MaxInt64))
	n := len(f.idPrefix) + wire.SeqDigits
	b = appendKey(b, tagAttribute, logIDKey, 2+n) // at most 64 characters
	b = append(b, tagString, byte(n))
	b = append(b, f.idPrefix...)
	b = wire.AppendSeq(b, e.Seq)
	return appendTimes(b, e.Sec, int(e.Nsec))
}

// appendTimes ends a record with its time and when it was observed, which is the
// same. They stand beside the other things that differ from record to record,
// where they compress best: the less time is between records, the more it saves.
func appendTimes(b []byte, sec int64, nsec int) []byte {
	nanos := uint64(sec)*1e9 + uint64(nsec)
	b = binary.LittleEndian.AppendUint64(append(b, tagTime), nanos)
	return binary.LittleEndian.AppendUint64(append(b, tagObservedTime), nanos)
}

const timesSize = 2 * (1 + 8)
