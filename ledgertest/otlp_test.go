package ledgertest_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// Protobuf, by hand.

func pbBytes(field int, b ...string) string {
	s := strings.Join(b, "")
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field<<3|2)), uint64(len(s)))) + s
}

func pbVarint(field int, n int64) string {
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field<<3)), uint64(n)))
}

func pbFixed(field int, n uint64) string {
	return string(binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, uint64(field<<3|1)), n))
}

func pbAttr(field int, key, anyValue string) string {
	return pbBytes(field, pbBytes(1, key), pbBytes(2, anyValue))
}

func pbString(s string) string { return pbBytes(1, s) }

// pbRecord is a record of 11:59 with a body, plus further fields.
func pbRecord(body string, more ...string) string {
	return pbBytes(2, pbFixed(1, uint64(noon.Add(-time.Minute).UnixNano())), pbVarint(2, 9), pbBytes(5, pbString(body)), strings.Join(more, ""))
}

// pbLogs is a request with one resource and scope.
func pbLogs(resource string, records ...string) string {
	return pbBytes(1, pbBytes(1, resource), pbBytes(2, records...))
}

func jsonLogs(records ...string) string {
	return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + strings.Join(records, ",") + `]}]}]}`
}

// jsonRecord is a record of 11:59 with further members.
func jsonRecord(body string, more ...string) string {
	return fmt.Sprintf(`{"timeUnixNano":"%d","severityNumber":9,"body":{"stringValue":%q}%s}`,
		noon.Add(-time.Minute).UnixNano(), body, strings.Join(append([]string{""}, more...), ","))
}

func jsonAttrs(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, fmt.Sprintf(`{"key":%q,"value":%s}`, pairs[i], pairs[i+1]))
	}
	return `"attributes":[` + strings.Join(list, ",") + `]`
}

func logID(id string) string {
	return jsonAttrs("ledger.log_id", fmt.Sprintf(`{"stringValue":%q}`, id))
}

func newOTLPServer(t *testing.T, opts ...ledgertest.Option) *ledgertest.Server {
	return newServer(t, append([]ledgertest.Option{ledgertest.WithProtocol(ledgertest.OTLP), ledgertest.WithClock(atNoon)}, opts...)...)
}

func manyRecords(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = jsonRecord("m", logID(fmt.Sprint(i)))
	}
	return list
}

const unhandledError = `{"detail":"Authentication service error"}`

