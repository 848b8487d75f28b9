package ledger

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"math"
	"strconv"
	"strings"
)

func (f *otlpFormat) fromJSON(b, members []byte, level int, hasEndpoint bool, a *apart) []byte {
	root := level == 0
	endpoints := 0
	if root && hasEndpoint {
		for quoted := range eachMember(members) {
			if unescaped(quoted[1:len(quoted)-1]) == endpointKey {
				endpoints++
			}
		}
	}
	for quoted, value := range eachMember(members) {
		key := unescaped(quoted[1 : len(quoted)-1])
		if root {
			isString, text := value[0] == '"', ""
			if isString {
				text = string(value[1 : len(value)-1])
			}
			if a.takeID(key, text) {
				continue
			}
			isEndpoint := hasEndpoint && key == endpointKey
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
				key, value = restOfEndpointKey, closeObject(append([]byte{'{'}, rest...))
			default:
				if reserved(key) {
					key = safeKey(key, isTextJSON(value))
				}
			}
		}
		b = appendJSONAt(b, key, value, root, level+1)
	}
	return b
}

// readEndpoint takes the members of an endpoint that OTLP has names for, and
// returns the others.
func readEndpoint(a *apart, members []byte) (rest []byte) {
	e := &endpoint{}
	for quoted, value := range eachMember(members) {
		key := unescaped(quoted[1 : len(quoted)-1])
		text, isText := "", value[0] == '"'
		if isText {
			text = unescaped(value[1 : len(value)-1])
		}
		number, _ := strconv.ParseFloat(string(value), 64)
		switch {
		case key == "method" && isText:
			e.method = text
		case key == "path" && isText:
			e.path = text
		case key == "status_code" && !isText:
			e.status = int64(number)
		case key == "duration_ms" && !isText:
			e.duration = number
		case key == "query_params" && isText:
			e.query = text
		case key == "response_body" && isText:
			e.responseBody = text
		case key == "path_params" && value[0] == '{':
			e.pathParams = string(value)
		default:
			rest = append(append(append(rest, quoted...), ':'), value...)
			rest = append(rest, ',')
		}
	}
	a.endpoint = e
	return rest
}

// appendEndpointJSON appends the endpoint as a JSON member, with the members rest.
func appendEndpointJSON(b []byte, e *endpoint, rest []byte) []byte {
	b = append(b, `"endpoint":{"method":`...)
	b = appendString(b, e.method)
	b = append(b, `,"path":`...)
	b = appendString(b, e.path)
	b = append(b, `,"status_code":`...)
	b = strconv.AppendInt(b, e.status, 10)
	b = append(b, `,"duration_ms":`...)
	b = append(appendFloat(b, e.duration), ',')
	if e.query != "" {
		b = append(appendString(append(b, `"query_params":`...), e.query), ',')
	}
	if e.pathParams != "" {
		b = append(append(append(b, `"path_params":`...), e.pathParams...), ',')
	}
	if e.responseBody != "" {
		b = append(appendString(append(b, `"response_body":`...), e.responseBody), ',')
	}
	b = append(b, rest...)
	return append(closeObject(b), ',')
}

