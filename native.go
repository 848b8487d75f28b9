package ledger

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ledgerFormat is Ledger's own protocol: an entry is a JSON object, a body
// {"logs":[entry,…]}. Its members are written with a comma after each, and
// whatever closes an object takes the last comma's place.
type ledgerFormat struct {
	attrsHead []byte // begins every entry's attributes
	fixed     int    // what they take of the attributes' limit
	// tails are an entry's ending up to the log_id, by log type and importance:
	// nothing in them changes from entry to entry.
	tails [len(logTypeNames)][len(importanceNames)][]byte
	of    program
	from  origin
}

const attrsOpening = `,"attributes":{`

func newLedgerFormat(of program) *ledgerFormat {
	f := &ledgerFormat{attrsHead: []byte(attrsOpening), of: of, from: of.origin()}
	if of.service != "" {
		f.attrsHead = append(f.attrsHead, `"service":`...)
		f.attrsHead = append(appendString(f.attrsHead, of.service), ',')
		f.fixed = measureJSON(f.attrsHead[len(attrsOpening):])
	}
	for t := range logTypeNames {
		for i := range importanceNames {
			f.tails[t][i] = f.appendTail(nil, kinds{logType: logType(t), importance: importance(i)}, f.from)
		}
	}
	return f
}

// appendTail appends an entry's ending up to its log_id.
func (f *ledgerFormat) appendTail(b []byte, k kinds, from origin) []byte {
	b = fmt.Appendf(b, `,"log_type":"%s","importance":"%s"`, logTypeNames[k.logType], importanceNames[k.importance])
	for _, field := range [...]struct{ name, value string }{
		{"environment", from.Environment},
		{"release", from.Release},
		{"sdk_version", cutPlain(f.of.sdkVersion, maxSDKVersion)},
		{"platform", platform},
		{"platform_version", platformVersion()},
	} {
		if field.value != "" {
			b = append(b, `,"`+field.name+`":`...)
			b = appendString(b, field.value)
		}
	}
	return append(b, `,"log_id":"`...)
}

const platform = "go"

// platformVersion is Go's version as a number, such as 1.26.8.
func platformVersion() string {
	return cutPlain(strings.TrimPrefix(runtime.Version(), "go"), maxPlatformVersion)
}

// cutPlain cuts without a mark, for short texts that a mark would fill.
func cutPlain(s string, limit int) string { return s[:runeIndex(s, limit)] }

func (*ledgerFormat) protocol() string    { return "ledger" }
func (*ledgerFormat) path() string        { return "/api/v1/ingest/batch" }
func (*ledgerFormat) contentType() string { return "application/json" }
func (f *ledgerFormat) origin() origin    { return f.from }

// standalone changes nothing: entries tell their origin.
func (*ledgerFormat) standalone(entry []byte) []byte { return entry }

// cost is one request, whatever it holds: that is what the server counts.
func (*ledgerFormat) cost(int) int { return 1 }

func (*ledgerFormat) frame(int, int) (before, between, after []byte) {
	return []byte(`{"logs":[`), []byte(`,`), []byte(`]}`)
}

var levelFields = func() (fields [len(classNames)][]byte) {
	for i, name := range classNames {
		fields[i] = []byte(`{"level":"` + name + `","message":`)
	}
	return fields
}()

func (f *ledgerFormat) begin(b []byte, level slog.Level, message string) []byte {
	return f.beginClass(b, classOf(level), message)
}

func (f *ledgerFormat) beginClass(b []byte, c class, message string) []byte {
	b = append(b, levelFields[c]...)
	b = appendString(b, cutText(message, maxMessage))
	return append(b, f.attrsHead...)
}

func (*ledgerFormat) appendKnown(b []byte, k *knownKey, kind slog.Kind, v slog.Value, _ bool) []byte {
	b = k.appendJSON(b)
	b = appendScalar(b, kind, v)
	return append(b, ',')
}

func (*ledgerFormat) appendAttr(b []byte, key string, v slog.Value, _ bool) []byte {
	b = appendString(b, key)
	b = append(b, ':')
	b = appendScalar(b, v.Kind(), v)
	return append(b, ',')
}

func (*ledgerFormat) appendJSONAttr(b []byte, key string, json []byte, _ bool) []byte {
	b = appendString(b, key)
	b = append(b, ':')
	b = append(b, json...)
	return append(b, ',')
}

// appendScalar appends v, which is no group and no LogValuer, as JSON.
func appendScalar(b []byte, kind slog.Kind, v slog.Value) []byte {
	switch kind {
	case slog.KindString:
		return appendString(b, v.String())
	case slog.KindInt64, slog.KindDuration:
		return strconv.AppendInt(b, int64(bitsOf(v)), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, bitsOf(v), 10)
	case slog.KindFloat64:
		return appendFloat(b, math.Float64frombits(bitsOf(v)))
	case slog.KindBool:
		return strconv.AppendBool(b, bitsOf(v) != 0)
	case slog.KindTime:
		b = append(b, '"')
		b = appendTime(b, v.Time())
		return append(b, '"')
	}
	return append(b, "null"...)
}

func (*ledgerFormat) openGroup(b []byte, key string, _ bool) []byte {
	b = appendString(b, key)
	return append(b, ':', '{')
}

func (*ledgerFormat) closeGroup(b []byte, _ int) []byte {
	return append(closeObject(b), ',')
}

// closeObject ends an object whose members each have a comma after them.
func closeObject(b []byte) []byte {
	if last := len(b) - 1; b[last] == ',' {
		b[last] = '}'
		return b
	}
	return append(b, '}')
}

