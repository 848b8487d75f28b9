package ledgertest

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
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
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
	bytes  []byte
}

// is reports whether the field is the one wanted. One with another wire type is an unknown field.
func (f field) is(id, wire int) bool { return f.id == id && f.wire == wire }

// protoReader bounds what one request may cost.
type protoReader struct{ nodes int }

// message calls each for every field of the message in b.
func (p *protoReader) message(b []byte, depth int, each func(field) error) error {
	p.nodes++
	switch {
	case depth > maxMessages:
		return errNesting
	case p.nodes > maxNodes:
		return errNodes
	}
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32 {
			return errTruncated
		}
		b = b[n:]
		f := field{id: int(tag >> 3), wire: int(tag & 7)}
		switch f.wire {
		case wireVarint:
			if f.number, n = binary.Uvarint(b); n <= 0 {
				return errTruncated
			}
			b = b[n:]
		case wireFixed64:
			if len(b) < 8 {
				return errTruncated
			}
			f.number, b = binary.LittleEndian.Uint64(b), b[8:]
		case wireFixed32:
			if len(b) < 4 {
				return errTruncated
			}
			f.number, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		case wireBytes:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return errTruncated
			}
			f.bytes, b = b[n:n+int(size):n+int(size)], b[n+int(size):]
		default:
			return errWireType
		}
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

func protoText(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", errText
	}
	return string(b), nil
}

// readProtoLogs reads an ExportLogsServiceRequest. Of more than maxBatch records only the first ones are kept.
func readProtoLogs(body []byte) (records []logRecord, count int, err error) {
	p := &protoReader{}
	err = p.message(body, 0, func(f field) error {
		if !f.is(1, wireBytes) { // resource_logs
			return nil
		}
		first := len(records)
		var resource []member
		err := p.message(f.bytes, 1, func(f field) error {
			switch {
			case f.is(1, wireBytes): // resource
				return p.message(f.bytes, 2, func(f field) error {
					if !f.is(1, wireBytes) {
						return nil
					}
					return p.keyValue(f.bytes, 3, &resource)
				})
			case f.is(2, wireBytes): // scope_logs
				return p.message(f.bytes, 2, func(f field) error {
					if !f.is(2, wireBytes) { // log_records
						return nil
					}
					r, err := p.record(f.bytes)
					if count++; count <= maxBatch {
						records = append(records, r)
					}
					return err
				})
			default:
				return nil
			}
		})
		for i := first; i < len(records); i++ {
			records[i].resource = resource
		}
		return err
	})
	return records, count, err
}

func (p *protoReader) record(b []byte) (logRecord, error) {
	r := logRecord{raw: b}
	err := p.message(b, 3, func(f field) (err error) {
		switch {
		case f.is(1, wireFixed64):
			r.time = f.number
		case f.is(2, wireVarint):
			r.severity = int64(int32(f.number))
		case f.is(3, wireBytes):
			r.severityText, err = protoText(f.bytes)
		case f.is(5, wireBytes):
			var v value
			v, err = p.anyValue(f.bytes, 4)
			r.body = &v
		case f.is(6, wireBytes):
			err = p.keyValue(f.bytes, 4, &r.attributes)
		case f.is(9, wireBytes):
			r.trace = hex.EncodeToString(f.bytes)
		case f.is(10, wireBytes):
			r.span = hex.EncodeToString(f.bytes)
		case f.is(11, wireFixed64):
			r.observed = f.number
		}
		return err
	})
	return r, err
}

func (p *protoReader) keyValue(b []byte, depth int, to *[]member) error {
	var m member
	err := p.message(b, depth, func(f field) (err error) {
		switch {
		case f.is(1, wireBytes):
			m.name, err = protoText(f.bytes)
		case f.is(2, wireBytes):
			m.value, err = p.anyValue(f.bytes, depth+1)
		}
		return err
	})
	*to = append(*to, m)
	return err
}

func (p *protoReader) anyValue(b []byte, depth int) (v value, err error) {
	err = p.message(b, depth, func(f field) error {
		switch {
		case f.is(1, wireBytes):
			s, err := protoText(f.bytes)
			v = textValue(s)
			return err
		case f.is(2, wireVarint):
			v = boolValue(f.number != 0)
		case f.is(3, wireVarint):
			v = intValue(strconv.FormatInt(int64(f.number), 10))
		case f.is(4, wireFixed64):
			v = floatValue(math.Float64frombits(f.number))
		case f.is(5, wireBytes):
			var items []value
			err := p.message(f.bytes, depth+1, func(f field) error {
				if !f.is(1, wireBytes) {
					return nil
				}
				item, err := p.anyValue(f.bytes, depth+2)
				items = append(items, item)
				return err
			})
			v = listValue(items)
			return err
		case f.is(6, wireBytes):
			var members []member
			err := p.message(f.bytes, depth+1, func(f field) error {
				if !f.is(1, wireBytes) {
					return nil
				}
				return p.keyValue(f.bytes, depth+2, &members)
			})
			v = objectValue(merge(nil, members).members)
			return err
		case f.is(7, wireBytes):
			v = bytesValue(f.bytes)
		}
		return nil
	})
	return v, err
}
