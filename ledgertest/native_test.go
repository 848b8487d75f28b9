package ledgertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// noon is when the servers of these tests live.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// entry is a valid entry with one member replaced or added.
func entry(change string) string {
	e := map[string]json.RawMessage{"timestamp": []byte(`"2026-06-01T11:59:00Z"`), "level": []byte(`"info"`), "message": []byte(`"m"`)}
	if change != "" {
		var c map[string]json.RawMessage
		if err := json.Unmarshal([]byte("{"+change+"}"), &c); err != nil {
			panic(change + ": " + err.Error())
		}
		for k, v := range c {
			e[k] = v
			if string(v) == `"-"` {
				delete(e, k)
			}
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// raw is [entry] for a member that encoding/json would not take.
func raw(member string) string {
	return `{"timestamp":"2026-06-01T11:59:00Z","level":"info",` + member + `}`
}

func batch(entries ...string) string { return `{"logs":[` + strings.Join(entries, ",") + `]}` }

func many(n int, e string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = e
	}
	return list
}

func accepted(n int) string {
	return fmt.Sprintf(`{"accepted":%d,"rejected":0,"message":null,"errors":null}`, n)
}

const help = `\n    For further information visit https://errors.pydantic.dev/2.12/v/value_error`

// rejected is a 202 that rejects one entry.
func rejected(ok int, text string) string {
	return fmt.Sprintf(`{"accepted":%d,"rejected":1,"message":null,"errors":["%s"]}`, ok, text)
}

func conditional(reason string) string {
	return `Log 0: 1 validation error for LogEntry\n  Value error, ` + reason + ` [type=value_error, input_value={...}, input_type=dict]` + help
}

const (
	singleOK   = `{"accepted":1,"rejected":0,"message":"Log accepted for processing","errors":null}`
	notFound   = `{"detail":"Not Found"}`
	parseError = `{"detail":"There was an error parsing the body"}`
	future     = `1 validation error for LogEntry\ntimestamp\n  Value error, Timestamp cannot be more than 5 minutes in the future [type=value_error, input_value=datetime.datetime(...), input_type=datetime]` + help
	levelWords = `'debug', 'info', 'warning', 'error' or 'critical'`
	typeWords  = `'console', 'logger', 'exception', 'database', 'endpoint' or 'custom'`
)

func tooBig(input string) string {
	return `Log 0: 1 validation error for LogEntry\nattributes\n  Value error, Attributes JSONB cannot exceed 100000 bytes [type=value_error, input_value=` + input + `, input_type=dict]` + help
}

// TestNativeEdgeCases follows the table of edge cases in the server's wire reference, by its numbers.
func TestNativeEdgeCases(t *testing.T) {
	ok := entry("")
	pair := strings.Repeat
	tests := []struct {
		name    string
		body    string
		path    string // "" is the batch path
		headers []string
		status  int
		want    string   // the whole body, if set
		errors  []string // of a 422: type, place, message of each item
		stored  int
		lost    int
	}{
		{name: "1", body: batch(ok), status: 202, want: accepted(1), stored: 1},
		{name: "2", path: singlePath, body: ok, status: 202, want: singleOK, stored: 1},
		{name: "3", body: batch(), status: 422, want: `{"detail":[{"type":"too_short","loc":["body","logs"],"msg":"List should have at least 1 item after validation, not 0","input":[],"ctx":{"actual_length":0,"field_type":"List","min_length":1}}]}`},
		{name: "4", body: batch(many(1000, ok)...), status: 202, want: accepted(1000), stored: 1000},
		{name: "5", body: batch(many(1001, ok)...), status: 422, errors: []string{`too_long body.logs List should have at most 1000 items after validation, not 1001`}},
		{name: "5 invalid", body: batch(many(1001, `{}`)...), status: 422, errors: []string{`too_long body.logs List should have at most 1000 items after validation, not 1001`}},
		{name: "6", body: `{}`, status: 422, want: `{"detail":[{"type":"missing","loc":["body","logs"],"msg":"Field required","input":{}}]}`},
		{name: "7 null", body: `{"logs":null}`, status: 422, want: `{"detail":[{"type":"list_type","loc":["body","logs"],"msg":"Input should be a valid list","input":null}]}`},
		{name: "7 object", body: `{"logs":{}}`, status: 422, errors: []string{`list_type body.logs Input should be a valid list`}},
		{name: "8", body: `[` + ok + `]`, status: 422, errors: []string{`model_attributes_type body Input should be a valid dictionary or object to extract fields from`}},
		{name: "9 empty", body: ``, status: 422, want: `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`},
		{name: "9 null", body: `null`, status: 422, want: `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`},
		{name: "10", body: batch(ok, `"x"`, `5`), status: 422, errors: []string{
			`model_attributes_type body.logs.1 Input should be a valid dictionary or object to extract fields from`,
			`model_attributes_type body.logs.2 Input should be a valid dictionary or object to extract fields from`,
		}},
		{name: "11 ascii", body: batch(entry(`"message":"` + pair("a", 10000) + `"`)), status: 202, stored: 1},
		{name: "11 emoji", body: batch(entry(`"message":"` + pair("😀", 10000) + `"`)), status: 202, stored: 1},
		{name: "12 ascii", body: batch(entry(`"message":"` + pair("a", 10001) + `"`)), status: 422, want: `{"detail":[{"type":"string_too_long","loc":["body","logs",0,"message"],"msg":"String should have at most 10000 characters","input":"` + pair("a", 10001) + `","ctx":{"max_length":10000}}]}`},
		{name: "12 emoji", body: batch(entry(`"message":"` + pair("😀", 10001) + `"`)), status: 422, errors: []string{`string_too_long body.logs.0.message String should have at most 10000 characters`}},
		{name: "13", body: batch(entry(`"message":"-"`), entry(`"message":null`), entry(`"message":""`)), status: 202, want: accepted(3), stored: 3},
		{name: "14", body: batch(entry(`"message":5`)), status: 422, want: `{"detail":[{"type":"string_type","loc":["body","logs",0,"message"],"msg":"Input should be a valid string","input":5}]}`},
		{name: "15 warn", body: batch(entry(`"level":"warn"`)), status: 422, want: `{"detail":[{"type":"literal_error","loc":["body","logs",0,"level"],"msg":"Input should be ` + levelWords + `","input":"warn","ctx":{"expected":"` + levelWords + `"}}]}`},
		{name: "15 INFO", body: batch(entry(`"level":"INFO"`)), status: 422, errors: []string{`literal_error body.logs.0.level Input should be ` + levelWords}},
		{name: "15 null", body: batch(entry(`"level":null`)), status: 422, errors: []string{`literal_error body.logs.0.level Input should be ` + levelWords}},
		{name: "16", body: batch(entry(`"level":"warning"`)), status: 202, stored: 1},
		{name: "17", body: batch(`{"timestamp":1748772000}`), status: 422, want: `{"detail":[{"type":"missing","loc":["body","logs",0,"level"],"msg":"Field required","input":{"timestamp":1748772000}}]}`},
		{name: "18", body: batch(append(many(999, ok), entry(`"level":"warn"`))...), status: 422, errors: []string{`literal_error body.logs.999.level Input should be ` + levelWords}},
		{name: "19", body: batch(entry(`"message":5`), ok, entry(`"level":5,"platform":5`)), status: 422, errors: []string{
			`string_type body.logs.0.message Input should be a valid string`,
			`literal_error body.logs.2.level Input should be ` + levelWords,
			`string_type body.logs.2.platform Input should be a valid string`,
		}},
		{name: "20", body: batch(entry(`"log_type":"network"`), entry(`"log_type":null`)), status: 422, errors: []string{
			`literal_error body.logs.0.log_type Input should be ` + typeWords, `literal_error body.logs.1.log_type Input should be ` + typeWords,
		}},
		{name: "21", body: batch(entry(`"importance":null`), entry(`"importance":"medium"`)), status: 422, errors: []string{
			`literal_error body.logs.0.importance Input should be 'critical', 'high', 'standard' or 'low'`,
			`literal_error body.logs.1.importance Input should be 'critical', 'high', 'standard' or 'low'`,
		}},
		{name: "22", body: batch(entry(`"environment":"123456789012345678901"`)), status: 422, errors: []string{`string_too_long body.logs.0.environment String should have at most 20 characters`}},
		{name: "23", body: batch(entry(`"sdk_version":"v0.0.0-20240101120000-abcdef123456"`)), status: 422, errors: []string{`string_too_long body.logs.0.sdk_version String should have at most 20 characters`}},
		{name: "24", body: batch(entry(`"timestamp":"2026-06-01T10:00:00.123456789Z"`)), status: 202, stored: 1},
		{name: "25", body: batch(entry(`"timestamp":"2025-06-01 10:00:00Z"`), entry(`"timestamp":"2025-06-01t10:00z"`), entry(`"timestamp":"2025-06-01T10:00:00,5-0800"`), entry(`"timestamp":"2025-06-01T10:00:00+05:30"`)), status: 202, want: accepted(4), stored: 4},
		{name: "26", body: batch(entry(`"timestamp":1748772000`), entry(`"timestamp":1748772000123`), entry(`"timestamp":"1748772000.5"`)), status: 202, want: accepted(3), stored: 3},
		{name: "27", body: batch(entry(`"timestamp":1748772000123456789`)), status: 422, errors: []string{`datetime_parsing body.logs.0.timestamp Input should be a valid datetime, dates after 9999 are not supported as unix timestamps`}},
		{name: "28", body: batch(entry(`"timestamp":"yesterday"`), entry(`"timestamp":""`)), status: 422, errors: []string{
			`datetime_from_date_parsing body.logs.0.timestamp Input should be a valid datetime or date, input is too short`,
			`datetime_from_date_parsing body.logs.1.timestamp Input should be a valid datetime or date, input is too short`,
		}},
		{name: "29", body: batch(entry(`"timestamp":null`), entry(`"timestamp":true`)), status: 422, errors: []string{
			`datetime_type body.logs.0.timestamp Input should be a valid datetime`, `datetime_type body.logs.1.timestamp Input should be a valid datetime`,
		}},
		{name: "30", body: batch(ok, entry(`"timestamp":"2025-06-01T10:00:00"`)), status: 202, want: rejected(1, `Log 1: can't compare offset-naive and offset-aware datetimes`), stored: 1},
		{name: "30 date", body: batch(entry(`"timestamp":"2025-06-01"`)), status: 202, want: rejected(0, `Log 0: can't compare offset-naive and offset-aware datetimes`)},
		{name: "31", path: singlePath, body: entry(`"timestamp":"2025-06-01T10:00:00"`), status: 500, want: `{"detail":"Failed to ingest log"}`},
		{name: "32", body: batch(entry(`"timestamp":"2026-06-01T12:04:50Z"`), entry(`"timestamp":"2026-06-01T12:05:00Z"`)), status: 202, want: accepted(2), stored: 2},
		{name: "33", body: batch(entry(`"timestamp":"2026-06-01T12:05:10Z"`)), status: 202, want: rejected(0, `Log 0: `+future)},
		{name: "34", path: singlePath, body: entry(`"timestamp":"2026-06-01T12:05:10Z"`), status: 400, want: `{"detail":"Invalid log entry: ` + future + `"}`},
		{name: "35", body: batch(entry(`"timestamp":"0001-01-01T00:00:00.000001Z"`)), status: 202, stored: 1},
		{name: "35 first microsecond", body: batch(entry(`"timestamp":"0001-01-01T00:00:00Z"`), ok), status: 202, want: accepted(2), stored: 1, lost: 1},
		{name: "35 too early, too late", body: batch(entry(`"timestamp":"0000-01-01T00:00:00Z"`), entry(`"timestamp":"10000-01-01T00:00:00Z"`), entry(`"timestamp":"2025-06-01T10:00:60Z"`), entry(`"timestamp":"2025-06-01T10:00:00+05"`)), status: 422},
		{name: "36", body: batch(entry(`"attributes":{"k":"` + pair("a", 99991) + `"}`)), status: 202, want: accepted(1), stored: 1},
		{name: "37", body: batch(entry(`"attributes":{"k":"` + pair("a", 99992) + `"}`)), status: 202, want: rejected(0, tooBig(`{'k': '`+pair("a", 18)+`...`+pair("a", 22)+`'}`))},
		{name: "38", body: batch(entry(`"attributes":{"k":"` + pair("é", 16666) + `"}`)), status: 202, want: rejected(0, tooBig(`{'k': '`+pair("é", 18)+`...`+pair("é", 22)+`'}`))},
		{name: "38 fits", body: batch(entry(`"attributes":{"k":"`+pair("é", 16665)+`"}`), entry(`"attributes":{"k":"`+pair("😀", 8332)+`"}`)), status: 202, want: accepted(2), stored: 2},
		{name: "39", body: batch(entry(`"attributes":[1]`), entry(`"attributes":"x"`)), status: 422, errors: []string{
			`dict_type body.logs.0.attributes Input should be a valid dictionary`, `dict_type body.logs.1.attributes Input should be a valid dictionary`,
		}},
		{name: "40", body: batch(raw(`"attributes":{"x":NaN}`), raw(`"attributes":{"x":[1e400]}`), ok), status: 202, want: accepted(3), stored: 1, lost: 2},
		{name: "41", body: batch(ok, raw(`"attributes":{"x":100000000000000000000}`), ok), status: 500, want: `{"detail":"Failed to ingest batch"}`, stored: 1},
		{name: "41 edges", body: batch(raw(`"attributes":{"x":18446744073709551615,"y":-9223372036854775808,"z":1e20}`)), status: 202, stored: 1},
		{name: "42", body: batch(raw(`"attributes":{"x":"\ud800"}`)), status: 500, want: `{"detail":"Failed to ingest batch"}`},
		{name: "42 key", body: batch(raw(`"attributes":{"\udc00":1}`)), status: 500, want: `{"detail":"Failed to ingest batch"}`},
		{name: "42 single", path: singlePath, body: raw(`"attributes":{"x":"\ud800"}`), status: 400},
		{name: "42 pair", body: batch(raw(`"attributes":{"x":"\ud83d\ude00"}`)), status: 202, stored: 1},
		{name: "44", body: batch(entry(`"message":"a\u0000"`), entry(`"attributes":{"k\u0000":1}`)), status: 202, want: accepted(2), lost: 2},
		{name: "45", body: batch(raw("\"message\":\"\xff\"")), status: 400, want: parseError},
		{name: "46", body: "\ufeff" + batch(ok), status: 202, stored: 1},
		{name: "47 cut", body: `{"logs":[`, status: 422, want: `{"detail":[{"type":"json_invalid","loc":["body",9],"msg":"JSON decode error","input":{},"ctx":{"error":"Expecting value"}}]}`},
		{name: "47 trailing", body: batch(ok) + "x", status: 422},
		{name: "48", body: batch(entry(`"log_type":"exception","error_message":"x"`)), status: 202, want: rejected(0, conditional(`error_type is required when log_type is 'exception'`))},
		{name: "48 empty", body: batch(entry(`"log_type":"exception","error_type":"","error_message":"x"`)), status: 202, want: rejected(0, conditional(`error_type is required when log_type is 'exception'`))},
		{name: "49", body: batch(entry(`"log_type":"exception","error_type":"x"`)), status: 202, want: rejected(0, conditional(`error_message is required when log_type is 'exception'`))},
		{name: "50", body: batch(entry(`"log_type":"exception","error_type":"x","error_message":"y"`)), status: 202, stored: 1},
		{name: "51", body: batch(entry(`"log_type":"endpoint"`)), status: 202, want: rejected(0, conditional(`attributes field is required when log_type is 'endpoint'`))},
		{name: "51 empty", body: batch(entry(`"log_type":"endpoint","attributes":{}`)), status: 202, want: rejected(0, conditional(`attributes field is required when log_type is 'endpoint'`))},
		{name: "52", body: batch(entry(`"log_type":"endpoint","attributes":{"a":1}`)), status: 202, want: rejected(0, conditional(`attributes.endpoint is required when log_type is 'endpoint'. Must include: method, path, status_code, duration_ms`))},
		{name: "53", body: batch(entry(`"log_type":"endpoint","attributes":{"endpoint":{"method":"GET","path":"/"}}`)), status: 202, want: rejected(0, conditional(`attributes.endpoint missing required fields: status_code, duration_ms`))},
		{name: "53 number", body: batch(entry(`"log_type":"endpoint","attributes":{"endpoint":7}`)), status: 202, want: rejected(0, `Log 0: argument of type 'int' is not iterable`)},
		{name: "53 single number", path: singlePath, body: entry(`"log_type":"endpoint","attributes":{"endpoint":7}`), status: 500},
		{name: "53 text", body: batch(entry(`"log_type":"endpoint","attributes":{"endpoint":"method path status_code duration_ms"}`)), status: 202, want: accepted(1), lost: 1},
		{name: "54", body: batch(entry(`"log_type":"endpoint","attributes":{"endpoint":{"method":null,"path":null,"status_code":null,"duration_ms":null}}`)), status: 202, stored: 1},
		{name: "55", body: batch(entry(`"log_type":"endpoint","attributes":{"endpoint":{"method":"PROPPATCH","path":"/","status_code":200,"duration_ms":1.5}}`)), status: 202, want: accepted(1), lost: 1},
		{name: "56", body: batch(entry(`"log_id":"a"`), entry(`"log_id":"a"`)), status: 202, want: accepted(2), stored: 1},
		{name: "57", body: batch(entry(`"foo":[{}]`)), status: 202, stored: 1},
		{name: "58", body: batch(ok, ok), headers: []string{"Content-Encoding", "GZIP"}, status: 202, want: accepted(2), stored: 2},
		{name: "61", body: batch(ok), headers: []string{"Content-Type", "text/plain"}, status: 422, errors: []string{`model_attributes_type body Input should be a valid dictionary or object to extract fields from`}},
		{name: "62", body: batch(ok), headers: []string{"Content-Type", ""}, status: 202, stored: 1},
		{name: "62 json suffix", body: batch(ok), headers: []string{"Content-Type", "application/x+json; charset=utf-8"}, status: 202, stored: 1},
		{name: "63", body: batch(many(60, entry(`"attributes":{"k":"`+pair("a", 90000)+`"}`))...), status: 202, want: accepted(60), stored: 60},
		{name: "65", body: batch(ok), headers: []string{"Authorization", ""}, status: 401, want: `{"detail":"Missing authentication header (X-API-Key or Authorization)"}`},
		{name: "66 three words", body: batch(ok), headers: []string{"Authorization", "Bearer a b"}, status: 401, want: `{"detail":"Invalid Authorization header format"}`},
		{name: "66 scheme", body: batch(ok), headers: []string{"Authorization", "Basic xyz"}, status: 401, want: `{"detail":"Invalid Authorization header format"}`},
		{name: "67", body: batch(ok), headers: []string{"Authorization", "Bearer ldg_x"}, status: 401, want: `{"detail":"Invalid or malformed token"}`},
		{name: "68", body: batch(ok), headers: []string{"Authorization", "Bearer ledger_unknown"}, status: 401, want: `{"detail":"Invalid or expired API key"}`},
		{name: "69 no scheme", body: batch(ok), headers: []string{"Authorization", ledgertest.APIKey}, status: 202, stored: 1},
		{name: "69 other header", body: batch(ok), headers: []string{"Authorization", "Basic xyz", "X-API-Key", ledgertest.APIKey}, status: 202, stored: 1},
		{name: "69 case and space", body: batch(ok), headers: []string{"Authorization", "bEARER   " + ledgertest.APIKey}, status: 202, stored: 1},
		{name: "76", path: logsPath, body: `{}`, status: 404, want: notFound},
		{name: "unknown path", path: "/nowhere", body: `{}`, status: 404, want: notFound},
		{name: "deep", body: batch(raw(`"attributes":{"x":` + pair("[", 600) + pair("]", 600) + `}`)), status: 500},
		{name: "deep single", path: singlePath, body: raw(`"attributes":{"x":` + pair("[", 600) + pair("]", 600) + `}`), status: 400},
		{name: "too deep to parse", body: pair("[", 100000), status: 400, want: parseError},
		{name: "too many digits", body: batch(raw(`"attributes":{"x":` + pair("1", 4301) + `}`)), status: 400, want: parseError},
		{name: "last key wins", body: batch(`{"timestamp":1,"level":"x","level":"info","attributes":{"a":NaN,"a":1}}`), status: 202, stored: 1},
		{name: "text that splits", body: batch(entry(`"attributes":{"k":"; Log 7: x` + pair("a", 99991) + `"}`)), status: 202,
			want: `{"accepted":0,"rejected":1,"message":null,"errors":["Log 0: 1 validation error for LogEntry\nattributes\n  Value error, Attributes JSONB cannot exceed 100000 bytes [type=value_error, input_value={'k': '","Log 7: xaaaaaaaa...` + pair("a", 22) + `'}, input_type=dict]` + help + `"]}`},
	}
	c := newClient(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, ledgertest.WithClock(atNoon))
			path := tt.path
			if path == "" {
				path = batchPath
			}
			body := []byte(tt.body)
			if len(tt.headers) > 0 && tt.headers[0] == "Content-Encoding" {
				body = zipped(t, tt.body)
			}
			got := do(t, c, request(t, s.URL+path, body, tt.headers...))
			if got.status != tt.status {
				t.Fatalf("got %d %.300s, want %d", got.status, got.body, tt.status)
			}
			if tt.want != "" && got.body != tt.want {
				t.Errorf("body (-want +got):\n%s", cmp.Diff(tt.want, got.body))
			}
			if tt.errors != nil {
				if diff := cmp.Diff(tt.errors, problems(t, got.body)); diff != "" {
					t.Errorf("errors (-want +got):\n%s", diff)
				}
			}
			if n := len(s.Entries()); n != tt.stored {
				t.Errorf("%d entries stored, want %d", n, tt.stored)
			}
			if n := len(s.Lost()); n != tt.lost {
				t.Errorf("%d entries lost, want %d", n, tt.lost)
			}
			if limit := got.header.Get("X-RateLimit-Limit-Minute"); (limit == "1000") != (got.status != 401) {
				t.Errorf("X-RateLimit-Limit-Minute is %q", limit)
			}
			if bearer := got.header.Get("WWW-Authenticate"); (bearer == "Bearer") != strings.HasPrefix(tt.name, "65") && (bearer == "Bearer") != strings.HasPrefix(tt.name, "66") {
				t.Errorf("WWW-Authenticate is %q", bearer)
			}
		})
	}
}

