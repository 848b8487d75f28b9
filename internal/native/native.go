package native

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/rawslog"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// Format is Ledger's own protocol: an entry is a JSON object, a body
// {"logs":[entry,…]}. Its members are written with a comma after each, and
// whatever closes an object takes the last comma's place.
type Format struct {
	attrsHead []byte // begins every entry's attributes
	fixed     int    // what they take of the attributes' limit
	// tails are an entry's ending up to the log_id, by log type and importance:
	// nothing in them changes from entry to entry.
	tails [len(wire.LogTypeNames)][len(wire.ImportanceNames)][]byte
	of    wire.Program
	from  wire.Origin
}

const attrsOpening = `,"attributes":{`

func New(of wire.Program) *Format {
	f := &Format{attrsHead: []byte(attrsOpening), of: of, from: of.Origin()}
	if of.Service != "" {
		f.attrsHead = append(f.attrsHead, `"service":`...)
		f.attrsHead = append(jsontext.AppendString(f.attrsHead, of.Service), ',')
		f.fixed = jsontext.Measure(f.attrsHead[len(attrsOpening):])
	}
	for t := range wire.LogTypeNames {
		for i := range wire.ImportanceNames {
			f.tails[t][i] = f.appendTail(nil, wire.Kinds{LogType: wire.LogType(t), Importance: wire.Importance(i)}, f.from)
		}
	}
	return f
}

// appendTail appends an entry's ending up to its log_id.
func (f *Format) appendTail(b []byte, k wire.Kinds, from wire.Origin) []byte {
	b = fmt.Appendf(b, `,"log_type":"%s","importance":"%s"`, wire.LogTypeNames[k.LogType], wire.ImportanceNames[k.Importance])
	for _, field := range [...]struct{ name, value string }{
		{"environment", from.Environment},
		{"release", from.Release},
		{"sdk_version", jsontext.CutPlain(f.of.SdkVersion, wire.MaxSDKVersion)},
		{"platform", wire.Platform},
		{"platform_version", wire.PlatformVersion()},
	} {
		if field.value != "" {
			b = append(b, `,"`+field.name+`":`...)
			b = jsontext.AppendString(b, field.value)
		}
	}
	return append(b, `,"log_id":"`...)
}

func (*Format) Protocol() string      { return "ledger" }
func (*Format) Path() string          { return "/api/v1/ingest/batch" }
func (*Format) ContentType() string   { return "application/json" }
func (f *Format) Origin() wire.Origin { return f.from }

// Standalone changes nothing: entries tell their origin.
func (*Format) Standalone(entry []byte) []byte { return entry }

// Cost is one request, whatever it holds: that is what the server counts.
func (*Format) Cost(int) int { return 1 }

func (*Format) Frame(int, int) (before, between, after []byte) {
	return []byte(`{"logs":[`), []byte(`,`), []byte(`]}`)
}

var levelFields = func() (fields [len(wire.ClassNames)][]byte) {
	for i, name := range wire.ClassNames {
		fields[i] = []byte(`{"level":"` + name + `","message":`)
	}
	return fields
}()

func (f *Format) Begin(b []byte, level slog.Level, message string) []byte {
	return f.beginClass(b, wire.ClassOf(level), message)
}

func (f *Format) beginClass(b []byte, c wire.Class, message string) []byte {
	b = append(b, levelFields[c]...)
	b = jsontext.AppendString(b, jsontext.Cut(message, wire.MaxMessage))
	return append(b, f.attrsHead...)
}

func (*Format) AppendKnown(b []byte, k *wire.KnownKey, kind slog.Kind, v slog.Value, _ bool) []byte {
	b = k.AppendJSON(b)
	b = appendScalar(b, kind, v)
	return append(b, ',')
}

func (*Format) AppendAttr(b []byte, key string, v slog.Value, _ bool) []byte {
	b = jsontext.AppendString(b, key)
	b = append(b, ':')
	b = appendScalar(b, v.Kind(), v)
	return append(b, ',')
}

func (*Format) AppendJSONAttr(b []byte, key string, json []byte, _ bool) []byte {
	b = jsontext.AppendString(b, key)
	b = append(b, ':')
	b = append(b, json...)
	return append(b, ',')
}

// appendScalar appends v, which is no group and no LogValuer, as JSON.
func appendScalar(b []byte, kind slog.Kind, v slog.Value) []byte {
	switch kind {
	case slog.KindString:
		return jsontext.AppendString(b, v.String())
	case slog.KindInt64, slog.KindDuration:
		return strconv.AppendInt(b, int64(rawslog.Bits(v)), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, rawslog.Bits(v), 10)
	case slog.KindFloat64:
		return jsontext.AppendFloat(b, math.Float64frombits(rawslog.Bits(v)))
	case slog.KindBool:
		return strconv.AppendBool(b, rawslog.Bits(v) != 0)
	case slog.KindTime:
		b = append(b, '"')
		b = jsontext.AppendTime(b, v.Time())
		return append(b, '"')
	}
	return append(b, "null"...)
}

func (*Format) OpenGroup(b []byte, key string, _ bool) []byte {
	b = jsontext.AppendString(b, key)
	return append(b, ':', '{')
}

func (*Format) CloseGroup(b []byte, _ int) []byte {
	return append(jsontext.CloseObject(b), ',')
}

func (f *Format) EndAttrs(b []byte, mark int) []byte {
	if len(b) == mark && len(f.attrsHead) == len(attrsOpening) {
		return b[:mark-len(attrsOpening)]
	}
	return jsontext.CloseObject(b)
}

