package ingest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// decode decodes a batch of entries, each the members of a JSON object beside timestamp and level.
func decode(entries ...string) *Batch {
	return Decode(Request{Path: PathBatch, ContentType: "application/json", Body: []byte(logs(entries...))}, noon)
}

func logs(entries ...string) string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = strings.TrimSuffix(`{"timestamp":"2026-06-01T11:59:00Z","level":"info",`+e, ",") + "}"
	}
	return `{"logs":[` + strings.Join(list, ",") + `]}`
}

// decodeJSON decodes OTLP records in JSON.
func decodeJSON(records ...string) *Batch {
	body := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + strings.Join(records, ",") + `]}]}]}`
	return Decode(Request{Path: PathLogs, ContentType: "application/json", Body: []byte(body)}, noon)
}

// attrs are the attributes of an OTLP record, given as name and AnyValue in turn.
func attrs(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, fmt.Sprintf(`{"key":%q,"value":%s}`, pairs[i], pairs[i+1]))
	}
	return `"attributes":[` + strings.Join(list, ",") + `]`
}

func str(s string) string { return fmt.Sprintf(`{"stringValue":%q}`, s) }

// TestMeasure compares the measure with the length of what Python's json.dumps wrote.
func TestMeasure(t *testing.T) {
	for text, want := range map[string]string{
		`{"a b":"c d"}`:                      `{"a b": "c d"}`,
		`{"q":"\"\\"}`:                       `{"q": "\"\\"}`,
		`{"t":"\n\r\t\b\f\u0001\u007f/<>&"}`: `{"t": "\n\r\t\b\f\u0001\u007f/<>&"}`,
		`{"u":"é€😀"}`:                        `{"u": "\u00e9\u20ac\ud83d\ude00"}`,
		`{"é":[1,-0,1.10,1e3,1e16,1e-5,true,false,null,{},[]]}`: `{"\u00e9": [1, 0, 1.1, 1000.0, 1e+16, 1e-05, true, false, null, {}, []]}`,
		`{"a":1,"a":"twice"}`:                                    `{"a": "twice"}`,
		`[[1,2],[3,{"k":[]}]]`:                                   `[[1, 2], [3, {"k": []}]]`,
		`{"n":NaN,"m":-Infinity}`:                                `{"n": NaN, "m": -Infinity}`,
		`{"i":100000000000000000000,"j":1.7976931348623157e308}`: `{"i": 100000000000000000000, "j": 1.7976931348623157e+308}`,
	} {
		v, _, err := parseJSON([]byte(text))
		if got := string(v.AppendJSON(nil)); err != nil || got != want || v.size != len(want) {
			t.Errorf("%s: got %s of size %d, want %s of %d (%v)", text, got, v.size, want, len(want), err)
		}
	}
}

