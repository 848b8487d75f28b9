package otlp

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math"
	"os"
	"slices"
	"strconv"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/rawslog"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// Format is OTLP/HTTP in protobuf, written by hand: the messages are few
// and fixed, and a protobuf runtime weighs more than this package. A whole entry
// is one log record with its tag and length as a field of ScopeLogs, so that a
// body is the frame and the whole entries one after another.
type Format struct {
	resource []byte // the field resource of ResourceLogs
	scope    []byte // the field scope of ScopeLogs
	fixed    int
	tails    [len(wire.LogTypeNames)][len(wire.ImportanceNames)][]byte
	from     wire.Origin
	idPrefix string
}

// Tags of the fields written here: number<<3 | wire type.
const (
	tagResourceLogs = 1<<3 | wireBytes
	tagResource     = 1<<3 | wireBytes
	tagScopeLogs    = 2<<3 | wireBytes
	tagScope        = 1<<3 | wireBytes
	tagScopeName    = 1<<3 | wireBytes
	tagScopeVersion = 2<<3 | wireBytes
	tagRecord       = 2<<3 | wireBytes

	tagTime         = 1<<3 | wire64
	tagSeverity     = 2<<3 | wireVarint
	tagSeverityText = 3<<3 | wireBytes
	tagBody         = 5<<3 | wireBytes
	tagAttribute    = 6<<3 | wireBytes
	tagTraceID      = 9<<3 | wireBytes
	tagSpanID       = 10<<3 | wireBytes
	tagObservedTime = 11<<3 | wire64

	tagMember = 1<<3 | wireBytes // of a resource, a KeyValueList, an ArrayValue
	tagKey    = 1<<3 | wireBytes
	tagValue  = 2<<3 | wireBytes

	tagString = 1<<3 | wireBytes
	tagBool   = 2<<3 | wireVarint
	tagInt    = 3<<3 | wireVarint
	tagDouble = 4<<3 | wire64
	tagArray  = 5<<3 | wireBytes
	tagKVList = 6<<3 | wireBytes
)

// Attributes that the server reads (ledger-wire 6.2, 6.3).
const (
	logIDKey        = "ledger.log_id"
	sequenceKey     = "ledger.sequence" // orders records of one microsecond
	httpMethodKey   = "http.request.method"
	httpRouteKey    = "http.route"
	httpStatusKey   = "http.response.status_code"
	durationKey     = "ledger.duration_ms"
	queryKey        = "url.query"
	pathParamsKey   = "ledger.path_params"
	responseBodyKey = "ledger.response_body"
	releaseKey      = "service.version"
	environmentKey  = "deployment.environment.name"
	sdkName         = "ledger-go"
)

func New(of wire.Program) *Format {
	f := &Format{from: of.Origin(), idPrefix: of.IdPrefix}
	var resource []byte
	attr := func(key, value string) {
		if value == "" {
			return
		}
		resource = appendStringAttr(resource, tagMember, key, value)
		f.fixed += jsontext.MeasureString(key) + jsontext.MeasureString(value) + len(`"": "", `)
	}
	service := of.Service
	if service == "" {
		service = "unknown_service"
	}
	host, _ := os.Hostname()
	var instance [16]byte
	_, _ = rand.Read(instance[:])
	attr("service.name", jsontext.Clean(service))
	attr(releaseKey, f.from.Release)
	attr("service.instance.id", hex.EncodeToString(instance[:]))
	attr(environmentKey, f.from.Environment)
	attr("host.name", jsontext.Clean(host))
	attr("telemetry.sdk.name", sdkName)
	attr("telemetry.sdk.language", wire.Platform)
	attr("telemetry.sdk.version", jsontext.CutPlain(of.SdkVersion, wire.MaxSDKVersion))
	attr("process.runtime.name", wire.Platform)
	attr("process.runtime.version", wire.PlatformVersion())
	f.resource = appendVarint([]byte{tagResource}, uint64(len(resource)))
	f.resource = append(f.resource, resource...)

	scope := appendTextField(nil, tagScopeName, errstack.ModulePath)
	scope = appendTextField(scope, tagScopeVersion, of.SdkVersion)
	f.scope = append(appendVarint([]byte{tagScope}, uint64(len(scope))), scope...)

	for t, logType := range wire.LogTypeNames {
		for i, importance := range wire.ImportanceNames {
			tail := appendStringAttr(nil, tagAttribute, wire.LogTypeKey, logType)
			f.tails[t][i] = appendStringAttr(tail, tagAttribute, wire.ImportanceKey, importance)
		}
	}
	// What every entry adds: the tail, an id and a number of the largest size.
	const ids = `"ledger.log_type": "exception", "ledger.importance": "standard", "ledger.log_id": "", "ledger.sequence": 18446744073709551615, `
	f.fixed += len(ids) + maxLogID
	return f
}