// TestOTLPEdgeCases follows the table of OTLP cases in the server's wire reference, by its letters, and its section
// on OTLP.
func TestOTLPEdgeCases(t *testing.T) {
	ok := jsonRecord("m")
	tests := []struct {
		name         string
		body         string
		contentType  string // "" is JSON
		path         string
		status       int
		want         string
		prefix       bool // want is how the body begins
		stored, lost int
	}{
		{name: "A", body: `{}`, status: 200, want: `{}`},
		{name: "A no records", body: jsonLogs(), status: 200, want: `{}`},
		{name: "A protobuf", contentType: "application/x-protobuf", status: 200},
		{name: "A empty JSON", status: 400, want: `{"detail":"Malformed JSON body: `, prefix: true},
		{name: "B", body: jsonLogs(manyRecords(1000)...), status: 200, want: `{}`, stored: 1000},
		{name: "C", body: jsonLogs(manyRecords(1001)...), status: 400, want: `{"detail":"Batch exceeds maximum of 1000 log records"}`},
		{name: "D", body: jsonLogs(fmt.Sprintf(`{"timeUnixNano":"%d"}`, noon.Add(10*time.Minute).UnixNano())), status: 200, want: `{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"Log 0: ` + future + `"}}`},
		{name: "G", body: jsonLogs(jsonRecord("m", `"traceId":"AAECAwQFBgcICQoLDA0ODw=="`)), status: 400, want: `{"detail":"Invalid hex id for traceId: AAECAwQFBgcICQoLDA0ODw=="}`},
		{name: "G snake case", body: strings.NewReplacer("resourceLogs", "resource_logs", "scopeLogs", "scope_logs", "logRecords", "log_records").Replace(jsonLogs(jsonRecord("m", `"trace_id":"AAECAwQFBgcICQoLDA0ODw=="`))), status: 200, want: `{}`, stored: 1},
		{name: "G number", body: jsonLogs(jsonRecord("m", `"spanId":5`)), status: 500, want: unhandledError},
		{name: "H", body: jsonLogs(jsonRecord("m", jsonAttrs("exception.type", `{"intValue":"5"}`, "exception.message", `{"stringValue":"x"}`))), status: 500, want: unhandledError},
		{name: "H other log type", body: jsonLogs(jsonRecord("m", jsonAttrs("exception.type", `{"intValue":"5"}`, "ledger.log_type", `{"stringValue":"logger"}`))), status: 200, want: `{}`, stored: 1},
		{name: "I", body: jsonLogs(ok), contentType: "text/plain", status: 415, want: `{"detail":"Unsupported content type, use application/x-protobuf or application/json"}`},
		{name: "I none", body: jsonLogs(ok), contentType: "-", status: 415},
		{name: "I parameters and case", body: jsonLogs(ok), contentType: "Application/JSON; charset=utf-8", status: 200, want: `{}`, stored: 1},
		{name: "J", body: jsonLogs(jsonRecord("a", logID("x")), jsonRecord("b", logID("x"))), status: 200, want: `{}`, stored: 1},
		{name: "J cut at 64", body: jsonLogs(jsonRecord("a", logID(strings.Repeat("x", 64)+"1")), jsonRecord("a", logID(strings.Repeat("x", 64)+"2"))), status: 200, want: `{}`, stored: 1},
		{name: "J other time", body: jsonLogs(jsonRecord("a", logID("x")), `{"timeUnixNano":1000,`+logID("x")+`}`), status: 200, want: `{}`, stored: 2},
		{name: "K", body: jsonLogs(ok, ok, jsonRecord("m", `"traceId":"AB"`)), status: 200, want: `{}`, stored: 2},
		{name: "L", body: jsonLogs(jsonRecord(strings.Repeat("x", 10001))), status: 200, want: `{}`, stored: 1},
		{name: "N", path: batchPath, body: batch(entry("")), status: 404, want: notFound},
		{name: "attributes too big", body: jsonLogs(jsonRecord("m", jsonAttrs("k", `{"stringValue":"`+strings.Repeat("a", 99992)+`"}`))), status: 200, want: `{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"Log 0: 1 validation error for LogEntry\nattributes`, prefix: true},
		{name: "attributes fit", body: jsonLogs(jsonRecord("m", jsonAttrs("k", `{"stringValue":"`+strings.Repeat("a", 99991)+`"}`))), status: 200, want: `{}`, stored: 1},
		{name: "not an object", body: `[]`, status: 500, want: unhandledError},
		{name: "not UTF-8", body: "{\"a\":\"\xff\"}", status: 500, want: unhandledError},
		{name: "not JSON", body: `{"a":`, status: 400, want: `{"detail":"Malformed JSON body: `, prefix: true},
		{name: "wrong type", body: `{"resourceLogs":{}}`, status: 400, want: `{"detail":"Malformed OTLP/JSON logs payload: `, prefix: true},
		{name: "surrogate", body: jsonLogs(`{"body":{"stringValue":"\ud800"}}`), status: 400, want: `{"detail":"Malformed OTLP/JSON logs payload: `, prefix: true},
		{name: "bare NaN", body: jsonLogs(`{"body":{"doubleValue":NaN}}`), status: 400, want: `{"detail":"Malformed OTLP/JSON logs payload: `, prefix: true},
		{name: "quoted NaN", body: jsonLogs(jsonRecord("m", jsonAttrs("x", `{"doubleValue":"NaN"}`))), status: 200, want: `{}`, lost: 1},
		{name: "NUL takes its envelope", body: jsonLogs(append(manyRecords(250), `{"body":{"stringValue":"\u0000"}}`)...), status: 200, want: `{}`, stored: 200, lost: 51},
		{name: "endpoint out of range", body: jsonLogs(jsonRecord("m", jsonAttrs("http.method", `{"stringValue":"PROPPATCH"}`, "http.status_code", `{"intValue":200}`, "http.route", `{"stringValue":"/"}`, "ledger.duration_ms", `{"doubleValue":1}`))), status: 200, want: `{}`, lost: 1},
		{name: "unknown fields, numbers and names", body: jsonLogs(`{"timeUnixNano":1e18,"severityNumber":"SEVERITY_NUMBER_WARN2","foo":[1],"body":{}}`), status: 200, want: `{}`, stored: 1},
		{name: "protobuf cut off", body: pbLogs("", pbRecord("m"))[:20], contentType: "application/x-protobuf", status: 400, want: `{"detail":"Malformed protobuf body: truncated message"}`},
		{name: "protobuf not UTF-8", body: pbLogs("", pbRecord("\xff")), contentType: "application/x-protobuf", status: 400, want: `{"detail":"Malformed protobuf body: `, prefix: true},
		{name: "protobuf nested too deep", body: pbLogs("", pbRecord("m", pbAttr(6, "k", deepList(60)))), contentType: "application/x-protobuf", status: 400, want: `{"detail":"Malformed protobuf body: messages nested too deep"}`},
		{name: "protobuf", body: pbLogs("", pbRecord("m")), contentType: "application/x-protobuf", status: 200, stored: 1},
		{name: "protobuf NaN", body: pbLogs("", pbRecord("m", pbAttr(6, "k", pbFixed(4, math.Float64bits(math.NaN()))))), contentType: "application/x-protobuf", status: 200, lost: 1},
	}
	c := newClient(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newOTLPServer(t)
			path := logsPath
			if tt.path != "" {
				path = tt.path
			}
			req := request(t, s.URL+path, []byte(tt.body))
			switch tt.contentType {
			case "":
			case "-":
				req.Header.Del("Content-Type")
			default:
				req.Header.Set("Content-Type", tt.contentType)
			}
			got := do(t, c, req)
			matches := got.body == tt.want
			if tt.prefix {
				matches = strings.HasPrefix(got.body, tt.want)
			}
			if got.status != tt.status || tt.want != "" && !matches {
				t.Errorf("got %d %.500s, want %d %.500s", got.status, got.body, tt.status, tt.want)
			}
			wantType := "application/json"
			if got.status == 200 && strings.HasSuffix(tt.contentType, "protobuf") {
				wantType = "application/x-protobuf"
				if got.body != "" {
					t.Errorf("body %q, want none", got.body)
				}
			}
			if ct := got.header.Get("Content-Type"); ct != wantType {
				t.Errorf("Content-Type %q, want %q", ct, wantType)
			}
			if n := len(s.Entries()); n != tt.stored {
				t.Errorf("%d entries stored, want %d", n, tt.stored)
			}
			if n := len(s.Lost()); n != tt.lost {
				t.Errorf("%d entries lost, want %d", n, tt.lost)
			}
		})
	}
}