func TestTimestamps(t *testing.T) {
	tests := []struct{ text, want string }{ // want is a time, or "naive", or how the complaint begins
		{`"2025-06-01T10:00:00Z"`, "2025-06-01T10:00:00Z"},
		{`"2025-06-01T10:00:00.1234567z"`, "2025-06-01T10:00:00.123456Z"},
		{`"2025-06-01T10:00:00,5Z"`, "2025-06-01T10:00:00.5Z"},
		{`"2025-06-01T10:00:00+05:30"`, "2025-06-01T04:30:00Z"},
		{`"2025-06-01T10:00:00-05:30"`, "2025-06-01T15:30:00Z"},
		{`"2025-06-01T10:00:00-0800"`, "2025-06-01T18:00:00Z"},
		{`"2025-06-01T23:59:59-23:59"`, "2025-06-02T23:58:59Z"},
		{`"2025-06-01T10:00:00-24:00"`, "input"},
		{`"2025-06-01T10:00:00-05:60"`, "input"},
		{`"2025-06-01T10:00:00-05:3"`, "input"},
		{`"2025-06-01T10:00:00+05"`, "input"},
		{`"2025-06-01T10:00:00+05:30z"`, "input"},
		{`"2025-06-01T23:00:00Z"`, "2025-06-01T23:00:00Z"},
		{`"2025-06-01T24:00:00Z"`, "input"},
		{`"2025-06-01T10:60:00Z"`, "input"},
		{`"2025-06-01T10:59:59Z"`, "2025-06-01T10:59:59Z"},
		{`"2025-06-01T10:00:60Z"`, "input"},
		{`"2025-06-01T10:00:00.Z"`, "input"},
		{`"2025-06-01_10:00Z"`, "2025-06-01T10:00:00Z"},
		{`"2025-06-01x10:00Z"`, "input"},
		{`"2025-06-01T10:00:00"`, "naive"},
		{`"2025-06-01"`, "naive"},
		{`"2025-02-29"`, "input"},
		{`"2024-02-29T00:00Z"`, "2024-02-29T00:00:00Z"},
		{`"0000-01-01T00:00:00Z"`, "input"},
		{`"9999-12-31T23:59:59.999999Z"`, "9999-12-31T23:59:59.999999Z"},
		{`1748772000`, "2025-06-01T10:00:00Z"},
		{`1748772000123`, "2025-06-01T10:00:00.123Z"},
		{`"1748772000.5"`, "2025-06-01T10:00:00.5Z"},
		{`-1.5`, "1969-12-31T23:59:58.5Z"},
		{`20000000000`, "2603-10-11T11:33:20Z"},
		{`20000000001`, "1970-08-20T11:33:20.001Z"},
		{`1748772000123456`, "input"},
		{`null`, "input"},
		{`true`, "input"},
	}
	for _, tt := range tests {
		v, _, err := parseJSON([]byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		at, naive, p := parseTimestamp(v)
		got := at.Format(time.RFC3339Nano)
		switch {
		case p != nil:
			got = strings.ToLower(p.Msg[:5])
		case naive:
			got = "naive"
		}
		if got != tt.want {
			t.Errorf("%s: got %s (%v), want %s", tt.text, got, p, tt.want)
		}
	}
}

// TestLosses is about what is acknowledged and then lost, or breaks the server later.
func TestLosses(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	endpoint := func(members string) string {
		return `"log_type":"endpoint","attributes":{"endpoint":{` + members + `}}`
	}
	http := func(method, path, status, duration string) string {
		return `{` + attrs("http.request.method", str(method), "http.route", str(path), "http.response.status_code", status, "ledger.duration_ms", duration) + `}`
	}
	num := `{"intValue":200}`
	for name, tt := range map[string]struct {
		batch  *Batch
		reason string // part of it; "" when the entry is stored
		breaks bool
	}{
		"nothing":                {decode(`"message":"m"`), "", false},
		"NUL":                    {decode(`"message":"\u0000"`), "NUL", false},
		"NUL in a name":          {decode(`"attributes":{"\u0000":1}`), "NUL", false},
		"NaN":                    {decode(`"attributes":{"a":[NaN]}`), "NaN", false},
		"year 1":                 {decode(`"timestamp":"0001-01-01T00:00:00Z"`), "year 1", false},
		"year 1, a little later": {decode(`"timestamp":"0001-01-01T00:00:00.000001Z"`), "", false},

		"error that fits":                 {decode(`"level":"error","message":"` + long(2636) + `"`), "", false},
		"error too long":                  {decode(`"level":"error","message":"` + long(2637) + `"`), "index row of 2705 bytes", false},
		"critical too long":               {decode(`"level":"critical","message":"` + long(2637) + `"`), "index", false},
		"warning of any length":           {decode(`"level":"warning","message":"` + long(9000) + `"`), "", false},
		"error in CJK":                    {decode(`"level":"error","message":"` + strings.Repeat("界", 900) + `"`), "index", false},
		"error type counts":               {decode(`"level":"error","error_type":"xx","message":"` + long(2635) + `"`), "index", false},
		"exception without stack":         {decode(`"level":"error","log_type":"exception","error_type":"x","error_message":"e","message":"` + long(2635) + `"`), "", false},
		"fingerprint counts":              {decode(`"level":"error","log_type":"exception","error_type":"x","error_message":"e","stack_trace":"s","message":"` + long(2572) + `"`), "index", false},
		"fingerprint counts, and it fits": {decode(`"level":"error","log_type":"exception","error_type":"x","error_message":"e","stack_trace":"s","message":"` + long(2571) + `"`), "", false},

		"endpoint":            {decode(endpoint(`"method":"GET","path":"/` + long(495) + `","status_code":200,"duration_ms":1.5`)), "", false},
		"long path":           {decode(endpoint(`"method":"GET","path":"/` + long(496) + `","status_code":200,"duration_ms":1.5`)), "", true},
		"path too long":       {decode(endpoint(`"method":"GET","path":"` + long(2049) + `","status_code":200,"duration_ms":1.5`)), "path", true},
		"method too long":     {decode(endpoint(`"method":"PROPPATCH","path":"/","status_code":200,"duration_ms":1`)), "method", false},
		"status no integer":   {decode(endpoint(`"method":"GET","path":"/","status_code":200.5,"duration_ms":1`)), "status", false},
		"status out of range": {decode(endpoint(`"method":"GET","path":"/","status_code":32768,"duration_ms":1`)), "status", false},
		"duration a text":     {decode(endpoint(`"method":"GET","path":"/","status_code":200,"duration_ms":"x"`)), "duration", true},
		"duration too large":  {decode(endpoint(`"method":"GET","path":"/","status_code":200,"duration_ms":2147483648`)), "duration", false},

		"OTLP error too long":      {decodeJSON(`{"severityNumber":17,"body":` + str(long(2637)) + `}`), "index", false},
		"OTLP quoted NaN":          {decodeJSON(`{` + attrs("x", `{"doubleValue":"NaN"}`) + `}`), "NaN", false},
		"OTLP endpoint":            {decodeJSON(http("GET", "/", num, num)), "", false},
		"OTLP long path":           {decodeJSON(http("GET", "/"+long(496), num, num)), "", true},
		"OTLP status and duration": {decodeJSON(http("GET", "/", str("200"), str("5"))), "", false},
		"OTLP status is a word":    {decodeJSON(http("GET", "/", str("abc"), str("5"))), "", true},
		"OTLP method too long":     {decodeJSON(http("PROPPATCH", "/", num, num)), "method", false},
	} {
		v := tt.batch.Entries[0].Verdict
		if tt.batch.Refusal != nil || (v.Outcome == Lost) != (tt.reason != "") || !strings.Contains(v.Reason, tt.reason) || v.BreaksAnalytics != tt.breaks || tt.breaks != (len(v.Notes) > 0) {
			t.Errorf("%s: got %+v, want a loss for %q, analytics broken %v", name, v, tt.reason, tt.breaks)
		}
	}
}

// TestEnvelopes: an entry that is lost takes its neighbours with it, up to 200 of those accepted.
func TestEnvelopes(t *testing.T) {
	var records []string
	for i := range 450 {
		switch i {
		case 10:
			records = append(records, fmt.Sprintf(`{"timeUnixNano":%d}`, noon.Add(time.Hour).UnixNano())) // rejected
		case 300:
			records = append(records, `{"body":{"stringValue":"\u0000"}}`)
		default:
			records = append(records, `{}`)
		}
	}
	b := decodeJSON(records...)
	for i, e := range b.Entries {
		want := Accepted
		switch {
		case i == 10:
			want = Rejected
		case i >= 201 && i < 401: // the second envelope: the rejected one does not count
			want = Lost
		}
		if e.Verdict.Outcome != want {
			t.Fatalf("entry %d: got %+v, want %v", i, e.Verdict, want)
		}
	}
	if got, want := b.Entries[250].Verdict.Reason, "entry 300 of the request takes its neighbours with it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if b := decode(`"message":"a"`, `"message":"\u0000"`); b.Entries[0].Verdict.Outcome != Accepted || b.Entries[1].Verdict.Outcome != Lost {
		t.Errorf("before 2.0: got %+v", b.Entries)
	}
}