// problems returns each item of a 422 answer as "type place message".
func problems(t *testing.T, body string) []string {
	t.Helper()
	var answer struct {
		Detail []struct {
			Type string
			Loc  []any
			Msg  string
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, d := range answer.Detail {
		var place []string
		for _, l := range d.Loc {
			place = append(place, fmt.Sprint(l))
		}
		list = append(list, d.Type+" "+strings.Join(place, ".")+" "+d.Msg)
	}
	return list
}

// TestGzipComesFirst is edge cases 59 and 60.
func TestGzipComesFirst(t *testing.T) {
	s, c := newServer(t), newClient(t)
	good := zipped(t, simple)
	for name, body := range map[string][]byte{"not gzip": []byte(simple), "cut": good[:len(good)-4], "trailing": append(good[:len(good):len(good)], "xyz"...), "zeros, trailing": append(good[:len(good):len(good)], "\x00\x00x"...)} {
		got := do(t, c, request(t, s.URL+batchPath, body, "Content-Encoding", "gzip", "Authorization", ""))
		if got.status != 400 || got.body != `{"detail":"Invalid gzip body"}` {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	if got := do(t, c, request(t, s.URL+batchPath, good)); got.status != 400 || got.body != parseError {
		t.Errorf("without Content-Encoding: got %d %s", got.status, got.body)
	}
	if got := do(t, c, request(t, s.URL+batchPath, nil, "Content-Encoding", "gzip")); got.status != 422 || !strings.Contains(got.body, `"type":"missing","loc":["body"]`) {
		t.Errorf("empty: got %d %s", got.status, got.body)
	}
	if got := do(t, c, request(t, s.URL+batchPath, append(good[:len(good):len(good)], 0, 0, 0), "Content-Encoding", "gzip")); got.status != 202 {
		t.Errorf("zeros after it: got %d %s", got.status, got.body)
	}
	twice := append(zipped(t, simple[:20]), zipped(t, simple[20:])...)
	if got := do(t, c, request(t, s.URL+batchPath, twice, "Content-Encoding", "gzip")); got.status != 202 {
		t.Errorf("two members: got %d %s", got.status, got.body)
	}
}

// TestAnswerThatCannotBeWritten is edge case 43 as it was seen to be: 500 at once, with and without gzip.
func TestAnswerThatCannotBeWritten(t *testing.T) {
	s, c := newServer(t), newClient(t)
	body := batch(raw(`"message":"\ud800"`))
	for _, got := range []reply{
		do(t, c, request(t, s.URL+batchPath, []byte(body))),
		do(t, c, request(t, s.URL+batchPath, zipped(t, body), "Content-Encoding", "gzip")),
		do(t, c, request(t, s.URL+batchPath, []byte(batch(raw(`"message":NaN`))))),
		do(t, c, request(t, s.URL+batchPath, []byte("\xff"), "Content-Type", "text/plain")),
	} {
		if got.status != 500 || got.body != `{"detail":"Internal server error"}` {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
}

func TestMethodsAndOtherEndpoints(t *testing.T) {
	s, c := newServer(t), newClient(t)
	get := func(path string) reply {
		req := request(t, s.URL+path, nil)
		req.Method, req.Body = http.MethodGet, nil
		return do(t, c, req)
	}
	if got := get(batchPath); got.status != 405 || got.body != `{"detail":"Method Not Allowed"}` {
		t.Errorf("GET: got %d %s", got.status, got.body)
	}
	if got := do(t, c, request(t, s.URL+batchPath+"/", []byte(simple))); got.status != 307 || got.header.Get("Location") != s.URL+batchPath {
		t.Errorf("trailing slash: got %d %s", got.status, got.header)
	}
	if got := get("/health"); got.status != 200 || got.body != `{"status":"healthy"}` || got.header.Get("X-RateLimit-Limit-Minute") != "" {
		t.Errorf("health: got %d %s", got.status, got.body)
	}
	s.SetDailyQuota(100000, 7)
	const settings = `{"constraints":{"max_attributes_size_bytes":102400,"max_batch_size":1000,"max_error_message_length":5000,"max_message_length":10000,"max_stack_trace_length":50000},` +
		`"environment":"test","features":{"compression":false},"project_id":1,"project_name":"test","project_slug":"test",` +
		`"quotas":{"daily_quota":100000,"daily_usage":7,"quota_remaining":99993},"rate_limits":{"requests_per_hour":50000,"requests_per_minute":1000}}`
	if got := get("/api/v1/settings"); got.status != 200 || got.body != settings {
		t.Errorf("settings: got %d %s, want %s", got.status, got.body, settings)
	}
	if got := get("/api/v1/queue/depth"); got.status != 200 || got.body != `{"project_id":1,"queue_depth":0}` {
		t.Errorf("queue depth: got %d %s", got.status, got.body)
	}
}

// TestLimits is edge cases 70 to 73.
func TestLimits(t *testing.T) {
	now := noon.Add(58 * time.Second)
	s := newServer(t, ledgertest.WithClock(func() time.Time { return now }), ledgertest.WithRateLimits(2, 4))
	c := newClient(t)
	post := func() reply { return do(t, c, request(t, s.URL+batchPath, []byte(batch(entry(""))))) }
	limited := func(got reply, text, after string) {
		t.Helper()
		if got.status != 429 || got.body != `{"detail":"`+text+`"}` || got.header.Get("Retry-After") != after {
			t.Errorf("got %d %s, Retry-After %s", got.status, got.body, got.header.Get("Retry-After"))
		}
	}
	post()
	now = now.Add(time.Second)
	if got := post(); got.status != 202 || got.header.Get("X-RateLimit-Limit-Hour") != "4" || got.header.Get("Date") != "Mon, 01 Jun 2026 12:00:59 GMT" {
		t.Errorf("got %d, %v", got.status, got.header)
	}
	got := post()
	limited(got, "Per-minute rate limit exceeded. Current: 3, Limit: 2", "60")
	if m, h := got.header.Get("X-RateLimit-Remaining-Minute"), got.header.Get("X-RateLimit-Remaining-Hour"); m != "0" || h != "1" {
		t.Errorf("remaining %s and %s", m, h)
	}
	now = now.Add(time.Second) // the next minute of the epoch, though only a second later
	if got := post(); got.status != 202 {
		t.Errorf("next minute: got %d", got.status)
	}
	limited(post(), "Hourly rate limit exceeded. Current: 5, Limit: 4", "3600") // a denied one counted
	now = noon.Add(time.Hour - time.Second)
	limited(post(), "Hourly rate limit exceeded. Current: 6, Limit: 4", "3600")
	now = noon.Add(time.Hour)
	if got := post(); got.status != 202 {
		t.Errorf("next hour: got %d", got.status)
	}

	for _, want := range [][4]string{{"1", "1", "0", "0"}, {"1", "", "0", ""}, {"", "1", "", "0"}} {
		s = newServer(t, ledgertest.WithClock(atNoon), ledgertest.WithRateLimits(len(want[0]), len(want[1])))
		post()
		h := post().header
		got := [4]string{h.Get("X-RateLimit-Limit-Minute"), h.Get("X-RateLimit-Limit-Hour"), h.Get("X-RateLimit-Remaining-Minute"), h.Get("X-RateLimit-Remaining-Hour")}
		if got != want || h.Get("Retry-After") == "" {
			t.Errorf("limits and what remains are %q, want %q", got, want)
		}
	}
}

func TestQuotaIsCheckedBeforeAndCountedAfter(t *testing.T) {
	now := noon
	s := newServer(t, ledgertest.WithClock(func() time.Time { return now }))
	c := newClient(t)
	s.SetDailyQuota(100000, 99999)
	post := func() reply { return do(t, c, request(t, s.URL+batchPath, []byte(batch(many(1000, entry(""))...)))) }
	if got := post(); got.status != 202 {
		t.Errorf("got %d", got.status)
	}
	got := post()
	if got.status != 402 || got.body != `{"detail":"Daily quota exceeded: 100999/100000"}` || got.header.Get("Retry-After")+got.header.Get("X-RateLimit-Limit-Minute") != "" {
		t.Errorf("got %d %s %v", got.status, got.body, got.header)
	}
	now = noon.Add(12*time.Hour - time.Second)
	if got := post(); got.status != 402 {
		t.Errorf("before midnight: got %d", got.status)
	}
	now = noon.Add(12 * time.Hour)
	if got := post(); got.status != 202 {
		t.Errorf("next day: got %d", got.status)
	}
}

// TestUnlimited: zero and less mean no limit, for both protocols.
func TestUnlimited(t *testing.T) {
	for _, none := range []int{0, -1} {
		s := newServer(t, ledgertest.WithProtocol(ledgertest.Both), ledgertest.WithClock(atNoon), ledgertest.WithRateLimits(none, none), ledgertest.WithDailyQuota(none))
		c := newClient(t)
		s.SetDailyQuota(none, 1<<30)
		for range 3 {
			got := do(t, c, request(t, s.URL+batchPath, []byte(batch(many(1000, entry(""))...))))
			if got.status != 202 || got.header.Get("X-RateLimit-Limit-Minute")+got.header.Get("X-RateLimit-Limit-Hour") != "" {
				t.Errorf("%d: got %d %s %v", none, got.status, got.body, got.header)
			}
			if got := do(t, c, request(t, s.URL+logsPath, []byte(jsonLogs(manyRecords(1000)...)))); got.status != 200 || got.body != `{}` {
				t.Errorf("%d: OTLP got %d %s", none, got.status, got.body)
			}
		}
		s.SetDailyQuota(100, 100)
		if got := do(t, c, request(t, s.URL+batchPath, []byte(batch(entry(""))))); got.status != 402 {
			t.Errorf("%d: used up: got %d", none, got.status)
		}
	}
}

// TestReset: faults, counters and entries go, settings stay.
func TestReset(t *testing.T) {
	s, c := newServer(t, ledgertest.WithClock(atNoon), ledgertest.WithRateLimits(3, 3), ledgertest.WithDailyQuota(5)), newClient(t)
	post := func() int {
		return do(t, c, request(t, s.URL+batchPath, []byte(batch(entry(`"log_id":"a"`), entry(`"message":"\u0000"`))))).status
	}
	for name, fault := range map[string]func(){
		"SetFault": func() { s.SetFault(func(*ledgertest.Request) ledgertest.Fault { return ledgertest.Status(503, "") }) },
		"Always":   func() { s.Always(ledgertest.Status(503, "")) },
		"Script":   func() { s.Script(ledgertest.Repeat(2, ledgertest.Status(503, ""))...) },
	} {
		if got := []int{post(), post(), post()}; !slices.Equal(got, []int{202, 202, 202}) { // the last overshoots the quota
			t.Errorf("%s: got %v", name, got)
		}
		s.Reset()
		fault()
		if got := post(); got != 503 {
			t.Errorf("%s: got %d", name, got)
		}
		s.Reset()
		if n := len(s.Requests()) + len(s.Entries()) + len(s.Received()) + len(s.Lost()) + s.Duplicates() + s.Scripted(); n != 0 {
			t.Errorf("%s: %d things are left", name, n)
		}
	}
	post()
	post()
	post()
	if got := post(); got != 429 {
		t.Errorf("the limit has gone: got %d", got)
	}
	s.SetRateLimits(0, 0)
	if got := post(); got != 402 {
		t.Errorf("the quota has gone: got %d", got)
	}
}

// TestAnswersSeen has what the real servers were seen to answer, apart from bodies.
func TestAnswersSeen(t *testing.T) {
	s := ledgertest.New(t, ledgertest.InMemory(), ledgertest.WithClock(atNoon), ledgertest.WithProtocol(ledgertest.Both))
	c := &http.Client{Transport: s.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	limit := func(r reply) string { return r.header.Get("X-RateLimit-Limit-Minute") }

	if got := do(t, c, request(t, s.URL+logsPath, []byte(`[]`))); got.status != 500 || limit(got) != "" {
		t.Errorf("OTLP 500: got %d with limit %q", got.status, limit(got))
	}
	if got := do(t, c, request(t, s.URL+logsPath, []byte(`{}`))); got.status != 200 || limit(got) != "1000" {
		t.Errorf("OTLP 200: got %d with limit %q", got.status, limit(got))
	}
	if got := do(t, c, request(t, s.URL+batchPath, []byte(batch(raw(`"attributes":{"x":100000000000000000000}`))))); got.status != 500 || limit(got) != "1000" {
		t.Errorf("native 500: got %d with limit %q", got.status, limit(got))
	}
	if got := do(t, c, request(t, s.URL+batchPath, []byte(batch(entry(""))), "Authorization", "", "X-API-Key", " "+ledgertest.APIKey+" ")); got.status != 401 {
		t.Errorf("spaces around the key: got %d", got.status)
	}
	health := request(t, s.URL+"/health/", nil, "Authorization", "")
	health.Method = http.MethodGet
	if got := do(t, c, health); got.status != 401 {
		t.Errorf("/health/ without a key: got %d", got.status)
	}
	if got := do(t, c, request(t, s.URL+"/api/v1/ingest/spans/batch", []byte(`{"spans":[{}]}`))); got.status != 422 || !strings.Contains(got.body, `"loc":["body","spans"]`) {
		t.Errorf("spans: got %d %s", got.status, got.body)
	}
	utf16 := func(s string) (b []byte) {
		for _, r := range s {
			b = append(b, byte(r), byte(r>>8))
		}
		return b
	}
	if got := do(t, c, request(t, s.URL+batchPath, utf16(batch(entry(`"message":"é"`))))); got.status != 202 || s.Entries()[0].Message != "é" {
		t.Errorf("UTF-16: got %d %s", got.status, got.body)
	}
	if got := do(t, c, request(t, s.URL+logsPath, utf16(jsonLogs(jsonRecord("é"))))); got.status != 200 || s.Entries()[1].Message != "é" {
		t.Errorf("UTF-16 by OTLP: got %d %s", got.status, got.body)
	}
}

// TestLostAndBroken: what the server does without a word can be seen.
func TestLostAndBroken(t *testing.T) {
	s, c := newServer(t, ledgertest.WithProtocol(ledgertest.Both), ledgertest.WithClock(atNoon)), newClient(t)
	long := strings.Repeat("x", 2700)
	do(t, c, request(t, s.URL+batchPath, []byte(batch(entry(`"level":"error","message":"`+long+`"`), entry("")))))
	if e, l := s.Entries(), s.Lost(); len(e) != 1 || len(l) != 1 || len(l[0].Notes) != 1 || !strings.HasPrefix(l[0].Notes[0], "lost: an index row of ") {
		t.Errorf("%d stored, lost %+v", len(e), l)
	}
	records := append(manyRecords(199), `{"severityNumber":17,"body":{"stringValue":"`+long+`"}}`)
	s.Reset()
	do(t, c, request(t, s.URL+logsPath, []byte(jsonLogs(append(records, jsonRecord("next"))...))))
	if e, l := s.Entries(), s.Lost(); len(e) != 1 || e[0].Message != "next" || len(l) != 200 || l[0].Notes[0] != "lost: entry 199 of the request takes its neighbours with it" {
		t.Errorf("OTLP: stored %+v, %d lost", e, len(l))
	}
	path := `/` + strings.Repeat("p", 496)
	s.Reset()
	do(t, c, request(t, s.URL+batchPath, []byte(batch(entry(`"log_type":"endpoint","attributes":{"endpoint":{"method":"GET","path":"`+path+`","status_code":200,"duration_ms":1}}`), entry("")))))
	if e, b := s.Entries(), s.BreakingAnalytics(); len(e) != 2 || len(b) != 1 || len(b[0].Notes) != 1 {
		t.Errorf("%d stored, breaking %+v", len(e), b)
	}
}

func TestEntryFields(t *testing.T) {
	s, c := newServer(t, ledgertest.WithClock(atNoon), ledgertest.WithBodies()), newClient(t)
	one := `{"timestamp":"2026-06-01T13:00:00.1234567+02:00","level":"error","log_type":"exception","importance":"high","message":"m",` +
		`"error_type":"t","error_message":"e","stack_trace":"s","environment":"test","release":"1","sdk_version":"2","platform":"go","platform_version":"1.26",` +
		`"log_id":"id","attributes":{"n":12345678901234567890,"f":1.10,"l":[true,null,{"a":"b"}]}}`
	body := `{"logs": [ ` + one + ` ]}`
	wire := zipped(t, body)
	if got := do(t, c, request(t, s.URL+batchPath, wire, "Content-Encoding", "gzip")); got.status != 202 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	want := []ledgertest.Entry{{
		Timestamp: time.Date(2026, 6, 1, 11, 0, 0, 123456000, time.UTC),
		Level:     "error", LogType: "exception", Importance: "high", Message: "m",
		ErrorType: "t", ErrorMessage: "e", StackTrace: "s", Environment: "test", Release: "1",
		SDKVersion: "2", Platform: "go", PlatformVersion: "1.26", LogID: "id",
		Attributes: map[string]any{"n": json.Number("12345678901234567890"), "f": json.Number("1.1"), "l": []any{true, nil, map[string]any{"a": "b"}}},
		Raw:        []byte(one),
	}}
	if diff := cmp.Diff(want, s.Entries()); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	r := s.Requests()[0]
	if r.Encoding != "gzip" || r.WireSize != len(wire) || r.Size != len(body) || string(r.Body) != body || r.Status != 202 || !r.Time.Equal(noon) || r.Path != batchPath || len(r.Entries) != 1 {
		t.Errorf("request %+v", r)
	}
}
