package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"math"
	"strconv"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

func (f *Format) FromJSON(b, members []byte, level int, hasEndpoint bool, a *wire.Apart) []byte {
	root := level == 0
	endpoints := 0
	if root && hasEndpoint {
		for quoted := range jsontext.Members(members) {
			if jsontext.Unescape(quoted[1:len(quoted)-1]) == wire.EndpointKey {
				endpoints++
			}
		}
	}
	for quoted, value := range jsontext.Members(members) {
		key := jsontext.Unescape(quoted[1 : len(quoted)-1])
		if root {
			isString, text := value[0] == '"', ""
			if isString {
				text = string(value[1 : len(value)-1])
			}
			if a.TakeID(key, text) {
				continue
			}
			isEndpoint := hasEndpoint && key == wire.EndpointKey
			if isEndpoint {
				if endpoints--; endpoints > 0 {
					continue // hidden by a later one
				}
			}
			switch {
			case isEndpoint && value[0] == '{':
				rest := readEndpoint(a, value[1:len(value)-1])
				if len(rest) == 0 {
					continue
				}
				key, value = wire.RestOfEndpointKey, jsontext.CloseObject(append([]byte{'{'}, rest...))
			default:
				if wire.Reserved(key) {
					key = wire.SafeKey(key, wire.IsTextJSON(value))
				}
			}
		}
		b = appendJSONAt(b, key, value, root, level+1)
	}
	return b
}

// readEndpoint takes the members of an endpoint that OTLP has names for, and
// returns the others.
func readEndpoint(a *wire.Apart, members []byte) (rest []byte) {
	e := &wire.Endpoint{}
	for quoted, value := range jsontext.Members(members) {
		key := jsontext.Unescape(quoted[1 : len(quoted)-1])
		text, isText := "", value[0] == '"'
		if isText {
			text = jsontext.Unescape(value[1 : len(value)-1])
		}
		number, _ := strconv.ParseFloat(string(value), 64)
		switch {
		case key == "method" && isText:
			e.Method = text
		case key == "path" && isText:
			e.Path = text
		case key == "status_code" && !isText:
			e.Status = int64(number)
		case key == "duration_ms" && !isText:
			e.Duration = number
		case key == "query_params" && isText:
			e.Query = text
		case key == "response_body" && isText:
			e.ResponseBody = text
		case key == "path_params" && value[0] == '{':
			e.PathParams = string(value)
		default:
			rest = append(append(append(rest, quoted...), ':'), value...)
			rest = append(rest, ',')
		}
	}
	a.Endpoint = e
	return rest
}

// appendEndpointJSON appends the endpoint as a JSON member, with the members rest.
func appendEndpointJSON(b []byte, e *wire.Endpoint, rest []byte) []byte {
	b = append(b, `"endpoint":{"method":`...)
	b = jsontext.AppendString(b, e.Method)
	b = append(b, `,"path":`...)
	b = jsontext.AppendString(b, e.Path)
	b = append(b, `,"status_code":`...)
	b = strconv.AppendInt(b, e.Status, 10)
	b = append(b, `,"duration_ms":`...)
	b = append(jsontext.AppendFloat(b, e.Duration), ',')
	if e.Query != "" {
		b = append(jsontext.AppendString(append(b, `"query_params":`...), e.Query), ',')
	}
	if e.PathParams != "" {
		b = append(append(append(b, `"path_params":`...), e.PathParams...), ',')
	}
	if e.ResponseBody != "" {
		b = append(jsontext.AppendString(append(b, `"response_body":`...), e.ResponseBody), ',')
	}
	b = append(b, rest...)
	return append(jsontext.CloseObject(b), ',')
}

