package ledgerview

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnswersAreTheServers(t *testing.T) {
	p := open(t, nil)
	good := entry(0, "x")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(`{"logs":[` + good + `]}`))
	z.Close()
	for _, tt := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		answer                   string
	}{
		{"batch", "POST", "/api/v1/ingest/batch", `{"logs":[` + good + `]}`, []string{"X-API-Key", APIKey}, 202, `{"accepted":1,"rejected":0,"message":null,"errors":null}`},
		{"single", "POST", "/api/v1/ingest/single", good, []string{"X-API-Key", "ldg_x"}, 202, `"Log accepted for processing"`},
		{"bearer", "POST", "/api/v1/ingest/single", good, []string{"Authorization", "Bearer ledger_x"}, 202, ""},
		{"bearer, other form", "POST", "/api/v1/ingest/single", good, []string{"Authorization", "bearer ldg_x"}, 202, ""},
		{"a lone key", "POST", "/api/v1/ingest/single", good, []string{"Authorization", "ledger_x"}, 202, ""},
		{"gzip", "POST", "/api/v1/ingest/batch", zipped.String(), []string{"X-API-Key", APIKey, "Content-Encoding", "gzip"}, 202, ""},
		{"bad gzip comes before the key", "POST", "/api/v1/ingest/batch", "no gzip", []string{"Content-Encoding", "gzip"}, 400, `{"detail":"Invalid gzip body"}`},
		{"no key", "POST", "/api/v1/ingest/batch", "{}", nil, 401, "Missing authentication header"},
		{"another key", "POST", "/api/v1/ingest/batch", "{}", []string{"X-API-Key", "secret"}, 401, "Invalid or expired API key"},
		{"three words", "POST", "/v1/logs", "{}", []string{"Authorization", "Bearer a b"}, 401, "Invalid Authorization header format"},
		{"basic", "POST", "/v1/logs", "{}", []string{"Authorization", "Basic ledger_x"}, 401, "Invalid Authorization header format"},
		{"unknown path", "POST", "/api/v1/nothing", "{}", []string{"X-API-Key", APIKey}, 404, `{"detail":"Not Found"}`},
		{"wrong method", "GET", "/api/v1/ingest/batch", "", []string{"X-API-Key", APIKey}, 405, `{"detail":"Method Not Allowed"}`},
		{"trailing slash", "POST", "/v1/logs/", "{}", []string{"X-API-Key", APIKey}, 307, ""},
		{"no JSON", "POST", "/api/v1/ingest/batch", "{", []string{"X-API-Key", APIKey}, 422, "json_invalid"},
		{"an empty list", "POST", "/api/v1/ingest/batch", `{"logs":[]}`, []string{"X-API-Key", APIKey}, 422, "too_short"},
		{"OTLP, empty", "POST", "/v1/logs", "{}", []string{"X-API-Key", APIKey, "Content-Type", "application/json"}, 200, "{}"},
		{"OTLP, another type", "POST", "/v1/logs", "{}", []string{"X-API-Key", APIKey, "Content-Type", "text/plain"}, 415, "Unsupported content type"},
		{"traces", "POST", "/v1/traces", "", []string{"X-API-Key", APIKey, "Content-Type", "application/x-protobuf"}, 200, ""},
		{"metrics", "POST", "/v1/metrics", "{}", []string{"X-API-Key", APIKey, "Content-Type", "application/json"}, 200, "{}"},
		{"health", "GET", "/health", "", nil, 200, `{"status":"healthy"}`},
		{"health with a slash", "GET", "/health/", "", nil, 401, ""},
		{"settings", "GET", "/api/v1/settings", "", []string{"X-API-Key", APIKey}, 200, "constraints"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			status, body := p.do(tt.method, tt.path, tt.body, tt.headers...)
			if status != tt.status || !strings.Contains(body, tt.answer) {
				t.Errorf("%d %s; want %d %s", status, body, tt.status, tt.answer)
			}
		})
	}
	var st struct{ Received, Kept int }
	p.get("/api/stats", &st)
	if st.Received != 6 || st.Kept != 6 {
		t.Errorf("%+v", st)
	}
}

