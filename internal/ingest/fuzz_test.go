package ingest

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// FuzzParseJSON holds our reader of JSON against encoding/json, which is stricter in known ways only.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0,1.5e3,true,false,null,"x\u00e9\ud83d\ude00\n"]}`, `{"a":NaN,"b":-Infinity}`, `"\ud800"`, `{"a":1,"a":2}`,
		`[1e400]`, `[[[[`, "\ufeff{}", `01`, `1.`, `-`, `"\x"`, "\"\x01\"", `{"a" : 1 , }`, "\"\x7f\"", ` [ ] `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, text, err := parseJSON(data)
		if err != nil {
			if json.Valid(data) && utf8.Valid(data) && !bytes.Contains(data, bytes.Repeat([]byte("1"), 1000)) && len(data) < 1000 {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		if v.odd&oddNonFinite == 0 && !json.Valid([]byte(text)) {
			t.Fatalf("%q was accepted", data)
		}
		if written := v.AppendJSON(nil); v.written() != len(written) {
			t.Fatalf("%q is written as %q, and measured as %d", data, written, v.size)
		}
		if v.odd&(oddNonFinite|oddSurrogate) != 0 {
			return
		}
		again, _, err := parseJSON(v.AppendJSON(nil))
		if err != nil {
			t.Fatalf("%q read as %q: %v", data, v.AppendJSON(nil), err)
		}
		if again.size != v.size || again.odd != v.odd || again.depth != v.depth {
			t.Fatalf("%q measures %d (odd %b, depth %d), again %d (odd %b, depth %d)", data, v.size, v.odd, v.depth, again.size, again.odd, again.depth)
		}
	})
}

// FuzzDecode reads any body of any kind: every entry has a verdict that fits the answer, and what is stored is what a
// server can store.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"logs":[{"timestamp":1,"level":"info","attributes":{"endpoint":{"method":"GET"}},"log_type":"endpoint"}]}`,
		`{"timestamp":"2025-06-01T10:00:00.5+02:00","level":"error","log_type":"exception"}`,
		`{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","body":{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":"NaN"}]}},"traceId":"ab"}]}]}]}`,
		"\x0a\x08\x12\x06\x12\x04\x2a\x02\x0a\x00", "\x1f\x8b\x08", "{\x00}\x00", "\xff\xfe{\x00}\x00",
	} {
		for _, path := range []string{PathBatch, PathSingle, PathLogs} {
			f.Add(path, "application/json", "", []byte(body))
			f.Add(path, "application/x-protobuf", "gzip", []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, path, contentType, encoding string, body []byte) {
		b := Decode(Request{Path: path, ContentType: contentType, ContentEncoding: encoding, Body: body}, time.Unix(1e9, 0))
		answer := b.Answer()
		if answer.Header.Get("Content-Type") == "application/json" && !json.Valid(answer.Body) {
			t.Fatalf("answer %d %q is no JSON", answer.Status, answer.Body)
		}
		for i := range b.Entries {
			e := &b.Entries[i]
			if (e.Verdict.Outcome == Refused) && b.Refusal == nil {
				t.Fatalf("%+v is refused, the request is not", e)
			}
			if o := e.Verdict.Outcome; (o == Rejected || o == Lost) && e.Verdict.Reason == "" {
				t.Fatalf("%+v has no reason", e)
			}
			if e.Verdict.Outcome != Accepted {
				continue
			}
			if answer.Status/100 == 4 {
				t.Fatalf("%+v is accepted with status %d", e, answer.Status)
			}
			if !slices.Contains(levels, e.Level) || !slices.Contains(logTypes, e.LogType) || !slices.Contains(importances, e.Importance) {
				t.Fatalf("accepted %+v", e)
			}
			if bytes.ContainsRune(append([]byte(e.Message), e.Attributes.AppendJSON(nil)...), 0) || !json.Valid(e.Attributes.AppendJSON(nil)) {
				t.Fatalf("accepted %+v", e)
			}
			e.Fingerprint()
		}
	})
}