func (f *Format) ToJSON(b, members []byte, root bool, a *wire.Apart) ([]byte, error) {
	var rest []byte
	for len(members) > 0 {
		m, others, ok := nextField(members)
		if !ok || m.wire != wireBytes {
			return b, wire.ErrNotEntry
		}
		members = others
		key, value, ok := readKeyValue(m.bytes)
		if !ok {
			return b, wire.ErrNotEntry
		}
		if root && key == wire.RestOfEndpointKey && a.Endpoint != nil {
			object, ok := appendValueJSON(nil, value, 1)
			if !ok || len(object) < 2 || object[0] != '{' {
				return b, wire.ErrNotEntry
			}
			rest = rest[:0] // the last one counts
			for quoted, value := range jsontext.Members(object[1 : len(object)-1]) {
				if wire.EndpointMember(jsontext.Unescape(quoted[1:len(quoted)-1])) == 0 { // else a program's own group of that name
					rest = append(append(append(append(rest, quoted...), ':'), value...), ',')
				}
			}
			continue
		}
		if own, renamed := strings.CutPrefix(key, wire.RenamedPrefix); root && renamed {
			// The prefix goes where the way back to OTLP restores it.
			isString := len(value) > 0 && value[0] == tagString
			if wire.SafeKey(own, isString) == key {
				key = own
			}
		}
		b = append(jsontext.AppendString(b, key), ':')
		if b, ok = appendValueJSON(b, value, 1); !ok {
			return b, wire.ErrNotEntry
		}
		b = append(b, ',')
	}
	if !root {
		return b, nil
	}
	if a.TraceID != "" {
		b = append(jsontext.AppendString(append(b, `"trace_id":`...), a.TraceID), ',')
	}
	if a.SpanID != "" {
		b = append(jsontext.AppendString(append(b, `"span_id":`...), a.SpanID), ',')
	}
	if a.Endpoint != nil {
		b = appendEndpointJSON(b, a.Endpoint, rest)
	}
	return b, nil
}

func readKeyValue(b []byte) (key string, value []byte, ok bool) {
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		if !ok || f.wire != wireBytes {
			return "", nil, false
		}
		switch f.number {
		case 1:
			key = string(f.bytes)
		case 2:
			value = f.bytes
		}
		b = rest
	}
	return key, value, true
}

// appendValueJSON appends an AnyValue as JSON. A double keeps a point or an
// exponent, so that it is a double again on the way back.
func appendValueJSON(b, value []byte, depth int) (_ []byte, ok bool) {
	if len(value) == 0 {
		return append(b, "null"...), true
	}
	if depth > wire.MaxDepth {
		return b, false
	}
	f, rest, ok := nextField(value)
	if !ok || len(rest) > 0 {
		return b, false
	}
	switch f.number<<3 | f.wire {
	case tagString:
		return jsontext.AppendString(b, string(f.bytes)), true
	case tagBool:
		return strconv.AppendBool(b, f.value != 0), true
	case tagInt:
		return strconv.AppendInt(b, int64(f.value), 10), true
	case tagDouble:
		mark := len(b)
		b = jsontext.AppendFloat(b, math.Float64frombits(f.value))
		if !bytes.ContainsAny(b[mark:], `.e"`) {
			b = append(b, ".0"...)
		}
		return b, true
	case 7<<3 | wireBytes:
		return jsontext.AppendString(b, base64.StdEncoding.EncodeToString(f.bytes)), true
	case tagArray:
		b = append(b, '[')
		for list := f.bytes; len(list) > 0; {
			element, others, ok := nextField(list)
			if !ok || element.wire != wireBytes {
				return b, false
			}
			list = others
			if b, ok = appendValueJSON(b, element.bytes, depth+1); !ok {
				return b, false
			}
			b = append(b, ',')
		}
		if b[len(b)-1] == ',' {
			b = b[:len(b)-1]
		}
		return append(b, ']'), true
	case tagKVList:
		b = append(b, '{')
		for list := f.bytes; len(list) > 0; {
			m, others, ok := nextField(list)
			if !ok || m.wire != wireBytes {
				return b, false
			}
			list = others
			key, value, ok := readKeyValue(m.bytes)
			if !ok {
				return b, false
			}
			b = append(jsontext.AppendString(b, key), ':')
			if b, ok = appendValueJSON(b, value, depth+1); !ok {
				return b, false
			}
			b = append(b, ',')
		}
		return jsontext.CloseObject(b), true
	}
	return b, false
}

