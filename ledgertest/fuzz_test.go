package ledgertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// FuzzIngest sends any body to any endpoint: there is always an answer, it is well formed, and every entry counts
// exactly once.
func FuzzIngest(f *testing.F) {
	for _, body := range []string{
		`{"logs":[{"timestamp":1,"level":"info","attributes":{"endpoint":{"method":"GET"}},"log_type":"endpoint"}]}`,
		`{"timestamp":"2025-06-01T10:00:00.5+02:00","level":"error","log_type":"exception"}`,
		`{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","body":{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":"NaN"}]}},"traceId":"ab"}]}]}]}`,
		"\x0a\x08\x12\x06\x12\x04\x2a\x02\x0a\x00", "\x1f\x8b\x08",
	} {
		for _, path := range []string{ingest.PathBatch, ingest.PathSingle, ingest.PathLogs} {
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
		if a.Header.Get("Content-Type") == "application/json" && !json.Valid(a.Body) {
			t.Fatalf("answer %d %q is no JSON", a.Status, a.Body)
		}
		kept := len(s.Received()) + len(s.Lost())
		switch {
		case a.Status == http.StatusAccepted:
			var counts struct{ Accepted, Rejected int }
			if err := json.Unmarshal(a.Body, &counts); err != nil || counts.Accepted != kept || counts.Accepted+counts.Rejected != len(x.request.Entries) {
				t.Fatalf("%s for %d entries, %d kept (%v)", a.Body, len(x.request.Entries), kept, err)
			}
		case a.Status == http.StatusOK && path == ingest.PathLogs:
			if len(a.Body) <= len("{}") && kept != len(x.request.Entries) {
				t.Fatalf("%d of %d records kept", kept, len(x.request.Entries))
			}
		case kept > 0 && a.Status < 500:
			t.Fatalf("%d entries kept with status %d", kept, a.Status)
		}
		for _, e := range s.Received() {
			if strings.Contains(e.Message, "\x00") {
				t.Fatalf("stored a NUL: %q", e.Message)
			}
		}
	})
}
