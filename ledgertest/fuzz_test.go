package ledgertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParseJSON holds our reader of JSON against encoding/json, which is stricter in known ways only.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0,1.5e3,true,false,null,"x\u00e9\ud83d\ude00\n"]}`, `{"a":NaN,"b":-Infinity}`, `"\ud800"`, `{"a":1,"a":2}`,
		`[1e400]`, `[[[[`, "\ufeff{}", `01`, `1.`, `-`, `"\x"`, "\"\x01\"", `{"a" : 1 , }`, "\"\x7f\"", ` [ ] `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseJSON(data)
		if err != nil {
			if json.Valid(data) && utf8.Valid(data) && !bytes.Contains(data, bytes.Repeat([]byte("1"), 1000)) && len(data) < 1000 {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		if v.odd&oddNonFinite == 0 && !json.Valid(bytes.TrimPrefix(data, []byte("\ufeff"))) {
			t.Fatalf("%q was accepted", data)
		}
		if v.odd&(oddNonFinite|oddSurrogate) != 0 {
			return
		}
		again, err := parseJSON(v.appendJSON(nil))
		if err != nil {
			t.Fatalf("%q read as %q: %v", data, v.appendJSON(nil), err)
		}
		if again.size != v.size || again.odd != v.odd || again.depth != v.depth {
			t.Fatalf("%q measures %d (odd %b, depth %d), again %d (odd %b, depth %d)", data, v.size, v.odd, v.depth, again.size, again.odd, again.depth)
		}
	})
}

// FuzzIngest sends any body to any endpoint: there is always an answer, it is well formed, and every entry counts
// exactly once.
func FuzzIngest(f *testing.F) {
	for _, body := range []string{
		`{"logs":[{"timestamp":1,"level":"info","attributes":{"endpoint":{"method":"GET"}},"log_type":"endpoint"}]}`,
		`{"timestamp":"2025-06-01T10:00:00.5+02:00","level":"error","log_type":"exception"}`,
		`{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","body":{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":"NaN"}]}},"traceId":"ab"}]}]}]}`,
		"\x0a\x08\x12\x06\x12\x04\x2a\x02\x0a\x00", "\x1f\x8b\x08",
	} {
		for _, path := range []string{pathBatch, pathSingle, pathLogs} {
			f.Add(path, "application/json", "", []byte(body))
			f.Add(path, "application/x-protobuf", "gzip", []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, path, contentType, encoding string, body []byte) {
		s := NewInMemory(WithProtocol(Both), WithRateLimits(0, 0), WithDailyQuota(0))
		defer s.Close()
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.URL.Path = path
		r.Header = http.Header{"Content-Type": {contentType}, "Content-Encoding": {encoding}, "X-Api-Key": {APIKey}}
		x := &exchange{s: s, r: r, request: &Request{Encoding: encoding}}
		if !x.readBody() {
			t.Fatal("the body was not read")
		}
		x.decode()
		a := x.process(tamper{})
		if a.hang {
			return
		}
		if a.header.Get("Content-Type") == "application/json" && !json.Valid(a.body) {
			t.Fatalf("answer %d %q is no JSON", a.status, a.body)
		}
		kept := len(s.Received()) + len(s.Lost())
		switch {
		case a.status == http.StatusAccepted:
			var counts struct{ Accepted, Rejected int }
			if err := json.Unmarshal(a.body, &counts); err != nil || counts.Accepted != kept || counts.Accepted+counts.Rejected != len(x.request.Entries) {
				t.Fatalf("%s for %d entries, %d kept (%v)", a.body, len(x.request.Entries), kept, err)
			}
		case a.status == http.StatusOK && path == pathLogs:
			if len(a.body) <= len("{}") && kept != len(x.request.Entries) {
				t.Fatalf("%d of %d records kept", kept, len(x.request.Entries))
			}
		case kept > 0 && a.status < 500:
			t.Fatalf("%d entries kept with status %d", kept, a.status)
		}
		for _, e := range s.Received() {
			if !oneOf(e.Level, levels) || !oneOf(e.LogType, logTypes) || !oneOf(e.Importance, importances) {
				t.Fatalf("stored %+v", e)
			}
			if strings.Contains(e.Message, "\x00") {
				t.Fatalf("stored a NUL: %q", e.Message)
			}
		}
	})
}