func (f *Format) Parse(entry []byte) (*wire.Parsed, error) {
	whole, rest, ok := nextField(entry)
	if !ok || len(rest) > 0 || whole.number<<3|whole.wire != tagRecord {
		return nil, wire.ErrNotEntry
	}
	p := &wire.Parsed{Severity: -1}
	var a wire.Apart
	var attrs otlpTail
	timed := false
	for b := whole.bytes; len(b) > 0; {
		field, rest, ok := nextField(b)
		if !ok {
			return nil, wire.ErrNotEntry
		}
		raw := b[:len(b)-len(rest)]
		b = rest
		switch field.number<<3 | field.wire {
		case tagTime:
			p.Sec, p.Nsec = int64(field.value/1e9), int(field.value%1e9)
			timed = true
		case tagSeverity:
			p.Severity = int(min(field.value, 24))
		case tagSeverityText:
			p.SeverityText = string(field.bytes)
		case tagBody:
			text, _, ok := nextField(field.bytes)
			if !ok || text.number<<3|text.wire != tagString {
				return nil, wire.ErrNotEntry
			}
			p.Message = string(text.bytes)
		case tagTraceID:
			a.TraceID = hex.EncodeToString(field.bytes)
		case tagSpanID:
			a.SpanID = hex.EncodeToString(field.bytes)
		case tagAttribute:
			key, value, ok := readKeyValue(field.bytes)
			if !ok {
				return nil, wire.ErrNotEntry
			}
			if timed {
				takeOrigin(p, key, value)
			} else if !takeAttribute(p, key, value) {
				attrs = append(attrs, otlpAttr{key, value, raw})
			}
		}
	}
	if p.LogID == "" || p.Severity < 0 || p.Sec > wire.Latest {
		return nil, wire.ErrNotEntry
	}
	attrs.takeError(p)
	a.Endpoint = attrs.takeEndpoint()
	p.HasEndpoint = a.Endpoint != nil
	var members []byte
	for _, attr := range attrs {
		members = append(members, attr.raw...)
	}
	var err error
	p.Members, err = f.ToJSON(nil, members, true, &a)
	return p, err
}

type otlpAttr struct {
	key   string
	value []byte
	raw   []byte // with tag and length
}

// An otlpTail takes off the attributes that end an entry: what AppendError and
// AppendEndpoint wrote. A program may have attributes of these names anywhere
// before.
type otlpTail []otlpAttr

// text takes a text under key off the end into to, if it is there.
func (tail *otlpTail) text(key string, to *string) bool {
	v, ok := tail.last(key)
	if !ok || v.number<<3|v.wire != tagString {
		return false
	}
	*to = string(v.bytes)
	*tail = (*tail)[:len(*tail)-1]
	return true
}

func (tail *otlpTail) number(key string, wire int, to *uint64) bool {
	v, ok := tail.last(key)
	if !ok || v.wire != wire {
		return false
	}
	*to = v.value
	*tail = (*tail)[:len(*tail)-1]
	return true
}

func (tail *otlpTail) last(key string) (v field, ok bool) {
	n := len(*tail)
	if n == 0 || (*tail)[n-1].key != key {
		return v, false
	}
	v, _, ok = nextField((*tail)[n-1].value)
	return v, ok
}

func (tail *otlpTail) takeError(p *wire.Parsed) {
	before := *tail
	var errorType, message, stack string
	tail.text(wire.ExceptionStack, &stack)
	if tail.text(wire.ExceptionMessage, &message) && tail.text(wire.ExceptionType, &errorType) {
		p.ErrorType, p.ErrorMessage, p.Stack = errorType, message, stack
		return
	}
	*tail = before
}