func TestOTLP(t *testing.T) {
	p := open(t, nil)
	status, body := p.do("POST", "/v1/logs", `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}},{"key":"deployment.environment.name","value":{"stringValue":"dev"}},
		{"key":"service.instance.id","value":{"stringValue":"i-1"}}]},
		"scopeLogs":[{"logRecords":[
			{"timeUnixNano":"1775995200000001000","severityNumber":17,"body":{"stringValue":"failed"},"traceId":"4BF92F3577B34DA6A3CE929D0E0E4736","spanId":"00f067aa0ba902b7","attributes":[
				{"key":"exception.type","value":{"stringValue":"*E"}},{"key":"exception.message","value":{"stringValue":"why"}},{"key":"exception.stacktrace","value":{"stringValue":"File \"a.go\", line 7, in a.F"}},
				{"key":"n","value":{"intValue":"42"}},{"key":"x","value":{"doubleValue":"NaN"}}]},
			{"severityText":"warn","body":{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}},"attributes":[
				{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"http.route","value":{"stringValue":"/a"}},{"key":"http.response.status_code","value":{"intValue":"404"}},{"key":"ledger.duration_ms","value":{"doubleValue":1.5}}]}]}]}]}`,
		"X-API-Key", APIKey, "Content-Type", "application/json")
	if status != 200 || body != "{}" {
		t.Fatalf("%d %s", status, body)
	}
	got := p.find("")
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	warn, failed := got[0], got[1]
	if failed.Protocol != "otlp" || failed.Service != "orders" || failed.Environment != "dev" || failed.Level != "error" || failed.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" ||
		failed.SpanID != "00f067aa0ba902b7" || failed.Error == nil || failed.Error.Type != "*E" || len(failed.Error.Frames) != 1 || failed.Fingerprint == "" || failed.Importance != "high" ||
		failed.Attributes["n"] != 42.0 || failed.Attributes["x"] != "NaN" {
		t.Errorf("%+v", failed)
	}
	if len(failed.Verdict.Notes) != 1 || failed.Verdict.Notes[0].Kind != noteLost || !failed.Verdict.Accepted {
		t.Errorf("verdict of NaN: %+v", failed.Verdict)
	}
	if warn.Level != "warning" || warn.LogType != "endpoint" || warn.Message != `{"k": true}` {
		t.Errorf("%+v", warn)
	}
	var routes struct{ Routes []routeStats }
	p.get("/api/routes", &routes)
	if len(routes.Routes) != 1 || routes.Routes[0].Path != "/a" || routes.Routes[0].ClientErrors != 1 {
		t.Errorf("%+v", routes)
	}
}