func deepList(n int) string {
	v := pbString("x")
	for range n {
		v = pbBytes(5, pbBytes(1, v))
	}
	return v
}

// TestOTLPCountsRecords is cases B, E and F.
func TestOTLPCountsRecords(t *testing.T) {
	now := noon
	s, c := newOTLPServer(t, ledgertest.WithClock(func() time.Time { return now })), newClient(t)
	post := func(n int) reply { return do(t, c, request(t, s.URL+logsPath, []byte(jsonLogs(manyRecords(n)...)))) }
	status := func(got reply, want int) {
		t.Helper()
		if got.status != want {
			t.Errorf("got %d %s, want %d", got.status, got.body, want)
		}
	}
	status(post(500), 200)
	got := post(600)
	status(got, 429)
	if got.body != `{"detail":"Ingestion rate limit exceeded"}` || got.header.Get("Retry-After") != "60" || got.header.Get("X-RateLimit-Limit-Minute") != "1000" || got.header.Get("X-RateLimit-Remaining-Minute") != "" {
		t.Errorf("got %s %v", got.body, got.header)
	}
	status(post(1), 429) // the denied records were counted
	status(post(0), 200)
	now = now.Add(time.Minute)
	status(post(1000), 200)
	status(post(1), 429)

	now = now.Add(time.Minute)
	s.SetDailyQuota(100000, 99990)
	if got := post(20); got.status != 200 || got.body != `{"partialSuccess":{"rejectedLogRecords":"20","errorMessage":"Daily logs quota exceeded (99990/100000)"}}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := post(10); got.body != `{}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := post(1); got.status != 200 || !strings.Contains(got.body, "(100000/100000)") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestOTLPPartialSuccessInProtobuf(t *testing.T) {
	s, c := newOTLPServer(t), newClient(t)
	s.Always(ledgertest.RejectWhere(func(e ledgertest.Entry) bool { return e.Message == "bad" }))
	got := do(t, c, request(t, s.URL+logsPath, []byte(pbLogs("", pbRecord("ok"), pbRecord("bad"))), "Content-Type", "application/x-protobuf"))
	text := "Log 1: 1 validation error for LogEntry\n  Value error, rejected by the test [type=value_error, input_value={...}, input_type=dict]\n    For further information visit https://errors.pydantic.dev/2.12/v/value_error"
	if want := pbBytes(1, pbVarint(1, 1), pbBytes(2, text)); got.status != 200 || got.body != want {
		t.Errorf("got %d %q, want %q", got.status, got.body, want)
	}
	if n := len(s.Entries()); n != 1 {
		t.Errorf("%d entries", n)
	}
}

// TestOTLPMapping sends the same record in both encodings and compares what is stored.
func TestOTLPMapping(t *testing.T) {
	nanos := uint64(noon.Add(-time.Minute).UnixNano()) + 123456789
	proto := pbLogs(
		pbAttr(1, "service.version", pbString("1.2"))+pbAttr(1, "deployment.environment.name", pbString("a-long-environment-name"))+
			pbAttr(1, "telemetry.sdk.language", pbString("go"))+pbAttr(1, "telemetry.sdk.version", pbString("0.1"))+
			pbAttr(1, "process.runtime.version", pbString("1.26"))+pbAttr(1, "k", pbString("resource")),
		pbBytes(2, pbFixed(1, nanos), pbVarint(2, 17), pbBytes(5, pbString("failed")),
			pbAttr(6, "k", pbBytes(6, pbAttr(1, "n", pbVarint(3, -5)), pbAttr(1, "f", pbFixed(4, math.Float64bits(1e16))))),
			pbAttr(6, "l", pbBytes(5, pbBytes(1, pbVarint(2, 1)), pbBytes(1, pbBytes(7, "\x00\x01")), pbBytes(1))),
			pbAttr(6, "exception.type", pbString("*net.OpError")), pbAttr(6, "exception.message", pbString("reset")), pbAttr(6, "exception.stacktrace", pbString("at x")),
			pbAttr(6, "ledger.log_id", pbString("id")),
			pbBytes(9, "\x01\xab"), pbBytes(10, "\x02"), pbFixed(11, 1)))
	str := func(s string) string { return fmt.Sprintf(`{"stringValue":%q}`, s) }
	record := fmt.Sprintf(`{"timeUnixNano":"%d","observedTimeUnixNano":1,"severityNumber":17,"body":%s,"traceId":"01AB","spanId":"02",%s}`, nanos, str("failed"), jsonAttrs(
		"k", `{"kvlistValue":{"values":[{"key":"n","value":{"intValue":"-5"}},{"key":"f","value":{"doubleValue":1e16}}]}}`,
		"l", `{"arrayValue":{"values":[{"boolValue":true},{"bytesValue":"AAE="},{}]}}`,
		"exception.type", str("*net.OpError"), "exception.message", str("reset"), "exception.stacktrace", str("at x"), "ledger.log_id", str("id")))
	text := fmt.Sprintf(`{"resourceLogs":[{"resource":{%s},"scopeLogs":[{"logRecords":[%s]}]}]}`, jsonAttrs(
		"service.version", str("1.2"), "deployment.environment.name", str("a-long-environment-name"), "telemetry.sdk.language", str("go"),
		"telemetry.sdk.version", str("0.1"), "process.runtime.version", str("1.26"), "k", str("resource")), record)

	want := []ledgertest.Entry{{
		Timestamp: time.Date(2026, 6, 1, 11, 59, 0, 123457000, time.UTC),
		Level:     "error", LogType: "exception", Importance: "high", Message: "failed",
		ErrorType: "*net.OpError", ErrorMessage: "reset", StackTrace: "at x",
		Environment: "a-long-environment-n", Release: "1.2", SDKVersion: "0.1", Platform: "go", PlatformVersion: "1.26", LogID: "id",
		Attributes: map[string]any{
			"service.version": "1.2", "deployment.environment.name": "a-long-environment-name", "telemetry.sdk.language": "go",
			"telemetry.sdk.version": "0.1", "process.runtime.version": "1.26",
			"k": map[string]any{"n": json.Number("-5"), "f": json.Number("1e+16")}, "l": []any{true, "AAE=", nil},
			"exception.type": "*net.OpError", "exception.message": "reset", "exception.stacktrace": "at x",
			"ledger.log_id": "id", "trace_id": "01ab", "span_id": "02",
		},
		Notes: []string{"environment cut to 20 characters"},
	}}
	c := newClient(t)
	for contentType, body := range map[string]string{"application/json": text, "application/x-protobuf": proto} {
		s := newOTLPServer(t)
		if got := do(t, c, request(t, s.URL+logsPath, zipped(t, body), "Content-Type", contentType, "Content-Encoding", "gzip")); got.status != 200 {
			t.Fatalf("%s: got %d %s", contentType, got.status, got.body)
		}
		if diff := cmp.Diff(want, s.Entries(), cmpopts.IgnoreFields(ledgertest.Entry{}, "Raw")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", contentType, diff)
		}
	}
}

// TestOTLPInference also has cases L and M.
func TestOTLPInference(t *testing.T) {
	s := func(v string) string { return fmt.Sprintf(`{"stringValue":%q}`, v) }
	http := []string{"http.request.method", s("GET"), "http.route", s("/u/{id}"), "http.response.status_code", `{"intValue":200}`}
	full := append(http[:6:6], "ledger.duration_ms", `{"doubleValue":1.5}`, "url.query", s("a=b"), "ledger.path_params", s(`{"id":"7"}`))
	tests := []struct {
		name   string
		record string
		want   string // level, log type, importance, message
	}{
		{"nothing", `{}`, "info custom standard "},
		{"given", `{` + jsonAttrs("ledger.log_type", s("console"), "ledger.importance", s("low")) + `}`, "info console low "},
		{"given, unknown", `{` + jsonAttrs("ledger.log_type", s("network"), "ledger.importance", s("medium")) + `}`, "info custom standard "},
		{"exception without a message", `{` + jsonAttrs("exception.type", s("x")) + `}`, "info custom standard "},
		{"endpoint", `{` + jsonAttrs(full...) + `}`, "info endpoint standard "},
		{"M", `{` + jsonAttrs(http...) + `}`, "info custom standard "},
		{"database", `{` + jsonAttrs("db.system", s("pg")) + `}`, "info database standard "},
		{"code", `{` + jsonAttrs("code.function", s("f")) + `}`, "info logger standard "},
		{"critical", `{"severityNumber":24,"severityText":"info","body":{"boolValue":true}}`, "critical custom critical true"},
		{"text", `{"severityText":"WARN","body":{"intValue":"7"}}`, "warning custom standard 7"},
		{"map", `{"severityNumber":17,"body":{"kvlistValue":{"values":[{"key":"b","value":{"intValue":1}},{"key":"a"}]}}}`, `error custom high {"b": 1, "a": null}`},
	}
	c := newClient(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := newOTLPServer(t)
			if got := do(t, c, request(t, srv.URL+logsPath, []byte(jsonLogs(tt.record)))); got.body != `{}` {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			e := srv.Entries()[0]
			if got := strings.Join([]string{e.Level, e.LogType, e.Importance, e.Message}, " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.name == "endpoint" {
				want := map[string]any{
					"method": "GET", "path": "/u/{id}", "status_code": json.Number("200"), "duration_ms": json.Number("1.5"),
					"query_params": "a=b", "path_params": map[string]any{"id": "7"},
				}
				if diff := cmp.Diff(want, e.Attributes["endpoint"]); diff != "" {
					t.Errorf("endpoint (-want +got):\n%s", diff)
				}
			}
			if !e.Timestamp.Equal(noon) {
				t.Errorf("time %v, want the server's", e.Timestamp)
			}
		})
	}
}

// TestBothProtocolsShareIdentities sends an entry by one protocol and again by the other, as a client does whose
// server was replaced.
func TestBothProtocolsShareIdentities(t *testing.T) {
	s, c := newServer(t, ledgertest.WithProtocol(ledgertest.Both), ledgertest.WithClock(atNoon)), newClient(t)
	do(t, c, request(t, s.URL+batchPath, []byte(batch(entry(`"log_id":"x"`)))))
	do(t, c, request(t, s.URL+logsPath, []byte(jsonLogs(jsonRecord("m", logID("x"))))))
	if n, d := len(s.Entries()), s.Duplicates(); n != 1 || d != 1 {
		t.Errorf("%d entries, %d duplicates, want one of each", n, d)
	}
	s.SetProtocol(ledgertest.OTLP)
	if got := do(t, c, request(t, s.URL+batchPath, []byte(batch(entry(""))))); got.status != 404 {
		t.Errorf("native path: got %d", got.status)
	}
}
