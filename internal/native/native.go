// Package native is Ledger's own protocol: entries as JSON, sent to
// /api/v1/ingest/batch, and the server's answers to them.
//
// The handler makes one [Format] and gives it to the encoder and to what chooses
// the protocol. This package must never know how attrs are walked, how requests
// are made, or that there is another protocol.
package native

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/rawslog"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A Format writes and reads Ledger's own JSON. An entry is a JSON object, a body
// is {"logs":[entry,…]}. Each member is written with a comma after it; what
// closes an object overwrites the last comma.
type Format struct {
	attrsHead []byte // begins the attributes of every entry
	fixed     int    // what attrsHead takes of the attributes' limit
	// tails are an entry's ending up to the log_id, for each log type and
	// importance. Nothing in them changes from entry to entry.
	tails [wire.LogTypes][wire.Importances][]byte
	of    wire.Program
	from  wire.Origin
}

const attrsOpening = `,"attributes":{`

// New returns the format for the entries of a program.
func New(of wire.Program) *Format {
	f := &Format{attrsHead: []byte(attrsOpening), of: of, from: of.Origin()}
	if of.Service != "" {
		f.attrsHead = append(f.attrsHead, `"service":`...)
		f.attrsHead = append(jsontext.AppendString(f.attrsHead, of.Service), ',')
		f.fixed = jsontext.Measure(f.attrsHead[len(attrsOpening):])
	}
	for t := range wire.LogTypes {
		for i := range wire.Importances {
			f.tails[t][i] = f.appendTail(make([]byte, 0, 256), wire.Kinds{LogType: wire.LogType(t), Importance: wire.Importance(i)}, f.from)
		}
	}
	return f
}

// appendTail appends an entry's ending up to the log_id.
func (f *Format) appendTail(b []byte, k wire.Kinds, from wire.Origin) []byte {
	b = fmt.Appendf(b, `,"log_type":"%s","importance":"%s"`, k.LogType, k.Importance)
	for _, field := range [...]struct{ name, value string }{
		{"environment", from.Environment},
		{"release", from.Release},
		{"sdk_version", jsontext.CutPlain(f.of.SDKVersion, wire.MaxSDKVersion)},
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

func (*Format) Protocol() string    { return "ledger" }
func (*Format) Path() string        { return "/api/v1/ingest/batch" }
func (*Format) ContentType() string { return "application/json" }

// Cost is 1 for each request: the server counts requests.
func (*Format) Cost(int) int { return 1 }

func (*Format) Frame(int, int) (before, between, after []byte) {
	return []byte(`{"logs":[`), []byte(`,`), []byte(`]}`)
}

// Limits allows the years 1 to 9999, which the server parses (ledger-wire 2.3),
// without the first second: the server loses an entry of its beginning (10.1).
func (f *Format) Limits() wire.Limits {
	const year1 = -62_135_596_800
	return wire.Limits{Earliest: year1 + 1, Depth: wire.MaxDepth, FixedSize: f.fixed}
}

var levelFields = func() (fields [wire.Levels][]byte) {
	for i := range fields {
		fields[i] = []byte(`{"level":"` + wire.Level(i).String() + `","message":`)
	}
	return fields
}()

func (f *Format) Begin(b []byte, level slog.Level, message string) []byte {
	return f.beginAt(b, wire.LevelOf(level), message)
}

func (f *Format) beginAt(b []byte, level wire.Level, message string) []byte {
	b = append(b, levelFields[level]...)
	b = jsontext.AppendString(b, jsontext.Cut(message, wire.MaxMessage))
	return append(b, f.attrsHead...)
}

var quote = []byte{'"'}

func (*Format) Head(data []byte, most int) (level wire.Level, message []byte) {
	for l, field := range levelFields {
		text, ok := bytes.CutPrefix(data, field)
		if ok {
			text, ok = bytes.CutPrefix(text, quote)
		}
		if !ok {
			continue
		}
		message, _, ended := bytes.Cut(text, quote)
		switch {
		case !ended:
			return wire.Info, nil
		case bytes.IndexByte(message, '\\') < 0:
			return wire.Level(l), message[:min(len(message), most)]
		}
		return wire.Level(l), unescape(text, most)
	}
	return wire.Info, nil
}

// unescape returns at most that many bytes of the text that ends at a quote.
func unescape(text []byte, most int) []byte {
	const longest = len(`\u0000`)
	rest := string(text[:min(len(text), most*longest)])
	message := make([]byte, 0, most+utf8.UTFMax)
	for len(message) < most {
		r, _, next, err := strconv.UnquoteChar(rest, '"')
		if err != nil {
			break // at the quote
		}
		message, rest = utf8.AppendRune(message, r), next
	}
	return message[:min(len(message), most)]
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

func (*Format) AppendJSON(b []byte, key string, json []byte, _ bool) []byte {
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

// AppendFields appends nothing: these fields are attributes here.
func (*Format) AppendFields(b []byte, _ wire.Fields) []byte { return b }

// AppendFailure appends an entry's error, after the attributes.
func (*Format) AppendFailure(b []byte, e wire.Failure) []byte {
	b = append(b, `,"error_type":`...)
	b = jsontext.AppendString(b, e.Type)
	b = append(b, `,"error_message":`...)
	b = jsontext.AppendString(b, e.Message)
	if e.Stack != "" {
		b = append(b, `,"stack_trace":`...)
		b = jsontext.AppendString(b, e.Stack)
	}
	return b
}

// timeField stands between the log_id and the timestamp.
const timeField = `","timestamp":"`

func (f *Format) WholeSize(n int, e wire.Ending) int {
	return n + len(f.tails[e.LogType][e.Importance]) + len(f.of.IDPrefix) + wire.SeqDigits + len(timeField) + jsontext.MicroTimeSize + len(`Z"}`)
}

func (f *Format) AppendWhole(b, data []byte, e wire.Ending) []byte {
	b = append(b, data...)
	b = append(b, f.tails[e.LogType][e.Importance]...)
	b = append(b, f.of.IDPrefix...)
	b = wire.AppendSeq(b, e.Seq)
	b = append(b, timeField...)
	b = jsontext.AppendMicroTime(b, e.Sec, int(e.Nsec))
	return append(b, `Z"}`...)
}
