package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// FromJSON appends sanitized JSON members, which stand within level groups, as
// attributes. At level 0 it moves trace ids to own and, if hasEndpoint is true,
// the endpoint.
func (*Format) FromJSON(b, members []byte, level int, hasEndpoint bool, own *wire.Fields) []byte {
	if level > 0 {
		for quoted, value := range jsontext.Members(members) {
			b = appendJSONMember(b, tagMember, jsontext.Unquote(quoted), value, level+1)
		}
		return b
	}
	endpoints := 0
	for quoted := range jsontext.Members(members) {
		if hasEndpoint && jsontext.Unquote(quoted) == wire.EndpointKey {
			endpoints++
		}
	}
	for quoted, value := range jsontext.Members(members) {
		key, text := jsontext.Unquote(quoted), ""
		if value[0] == '"' {
			text = string(value[1 : len(value)-1])
		}
		switch {
		case own.TakeID(key, text):
			continue
		case hasEndpoint && key == wire.EndpointKey:
			if endpoints--; endpoints > 0 {
				continue // a later one hides it
			}
			if value[0] == '{' {
				rest := readEndpoint(own, value[1:len(value)-1])
				if len(rest) == 0 {
					continue
				}
				key, value = wire.EndpointRestKey, jsontext.CloseObject(append([]byte{'{'}, rest...))
			}
		case wire.Reserved(key):
			key = wire.SafeKey(key, wire.IsTextJSON(value))
		}
		b = appendJSONMember(b, tagAttribute, key, value, 1)
	}
	return b
}

// readEndpoint moves the members of an endpoint that OTLP has names for to own,
// and returns the others.
func readEndpoint(own *wire.Fields, members []byte) (rest []byte) {
	e := &wire.Endpoint{}
	own.Endpoint = e
	texts := map[string]*string{"method": &e.Method, "path": &e.Path, "query_params": &e.Query, "response_body": &e.ResponseBody}
	for quoted, value := range jsontext.Members(members) {
		key, isText := jsontext.Unquote(quoted), value[0] == '"'
		number, _ := strconv.ParseFloat(string(value), 64)
		switch text := texts[key]; {
		case text != nil && isText:
			*text = jsontext.Unquote(value)
		case key == "status_code" && !isText:
			e.Status = int64(number)
		case key == "duration_ms" && !isText:
			e.Duration = number
		case key == "path_params" && value[0] == '{':
			e.PathParams = string(value)
		default:
			rest = appendMember(rest, quoted, value)
		}
	}
	return rest
}

// appendMember appends a JSON member and a comma.
func appendMember(b, quoted, value []byte) []byte {
	return append(append(append(append(b, quoted...), ':'), value...), ',')
}

// ToJSON appends attributes as JSON members. At the root it adds what own holds.
func (*Format) ToJSON(b, members []byte, root bool, own *wire.Fields) ([]byte, error) {
	var rest []byte // of the endpoint
	all := fields{rest: members}
	for all.next() {
		key, value, ok := readKeyValue(&all)
		if !ok {
			return b, wire.ErrNotEntry
		}
		if root && key == wire.EndpointRestKey && own.Endpoint != nil {
			object, ok := appendValueJSON(nil, value, 1)
			if !ok || len(object) < 2 || object[0] != '{' {
				return b, wire.ErrNotEntry
			}
			rest = rest[:0] // the last one counts
			for quoted, value := range jsontext.Members(object[1 : len(object)-1]) {
				// A program's own group of that name may have any members.
				if wire.RequiredMember(jsontext.Unquote(quoted)) == 0 {
					rest = appendMember(rest, quoted, value)
				}
			}
			continue
		}
		if original, renamed := strings.CutPrefix(key, wire.RenamedPrefix); root && renamed {
			// Drop the prefix if FromJSON would add it again.
			isText := len(value) > 0 && value[0] == tagString
			if wire.SafeKey(original, isText) == key {
				key = original
			}
		}
		b = append(jsontext.AppendString(b, key), ':')
		if b, ok = appendValueJSON(b, value, 1); !ok {
			return b, wire.ErrNotEntry
		}
		b = append(b, ',')
	}
	if all.broken {
		return b, wire.ErrNotEntry
	}
	if root {
		b = appendFieldsJSON(b, own, rest)
	}
	return b, nil
}

