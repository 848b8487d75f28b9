package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A Record is one encoded entry. Its Protocol is "otlp"; anything unlike it
// is read back as "ledger".
type Record struct {
	Protocol string
	Urgent   bool
	Data     []byte
	From     Source // to be written: where the data come from instead; nil in what is read
	Label    string // of what is read: that of its segment, "" where it has none
}

// A Source writes a record's data where they are wanted, which saves a copy.
type Source interface {
	Size() int
	AppendTo(b []byte) []byte
}

// size is that of the whole record.
func (r *Record) size() int {
	if r.From != nil {
		return recordHead + r.From.Size()
	}
	return recordHead + len(r.Data)
}

// What a record's protocol is called; one bit says which it is.
const ledgerProtocol, otlpProtocol = "ledger", "otlp"

// A segment is a header, then records. The header is seven bytes of magic, the
// version and the checksum of both. Since version 2 the first record may be the
// segment's label: what its writer says about all its records. A record is
//
//	marker    4 bytes, of which two occur in no UTF-8 text, JSON least of all
//	state     1 byte, releasedByte or anything else
//	flags     1 byte: 1 urgent, 2 OTLP, 4 a label
//	length    4 bytes, of data, little-endian
//	checksum  4 bytes: CRC-32C of flags, length and data
//	data
//
// A reader that meets garbage goes on at the next marker. The state is outside
// the checksum, to be changed alone: garbled, it makes a record come once more,
// which its log_id gives away, or in one case of 256 not again.
const (
	magic        = "ldgspl\n"
	version      = 2
	marker       = "\xffl\xfeg"
	headerSize   = len(magic) + 1 + 4
	recordHead   = len(marker) + 1 + 1 + 4 + 4
	releasedByte = 0xD5 // not what zeroed or erased blocks hold

	flagUrgent = 1 << 0
	flagOTLP   = 1 << 1
	flagLabel  = 1 << 2
)

// scanBudget is how many times its own size a segment may cost in
// checksums that fail: a hostile one could make each of its bytes begin a
// record that reaches to the end. A garbled one costs less than once.
const scanBudget = 4

var crc32c = crc32.MakeTable(crc32.Castagnoli)

func newHeader(version byte) []byte {
	b := append([]byte(magic), version)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32c))
}

// headerVersion is the version of the segment that b begins, or 0 when b is
// no segment's beginning. All versions agree on the header.
func headerVersion(b []byte) byte {
	if len(b) < headerSize {
		return 0
	}
	version := b[len(magic)]
	if !bytes.Equal(b[:headerSize], newHeader(version)) {
		return 0
	}
	return version
}

func appendRecord(b []byte, r Record) []byte {
	var flags byte
	if r.Urgent {
		flags |= flagUrgent
	}
	if r.Protocol == otlpProtocol {
		flags |= flagOTLP
	}
	return appendFlagged(b, flags, r)
}

func appendFlagged(b []byte, flags byte, r Record) []byte {
	start := len(b) + len(marker) + 1
	b = append(append(b, marker...), 0, flags, 0, 0, 0, 0, 0, 0, 0, 0) // length and checksum are to come
	data := len(b)
	if r.From != nil {
		b = r.From.AppendTo(b)
	} else {
		b = append(b, r.Data...)
	}
	head := b[start:data]
	binary.LittleEndian.PutUint32(head[1:], uint32(len(b)-data))
	sum := crc32.Update(crc32.Checksum(head[:5], crc32c), crc32c, b[data:])
	binary.LittleEndian.PutUint32(head[5:], sum)
	return b
}

// newSegment is what a segment with a label begins with.
func newSegment(label string) []byte {
	b := newHeader(version)
	if label != "" {
		b = appendFlagged(b, flagLabel, Record{Data: []byte(label)})
	}
	return b
}

// labelOf is the label of a segment that b begins.
func labelOf(b []byte) string {
	if headerVersion(b) < 2 {
		return ""
	}
	r, flags, _, ok := parseRecord(b[headerSize:])
	if !ok || flags&flagLabel == 0 {
		return ""
	}
	return string(r.Data)
}

// parseRecord reads the record that b begins with; its data is part of b.
// checked is how many bytes went through the checksum.
func parseRecord(b []byte) (r Record, flags byte, checked int, ok bool) {
	const at, sum = len(marker) + 1, recordHead - 4
	if len(b) < recordHead || string(b[:len(marker)]) != marker || b[at] >= flagLabel<<1 {
		return r, 0, 0, false
	}
	length := binary.LittleEndian.Uint32(b[at+1:])
	if int64(length) > int64(len(b)-recordHead) {
		return r, 0, 0, false
	}
	data := b[recordHead:][:length:length]
	got := crc32.Update(crc32.Checksum(b[at:sum], crc32c), crc32c, data)
	if got != binary.LittleEndian.Uint32(b[sum:]) {
		return r, 0, len(data), false
	}
	r = Record{Protocol: ledgerProtocol, Urgent: b[at]&flagUrgent != 0, Data: data}
	if b[at]&flagOTLP != 0 {
		r.Protocol = otlpProtocol
	}
	return r, b[at], len(data), true
}

// scan finds the intact records of a segment, and returns how many runs of
// garbage are before, between and after them. Its time is bounded by a small
// multiple of the segment's size, whatever is in it.
func scan(b []byte, found func(at, size int, released bool)) (skipped int) {
	budget := scanBudget * len(b)
	at, garbage := 0, false
	if v := headerVersion(b); 0 < v && v <= version {
		at = headerSize
	}
	for at < len(b) {
		r, flags, checked, ok := parseRecord(b[at:])
		if ok {
			size := recordHead + len(r.Data)
			if flags&flagLabel == 0 {
				found(at, size, b[at+len(marker)] == releasedByte)
			}
			at, garbage = at+size, false
			continue
		}
		if !garbage {
			skipped++
			garbage = true
		}
		budget -= checked
		marker := bytes.Index(b[at+1:], []byte(marker))
		if marker < 0 || budget < 0 {
			break
		}
		at += 1 + marker
	}
	return skipped
}