// maxLogID is how much of a log_id the server looks at (ledger-wire 4).
const maxLogID = 64

func (*Format) Protocol() string      { return "otlp" }
func (*Format) Path() string          { return "/v1/logs" }
func (*Format) ContentType() string   { return "application/x-protobuf" }
func (f *Format) Origin() wire.Origin { return f.from }

// Cost is one per entry: the server counts records.
func (*Format) Cost(n int) int { return n }

// Frame writes ExportLogsServiceRequest, ResourceLogs and ScopeLogs up to the
// records, with lengths that reckon with size bytes of them.
func (f *Format) Frame(_, size int) (before, between, after []byte) {
	scopeLogs := len(f.scope) + size
	resourceLogs := len(f.resource) + 1 + sizeVarint(uint64(scopeLogs)) + scopeLogs
	b := make([]byte, 0, len(f.resource)+len(f.scope)+24)
	b = appendVarint(append(b, tagResourceLogs), uint64(resourceLogs))
	b = append(b, f.resource...)
	b = appendVarint(append(b, tagScopeLogs), uint64(scopeLogs))
	return append(b, f.scope...), nil, nil
}

// levelHeads are the fields severity and severity text of slog's levels from -8
// to 15, which OpenTelemetry numbers 1 to 24.
var levelHeads = func() (heads [24][]byte) {
	for i := range heads {
		l := slog.Level(i - 8)
		heads[i] = appendTextField([]byte{tagSeverity, byte(wire.SeverityOf(l))}, tagSeverityText, severityText(l))
	}
	return heads
}()

// severityText is slog's text of a level, which knows no critical.
func severityText(l slog.Level) string {
	if l < wire.LevelCritical {
		return l.String()
	}
	if l > wire.LevelCritical {
		return wire.CriticalText + "+" + strconv.Itoa(int(l-wire.LevelCritical))
	}
	return wire.CriticalText
}

func (f *Format) Begin(b []byte, level slog.Level, message string) []byte {
	if i := int(level) + 8; 0 <= i && i < len(levelHeads) {
		b = append(b, levelHeads[i]...)
	} else {
		b = append(b, tagSeverity, byte(wire.SeverityOf(level)))
		b = appendTextField(b, tagSeverityText, severityText(level))
	}
	return f.appendBody(b, message)
}