func (f *otlpFormat) toJSON(b, members []byte, root bool, a *apart) ([]byte, error) {
	var rest []byte
	for len(members) > 0 {
		m, others, ok := nextField(members)
		if !ok || m.wire != wireBytes {
			return b, errNotEntry
		}
		members = others
		key, value, ok := readKeyValue(m.bytes)
		if !ok {
			return b, errNotEntry
		}
		if root && key == restOfEndpointKey && a.endpoint != nil {
			object, ok := appendValueJSON(nil, value, 1)
			if !ok || len(object) < 2 || object[0] != '{' {
				return b, errNotEntry
			}
			rest = rest[:0] // the last one counts
			for quoted, value := range eachMember(object[1 : len(object)-1]) {
				if endpointBit(unescaped(quoted[1:len(quoted)-1])) == 0 { // else a program's own group of that name
					rest = append(append(append(append(rest, quoted...), ':'), value...), ',')
				}
			}
			continue
		}
		if own, renamed := strings.CutPrefix(key, renamedPrefix); root && renamed {
			// The prefix goes where the way back to OTLP restores it.
			isString := len(value) > 0 && value[0] == tagString
			if safeKey(own, isString) == key {
				key = own
			}
		}
		b = append(appendString(b, key), ':')
		if b, ok = appendValueJSON(b, value, 1); !ok {
			return b, errNotEntry
		}
		b = append(b, ',')
	}
	if !root {
		return b, nil
	}
	if a.traceID != "" {
		b = append(appendString(append(b, `"trace_id":`...), a.traceID), ',')
	}
	if a.spanID != "" {
		b = append(appendString(append(b, `"span_id":`...), a.spanID), ',')
	}
	if a.endpoint != nil {
		b = appendEndpointJSON(b, a.endpoint, rest)
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
	if depth > maxDepth {
		return b, false
	}
	f, rest, ok := nextField(value)
	if !ok || len(rest) > 0 {
		return b, false
	}
	switch f.number<<3 | f.wire {
	case tagString:
		return appendString(b, string(f.bytes)), true
	case tagBool:
		return strconv.AppendBool(b, f.value != 0), true
	case tagInt:
		return strconv.AppendInt(b, int64(f.value), 10), true
	case tagDouble:
		mark := len(b)
		b = appendFloat(b, math.Float64frombits(f.value))
		if !bytes.ContainsAny(b[mark:], `.e"`) {
			b = append(b, ".0"...)
		}
		return b, true
	case 7<<3 | wireBytes:
		return appendString(b, base64.StdEncoding.EncodeToString(f.bytes)), true
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
			b = append(appendString(b, key), ':')
			if b, ok = appendValueJSON(b, value, depth+1); !ok {
				return b, false
			}
			b = append(b, ',')
		}
		return closeObject(b), true
	}
	return b, false
}

func (f *otlpFormat) parse(entry []byte) (*parsed, error) {
	whole, rest, ok := nextField(entry)
	if !ok || len(rest) > 0 || whole.number<<3|whole.wire != tagRecord {
		return nil, errNotEntry
	}
	p := &parsed{severity: -1}
	var a apart
	var attrs otlpTail
	timed := false
	for b := whole.bytes; len(b) > 0; {
		field, rest, ok := nextField(b)
		if !ok {
			return nil, errNotEntry
		}
		raw := b[:len(b)-len(rest)]
		b = rest
		switch field.number<<3 | field.wire {
		case tagTime:
			p.sec, p.nsec = int64(field.value/1e9), int(field.value%1e9)
			timed = true
		case tagSeverity:
			p.severity = int(min(field.value, 24))
		case tagSeverityText:
			p.severityText = string(field.bytes)
		case tagBody:
			text, _, ok := nextField(field.bytes)
			if !ok || text.number<<3|text.wire != tagString {
				return nil, errNotEntry
			}
			p.message = string(text.bytes)
		case tagTraceID:
			a.traceID = hex.EncodeToString(field.bytes)
		case tagSpanID:
			a.spanID = hex.EncodeToString(field.bytes)
		case tagAttribute:
			key, value, ok := readKeyValue(field.bytes)
			if !ok {
				return nil, errNotEntry
			}
			if timed {
				takeOrigin(p, key, value)
			} else if !takeAttribute(p, key, value) {
				attrs = append(attrs, otlpAttr{key, value, raw})
			}
		}
	}
	if p.logID == "" || p.severity < 0 || p.sec > latest {
		return nil, errNotEntry
	}
	attrs.takeError(p)
	a.endpoint = attrs.takeEndpoint()
	p.hasEndpoint = a.endpoint != nil
	var members []byte
	for _, attr := range attrs {
		members = append(members, attr.raw...)
	}
	var err error
	p.members, err = f.toJSON(nil, members, true, &a)
	return p, err
}

type otlpAttr struct {
	key   string
	value []byte
	raw   []byte // with tag and length
}

// An otlpTail takes off the attributes that end an entry: what appendError and
// appendEndpoint wrote. A program may have attributes of these names anywhere
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

