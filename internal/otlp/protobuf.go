package otlp

import (
	"encoding/binary"
	"math/bits"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// The wire types of protobuf that OTLP's logs use.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

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
	tagBytes  = 7<<3 | wireBytes
)

func appendVarint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// sizeVarint is how many bytes [appendVarint] appends.
func sizeVarint(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// closeLength writes the length of what follows mark at mark, where the caller left
// one byte for it. If the length takes more bytes, what follows moves.
func closeLength(b []byte, mark int) []byte {
	n := len(b) - mark - 1
	size := sizeVarint(uint64(n))
	if size > 1 {
		var room [9]byte
		b = append(b, room[:size-1]...)
		copy(b[mark+size:], b[mark+1:mark+1+n])
	}
	appendVarint(b[mark:mark:mark+size], uint64(n))
	return b
}

// appendTextField appends a field that holds s, cleaned.
func appendTextField(b []byte, tag byte, s string) []byte {
	s = jsontext.Clean(s)
	b = appendVarint(append(b, tag), uint64(len(s)))
	return append(b, s...)
}

// A field is one field of a protobuf message.
type field struct {
	tag   uint64 // number<<3 | wire type
	value uint64 // of the numeric wire types
	bytes []byte // of wireBytes
}

// nextField reads the field that b begins with.
func nextField(b []byte) (f field, rest []byte, ok bool) {
	tag, n := binary.Uvarint(b)
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29 {
		return f, nil, false
	}
	b = b[n:]
	f.tag = tag
	switch tag & 7 {
	case wireVarint:
		f.value, n = binary.Uvarint(b)
	case wire64:
		if n = 8; len(b) >= n {
			f.value = binary.LittleEndian.Uint64(b)
		}
	case wire32:
		if n = 4; len(b) >= n {
			f.value = uint64(binary.LittleEndian.Uint32(b))
		}
	case wireBytes:
		var size uint64
		size, n = binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return f, nil, false
		}
		f.bytes = b[n : n+int(size)]
		n += int(size)
	default:
		return f, nil, false
	}
	if n <= 0 || n > len(b) {
		return f, nil, false
	}
	return f, b[n:], true
}

// fields reads a message, one field after the other.
type fields struct {
	field         // the current one
	raw    []byte // it with its tag and length
	rest   []byte // what comes after it
	broken bool   // rest is no message
}

// next goes to the next field, and returns false after the last one.
func (r *fields) next() (ok bool) {
	if len(r.rest) == 0 {
		return false
	}
	before := r.rest
	if r.field, r.rest, ok = nextField(before); !ok {
		r.broken = true
		return false
	}
	r.raw = before[:len(before)-len(r.rest)]
	return true
}