func (tail *otlpTail) takeEndpoint() *wire.Endpoint {
	before := *tail
	e := &wire.Endpoint{}
	tail.text(responseBodyKey, &e.ResponseBody)
	tail.text(pathParamsKey, &e.PathParams)
	tail.text(queryKey, &e.Query)
	var duration, status uint64
	if tail.number(durationKey, wire64, &duration) && tail.number(httpStatusKey, wireVarint, &status) &&
		tail.text(httpRouteKey, &e.Path) && tail.text(httpMethodKey, &e.Method) {
		e.Duration, e.Status = math.Float64frombits(duration), int64(status)
		return e
	}
	*tail = before
	return nil
}

// takeOrigin takes what stands behind the times.
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

// takeAttribute takes the attributes that are entry's own fields elsewhere.
func takeAttribute(p *wire.Parsed, key string, value []byte) bool {
	v, _, _ := nextField(value)
	switch text := string(v.bytes); key {
	case sequenceKey:
	case wire.LogTypeKey:
		p.LogType = wire.LogType(wire.Named(wire.LogTypeNames[:], text))
	case wire.ImportanceKey:
		p.Importance = wire.Importance(wire.Named(wire.ImportanceNames[:], text))
	case logIDKey:
		p.LogID = text
	default:
		return false
	}
	return true
}

func (f *Format) Emit(p *wire.Parsed) []byte {
	b := []byte{tagSeverity, byte(p.Severity)}
	b = appendTextField(b, tagSeverityText, p.SeverityText)
	b = f.appendBody(b, p.Message)
	if p.Sec < otlpEarliest {
		var buf [64]byte
		t := jsontext.AppendMicroTime(buf[:0], p.Sec, p.Nsec)
		b = appendStringAttr(b, tagAttribute, slog.TimeKey, string(append(t, 'Z')))
	}
	var a wire.Apart
	b = f.FromJSON(b, p.Members, 0, p.LogType == wire.TypeEndpoint || p.HasEndpoint, &a)
	b = f.AppendTrace(b, a.TraceID, a.SpanID)
	if a.Endpoint != nil {
		b = f.AppendEndpoint(b, *a.Endpoint)
	}
	if p.ErrorType != "" {
		b = f.AppendError(b, p.ErrorType, p.ErrorMessage, p.Stack)
	}
	b = append(b, f.tails[p.LogType][p.Importance]...)
	if n := len(p.LogID); n >= wire.SeqDigits {
		if seq, err := strconv.ParseUint(p.LogID[n-wire.SeqDigits:], 16, 64); err == nil {
			b = appendIntAttr(b, tagAttribute, sequenceKey, int64(seq&math.MaxInt64))
		}
	}
	b = appendStringAttr(b, tagAttribute, logIDKey, p.LogID)
	b = appendTimes(b, max(p.Sec, otlpEarliest), p.Nsec)
	if p.From != nil && *p.From != f.from {
		b = appendOrigin(b, *p.From, p.Members)
	}
	return append(appendHeading(nil, len(b)), b...)
}

// Measure counts what the server merges into the stored attributes: the
// resource, the record's attributes, and the endpoint that it builds from them.
func (f *Format) Measure(p *wire.Parsed) int {
	n := jsontext.MeasureMembers(p.Members) + f.fixed
	if p.ErrorType != "" {
		const names = `"exception.type": "", "exception.message": "", "exception.stacktrace": "", `
		n += len(names) + jsontext.MeasureString(p.ErrorType) + jsontext.MeasureString(p.ErrorMessage) + jsontext.MeasureString(p.Stack)
	}
	for key, value := range jsontext.Members(p.Members) {
		switch string(key) {
		case `"endpoint"`:
			// The path parameters count as JSON within a string.
			n += 2*jsontext.Measure(value) + 300
		case `"url.query"`: // a program's own, which an endpoint without one takes in
			n += jsontext.Measure(value)
		}
	}
	return n
}