func (tail *otlpTail) takeError(p *parsed) {
	before := *tail
	var errorType, message, stack string
	tail.text(exceptionStack, &stack)
	if tail.text(exceptionMessage, &message) && tail.text(exceptionType, &errorType) {
		p.errorType, p.errorMessage, p.stack = errorType, message, stack
		return
	}
	*tail = before
}

func (tail *otlpTail) takeEndpoint() *endpoint {
	before := *tail
	e := &endpoint{}
	tail.text(responseBodyKey, &e.responseBody)
	tail.text(pathParamsKey, &e.pathParams)
	tail.text(queryKey, &e.query)
	var duration, status uint64
	if tail.number(durationKey, wire64, &duration) && tail.number(httpStatusKey, wireVarint, &status) &&
		tail.text(httpRouteKey, &e.path) && tail.text(httpMethodKey, &e.method) {
		e.duration, e.status = math.Float64frombits(duration), int64(status)
		return e
	}
	*tail = before
	return nil
}

// latest is the end of the year 9999, which no time in nanoseconds reaches: a
// larger one was not written here.
const latest = 253_402_300_799

// takeOrigin takes what stands behind the times.
func takeOrigin(p *parsed, key string, value []byte) {
	v, _, _ := nextField(value)
	if p.from == nil {
		p.from = &origin{}
	}
	switch key {
	case releaseKey:
		p.from.Release = string(v.bytes)
	case environmentKey:
		p.from.Environment = string(v.bytes)
	}
}

// takeAttribute takes the attributes that are entry's own fields elsewhere.
func takeAttribute(p *parsed, key string, value []byte) bool {
	v, _, _ := nextField(value)
	switch text := string(v.bytes); key {
	case sequenceKey:
	case logTypeKey:
		p.logType = logType(named(logTypeNames[:], text))
	case importanceKey:
		p.importance = importance(named(importanceNames[:], text))
	case logIDKey:
		p.logID = text
	default:
		return false
	}
	return true
}

func (f *otlpFormat) emit(p *parsed) []byte {
	b := []byte{tagSeverity, byte(p.severity)}
	b = appendTextField(b, tagSeverityText, p.severityText)
	b = f.appendBody(b, p.message)
	if p.sec < otlpEarliest {
		var buf [64]byte
		t := appendMicroTime(buf[:0], p.sec, p.nsec)
		b = appendStringAttr(b, tagAttribute, slog.TimeKey, string(append(t, 'Z')))
	}
	var a apart
	b = f.fromJSON(b, p.members, 0, p.logType == typeEndpoint || p.hasEndpoint, &a)
	b = f.appendTrace(b, a.traceID, a.spanID)
	if a.endpoint != nil {
		b = f.appendEndpoint(b, *a.endpoint)
	}
	if p.errorType != "" {
		b = f.appendError(b, p.errorType, p.errorMessage, p.stack)
	}
	b = append(b, f.tails[p.logType][p.importance]...)
	if n := len(p.logID); n >= seqDigits {
		if seq, err := strconv.ParseUint(p.logID[n-seqDigits:], 16, 64); err == nil {
			b = appendIntAttr(b, tagAttribute, sequenceKey, int64(seq&math.MaxInt64))
		}
	}
	b = appendStringAttr(b, tagAttribute, logIDKey, p.logID)
	b = appendTimes(b, max(p.sec, otlpEarliest), p.nsec)
	if p.from != nil && *p.from != f.from {
		b = appendOrigin(b, *p.from, p.members)
	}
	return append(appendHeading(nil, len(b)), b...)
}

// measure counts what the server merges into the stored attributes: the
// resource, the record's attributes, and the endpoint that it builds from them.
func (f *otlpFormat) measure(p *parsed) int {
	n := measureMembers(p.members) + f.fixed
	if p.errorType != "" {
		const names = `"exception.type": "", "exception.message": "", "exception.stacktrace": "", `
		n += len(names) + measureString(p.errorType) + measureString(p.errorMessage) + measureString(p.stack)
	}
	for key, value := range eachMember(p.members) {
		switch string(key) {
		case `"endpoint"`:
			// The path parameters count as JSON within a string.
			n += 2*measureJSON(value) + 300
		case `"url.query"`: // a program's own, which an endpoint without one takes in
			n += measureJSON(value)
		}
	}
	return n
}