func (*Format) appendBody(b []byte, message string) []byte {
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

// appendStringAttr appends a member whose value is s, which isStorable.
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

func (*Format) AppendJSONAttr(b []byte, key string, json []byte, root bool) []byte {
	return appendJSONAt(b, key, json, root, 1) // the caller has seen to the depth
}

// appendJSONAt is AppendJSONAttr for JSON that may nest too deep, which stands
// within depth objects and arrays.
func appendJSONAt(b []byte, key string, json []byte, root bool, depth int) []byte {
	mark := len(b) + 1
	b = append(b, attrTag(root), 0)
	b = appendTextField(b, tagKey, key)
	b = append(b, tagValue, 0)
	value := len(b) - 1
	b = appendAnyValue(b, json, depth)
	b = closeLength(b, value)
	return closeLength(b, mark)
}

// OpenGroup leaves one byte each for three lengths: that of the member, of its
// value, and of the list in that.
func (*Format) OpenGroup(b []byte, key string, root bool) []byte {
	if root && key != wire.RestOfEndpointKey {
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
	return wire.Limits{SetsApart: true, Earliest: otlpEarliest, Depth: otlpDepth, FixedSize: f.fixed}
}

const (
	// otlpEarliest is 1970: OTLP's times are unsigned, and 0 means none.
	otlpEarliest = 1
	// otlpDepth keeps a request within the hundred nested messages at which
	// protobuf's decoders for Python, Java, C++ and Rust refuse all of it. The
	// attributes begin at the sixth, and a group takes three.
	otlpDepth = 30
)

func (*Format) AppendTrace(b []byte, traceID, spanID string) []byte {
	b = appendID(b, tagTraceID, traceID)
	return appendID(b, tagSpanID, spanID)
}

func appendID(b []byte, tag byte, id string) []byte {
	if id == "" {
		return b
	}
	b = append(b, tag, byte(len(id)/2))
	for i := 0; i+1 < len(id); i += 2 {
		b = append(b, wire.HexValue[id[i]]<<4|wire.HexValue[id[i+1]])
	}
	return b
}

func (*Format) AppendEndpoint(b []byte, e wire.Endpoint) []byte {
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

// Members up to their value, with zeros for the two lengths of one byte.
const (
	exceptionTypeHead    = memberHead + string(rune(len(wire.ExceptionType))) + wire.ExceptionType + valueHead
	exceptionMessageHead = memberHead + string(rune(len(wire.ExceptionMessage))) + wire.ExceptionMessage + valueHead

	memberHead = string(rune(tagAttribute)) + "\x00" + string(rune(tagKey))
	valueHead  = string(rune(tagValue)) + "\x00"
)

// plainErrorMember tells the type of a plain error.
var plainErrorMember = string(appendStringAttr(nil, tagAttribute, wire.ExceptionType, errstack.PlainType))

func (*Format) AppendError(b []byte, errorType, message, stack string) []byte {
	start := len(b)
	if errorType == errstack.PlainType { // most are
		b = append(b, plainErrorMember...)
	} else {
		b = append(b, exceptionTypeHead...)
		b = closeMember(appendStringValue(b, errorType), start, start+len(exceptionTypeHead))
	}
	start = len(b)
	b = append(b, exceptionMessageHead...)
	b = closeMember(appendStringValue(b, message), start, start+len(exceptionMessageHead))
	if stack != "" {
		b = appendStringAttr(b, tagAttribute, wire.ExceptionStack, jsontext.Clean(stack))
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

// Standalone adds the origin behind the times, where no other attributes are. Of
// a record's attributes and the resource's, of the same names, the server takes
// the record's (ledger-wire 6.2).
func (f *Format) Standalone(entry []byte) []byte {
	p, err := f.Parse(entry)
	if err != nil || p.From != nil {
		return entry
	}
	record, _, _ := nextField(entry)
	b := appendOrigin(slices.Clone(record.bytes), f.from, p.Members)
	return append(appendHeading(nil, len(b)), b...)
}

// appendOrigin appends what a program's own attributes, members, do not say. What
// is empty is written too, or the resource's would stand for it.
func appendOrigin(b []byte, from wire.Origin, members []byte) []byte {
	release, environment := true, true
	for quoted := range jsontext.Members(members) {
		switch jsontext.Unescape(quoted[1 : len(quoted)-1]) {
		case releaseKey:
			release = false
		case environmentKey:
			environment = false
		}
	}
	if release {
		b = appendStringAttr(b, tagAttribute, releaseKey, from.Release)
	}
	if environment {
		b = appendStringAttr(b, tagAttribute, environmentKey, from.Environment)
	}
	return b
}