func (f *ledgerFormat) endAttrs(b []byte, mark int) []byte {
	if len(b) == mark && len(f.attrsHead) == len(attrsOpening) {
		return b[:mark-len(attrsOpening)]
	}
	return closeObject(b)
}

func (f *ledgerFormat) limits() limits {
	return limits{earliest: year1, depth: maxDepth, fixedSize: f.fixed}
}

// year1 is the earliest time: the server parses the years 1 to 9999 (ledger-wire
// 2.3).
const year1 = -62_135_596_800

// Trace ids and the endpoint are attributes here.
func (*ledgerFormat) appendTrace(b []byte, _, _ string) []byte   { return b }
func (*ledgerFormat) appendEndpoint(b []byte, _ endpoint) []byte { return b }

func (*ledgerFormat) appendError(b []byte, errorType, message, stack string) []byte {
	if errorType == plainErrorName { // most are
		b = append(b, plainErrorFields...)
	} else {
		b = append(b, `,"error_type":`...)
		b = appendString(b, errorType)
		b = append(b, `,"error_message":`...)
	}
	b = appendString(b, message)
	if stack != "" {
		b = append(b, `,"stack_trace":`...)
		b = appendString(b, stack)
	}
	return b
}

// plainErrorFields are what precedes the message of a plain error.
const plainErrorFields = `,"error_type":"` + plainErrorName + `","error_message":`

// timeField follows the log_id, and precedes the timestamp.
const timeField = `","timestamp":"`

func (f *ledgerFormat) wholeSize(n int, e ending) int {
	return n + len(f.tails[e.logType][e.importance]) + len(f.of.idPrefix) + seqDigits + len(timeField) + microTimeSize + len(`Z"}`)
}

func (f *ledgerFormat) appendWhole(b, data []byte, e ending) []byte {
	b = append(b, data...)
	b = append(b, f.tails[e.logType][e.importance]...)
	b = append(b, f.of.idPrefix...)
	b = appendSeq(b, e.seq)
	b = append(b, timeField...)
	b = appendMicroTime(b, e.sec, int(e.nsec))
	return append(b, `Z"}`...)
}

// seqDigits is the width of the number in a log_id: all of it, because numbers
// of one width differ in their last digits only, and compress well.
const seqDigits = 16

func appendSeq(b []byte, seq uint64) []byte {
	n := len(b)
	b = append(b, "0000000000000000"...)
	t := b[n : n+seqDigits : n+seqDigits]
	for i := seqDigits - 1; seq != 0; i-- {
		t[i] = hexDigits[seq&15]
		seq >>= 4
	}
	return b
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
	origin
}

func (f *ledgerFormat) parse(entry []byte) (*parsed, error) {
	var e ledgerEntry
	if err := json.Unmarshal(entry, &e); err != nil {
		return nil, fmt.Errorf("ledger: read entry: %w", err)
	}
	t, err := time.Parse(time.RFC3339Nano, e.Timestamp)
	if err != nil {
		return nil, fmt.Errorf("ledger: read entry: %w", err)
	}
	c := class(named(classNames[:], e.Level))
	if e.Level != classNames[c] || e.LogID == "" {
		return nil, errNotEntry
	}
	p := &parsed{
		sec: t.Unix(), nsec: t.Nanosecond(),
		severity: classSeverity[c], severityText: classText[c], message: e.Message,
		errorType: e.ErrorType, errorMessage: e.ErrorMessage, stack: e.StackTrace,
		kinds: kinds{logType: logType(named(logTypeNames[:], e.LogType)), importance: importance(named(importanceNames[:], e.Importance))},
		from:  &e.origin, logID: e.LogID,
	}
	if n := len(e.Attributes); n > 2 {
		service := f.attrsHead[len(attrsOpening):]
		members := append(e.Attributes[1:n-1:n-1], ',')
		if len(service) > 0 && len(members) >= len(service) && string(members[:len(service)]) == string(service) {
			members = members[len(service):]
		}
		p.members = members
	}
	return p, nil
}

func (f *ledgerFormat) emit(p *parsed) []byte {
	b := f.beginClass(nil, severityClass(p.severity), p.message)
	mark := len(b)
	b = append(b, p.members...)
	b = f.endAttrs(b, mark)
	if p.errorType != "" {
		b = f.appendError(b, p.errorType, p.errorMessage, p.stack)
	}
	if p.from == nil || *p.from == f.from {
		b = append(b, f.tails[p.logType][p.importance]...)
	} else {
		b = f.appendTail(b, p.kinds, *p.from)
	}
	id := appendString(nil, p.logID)
	b = append(b, id[1:len(id)-1]...)
	b = append(b, timeField...)
	b = appendMicroTime(b, p.sec, p.nsec)
	if rest := p.nsec % 1000; rest != 0 {
		// The server cuts what follows the sixth digit (ledger-wire 2.3), but
		// on the way back to OTLP the time is the same to the nanosecond.
		b = append(b, byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
	return append(b, `Z"}`...)
}

func (*ledgerFormat) toJSON(b, members []byte, _ bool, _ *apart) ([]byte, error) {
	return append(b, members...), nil
}

func (*ledgerFormat) fromJSON(b, members []byte, _ int, _ bool, _ *apart) []byte {
	return append(b, members...)
}

func (f *ledgerFormat) measure(p *parsed) int { return measureMembers(p.members) + f.fixed }