// TestRefused: what is wrong with each entry of a request that is refused.
func TestRefused(t *testing.T) {
	many := make([]string, MaxEntries+1)
	for i := range many {
		many[i] = `"message":5`
	}
	for name, tt := range map[string]struct {
		batch   *Batch
		status  int
		reasons []string // of the first entries
	}{
		"schema":    {decode(`"message":5`, `"message":"m"`, `"level":"warn"`), 422, []string{"message: Input should be a valid string", "", "level: Input should be 'debug', 'info', 'warning', 'error' or 'critical'"}},
		"too many":  {decode(many...), 422, []string{"logs: List should have at most 1000 items after validation, not 1001"}},
		"poison":    {decode(`"message":"m"`, `"attributes":{"x":100000000000000000000}`, `"message":"m"`), 500, []string{"", "an integer outside 64 bits", ""}},
		"exception": {decodeJSON(`{}`, `{`+attrs("exception.message", `{"intValue":1}`)+`}`), 500, []string{"", "exception.message is no text"}},
	} {
		if tt.batch.Refusal == nil || tt.batch.Refusal.Status != tt.status || tt.batch.Answer() != tt.batch.Refusal {
			t.Errorf("%s: refused with %+v", name, tt.batch.Refusal)
		}
		for i, want := range tt.reasons {
			v := tt.batch.Entries[i].Verdict
			if name == "poison" && i == 0 {
				if v.Outcome != Accepted { // it is in the queue already
					t.Errorf("%s: got %+v", name, v)
				}
				continue
			}
			if v.Outcome != Refused || v.Reason != want {
				t.Errorf("%s, entry %d: got %+v, want %q", name, i, v, want)
			}
		}
	}
}