func (f *Format) Limits() wire.Limits {
	return wire.Limits{Earliest: year1, Depth: wire.MaxDepth, FixedSize: f.fixed}
}

// year1 is the earliest time: the server parses the years 1 to 9999 (ledger-wire
// 2.3).
const year1 = -62_135_596_800

// Trace ids and the endpoint are attributes here.
func (*Format) AppendTrace(b []byte, _, _ string) []byte        { return b }
func (*Format) AppendEndpoint(b []byte, _ wire.Endpoint) []byte { return b }

func (*Format) AppendError(b []byte, errorType, message, stack string) []byte {
	if errorType == errstack.PlainType { // most are
		b = append(b, plainErrorFields...)
	} else {
		b = append(b, `,"error_type":`...)
		b = jsontext.AppendString(b, errorType)
		b = append(b, `,"error_message":`...)
	}
	b = jsontext.AppendString(b, message)
	if stack != "" {
		b = append(b, `,"stack_trace":`...)
		b = jsontext.AppendString(b, stack)
	}
	return b
}

// plainErrorFields are what precedes the message of a plain error.
const plainErrorFields = `,"error_type":"` + errstack.PlainType + `","error_message":`

// timeField follows the log_id, and precedes the timestamp.
const timeField = `","timestamp":"`

func (f *Format) WholeSize(n int, e wire.Ending) int {
	return n + len(f.tails[e.LogType][e.Importance]) + len(f.of.IdPrefix) + wire.SeqDigits + len(timeField) + jsontext.MicroTimeSize + len(`Z"}`)
}

func (f *Format) AppendWhole(b, data []byte, e wire.Ending) []byte {
	b = append(b, data...)
	b = append(b, f.tails[e.LogType][e.Importance]...)
	b = append(b, f.of.IdPrefix...)
	b = wire.AppendSeq(b, e.Seq)
	b = append(b, timeField...)
	b = jsontext.AppendMicroTime(b, e.Sec, int(e.Nsec))
	return append(b, `Z"}`...)
}

// ledgerEntry is an entry as it reads back.
type ledgerEntry struct {
	Timestamp    string          `json:"timestamp"`
	Level        string          `json:"level"`
	Message      string          `json:"message"`
	Attributes   json.RawMessage `json:"attributes"`
	ErrorType    string          `json:"error_type"`
	ErrorMessage string          `json:"error_message"`
	StackTrace   string          `json:"stack_trace"`
	LogType      string          `json:"log_type"`
	Importance   string          `json:"importance"`
	LogID        string          `json:"log_id"`
	wire.Origin
}

func (f *Format) Parse(entry []byte) (*wire.Parsed, error) {
	var e ledgerEntry
	if err := json.Unmarshal(entry, &e); err != nil {
		return nil, fmt.Errorf("ledger: read entry: %w", err)
	}
	t, err := time.Parse(time.RFC3339Nano, e.Timestamp)
	if err != nil {
		return nil, fmt.Errorf("ledger: read entry: %w", err)
	}
	c := wire.Class(wire.Named(wire.ClassNames[:], e.Level))
	if e.Level != wire.ClassNames[c] || e.LogID == "" {
		return nil, wire.ErrNotEntry
	}
	p := &wire.Parsed{
		Sec: t.Unix(), Nsec: t.Nanosecond(),
		Severity: wire.ClassSeverity[c], SeverityText: wire.ClassText[c], Message: e.Message,
		ErrorType: e.ErrorType, ErrorMessage: e.ErrorMessage, Stack: e.StackTrace,
		Kinds: wire.Kinds{LogType: wire.LogType(wire.Named(wire.LogTypeNames[:], e.LogType)), Importance: wire.Importance(wire.Named(wire.ImportanceNames[:], e.Importance))},
		From:  &e.Origin, LogID: e.LogID,
	}
	if n := len(e.Attributes); n > 2 {
		service := f.attrsHead[len(attrsOpening):]
		members := append(e.Attributes[1:n-1:n-1], ',')
		if len(service) > 0 && len(members) >= len(service) && string(members[:len(service)]) == string(service) {
			members = members[len(service):]
		}
		p.Members = members
	}
	return p, nil
}

func (f *Format) Emit(p *wire.Parsed) []byte {
	b := f.beginClass(nil, wire.SeverityClass(p.Severity), p.Message)
	mark := len(b)
	b = append(b, p.Members...)
	b = f.EndAttrs(b, mark)
	if p.ErrorType != "" {
		b = f.AppendError(b, p.ErrorType, p.ErrorMessage, p.Stack)
	}
	if p.From == nil || *p.From == f.from {
		b = append(b, f.tails[p.LogType][p.Importance]...)
	} else {
		b = f.appendTail(b, p.Kinds, *p.From)
	}
	id := jsontext.AppendString(nil, p.LogID)
	b = append(b, id[1:len(id)-1]...)
	b = append(b, timeField...)
	b = jsontext.AppendMicroTime(b, p.Sec, p.Nsec)
	if rest := p.Nsec % 1000; rest != 0 {
		// The server cuts what follows the sixth digit (ledger-wire 2.3), but
		// on the way back to OTLP the time is the same to the nanosecond.
		b = append(b, byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
	return append(b, `Z"}`...)
}

func (*Format) ToJSON(b, members []byte, _ bool, _ *wire.Apart) ([]byte, error) {
	return append(b, members...), nil
}

func (*Format) FromJSON(b, members []byte, _ int, _ bool, _ *wire.Apart) []byte {
	return append(b, members...)
}

func (f *Format) Measure(p *wire.Parsed) int { return jsontext.MeasureMembers(p.Members) + f.fixed }
