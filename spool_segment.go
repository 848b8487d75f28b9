package ledger

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A spoolRecord is one encoded entry. Its protocol is ProtocolOTLP, or else
// taken for ProtocolLedger.
type spoolRecord struct {
	protocol Protocol
	urgent   bool
	data     []byte
}

// A segment is a header, then records. The header is seven bytes of magic, the
// version and the checksum of both. A record is
//
//	marker    4 bytes, of which two occur in no UTF-8 text, JSON least of all
//	state     1 byte, spoolReleasedByte or anything else
//	flags     1 byte: 1 urgent, 2 OTLP
//	length    4 bytes, of data, little-endian
//	checksum  4 bytes: CRC-32C of flags, length and data
//	data
//
// A reader that meets garbage goes on at the next marker. The state is outside
// the checksum, to be changed alone: garbled, it makes a record come once more,
// which its log_id gives away, or in one case of 256 not again.
const (
	spoolMagic        = "ldgspl\n"
	spoolVersion      = 1
	spoolMarker       = "\xffl\xfeg"
	spoolHeader       = len(spoolMagic) + 1 + 4
	spoolRecordHead   = len(spoolMarker) + 1 + 1 + 4 + 4
	spoolReleasedByte = 0xD5 // not what zeroed or erased blocks hold

	spoolUrgent = 1 << 0
	spoolOTLP   = 1 << 1
)

// spoolScanBudget is how many times its own size a segment may cost in
// checksums that fail: a hostile one could make each of its bytes begin a
// record that reaches to the end. A garbled one costs less than once.
const spoolScanBudget = 4

var crc32c = crc32.MakeTable(crc32.Castagnoli)

func newSpoolHeader(version byte) []byte {
	b := append([]byte(spoolMagic), version)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32c))
}

// spoolHeaderVersion is the version of the segment that b begins, or 0 when b is
// no segment's beginning. All versions agree on the header.
func spoolHeaderVersion(b []byte) byte {
	if len(b) < spoolHeader {
		return 0
	}
	version := b[len(spoolMagic)]
	if !bytes.Equal(b[:spoolHeader], newSpoolHeader(version)) {
		return 0
	}
	return version
}

func appendSpoolRecord(b []byte, r spoolRecord) []byte {
	var flags byte
	if r.urgent {
		flags |= spoolUrgent
	}
	if r.protocol == ProtocolOTLP {
		flags |= spoolOTLP
	}
	b = append(append(b, spoolMarker...), 0)
	start := len(b)
	b = binary.LittleEndian.AppendUint32(append(b, flags), uint32(len(r.data)))
	sum := crc32.Update(crc32.Checksum(b[start:], crc32c), crc32c, r.data)
	return append(binary.LittleEndian.AppendUint32(b, sum), r.data...)
}

// parseSpoolRecord reads the record that b begins with; its data is part of b.
// checked is how many bytes went through the checksum.
func parseSpoolRecord(b []byte) (r spoolRecord, checked int, ok bool) {
	const flags, sum = len(spoolMarker) + 1, spoolRecordHead - 4
	if len(b) < spoolRecordHead || string(b[:len(spoolMarker)]) != spoolMarker || b[flags] >= spoolOTLP<<1 {
		return r, 0, false
	}
	length := binary.LittleEndian.Uint32(b[flags+1:])
	if int64(length) > int64(len(b)-spoolRecordHead) {
		return r, 0, false
	}
	r.data = b[spoolRecordHead:][:length:length]
	got := crc32.Update(crc32.Checksum(b[flags:sum], crc32c), crc32c, r.data)
	if got != binary.LittleEndian.Uint32(b[sum:]) {
		return spoolRecord{}, len(r.data), false
	}
	r.protocol = ProtocolLedger
	if b[flags]&spoolOTLP != 0 {
		r.protocol = ProtocolOTLP
	}
	r.urgent = b[flags]&spoolUrgent != 0
	return r, len(r.data), true
}

// scanSpool finds the intact records of a segment, and returns how many runs of
// garbage are before, between and after them. Its time is bounded by a small
// multiple of the segment's size, whatever is in it.
func scanSpool(b []byte, found func(at, size int, released bool)) (skipped int) {
	budget := spoolScanBudget * len(b)
	at, garbage := 0, false
	if spoolHeaderVersion(b) == spoolVersion {
		at = spoolHeader
	}
	for at < len(b) {
		r, checked, ok := parseSpoolRecord(b[at:])
		if ok {
			size := spoolRecordHead + len(r.data)
			found(at, size, b[at+len(spoolMarker)] == spoolReleasedByte)
			at, garbage = at+size, false
			continue
		}
		if !garbage {
			skipped++
			garbage = true
		}
		budget -= checked
		marker := bytes.Index(b[at+1:], []byte(spoolMarker))
		if marker < 0 || budget < 0 {
			break
		}
		at += 1 + marker
	}
	return skipped
}