// appendFieldsJSON appends what own holds as JSON members; rest are the other
// members of its endpoint.
func appendFieldsJSON(b []byte, own *wire.Fields, rest []byte) []byte {
	text := func(key, value string) {
		if value != "" {
			b = append(jsontext.AppendString(append(b, key...), value), ',')
		}
	}
	text(`"trace_id":`, own.TraceID)
	text(`"span_id":`, own.SpanID)
	e := own.Endpoint
	if e == nil {
		return b
	}
	b = jsontext.AppendString(append(b, `"endpoint":{"method":`...), e.Method)
	b = jsontext.AppendString(append(b, `,"path":`...), e.Path)
	b = strconv.AppendInt(append(b, `,"status_code":`...), e.Status, 10)
	b = jsontext.AppendFloat(append(b, `,"duration_ms":`...), e.Duration)
	b = append(b, ',')
	text(`"query_params":`, e.Query)
	if e.PathParams != "" {
		b = appendMember(b, []byte(`"path_params"`), []byte(e.PathParams))
	}
	text(`"response_body":`, e.ResponseBody)
	return append(jsontext.CloseObject(append(b, rest...)), ',')
}

// readKeyValue reads the KeyValue that r is at.
func readKeyValue(r *fields) (key string, value []byte, ok bool) {
	if r.tag&7 != wireBytes {
		return "", nil, false
	}
	kv := fields{rest: r.bytes}
	for kv.next() {
		switch kv.tag {
		case tagKey:
			key = string(kv.bytes)
		case tagValue:
			value = kv.bytes
		default:
			if kv.tag&7 != wireBytes {
				return "", nil, false
			}
		}
	}
	return key, value, !kv.broken
}

// appendValueJSON appends an AnyValue, which stands within depth objects and
// arrays, as JSON. A double keeps a point or an exponent, so that it is a double
// again on the way back.
func appendValueJSON(b, value []byte, depth int) (_ []byte, ok bool) {
	if len(value) == 0 {
		return append(b, "null"...), true
	}
	f, rest, ok := nextField(value)
	if !ok || len(rest) > 0 || depth > wire.MaxDepth {
		return b, false
	}
	list := fields{rest: f.bytes}
	switch f.tag {
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
	case tagBytes:
		return jsontext.AppendString(b, base64.StdEncoding.EncodeToString(f.bytes)), true
	case tagArray:
		b = append(b, '[')
		for list.next() {
			if list.tag&7 != wireBytes {
				return b, false
			}
			if b, ok = appendValueJSON(b, list.bytes, depth+1); !ok {
				return b, false
			}
			b = append(b, ',')
		}
		return append(bytes.TrimSuffix(b, []byte{','}), ']'), !list.broken
	case tagKVList:
		b = append(b, '{')
		for list.next() {
			key, value, ok := readKeyValue(&list)
			if !ok {
				return b, false
			}
			b = append(jsontext.AppendString(b, key), ':')
			if b, ok = appendValueJSON(b, value, depth+1); !ok {
				return b, false
			}
			b = append(b, ',')
		}
		return jsontext.CloseObject(b), !list.broken
	}
	return b, false
}

// appendJSONMember appends a KeyValue whose value is sanitized JSON and stands
// within depth objects and arrays.
func appendJSONMember(b []byte, tag byte, key string, value []byte, depth int) []byte {
	mark := len(b) + 1
	b = append(b, tag, 0)
	b = appendTextField(b, tagKey, key)
	b = append(b, tagValue, 0)
	inside := len(b) - 1
	b = closeLength(appendAnyValue(b, value, depth), inside)
	return closeLength(b, mark)
}

// appendAnyValue appends the content of an AnyValue for such a value.
func appendAnyValue(b, value []byte, depth int) []byte {
	if c := value[0]; (c == '[' || c == '{') && depth >= maxDepth {
		return appendTextField(b, tagString, wire.TooDeep)
	}
	switch value[0] {
	case '"':
		return appendTextField(b, tagString, jsontext.Unquote(value))
	case 't':
		return append(b, tagBool, 1)
	case 'f':
		return append(b, tagBool, 0)
	case 'n':
		return b
	case '[':
		list := len(b) + 1
		b = append(b, tagArray, 0)
		for element := range jsontext.Elements(value[1 : len(value)-1]) {
			mark := len(b) + 1
			b = append(b, tagMember, 0)
			b = closeLength(appendAnyValue(b, element, depth+1), mark)
		}
		return closeLength(b, list)
	case '{':
		list := len(b) + 1
		b = append(b, tagKVList, 0)
		for quoted, member := range jsontext.Members(value[1 : len(value)-1]) {
			b = appendJSONMember(b, tagMember, jsontext.Unquote(quoted), member, depth+1)
		}
		return closeLength(b, list)
	}
	if wire.IsTextJSON(value) { // an integer outside 64 signed bits
		return appendTextField(b, tagString, string(value))
	}
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return appendVarint(append(b, tagInt), uint64(n))
	}
	f, _ := strconv.ParseFloat(string(value), 64)
	return binary.LittleEndian.AppendUint64(append(b, tagDouble), math.Float64bits(f))
}