func TestVerdicts(t *testing.T) {
	long := strings.Repeat("x", 10001)
	future := time.Now().Add(time.Hour).UTC().Format(timeFormat)
	for _, tt := range []struct {
		name, entry string
		status      int
		accepted    bool
		notes       []note
		check       func(shown) bool
	}{
		{"good", entry(0, "m"), 202, true, []note{}, nil},
		{"a level that is none", entry(0, "m", `"level":"warn"`), 422, false, []note{{noteRefused, "level", "level: Input should be 'debug', 'info', 'warning', 'error' or 'critical'"}}, func(r shown) bool { return r.Level == "warning" }},
		{"a long message", entry(0, long), 422, false, []note{{noteRefused, "message", "message: String should have at most 10000 characters"}}, func(r shown) bool { return r.Message == long }},
		{"a number for a text", entry(0, "m", `"release":5`), 422, false, []note{{noteRefused, "release", "release: Input should be a valid string"}}, func(r shown) bool { return r.Release == "5" }},
		{"no entry", `"just text"`, 422, false, []note{{noteRefused, "", "Input should be a valid dictionary or object to extract fields from"}}, func(r shown) bool { return r.Message == `"just text"` }},
		{"the future", entry(0, "m", `"timestamp":"`+future+`"`), 202, false, []note{{noteRefused, "timestamp", "Timestamp cannot be more than 5 minutes in the future"}}, nil},
		{"large attributes", entry(0, "m", `"attributes":{"k":"`+strings.Repeat("a", 100000)+`"}`), 202, false, []note{{noteRefused, "attributes", "Attributes JSONB cannot exceed 100000 bytes"}}, nil},
		{"an exception without type", entry(0, "m", `"log_type":"exception"`), 202, false, []note{{noteRefused, "", "error_type is required when log_type is 'exception'"}}, nil},
		{"NUL", entry(0, "m", `"attributes":{"k":"a\u0000b"}`), 202, true, []note{{noteLost, "", "taken by the server, and then lost: a NUL character"}}, func(r shown) bool { return r.Attributes["k"] == "a\x00b" }},
		{"cut by the client", entry(0, "long… [truncated]", `"attributes":{"a":{"b":"x… [truncated]"}}`), 202, true, []note{{noteCut, "message", "shortened by the client"}, {noteCut, "attributes.a.b", "shortened by the client"}}, nil},
		{"cut, and listed", entry(0, "m", `"attributes":{"a":"x… [truncated]","_truncated":["a","b.c"]}`), 202, true, []note{
			{noteCut, "attributes.a", "cut or left out by the client: the server takes 100000 characters of attributes"},
			{noteCut, "attributes.b.c", "cut or left out by the client: the server takes 100000 characters of attributes"},
		}, nil},
		{"masked", entry(0, "m", `"attributes":{"password":"[redacted]","endpoint":{"query_params":"token=***&a=1"}}`), 202, true, []note{
			{noteMasked, "attributes.endpoint.query_params", "a secret, masked by the client"}, {noteMasked, "attributes.password", "a secret, masked by the client"},
		}, nil},
		{"analytics", request(0, "GET", "/"+strings.Repeat("p", 600), 200, 1), 202, true, []note{
			{noteAnalytics, "attributes.endpoint", "endpoint method and path have 605 characters together: over 500 the analytics jobs fail for all projects"},
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := open(t, nil)
			p.post(tt.status, tt.entry)
			got := p.find("")
			if len(got) != 1 {
				t.Fatalf("%+v", got)
			}
			r := got[0]
			if diff := cmp.Diff(tt.notes, r.Verdict.Notes); diff != "" || r.Verdict.Accepted != tt.accepted {
				t.Errorf("accepted %v; notes (-want +got):\n%s", r.Verdict.Accepted, diff)
			}
			if tt.check != nil && !tt.check(r) {
				t.Errorf("%.300v", r)
			}
			if len(tt.notes) > 0 {
				if found := p.find("verdict:" + tt.notes[0].Kind); len(found) != 1 {
					t.Errorf("verdict:%s finds %d", tt.notes[0].Kind, len(found))
				}
			}
			var st struct{ Refused, Received, Kept int }
			p.get("/api/stats", &st)
			if st.Received != 1 || st.Kept != 1 || (st.Refused == 1) == tt.accepted {
				t.Errorf("stats: %+v", st)
			}
		})
	}
}

// A client that follows the server's rules sends the innocent entries of a refused batch again: they show once.
func TestInnocentEntriesOfARefusedBatch(t *testing.T) {
	p := open(t, nil)
	innocent := entry(0, "innocent", `"log_id":"a"`)
	p.post(422, innocent, entry(1, "guilty", `"level":"loud","log_id":"b"`))
	got := p.find("innocent")
	if len(got) != 1 || got[0].Verdict.Accepted || len(got[0].Verdict.Notes) != 1 || !strings.Contains(got[0].Verdict.Notes[0].Text, "for entry 1: level") {
		t.Fatalf("%+v", got)
	}
	p.post(202, innocent)
	got = p.find("")
	if len(got) != 2 || got[0].Message != "innocent" || !got[0].Verdict.Accepted || got[0].ID != 3 || got[1].Message != "guilty" {
		t.Errorf("%+v", got)
	}
	var st struct{ Received, Kept, Evicted, Refused, Redelivered int }
	p.get("/api/stats", &st)
	if st.Received != 3 || st.Kept != 2 || st.Redelivered != 1 || st.Refused != 2 {
		t.Errorf("%+v", st)
	}
}

