package ingest

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// Wire types of protobuf.
const (
	wireVarint     = 0
	wireFixed64    = 1
	wireBytes      = 2
	wireStartGroup = 3
	wireEndGroup   = 4
	wireFixed32    = 5
)

// maxMessages is how deep messages may nest, as in Google's own parsers.
const maxMessages = 100

var (
	errTruncated = errors.New("truncated message")
	errWireType  = errors.New("unknown wire type")
	errNesting   = errors.New("messages nested too deep")
	errText      = errors.New("string field is not valid UTF-8")
	errNodes     = errors.New("too many values")
)

// A field is one field of a message: number for scalars, bytes for strings and messages.
type field struct {
	id     int
	wire   int
	number uint64
	bytes  string
}

// is reports whether the field is the one wanted. One with another wire type is an unknown field.
func (f *field) is(id, wire int) bool { return f.id == id && f.wire == wire }

// text returns the field as a string.
func (f *field) text() (string, error) {
	if !utf8.ValidString(f.bytes) {
		return "", errText
	}
	return f.bytes, nil
}

// readField takes one field off the front of s.
func readField(s string) (f field, rest string, err error) {
	tag, s, err := uvarint(s)
	if err != nil || tag>>3 == 0 || tag>>3 > math.MaxInt32 {
		return f, "", errTruncated
	}
	f = field{id: int(tag >> 3), wire: int(tag & 7)}
	size := uint64(0)
	switch f.wire {
	case wireVarint:
		f.number, s, err = uvarint(s)
	case wireFixed64:
		size = 8
	case wireFixed32:
		size = 4
	case wireBytes:
		size, s, err = uvarint(s)
	case wireStartGroup, wireEndGroup:
	default:
		err = errWireType
	}
	if err == nil && size > uint64(len(s)) {
		err = errTruncated
	}
	if err != nil {
		return f, "", err
	}
	f.bytes, s = s[:size], s[size:]
	if f.wire == wireFixed64 || f.wire == wireFixed32 {
		for i := len(f.bytes) - 1; i >= 0; i-- {
			f.number = f.number<<8 | uint64(f.bytes[i])
		}
	}
	return f, s, nil
}

func uvarint(s string) (n uint64, rest string, err error) {
	n, size := binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
	if size <= 0 {
		return 0, "", errTruncated
	}
	return n, s[size:], nil
}

// skipGroup takes the rest of a group off the front of s.
func skipGroup(s string, id int) (rest string, err error) {
	open := []int{id}
	for len(open) > 0 {
		var f field
		if f, s, err = readField(s); err != nil {
			return "", err
		}
		switch {
		case f.wire == wireStartGroup && len(open) == maxMessages:
			return "", errNesting
		case f.wire == wireStartGroup:
			open = append(open, f.id)
		case f.wire == wireEndGroup && f.id != open[len(open)-1]:
			return "", errWireType
		case f.wire == wireEndGroup:
			open = open[:len(open)-1]
		}
	}
	return s, nil
}

// A protoReader bounds what one request may cost.
type protoReader struct{ nodes int }

// A message iterates over the fields of one message.
type message struct {
	rest  string
	field field // the one at hand
	err   error
}

func (p *protoReader) open(b string, depth int) message {
	p.nodes++
	switch {
	case depth > maxMessages:
		return message{err: errNesting}
	case p.nodes > maxNodes:
		return message{err: errNodes}
	}
	return message{rest: b}
}

// next moves on to the next field that is no group. It returns false at the end and after an error.
func (m *message) next() bool {
	for m.err == nil && len(m.rest) > 0 {
		m.field, m.rest, m.err = readField(m.rest)
		switch {
		case m.err != nil:
			return false
		case m.field.wire == wireStartGroup:
			m.rest, m.err = skipGroup(m.rest, m.field.id)
		case m.field.wire == wireEndGroup:
			m.err = errWireType
		default:
			return true
		}
	}
	return false
}

