package ingest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"
)

// nativeBatch is a request of n entries of about 300 bytes.
func nativeBatch(n int) []byte {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"timestamp":"2026-06-01T11:59:00.%06dZ","level":"info","message":"GET /orders/%d - 200 (12ms)","environment":"production","release":"1.4.2",`+
			`"platform":"go","log_id":"0190f3c8b6f47c3a9d1e%012d","attributes":{"request_id":"7f3a%08d","user":{"id":%d,"plan":"pro"},"ms":12.5,"ok":true}}`, i, i, i, i, i)
	}
	return []byte(`{"logs":[` + strings.Join(list, ",") + `]}`)
}

// otlpBatch is the same as OTLP in JSON.
func otlpBatch(n int) []byte {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"timeUnixNano":"1780315140%09d","severityNumber":9,"body":{"stringValue":"GET /orders/%d - 200 (12ms)"},"attributes":[`+
			`{"key":"request_id","value":{"stringValue":"7f3a%08d"}},{"key":"ms","value":{"doubleValue":12.5}},{"key":"ledger.log_id","value":{"stringValue":"%032d"}}]}`, i, i, i, i)
	}
	return []byte(`{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},"scopeLogs":[{"logRecords":[` + strings.Join(list, ",") + `]}]}]}`)
}

func BenchmarkDecode(b *testing.B) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	const entries = 1000
	for name, r := range map[string]Request{
		"native":   {Path: PathBatch, ContentType: "application/json", Body: nativeBatch(entries)},
		"gzip":     {Path: PathBatch, ContentType: "application/json", ContentEncoding: "gzip", Body: zipped(nativeBatch(entries))},
		"json":     {Path: PathLogs, ContentType: "application/json", Body: otlpBatch(entries)},
		"protobuf": {Path: PathLogs, ContentType: "application/x-protobuf", Body: otlpProto(entries)},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(r.Body)))
			b.ReportAllocs()
			for b.Loop() {
				if got := Decode(r, now); got.Refusal != nil || len(got.Entries) != entries || got.Entries[0].Verdict.Outcome != Accepted {
					b.Fatalf("%d entries, %s", len(got.Entries), got.Answer().Body)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
		})
	}
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // neither fails on a buffer
	_ = z.Close()
	return b.Bytes()
}

// Protobuf, by hand.

func pbBytes(field int, parts ...string) string {
	s := strings.Join(parts, "")
	return pbUvarint(uint64(field<<3|wireBytes)) + pbUvarint(uint64(len(s))) + s
}

func pbUvarint(n uint64) string {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return string(append(b, byte(n)))
}

func pbFixed(field int, n uint64) string {
	b := pbUvarint(uint64(field<<3 | wireFixed64))
	for i := range 8 {
		b += string([]byte{byte(n >> (8 * i))})
	}
	return b
}

func pbAttr(field int, key, value string) string {
	return pbBytes(field, pbBytes(1, key), pbBytes(2, pbBytes(1, value)))
}

// otlpProto is [otlpBatch] in protobuf.
func otlpProto(n int) []byte {
	list := make([]string, n)
	for i := range list {
		list[i] = pbBytes(2, pbFixed(1, 1780315140e9+uint64(i)), pbUvarint(2<<3), pbUvarint(9), pbBytes(5, pbBytes(1, fmt.Sprintf("GET /orders/%d - 200 (12ms)", i))),
			pbAttr(6, "request_id", fmt.Sprintf("7f3a%08d", i)), pbAttr(6, "user", "17"), pbAttr(6, "plan", "pro"), pbAttr(6, "ledger.log_id", fmt.Sprintf("%032d", i)))
	}
	return []byte(pbBytes(1, pbBytes(1, pbAttr(1, "service.name", "orders")), pbBytes(2, list...)))
}