// TestJudgeAgain: a verdict depends on the time, and on what a caller rejects.
func TestJudgeAgain(t *testing.T) {
	b := decode(`"message":"m","timestamp":"2026-06-01T12:06:00Z"`, `"message":"bad"`)
	outcomes := func() [2]Outcome { return [2]Outcome{b.Entries[0].Verdict.Outcome, b.Entries[1].Verdict.Outcome} }
	if got := outcomes(); got != [2]Outcome{Rejected, Accepted} {
		t.Errorf("got %v", got)
	}
	b.Judge(noon.Add(time.Minute), func(i int) string {
		if b.Entries[i].Message == "bad" {
			return "no"
		}
		return ""
	})
	if got := outcomes(); got != [2]Outcome{Accepted, Rejected} {
		t.Errorf("again: got %v", got)
	}
	if answer := string(b.Answer().Body); !strings.Contains(answer, `"accepted":1,"rejected":1`) || !strings.Contains(answer, `Log 1: 1 validation error for LogEntry\n  Value error, no [`) {
		t.Errorf("answer %s", answer)
	}
}

func TestFingerprint(t *testing.T) {
	python := "db.Error: lost at x (y:1:2)\n  File \"internal/db/pool.go\", line 42, in db.(*Pool).Get\n  File \"db/conn.go\", line 7\n  File \"main.go\", line 3, in main.main\n  File \"more.go\", line 1"
	for name, tt := range map[string]struct {
		errorType, stack, platform string
		fingerprint                string
		frames                     []Frame
	}{
		"python": {"*net.OpError", python, "go", "95dc524abeadeeab0d7730a7607432a5cc73b2af4ea6abdca424928f7c7d513e",
			[]Frame{{"db.(*Pool).Get", "internal/db/pool.go", 42}, {"", "db/conn.go", 7}, {"main.main", "main.go", 3}, {"", "more.go", 1}}},
		"node": {"E", "E: x\n    at f (app.js:10:5)\n    at new G (lib/x.js:2:17)", "", "da35b17f44bfb2dcebf060ab88928db2fd9744590626de45d1e1f79374892168",
			[]Frame{{"f", "app.js", 10}, {"new G", "lib/x.js", 2}}},
		"java": {"E", "E: x\n\tat db.(*Pool).Get(pool.go:42)", "go", "43f721bd4f21934dd026aad12ccf74c215383b155a8b07081e90bd20994fe38c",
			[]Frame{{"db.(*Pool).Get", "pool.go", 42}}},
		"go": {"E", "goroutine 1 [running]:\nmain.main()\n\t/src/main.go:8 +0x1d", "go", "879f79cee25758fb3971e688d5ee2c5daa4dd4defa6fdb1ad6b73bcd4e69a0a9", nil},
	} {
		fingerprint, frames := Fingerprint(tt.errorType, tt.stack, tt.platform)
		if fingerprint != tt.fingerprint || cmp.Diff(tt.frames, frames) != "" {
			t.Errorf("%s: got %s %v", name, fingerprint, frames)
		}
	}
	e := Entry{LogType: "exception", ErrorType: "*net.OpError", StackTrace: python, Platform: "go"}
	if got, _ := e.Fingerprint(); got != "95dc524abeadeeab0d7730a7607432a5cc73b2af4ea6abdca424928f7c7d513e" {
		t.Errorf("entry: got %s", got)
	}
	for _, e := range []Entry{{LogType: "exception", ErrorType: "x"}, {LogType: "logger", ErrorType: "x", StackTrace: "s"}} {
		if got, frames := e.Fingerprint(); got+fmt.Sprint(frames) != "[]" {
			t.Errorf("%+v: got %s %v", e, got, frames)
		}
	}
}