// readProtoLogs reads an ExportLogsServiceRequest. Of more than MaxEntries records only the first ones are kept.
func readProtoLogs(body []byte) (records []logRecord, count int, err error) {
	p := &protoReader{}
	root := p.open(string(body), 0)
	for root.next() {
		if !root.field.is(1, wireBytes) { // resource_logs
			continue
		}
		first := len(records)
		var resource members
		rl := p.open(root.field.bytes, 1)
		for rl.next() {
			switch {
			case rl.field.is(1, wireBytes):
				rl.err = p.keyValues(&resource, rl.field.bytes, 2)
			case rl.field.is(2, wireBytes): // scope_logs
				sl := p.open(rl.field.bytes, 2)
				for sl.next() {
					if !sl.field.is(2, wireBytes) { // log_records
						continue
					}
					var r logRecord
					r, sl.err = p.record(sl.field.bytes)
					if count++; count <= MaxEntries {
						records = append(records, r)
					}
				}
				rl.err = sl.err
			}
		}
		root.err = rl.err
		for i := first; i < len(records); i++ {
			records[i].resource = resource.list
		}
	}
	return records, count, root.err
}

func (p *protoReader) record(b string) (logRecord, error) {
	r := logRecord{raw: b}
	m := p.open(b, 3)
	for m.next() {
		switch f := &m.field; {
		case f.is(1, wireFixed64):
			r.time = f.number
		case f.is(2, wireVarint):
			r.severity = int64(int32(f.number))
		case f.is(3, wireBytes):
			r.severityText, m.err = f.text()
		case f.is(5, wireBytes):
			r.body, m.err = p.anyValue(f.bytes, 4)
		case f.is(6, wireBytes):
			var v Value
			v, m.err = p.keyValue(f.bytes, 4)
			r.attributes = append(r.attributes, v)
		case f.is(9, wireBytes):
			r.trace = hex.EncodeToString([]byte(f.bytes))
		case f.is(10, wireBytes):
			r.span = hex.EncodeToString([]byte(f.bytes))
		case f.is(11, wireFixed64):
			r.observed = f.number
		}
	}
	return r, m.err
}

// keyValues reads a Resource or a KeyValueList.
func (p *protoReader) keyValues(into *members, b string, depth int) error {
	m := p.open(b, depth)
	for m.next() {
		if m.field.is(1, wireBytes) {
			var v Value
			v, m.err = p.keyValue(m.field.bytes, depth+1)
			into.set(v.Name, v)
		}
	}
	return m.err
}

func (p *protoReader) keyValue(b string, depth int) (v Value, err error) {
	name := ""
	m := p.open(b, depth)
	for m.next() {
		switch f := &m.field; {
		case f.is(1, wireBytes):
			name, m.err = f.text()
		case f.is(2, wireBytes):
			v, m.err = p.anyValue(f.bytes, depth+1)
		}
	}
	v.Name = name
	return v, m.err
}

func (p *protoReader) anyValue(b string, depth int) (v Value, err error) {
	m := p.open(b, depth)
	for m.next() {
		switch f := &m.field; {
		case f.is(1, wireBytes):
			var s string
			s, m.err = f.text()
			v = textValue(s)
		case f.is(2, wireVarint):
			v = boolValue(f.number != 0)
		case f.is(3, wireVarint):
			v = intValue(strconv.FormatInt(int64(f.number), 10))
		case f.is(4, wireFixed64):
			v = floatValue(math.Float64frombits(f.number))
		case f.is(5, wireBytes): // array_value
			var items []Value
			list := p.open(f.bytes, depth+1)
			for list.next() {
				if list.field.is(1, wireBytes) {
					var item Value
					item, list.err = p.anyValue(list.field.bytes, depth+2)
					items = append(items, item)
				}
			}
			v, m.err = container(List, items), list.err
		case f.is(6, wireBytes): // kvlist_value
			var object members
			m.err = p.keyValues(&object, f.bytes, depth+1)
			v = container(Object, object.list)
		case f.is(7, wireBytes):
			v = bytesValue([]byte(f.bytes))
		}
	}
	return v, m.err
}