func TestRedeliveriesShowOnce(t *testing.T) {
	p := open(t, nil)
	e := entry(0, "once", `"log_id":"abc"`)
	p.post(202, e, entry(1, "other", `"log_id":"abd"`))
	p.post(202, e)
	p.post(202, e)
	got := p.find("")
	if len(got) != 2 || got[1].Redelivered != 2 || got[0].Redelivered != 0 {
		t.Fatalf("%+v", got)
	}
	if n := got[1].Verdict.Notes; len(n) != 1 || n[0].Kind != noteRedelivered || !got[1].Verdict.Accepted {
		t.Errorf("notes: %+v", n)
	}
	if found := p.find("verdict:redelivered"); len(found) != 1 || found[0].Message != "once" {
		t.Errorf("verdict:redelivered: %v", messages(found))
	}
	var st struct{ Received, Kept, Redelivered int }
	p.get("/api/stats", &st)
	if st.Received != 4 || st.Kept != 2 || st.Redelivered != 2 {
		t.Errorf("%+v", st)
	}
}

func TestRuns(t *testing.T) {
	p := open(t, nil)
	id := func(process string, n int) string {
		return fmt.Sprintf(`"log_id":"%s-%016x","attributes":{"service":"api"}`, strings.Repeat(process, 16), n)
	}
	p.post(202, entry(0, "a", id("a", 1)), entry(1, "b", id("a", 2)), entry(2, "web", `"attributes":{"service":"web"}`))
	p.post(202, entry(5, "c", id("b", 1)), entry(6, "late", id("a", 3)), entry(7, "web", `"attributes":{"service":"web"}`))
	var got []int
	for _, r := range p.find("") {
		got = append(got, r.Run)
	}
	if diff := cmp.Diff([]int{2, 1, 3, 2, 1, 1}, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	var list struct {
		Runs []struct {
			Run, Count int
			Service    string
			First      uint64    `json:"first_id"`
			FirstSeen  time.Time `json:"first_seen"`
		}
	}
	p.get("/api/runs", &list)
	if len(list.Runs) != 3 || list.Runs[0].Run != 3 || list.Runs[0].First != 4 || list.Runs[0].Service != "api" || list.Runs[2].Count != 3 || !list.Runs[2].FirstSeen.Equal(base) {
		t.Errorf("%+v", list.Runs)
	}
	var only shownList
	p.get("/api/records?run=3", &only)
	if len(only.Records) != 1 || only.Records[0].Message != "c" {
		t.Errorf("run=3: %+v", only.Records)
	}
}

func TestRunsAreBounded(t *testing.T) {
	s := newRuns()
	for i := range 3 * maxRuns {
		s.number(&record{labels: labels{service: fmt.Sprint(i)}}, "")
	}
	if len(s.byKey) > maxRuns || len(s.byNumber) != len(s.byKey) {
		t.Errorf("%d and %d remembered", len(s.byKey), len(s.byNumber))
	}
}

func TestHostileRecords(t *testing.T) {
	p := open(t, nil)
	huge := strings.Repeat("é\n\"", 1<<20/4)
	hostile := "<script>alert(1)</script>\x1b[31m\u202e\u2028\x7f"
	deep := strings.Repeat(`{"a":`, 400) + "1" + strings.Repeat("}", 400)
	message, _ := json.Marshal(hostile)
	value, _ := json.Marshal(huge)
	p.post(202, `{"timestamp":"2026-04-12T14:00:00Z","level":"info","message":`+string(message)+`,"attributes":{`+string(message)+`:1,"deep":`+deep+`}}`)
	p.post(202, `{"timestamp":"2026-04-12T14:00:00Z","level":"info","message":"huge","attributes":{"v":`+string(value)+`}}`)
	p.post(202, `{"timestamp":"0001-01-01T00:00:00Z","level":"info"}`, `{"timestamp":"9999-12-31T23:59:59Z","level":"info"}`)
	got := p.find("")
	if len(got) != 4 || got[3].Message != hostile || got[3].Attributes[hostile] != 1.0 || got[2].Attributes["v"] != huge {
		t.Fatalf("%d records", len(got))
	}
	if found := p.find(`"</script>"`); len(found) != 1 {
		t.Errorf("found %d", len(found))
	}
	var h struct{ Buckets []map[string]any }
	p.get("/api/histogram?buckets=2000", &h)
	if len(h.Buckets) != 2000 {
		t.Errorf("%d buckets over 10 000 years", len(h.Buckets))
	}
	var span struct{ From, To time.Time }
	p.get("/api/histogram", &span)
	if span.From.Year() != 2026 || span.To.Year() != 2026 {
		t.Errorf("clocks that are wrong stretch the chart: %+v", span)
	}
}
