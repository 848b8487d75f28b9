package otlp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// Parse reads an entry that this package wrote.
func (f *Format) Parse(entry []byte) (*wire.Parsed, error) {
	whole, rest, ok := nextField(entry)
	if !ok || len(rest) > 0 || whole.tag != tagRecord {
		return nil, wire.ErrNotEntry
	}
	p := &wire.Parsed{Severity: -1}
	var own wire.Fields
	var attrs attributes
	timed := false
	record := fields{rest: whole.bytes}
	for record.next() {
		switch record.tag {
		case tagTime:
			p.Sec, p.Nsec = int64(record.value/1e9), int(record.value%1e9)
			timed = true
		case tagSeverity:
			p.Severity = int(min(record.value, 24))
		case tagSeverityText:
			p.SeverityText = string(record.bytes)
		case tagBody:
			text, _, ok := nextField(record.bytes)
			if !ok || text.tag != tagString {
				return nil, wire.ErrNotEntry
			}
			p.Message = string(text.bytes)
		case tagTraceID:
			own.TraceID = hex.EncodeToString(record.bytes)
		case tagSpanID:
			own.SpanID = hex.EncodeToString(record.bytes)
		case tagAttribute:
			key, value, ok := readKeyValue(&record)
			if !ok {
				return nil, wire.ErrNotEntry
			}
			if timed {
				takeOrigin(p, key, value)
			} else if !takeField(p, key, value) {
				attrs = append(attrs, attribute{key, value, record.raw})
			}
		}
	}
	if record.broken || p.LogID == "" || p.Severity < 0 || p.Sec > wire.Latest {
		return nil, wire.ErrNotEntry
	}
	p.Failure = attrs.takeFailure()
	own.Endpoint = attrs.takeEndpoint()
	p.HasEndpoint = own.Endpoint != nil
	if p.HasEndpoint && !compactObject(&own.Endpoint.PathParams) {
		return nil, wire.ErrNotEntry
	}
	var members []byte
	for _, attr := range attrs {
		members = append(members, attr.raw...)
	}
	var err error
	p.Members, err = f.ToJSON(nil, members, true, &own)
	return p, err
}

// compactObject takes the spaces out of a JSON object; false when text is neither that
// nor empty.
func compactObject(text *string) bool {
	var b bytes.Buffer
	if *text == "" {
		return true
	}
	err := json.Compact(&b, []byte(*text))
	*text = b.String()
	return err == nil && strings.HasPrefix(*text, "{")
}

// takeOrigin takes an attribute that stands behind the times.
func takeOrigin(p *wire.Parsed, key string, value []byte) {
	v, _, _ := nextField(value)
	if p.From == nil {
		p.From = &wire.Origin{}
	}
	switch key {
	case releaseKey:
		p.From.Release = string(v.bytes)
	case environmentKey:
		p.From.Environment = string(v.bytes)
	}
}

// takeField takes an attribute that is a field of p.
func takeField(p *wire.Parsed, key string, value []byte) bool {
	v, _, _ := nextField(value)
	switch text := string(v.bytes); key {
	case sequenceKey: // the log_id holds it
	case wire.LogTypeKey:
		p.LogType = wire.LogTypeNamed(text)
	case wire.ImportanceKey:
		p.Importance = wire.ImportanceNamed(text)
	case logIDKey:
		p.LogID = text
	default:
		return false
	}
	return true
}

type attribute struct {
	key   string
	value []byte
	raw   []byte // with its tag and length
}

// attributes are a record's. Those that AppendFields and AppendFailure wrote are
// the last ones, and are taken from the end: a program may have attributes of
// these names anywhere before.
type attributes []attribute

// take takes the value of the last attribute, if it has that key and tag.
func (a *attributes) take(key string, tag uint64) (v field, ok bool) {
	n := len(*a)
	if n == 0 || (*a)[n-1].key != key {
		return v, false
	}
	if v, _, ok = nextField((*a)[n-1].value); !ok || v.tag != tag {
		return field{}, false
	}
	*a = (*a)[:n-1]
	return v, true
}

func (a *attributes) takeText(key string) (text string, ok bool) {
	v, ok := a.take(key, tagString)
	return string(v.bytes), ok
}