// TestPythonBytes compares with what Python's functions return.
func TestPythonBytes(t *testing.T) {
	const fails = "error"
	for in, want := range map[string]string{
		"AAE=": "0001", "AAE": "0001", "!!!": "", "A": fails, "AA!A": "0000", "-_8": "fbff", "AAE=xx": "0001", "AB\nCD": "001083", "": "",
	} {
		b, err := fromBase64(in)
		if got := hex.EncodeToString(b); err == nil && got != want || (err != nil) != (want == fails) {
			t.Errorf("base64 %q: got %s, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{"ab cd": "abcd", " abcd ": "abcd", "ab\ncd": "abcd", "abc": fails, "": "", "AB": "ab", "xy": fails} {
		b, err := fromHex(in)
		if got := hex.EncodeToString(b); err == nil && got != want || (err != nil) != (want == fails) {
			t.Errorf("hex %q: got %s, %v", in, got, err)
		}
	}
	little := "{\x00\"\x00a\x00\"\x00:\x00\"\x00\xe9\x00\"\x00}\x00"
	big := "\x00{\x00\"\x00a\x00\"\x00:\x00\"\x00\xe9\x00\"\x00}"
	for name, body := range map[string]string{
		"UTF-8": `{"a":"é"}`, "UTF-8 with mark": "\ufeff" + `{"a":"é"}`,
		"UTF-16": little, "UTF-16 with mark": "\xff\xfe" + little, "UTF-16 big": big, "UTF-16 big with mark": "\xfe\xff" + big,
	} {
		if v, _, err := parseJSON([]byte(body)); err != nil || v.Get("a").Text != "é" {
			t.Errorf("%s: got %+v, %v", name, v, err)
		}
	}
	if v, _, err := parseJSON([]byte("\"\x00\x3d\xd8\x00\xde\"\x00")); err != nil || v.Text != "😀" {
		t.Errorf("surrogate pair: got %+v, %v", v, err)
	}
	if _, _, err := parseJSON([]byte("1\x002")); err != errUnreadable {
		t.Errorf("half a unit: got %v", err)
	}
}

// TestLenientOTLP is about what the real server was seen to take, and to fail on.
func TestLenientOTLP(t *testing.T) {
	list := func(name, v string) string {
		body := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}`
		from := strings.Index(body, name) + len(name) + 2
		return body[:from] + v + strings.Repeat("}]", strings.Count(body[:from], "[")) + "}"
	}
	for _, name := range []string{"resourceLogs", "scopeLogs", "logRecords"} {
		for v, status := range map[string]int{`null`: 500, `"x"`: 500, `[null]`: 500, `[5]`: 500, `["x"]`: 500, `5`: 500, `[]`: 200, `{}`: 400, `""`: 400, `[{}]`: 200} {
			b := Decode(Request{Path: PathLogs, ContentType: "application/json", Body: []byte(list(name, v))}, noon)
			if a := b.Answer(); a.Status != status {
				t.Errorf("%s: got %d %s, want %d", list(name, v), a.Status, a.Body, status)
			}
		}
	}
	for record, want := range map[string]string{ // level and message, or the status
		`{"severityNumber":"WARN"}`:                                         "info ",
		`{"severityNumber":9.5}`:                                            "info ",
		`{"severityNumber":17.9}`:                                           "error ",
		`{"severityNumber":"13"}`:                                           "warning ",
		`{"severityNumber":"SEVERITY_NUMBER_ERROR"}`:                        "error ",
		`{"severityNumber":"SEVERITY_NUMBER_ERROR4"}`:                       "error ",
		`{"severityNumber":"SEVERITY_NUMBER_ERROR5","severityText":"warn"}`: "warning ",
		`{"severityNumber":-1}`:                                             "debug ",
		`{"severityNumber":2147483648}`:                                     "400",
		`{"severityNumber":[]}`:                                             "400",
		`{"body":{"bytesValue":"!!!"}}`:                                     "info ",
		`{"body":{"bytesValue":"A"}}`:                                       "400",
		`{"traceId":"ab cd"}`:                                               "info ",
		`{"body":{"arrayValue":{"values":[{"stringValue":"é😀"}]}}}`:         `info ["\u00e9\ud83d\ude00"]`,
		`{"body":{"stringValue":"é"}}`:                                      "info é",
		`{"body":{"stringValue":"a","intValue":1}}`:                         "400",
		`{"body":{"stringValue":null,"intValue":"1"}}`:                      "info 1",
	} {
		b := decodeJSON(record)
		got := fmt.Sprint(b.Answer().Status)
		if b.Refusal == nil {
			got = b.Entries[0].Level + " " + b.Entries[0].Message
		}
		if got != want {
			t.Errorf("%s: got %q, want %q (%s)", record, got, want, b.Answer().Body)
		}
	}

	group := pbUvarint(15<<3|wireStartGroup) + pbUvarint(1<<3) + pbUvarint(7) + pbUvarint(2<<3|wireStartGroup) + pbUvarint(2<<3|wireEndGroup) + pbUvarint(15<<3|wireEndGroup)
	for name, tt := range map[string]struct {
		extra  string
		status int
	}{
		"group": {group, 200}, "cut group": {group[:len(group)-1], 400}, "wrong end": {group[:len(group)-1] + pbUvarint(14<<3|wireEndGroup), 400},
		"end without a start": {pbUvarint(15<<3 | wireEndGroup), 400},
		"deep group":          {strings.Repeat(pbUvarint(15<<3|wireStartGroup), 101) + strings.Repeat(pbUvarint(15<<3|wireEndGroup), 101), 400},
	} {
		body := pbBytes(1, pbBytes(2, pbBytes(2, pbBytes(5, pbBytes(1, "m"))+tt.extra)))
		b := Decode(Request{Path: PathLogs, ContentType: "application/x-protobuf", Body: []byte(body)}, noon)
		if a := b.Answer(); a.Status != tt.status || tt.status == 200 && b.Entries[0].Message != "m" {
			t.Errorf("%s: got %d %s", name, a.Status, a.Body)
		}
	}
}

// TestExceptionsInOTLP: the error's fields stay when the log type does not.
func TestExceptionsInOTLP(t *testing.T) {
	for record, want := range map[string]string{
		attrs("exception.type", str("T")): "custom T  ",
		attrs("exception.message", str("m"), "exception.stacktrace", str("s"), "exception.type", str("")): "custom  m s",
		attrs("exception.type", str("T"), "exception.message", str("m")):                                  "exception T m ",
	} {
		e := decodeJSON(`{` + record + `}`).Entries[0]
		if got := strings.Join([]string{e.LogType, e.ErrorType, e.ErrorMessage, e.StackTrace}, " "); got != want {
			t.Errorf("%s: got %q, want %q", record, got, want)
		}
	}
}

// TestEntry looks at the fields that only this package has, and at what is cut.
func TestEntry(t *testing.T) {
	native := decode(`"attributes":{"trace_id":"ab","span_id":"cd","service":"orders"},"log_id":"id"`).Entries[0]
	body := `{"resourceLogs":[{"resource":{` + attrs("service.name", str("orders")) + `},"scopeLogs":[{"logRecords":[` +
		`{"timeUnixNano":"1780315140000000000","traceId":"AB","spanId":"CD","body":` + str(strings.Repeat("x", maxMessage+1)) + `,` + attrs("ledger.log_id", str("id"), "telemetry.sdk.version", str(strings.Repeat("9", 21))) + `}]}]}]}`
	otlp := Decode(Request{Path: PathLogs, ContentType: "application/json", Body: []byte(body)}, noon).Entries[0]
	for name, e := range map[string]Entry{"native": native, "OTLP": otlp} {
		if e.TraceID != "ab" || e.SpanID != "cd" || e.Service != "orders" || e.LogID != "id" || e.Raw == "" || e.Raw[0] != '{' || !e.Time.Equal(noon.Add(-time.Minute)) {
			t.Errorf("%s: got %+v", name, e)
		}
	}
	if diff := cmp.Diff([]string{"message cut to 10000 characters", "sdk_version cut to 20 characters"}, otlp.Verdict.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestDecompress(t *testing.T) {
	one := zipped(make([]byte, 1000))
	twice := append(append(bytes.Clone(one), 0, 0), one...)
	for name, tt := range map[string]struct {
		body     []byte
		encoding string
		limit    int64
		size     int
		err      error
	}{
		"plain": {one, "", 0, len(one), nil}, "gzip": {one, "GZip", 0, 1000, nil}, "members": {twice, "gzip", 0, 2000, nil},
		"just fits": {one, "gzip", 1000, 1000, nil}, "too large after": {one, "gzip", 999, 0, ErrTooLarge}, "too large together": {twice, "gzip", 1999, 0, ErrTooLarge},
		"too large before": {make([]byte, 11), "", 10, 0, ErrTooLarge}, "other encoding": {one, "br", 0, len(one), nil},
		"cut": {one[:len(one)-1], "gzip", 0, 0, ErrGzip}, "rubbish after": {append(bytes.Clone(one), 0, 'x'), "gzip", 0, 0, ErrGzip}, "empty": {nil, "gzip", 0, 0, nil},
	} {
		got, err := Decompress(tt.body, tt.encoding, tt.limit)
		if err != tt.err || len(got) != tt.size {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
	}
	for status, r := range map[int]Request{
		503: {Path: PathBatch, ContentEncoding: "gzip", Body: one, MaxBytes: 999},
		400: {Path: PathBatch, ContentEncoding: "gzip", Body: []byte("x")},
		404: {Path: "/nowhere"},
	} {
		w := httptest.NewRecorder()
		if Decode(r, noon).Answer().Write(w); w.Code != status || (w.Header().Get("Retry-After") == "60") != (status == 503) {
			t.Errorf("got %d %s, want %d", w.Code, w.Body, status)
		}
	}
}

// TestManyMembers: of names that come again the last wins, however many there are.
func TestManyMembers(t *testing.T) {
	const n = 100
	var object, list []string
	for i := range n {
		object = append(object, fmt.Sprintf(`"k%d":%d`, i, i))
		list = append(list, fmt.Sprintf("k%d", i), fmt.Sprintf(`{"intValue":%d}`, i))
	}
	again := `,"k3":"x","k99":"y","new":1,"new":2`
	native := decode(`"attributes":{` + strings.Join(object, ",") + again + `}`)
	record := `{` + attrs(append(list, "k3", str("x"), "k99", str("y"), "new", `{"intValue":1}`, "new", `{"intValue":2}`)...) + `}`
	otlp := decodeJSON(record, `{`+attrs("k3", str("x"))+`}`, record)
	for name, e := range map[string]Entry{"native": native.Entries[0], "first": otlp.Entries[0], "third": otlp.Entries[2]} {
		a := e.Attributes
		if len(a.Items) != n+1 || a.Get("k3").Text+a.Get("k99").Text+a.Get("new").Text != "xy2" || a.Get("k98").Text != "98" || a.size != len(a.AppendJSON(nil)) {
			t.Errorf("%s: got %d members: %s", name, len(a.Items), a.AppendJSON(nil))
		}
	}
	if a := otlp.Entries[1].Attributes; len(a.Items) != 1 {
		t.Errorf("second: got %s", a.AppendJSON(nil))
	}
}

// TestSharedResource: a resource of many attributes is not copied for each of many records.
func TestSharedResource(t *testing.T) {
	var resource []string
	for i := range 3000 {
		resource = append(resource, fmt.Sprint(i), `{}`)
	}
	body := `{"resourceLogs":[{"resource":{` + attrs(resource...) + `},"scopeLogs":[{"logRecords":[{}` + strings.Repeat(`,{}`, 999) + `]}]}]}`
	if b := Decode(Request{Path: PathLogs, ContentType: "application/json", Body: []byte(body)}, noon); b.Answer().Status != 400 || b.Entries != nil {
		t.Errorf("got %d with %d entries", b.Answer().Status, len(b.Entries))
	}
}
