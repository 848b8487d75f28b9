package ledgerview

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A page is a viewer behind a server, with what a test asks it.
type page struct {
	t      *testing.T
	viewer *Viewer
	url    string
	client *http.Client
}

func open(t *testing.T, opts *Options) *page {
	t.Helper()
	v := New(opts)
	srv := httptest.NewServer(v)
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		srv.Close()
	})
	return &page{t, v, srv.URL, srv.Client()}
}

// do sends a request and returns the status and the body of the answer.
func (p *page) do(method, path, body string, headers ...string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// get decodes an answer of the API.
func (p *page) get(path string, into any) {
	p.t.Helper()
	status, body := p.do("GET", path, "")
	if status != http.StatusOK {
		p.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		p.t.Fatalf("GET %s: %v in %s", path, err, body)
	}
}

// post sends entries of Ledger's own protocol, and expects to be answered so.
func (p *page) post(want int, entries ...string) string {
	p.t.Helper()
	status, body := p.do("POST", "/api/v1/ingest/batch", `{"logs":[`+strings.Join(entries, ",")+`]}`, "X-API-Key", APIKey, "Content-Type", "application/json")
	if status != want {
		p.t.Fatalf("post: %d %s; want %d", status, body, want)
	}
	return body
}

var base = time.Date(2026, 4, 12, 14, 0, 0, 0, time.UTC)

const timeFormat = "2006-01-02T15:04:05.000000Z"

// entry is an entry at base and so many seconds; fields are JSON members, each with a leading comma.
func entry(second int, message string, fields ...string) string {
	all := map[string]any{"timestamp": base.Add(time.Duration(second) * time.Second).Format(timeFormat), "level": "info", "message": message}
	for _, f := range fields {
		if err := json.Unmarshal([]byte("{"+f+"}"), &all); err != nil {
			panic(err)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A shown is a record as the API shows it.
type shown struct {
	ID          uint64         `json:"id"`
	Received    time.Time      `json:"received"`
	Time        time.Time      `json:"time"`
	Level       string         `json:"level"`
	LogType     string         `json:"log_type"`
	Importance  string         `json:"importance"`
	Message     string         `json:"message"`
	Service     string         `json:"service"`
	Environment string         `json:"environment"`
	Release     string         `json:"release"`
	Attributes  map[string]any `json:"attributes"`
	TraceID     string         `json:"trace_id"`
	SpanID      string         `json:"span_id"`
	RequestID   string         `json:"request_id"`
	LogID       string         `json:"log_id"`
	Protocol    string         `json:"protocol"`
	Run         int            `json:"run"`
	Fingerprint string         `json:"fingerprint"`
	Error       *cause         `json:"error"`
	Verdict     struct {
		Accepted bool   `json:"accepted"`
		Notes    []note `json:"notes"`
	} `json:"verdict"`
	Redelivered int `json:"redelivered"`
}

type shownList struct {
	Records []shown `json:"records"`
	Scanned int     `json:"scanned"`
	More    bool    `json:"more"`
}

// find returns the records of a query, newest first.
func (p *page) find(q string) []shown {
	p.t.Helper()
	var list shownList
	p.get("/api/records?limit=1000&q="+url.QueryEscape(q), &list)
	return list.Records
}

func messages(list []shown) (m []string) {
	for _, r := range list {
		m = append(m, r.Message)
	}
	return m
}

func TestARecordHasEveryField(t *testing.T) {
	p := open(t, nil)
	p.post(202, entry(0, "create order failed", `"level":"error","log_type":"exception","importance":"high","environment":"prod","release":"v1","platform":"go"`,
		`"error_type":"*fs.PathError","error_message":"open /x: no space"`, `"log_id":"abcdefghijklmnop-0000000000000001"`,
		`"stack_trace":"  File \"internal/order/store.go\", line 88, in order.(*Store).Insert\n  File \"net/http/server.go\", line 2286, in http.HandlerFunc.ServeHTTP\n"`,
		`"attributes":{"service":"shop","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","request_id":"r1","user":{"id":42},"é\n":"<b>"}`))
	status, body := p.do("GET", "/api/records", "")
	var raw struct{ Records []map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &raw); err != nil || status != 200 || len(raw.Records) != 1 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	for _, key := range strings.Fields(`id received time level log_type importance message service environment release attributes
		trace_id span_id request_id log_id protocol run fingerprint error verdict`) {
		if _, ok := raw.Records[0][key]; !ok {
			t.Errorf("%s is not there: %s", key, body)
		}
	}
	got := p.find("")[0]
	if time.Since(got.Received) > time.Minute {
		t.Errorf("received at %v", got.Received)
	}
	got.Received = time.Time{}
	want := shown{
		ID: 1, Time: base, Level: "error", LogType: "exception", Importance: "high", Message: "create order failed",
		Service: "shop", Environment: "prod", Release: "v1", Protocol: "ledger", Run: 1,
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", RequestID: "r1", LogID: "abcdefghijklmnop-0000000000000001",
		Attributes: map[string]any{
			"service": "shop", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "request_id": "r1",
			"user": map[string]any{"id": 42.0}, "é\n": "<b>",
		},
		Fingerprint: got.Fingerprint,
		Error: &cause{
			Type: "*fs.PathError", Message: "open /x: no space", Stack: got.Error.Stack, Causes: []cause{},
			Frames: []frame{{"order.(*Store).Insert", "internal/order/store.go", 88, true}, {"http.HandlerFunc.ServeHTTP", "net/http/server.go", 2286, false}},
		},
	}
	want.Verdict.Accepted, want.Verdict.Notes = true, []note{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if len(got.Fingerprint) != 64 || !strings.Contains(got.Error.Stack, "line 88") {
		t.Errorf("fingerprint %q, stack %q", got.Fingerprint, got.Error.Stack)
	}
}

func TestRecordsInPages(t *testing.T) {
	p := open(t, nil)
	for i := range 10 {
		p.post(202, entry(i, fmt.Sprintf("m%d", i+1)))
	}
	for _, tt := range []struct {
		query   string
		ids     []uint64
		scanned int
		more    bool
	}{
		{"", []uint64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 10, false},
		{"?limit=3", []uint64{10, 9, 8}, 4, true},
		{"?limit=3&before=4", []uint64{3, 2, 1}, 3, false},
		{"?limit=3&before=3", []uint64{2, 1}, 2, false},
		{"?limit=3&after=0", []uint64{1, 2, 3}, 4, true},
		{"?limit=3&after=8", []uint64{9, 10}, 2, false},
		{"?after=10", nil, 0, false},
		{"?before=1", nil, 0, false},
		{"?after=3&before=6", []uint64{4, 5}, 2, false},
		{"?q=m1", []uint64{10, 1}, 10, false},
		{"?q=nothing", nil, 10, false},
		{"?from=2026-04-12T14:00:03Z&to=2026-04-12T14:00:05Z", []uint64{5, 4}, 10, false},
		{"?from=" + fmt.Sprint(base.Add(8*time.Second).UnixMilli()), []uint64{10, 9}, 10, false},
		{"?run=2", nil, 10, false},
		{"?limit=99999", []uint64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 10, false},
	} {
		var got shownList
		p.get("/api/records"+tt.query, &got)
		var ids []uint64
		for _, r := range got.Records {
			ids = append(ids, r.ID)
		}
		if diff := cmp.Diff(tt.ids, ids); diff != "" || got.Scanned != tt.scanned || got.More != tt.more || got.Records == nil {
			t.Errorf("%q: scanned %d, more %v; want %d, %v; ids (-want +got):\n%s", tt.query, got.Scanned, got.More, tt.scanned, tt.more, diff)
		}
	}
}

func TestAFaultInAParameter(t *testing.T) {
	p := open(t, nil)
	for _, tt := range []struct {
		path     string
		position int
		text     string
	}{
		{"/api/records?q=" + url.QueryEscape(`a "b`), 2, "quote"},
		{"/api/records?q=" + url.QueryEscape(`😀 "b`), 3, "quote"},
		{"/api/histogram?q=" + url.QueryEscape("(a"), 0, "parenthesis"},
		{"/api/errors?q=" + url.QueryEscape("a)"), 1, "parenthesis"},
		{"/api/routes?q=" + url.QueryEscape("level:loud"), 6, "loud"},
		{"/api/stream?q=" + url.QueryEscape("a OR"), 2, "OR"},
		{"/api/export?q=" + url.QueryEscape("x ms:>y"), 6, "number"},
		{"/api/traces?sort=upwards", 0, "sort"},
		{"/api/records?limit=many", 0, "limit"},
		{"/api/records?limit=0", 0, "limit"},
		{"/api/records?before=-1", 0, "before"},
		{"/api/records?from=yesterday", 0, "from"},
		{"/api/records?run=x", 0, "run"},
		{"/api/histogram?buckets=0", 0, "buckets"},
		{"/api/records?q=%zz", 0, "query string"},
		{"/api/records?q=" + strings.Repeat("a", maxQuery+1), 0, "longer"},
		{"/api/source?file=a.go", 0, "line"},
	} {
		status, body := p.do("GET", tt.path, "")
		var got struct {
			Error    string `json:"error"`
			Position *int   `json:"position"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != 400 || got.Position == nil || *got.Position != tt.position || !strings.Contains(got.Error, tt.text) {
			t.Errorf("%s: %d %s; want position %d and %q", tt.path, status, body, tt.position, tt.text)
		}
	}
}

func TestHistogramCountsEveryRecordOnce(t *testing.T) {
	p := open(t, nil)
	var none struct{ Buckets []any }
	p.get("/api/histogram", &none)
	if none.Buckets == nil || len(none.Buckets) != 0 {
		t.Errorf("without records: %v", none.Buckets)
	}
	p.post(202, entry(0, "a"), entry(1, "b", `"level":"error"`), entry(9, "c", `"level":"debug"`), entry(5, "d", `"level":"warning"`), entry(5, "e", `"level":"critical"`))
	type histogram struct {
		From, To time.Time
		Buckets  []struct {
			Time                                  time.Time
			Debug, Info, Warning, Error, Critical int
		}
	}
	var h histogram
	p.get("/api/histogram?buckets=3", &h)
	if len(h.Buckets) != 3 || !h.From.Equal(base) || h.To.Sub(h.From) < 9*time.Second || h.To.Sub(h.From) > 10*time.Second {
		t.Fatalf("%+v", h)
	}
	b := h.Buckets
	if b[0].Info != 1 || b[0].Error != 1 || b[1].Warning != 1 || b[1].Critical != 1 || b[2].Debug != 1 || b[0].Debug+b[1].Debug+b[2].Info != 0 {
		t.Errorf("buckets: %+v", b)
	}
	if !b[0].Time.Equal(base) || b[1].Time.Sub(base).Round(time.Second) != 3*time.Second {
		t.Errorf("times: %v %v", b[0].Time, b[1].Time)
	}
	p.get("/api/histogram", &h)
	sum := 0
	for _, b := range h.Buckets {
		sum += b.Debug + b.Info + b.Warning + b.Error + b.Critical
	}
	if len(h.Buckets) != 60 || sum != 5 {
		t.Errorf("%d buckets with %d records", len(h.Buckets), sum)
	}
	p.get("/api/histogram?buckets=2&q=level:%3E=warn&from=2026-04-12T14:00:01Z&to=2026-04-12T14:00:11Z", &h)
	if len(h.Buckets) != 2 || h.Buckets[0].Error+h.Buckets[0].Warning+h.Buckets[0].Critical != 3 || !h.From.Equal(base.Add(time.Second)) || !h.Buckets[1].Time.Equal(base.Add(6*time.Second)) {
		t.Errorf("zoomed: %+v", h)
	}
}

func failed(second int, message, kind, text string, line int, fields ...string) string {
	stack, _ := json.Marshal(fmt.Sprintf("  File \"internal/a.go\", line %d, in a.F\n", line))
	return entry(second, message, append([]string{fmt.Sprintf(`"level":"error","log_type":"exception","error_type":%q,"error_message":%q,"stack_trace":%s`, kind, text, stack)}, fields...)...)
}

func TestErrorsAreGroupedAsTheServerDoes(t *testing.T) {
	p := open(t, nil)
	p.post(202,
		failed(0, "a", "*E", "user 17 not found", 1, `"release":"v1","attributes":{"service":"api"}`),
		failed(7, "b", "*E", "user 18 not found", 1, `"release":"v2","attributes":{"service":"web"}`),
		failed(3, "c", "*E", "user 19 not found", 2),
		failed(4, "d", "*F", "user 20 not found", 1),
		entry(5, "no stack", `"level":"error","log_type":"exception","error_type":"*E","error_message":"x"`),
		entry(8, "no error", `"level":"error"`))
	var got struct {
		Groups []struct {
			Fingerprint string    `json:"fingerprint"`
			Type        string    `json:"type"`
			Message     string    `json:"message"`
			Count       int       `json:"count"`
			FirstSeen   time.Time `json:"first_seen"`
			LastSeen    time.Time `json:"last_seen"`
			Services    []string  `json:"services"`
			Releases    []string  `json:"releases"`
			Sparkline   []int     `json:"sparkline"`
			Example     uint64    `json:"example"`
		}
	}
	p.get("/api/errors?buckets=4", &got)
	if len(got.Groups) != 3 {
		t.Fatalf("groups: %+v", got.Groups)
	}
	g := got.Groups[0]
	if g.Type != "*E" || g.Message != "user 18 not found" || g.Count != 2 || !g.FirstSeen.Equal(base) || !g.LastSeen.Equal(base.Add(7*time.Second)) || g.Example != 2 {
		t.Errorf("newest group: %+v", g)
	}
	if diff := cmp.Diff([]string{"api", "web"}, g.Services); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"v1", "v2"}, g.Releases); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1, 0, 0, 1}, g.Sparkline); diff != "" {
		t.Error(diff)
	}
	if got.Groups[1].Type != "*F" || got.Groups[2].Message != "user 19 not found" || len(got.Groups[2].Services) != 0 || got.Groups[2].Services == nil {
		t.Errorf("others: %+v", got.Groups[1:])
	}
	if found := p.find("fingerprint:" + g.Fingerprint); len(found) != 2 {
		t.Errorf("by fingerprint: %v", messages(found))
	}
	p.get("/api/errors?q=type:*F", &got)
	if len(got.Groups) != 1 {
		t.Errorf("filtered: %+v", got.Groups)
	}
}

func request(second int, method, path string, status int, ms float64, fields ...string) string {
	return entry(second, "r", append([]string{fmt.Sprintf(`"log_type":"endpoint","attributes":{"endpoint":{"method":%q,"path":%q,"status_code":%d,"duration_ms":%g}}`, method, path, status, ms)}, fields...)...)
}

func TestRoutesHaveExactPercentiles(t *testing.T) {
	p := open(t, nil)
	var list []string
	for i := range 100 {
		status := 200
		if i >= 95 {
			status = 500
		} else if i >= 90 {
			status = 404
		}
		list = append(list, request(i, "GET", "/users/{id}", status, float64((i*37)%100+1)+0.25))
	}
	list = append(list, request(1, "POST", "/orders", 201, 12.5), entry(2, "no request", `"attributes":{"endpoint":{"method":"GET"}}`))
	p.post(202, list...)
	var got struct{ Routes []routeStats }
	p.get("/api/routes", &got)
	if len(got.Routes) != 2 {
		t.Fatalf("%+v", got.Routes)
	}
	r := got.Routes[0]
	spread := 0
	for _, n := range r.Spread {
		spread += n
	}
	r.Spread = [spreadBuckets]int{}
	want := routeStats{Method: "GET", Path: "/users/{id}", Count: 100, OK: 90, ClientErrors: 5, Errors: 5, P50: 50.25, P95: 95.25, P99: 99.25, Max: 100.25}
	if diff := cmp.Diff(want, r, cmp.AllowUnexported(routeStats{})); diff != "" || spread != 100 {
		t.Errorf("route, spread %d (-want +got):\n%s", spread, diff)
	}
	if r := got.Routes[1]; r.P50 != 12.5 || r.P99 != 12.5 || r.Max != 12.5 || r.Count != 1 {
		t.Errorf("a lone request: %+v", r)
	}
	var l struct {
		Buckets []latencyBucket
		Points  []struct {
			ID       uint64
			Status   int
			Duration float64 `json:"duration_ms"`
		}
	}
	p.do("GET", "/api/latency", "")
	status, body := p.do("GET", "/api/latency?buckets=1&points=2&q=method:GET", "")
	if err := json.Unmarshal(bytes.ReplaceAll([]byte(body), []byte(`"time":`), []byte(`"t":`)), &l); err != nil || status != 200 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if len(l.Buckets) != 1 || l.Buckets[0].OK != 90 || *l.Buckets[0].P95 != 95.25 || len(l.Points) != 2 || l.Points[0].ID != 100 || l.Points[0].Status != 500 {
		t.Errorf("latency: %s", body)
	}
}

func TestTracesHoldAllTheirRecords(t *testing.T) {
	p := open(t, nil)
	ids := func(trace, request string) string {
		return fmt.Sprintf(`"attributes":{"trace_id":%q,"request_id":%q}`, trace, request)
	}
	p.post(202,
		entry(10, "begin", ids("t1", "r1")), entry(11, "middle", ids("t1", "r2"), `"level":"error"`),
		entry(13, "GET /x", `"log_type":"endpoint","attributes":{"trace_id":"t1","service":"api","endpoint":{"method":"GET","path":"/x","status_code":503,"duration_ms":4000}}`),
		entry(20, "first", `"attributes":{"request_id":"r9"}`), entry(21, "second", `"attributes":{"request_id":"r9"}`),
		entry(30, "alone", `"attributes":{"request_id":"r10"}`), entry(31, "none"))
	var got struct {
		Traces []struct {
			ID, Key, Name, Level string
			Status, Records      int
			Errors               int
			Start, End           time.Time
			Duration             float64 `json:"duration_ms"`
			Services             []string
		}
		Total int
	}
	p.get("/api/traces", &got)
	if got.Total != 2 || len(got.Traces) != 2 {
		t.Fatalf("%+v", got)
	}
	a, b := got.Traces[1], got.Traces[0]
	if a.ID != "t1" || a.Key != "trace_id" || a.Name != "GET /x" || a.Status != 503 || a.Records != 3 || a.Errors != 1 || a.Level != "error" || a.Duration != 4000 || !a.Start.Equal(base.Add(9*time.Second)) {
		t.Errorf("by trace_id: %+v", a)
	}
	if b.ID != "r9" || b.Key != "request_id" || b.Name != "first" || b.Records != 2 || b.Duration != 1000 {
		t.Errorf("by request_id: %+v", b)
	}
	p.get("/api/traces?q=middle", &got)
	if got.Total != 1 || got.Traces[0].Records != 3 {
		t.Errorf("a trace shows whole when one of its records matches: %+v", got)
	}
	p.get("/api/traces?sort=slowest&limit=1", &got)
	if got.Total != 2 || len(got.Traces) != 1 || got.Traces[0].ID != "t1" {
		t.Errorf("slowest: %+v", got)
	}
}

func TestForgettingAll(t *testing.T) {
	p := open(t, nil)
	p.post(202, entry(0, "a", `"log_id":"x"`))
	if status, _ := p.do("DELETE", "/api/records", ""); status/100 != 2 {
		t.Fatalf("DELETE: %d", status)
	}
	if got := p.find(""); len(got) != 0 {
		t.Errorf("still there: %v", messages(got))
	}
	p.post(202, entry(0, "b", `"log_id":"x"`)) // not known any more
	if got := p.find(""); len(got) != 1 || got[0].ID != 2 || got[0].Run != 1 {
		t.Errorf("after: %+v", got)
	}
	var st map[string]any
	p.get("/api/stats", &st)
	if st["received"] != 1.0 || st["kept"] != 1.0 || st["redelivered"] != 0.0 {
		t.Errorf("stats: %v", st)
	}
}

func TestSuggestions(t *testing.T) {
	p := open(t, nil)
	p.post(202, entry(0, "a", `"attributes":{"user":{"id":1},"service":"api"}`), entry(0, "b", `"attributes":{"user":{"id":1},"tags":["x","y"]}`), entry(0, "c", `"attributes":{"user":{"id":12}}`))
	var got struct {
		Keys   []struct{ Key string }
		Values []struct {
			Value string
			Count int
		}
	}
	p.get("/api/suggest?prefix=us", &got)
	if len(got.Keys) != 1 || got.Keys[0].Key != "user.id" {
		t.Errorf("keys: %+v", got.Keys)
	}
	p.get("/api/suggest?key=id.user", &got)
	p.get("/api/suggest?key=user.id&prefix=1", &got)
	if len(got.Values) != 2 || got.Values[0].Value != "1" || got.Values[0].Count != 2 {
		t.Errorf("values: %+v", got.Values)
	}
	p.get("/api/suggest?key=service", &got)
	if len(got.Values) != 1 || got.Values[0].Value != "api" {
		t.Errorf("services: %+v", got.Values)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	p := open(t, nil)
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/api/nothing", 404}, {"POST", "/api/records", 405}, {"GET", "/api/import", 405}, {"GET", "/nothing.js", 404},
		{"POST", "/", 405}, {"GET", "/", 200}, {"GET", "/health", 200}, {"GET", "/api/v1/ingest/batch", 401}, {"GET", "/../../etc/passwd", 404},
	} {
		if status, body := p.do(tt.method, tt.path, ""); status != tt.want {
			t.Errorf("%s %s: %d %.200s; want %d", tt.method, tt.path, status, body, tt.want)
		}
	}
}