func (a *attributes) takeFailure() (e wire.Failure) {
	before := *a
	var ok bool
	e.Stack, _ = a.takeText(wire.ExceptionStack)
	if e.Message, ok = a.takeText(wire.ExceptionMessage); ok {
		if e.Type, ok = a.takeText(wire.ExceptionType); ok {
			return e
		}
	}
	*a = before
	return wire.Failure{}
}

func (a *attributes) takeEndpoint() *wire.Endpoint {
	before := *a
	e := &wire.Endpoint{}
	e.ResponseBody, _ = a.takeText(responseBodyKey)
	e.PathParams, _ = a.takeText(pathParamsKey)
	e.Query, _ = a.takeText(queryKey)
	duration, ok1 := a.take(durationKey, tagDouble)
	status, ok2 := a.take(httpStatusKey, tagInt)
	var ok3, ok4 bool
	e.Path, ok3 = a.takeText(httpRouteKey)
	e.Method, ok4 = a.takeText(httpMethodKey)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		*a = before
		return nil
	}
	e.Duration, e.Status = math.Float64frombits(duration.value), int64(status.value)
	return e
}

// Emit writes an entry. Times before 1970, which OTLP cannot express, become an
// attribute.
func (f *Format) Emit(p *wire.Parsed) []byte {
	b := []byte{tagSeverity, byte(p.Severity)}
	b = appendTextField(b, tagSeverityText, p.SeverityText)
	b = appendBody(b, p.Message)
	if p.Sec < earliest {
		t := jsontext.AppendMicroTime(nil, p.Sec, p.Nsec)
		b = appendStringAttr(b, tagAttribute, slog.TimeKey, string(append(t, 'Z')))
	}
	var own wire.Fields
	b = f.FromJSON(b, p.Members, 0, p.LogType == wire.TypeEndpoint || p.HasEndpoint, &own)
	b = f.AppendFields(b, own)
	if p.Failure.Type != "" {
		b = f.AppendFailure(b, p.Failure)
	}
	b = append(b, f.tails[p.LogType][p.Importance]...)
	if n := len(p.LogID); n >= wire.SeqDigits {
		if seq, err := strconv.ParseUint(p.LogID[n-wire.SeqDigits:], 16, 64); err == nil {
			b = appendIntAttr(b, tagAttribute, sequenceKey, int64(seq&math.MaxInt64))
		}
	}
	b = appendStringAttr(b, tagAttribute, logIDKey, p.LogID)
	b = appendTimes(b, max(p.Sec, earliest), p.Nsec)
	if p.From != nil && *p.From != f.from {
		b, _ = appendOrigin(b, *p.From) // it names none yet
	}
	return append(appendHeading(nil, len(b)), b...)
}

func (f *Format) Origin() wire.Origin { return f.from }

// Standalone adds the origin behind the times, where there are no other
// attributes. Of an attribute of the record and one of the resource with the
// same name, the server takes the record's (ledger-wire 6.2).
func (f *Format) Standalone(entry []byte, from wire.Origin) []byte {
	whole, rest, ok := nextField(entry)
	if from == f.from || !ok || len(rest) > 0 || whole.tag != tagRecord {
		return entry
	}
	b, ok := appendOrigin(slices.Clone(whole.bytes), from)
	if !ok {
		return entry
	}
	return append(appendHeading(nil, len(b)), b...)
}

// appendOrigin appends an origin to a record, except what the program's own attributes
// say already; false for a record that names its origin, and for what is none. It writes
// empty values too: otherwise those of the resource would take their place.
func appendOrigin(record []byte, from wire.Origin) (_ []byte, ok bool) {
	said, timed := map[string]bool{}, false
	all := fields{rest: record}
	for all.next() {
		switch all.tag {
		case tagTime:
			timed = true
		case tagAttribute:
			key, _, ok := readKeyValue(&all)
			if !ok || timed {
				return record, false
			}
			said[key] = true
		}
	}
	for _, attr := range [...]struct{ key, value string }{{releaseKey, from.Release}, {environmentKey, from.Environment}} {
		if !said[attr.key] {
			record = appendStringAttr(record, tagAttribute, attr.key, attr.value)
		}
	}
	return record, !all.broken
}
