package examples

import (
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// A service is an example that serves HTTP.
type service struct {
	example  string
	server   []ledgertest.Option
	env      []string
	requests []request
	want     []string // what arrives: log type, level, message without its duration
	check    func(t *testing.T, byMessage map[string]ledgertest.Entry, p *program)
}

type request struct {
	line   string // "GET /users/42", with a body behind a second blank
	header http.Header
	want   string // status, or "EOF" for a connection that was cut
	body   string // what it must contain
}

// routers are the examples whose programs differ only in their router. Without a
// recovery of its own a router leaves a panic to net/http, which cuts the
// connection. Some collect the errors of handlers.
var routers = []struct {
	example  string
	onPanic  string
	collects bool
}{
	{"chi", "500", false},
	{"gorilla", "EOF", false},
	{"gin", "500", true},
	{"echo", "500", true},
	{"fiber", "500", true},
}

func services() []service {
	all := []service{nethttpService, otlpService, stdlogService, prometheusService, otelService}
	for _, router := range routers {
		s := service{
			example: router.example,
			requests: []request{
				{line: "GET /users/42?page=2&token=s3cr3t", want: "200", body: "42"},
				{line: "GET /users/0", want: "404"},
				{line: "GET /api/v1/bills/900/3", want: "200", body: "300"},
				{line: "GET /nowhere/123", want: "404"},
				{line: "POST /users/42", want: "405"},
				{line: "GET /api/v1/bills/900/0", want: router.onPanic},
			},
			want: []string{
				"logger info fetching user",
				"endpoint info GET /users/{id} - 200",
				"logger info fetching user",
				"endpoint warning GET /users/{id} - 404",
				"endpoint info GET /api/v1/bills/{cents}/{people} - 200",
				"endpoint warning GET /nowhere/{id} - 404", // no route: numbers and ids are taken out
				"endpoint warning POST /users/{id} - 405",
				"exception error panic: runtime error: integer divide by zero",
				"endpoint error GET /api/v1/bills/{cents}/{people} - 500",
			},
			check: checkRequest,
		}
		if router.collects {
			s.requests = append(s.requests, request{line: "GET /api/v1/bills/many/3", want: "400"})
			s.want = append(s.want, "endpoint warning GET /api/v1/bills/{cents}/{people} - 400")
			s.check = func(t *testing.T, byMessage map[string]ledgertest.Entry, p *program) {
				checkRequest(t, byMessage, p)
				if got := byMessage["GET /api/v1/bills/{cents}/{people} - 400"].ErrorMessage; !strings.Contains(got, `parsing "many"`) {
					t.Errorf("the request's error is %q", got)
				}
			}
		}
		all = append(all, s)
	}
	return all
}

// checkRequest checks what the record of a request has besides its message.
func checkRequest(t *testing.T, byMessage map[string]ledgertest.Entry, _ *program) {
	request, record := byMessage["GET /users/{id} - 200"].Attributes, byMessage["fetching user"].Attributes
	if id := byMessage["GET /users/{id} - 404"].Attributes["request_id"]; id == nil || id != record["request_id"] {
		t.Errorf("request_id of the request is %v, of its record %v", id, record["request_id"])
	}
	endpoint := request["endpoint"].(map[string]any)
	if got, want := endpoint["query_params"], "page=2&token=***"; got != want {
		t.Errorf("query_params = %v, want %v", got, want)
	}
	if diff := cmp.Diff(map[string]any{"id": "42"}, endpoint["path_params"]); diff != "" {
		t.Errorf("path_params (-want +got):\n%s", diff)
	}
	checkPanic(t, byMessage)
}

func checkPanic(t *testing.T, byMessage map[string]ledgertest.Entry) {
	t.Helper()
	for message, e := range byMessage {
		if strings.HasPrefix(message, "panic: ") {
			if first, _, _ := strings.Cut(e.StackTrace, "\n"); !strings.Contains(first, "main.routes") {
				t.Errorf("the panic's stack does not begin where it happened:\n%s", e.StackTrace)
			}
			return
		}
	}
	t.Error("no panic")
}

var nethttpService = service{
	example: "nethttp",
	requests: []request{
		{line: "GET /users/42?page=2&token=s3cr3t", want: "200", body: `{"id":"42"}`},
		{line: "GET /users/0", want: "404"},
		{line: "GET /users/42/avatar", want: "502"},
		{line: "GET /bills/900/0", want: "EOF"},
		{line: "GET /wp-admin/setup.php", want: "404"}, // a scanner: not logged
		{line: "GET /livez", want: "200", body: "ok"},  // a probe: not logged
		{line: "GET /readyz", want: "200", body: "ok"},
		{line: "GET /sdk/health", want: "200", body: `"healthy":true`},
		{line: "GET /sdk/metrics", want: "200", body: `"total_logged":`},
	},
	want: []string{
		"logger info fetching user",
		"endpoint info GET /users/{id} - 200",
		"logger info fetching user",
		"endpoint warning GET /users/{id} - 404",
		"exception error avatar not read",
		"endpoint error GET /users/{id}/avatar - 502",
		"exception error panic: runtime error: integer divide by zero",
		"endpoint error GET /bills/{cents}/{people} - 500",
	},
	check: func(t *testing.T, byMessage map[string]ledgertest.Entry, p *program) {
		checkRequest(t, byMessage, p)
		if got := byMessage["avatar not read"].ErrorType; got != "*fs.PathError" {
			t.Errorf("the avatar's error_type is %q", got)
		}
		if got := byMessage["GET /users/{id}/avatar - 502"].Attributes["degraded"]; got != true {
			t.Errorf("the avatar's request has degraded = %v", got)
		}
	},
}

var otlpService = service{
	example: "otlp",
	server:  []ledgertest.Option{ledgertest.WithProtocol(ledgertest.OTLP)},
	requests: []request{
		{
			line:   `POST /orders {"skus": ["a-1", "b-2"], "total": 99.5}`,
			header: http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
			want:   "201",
		},
		{line: "POST /orders no", want: "400"},
	},
	want: []string{
		"logger info order taken",
		"endpoint info POST /orders - 201",
		"exception error order not read",
		"endpoint warning POST /orders - 400",
	},
	check: func(t *testing.T, byMessage map[string]ledgertest.Entry, _ *program) {
		taken := byMessage["order taken"].Attributes
		want := map[string]any{"total": 99.5, "currency": "EUR"}
		if diff := cmp.Diff(want, plain(taken["price"])); diff != "" {
			t.Errorf("price (-want +got):\n%s", diff)
		}
		for _, message := range []string{"order taken", "POST /orders - 201"} {
			if got := byMessage[message].Attributes["trace_id"]; got != "4bf92f3577b34da6a3ce929d0e0e4736" {
				t.Errorf("%q has the trace %v", message, got)
			}
			if got := byMessage[message].Attributes["service.name"]; got != "orders" {
				t.Errorf("%q is of the service %v", message, got)
			}
		}
	},
}

var stdlogService = service{
	example:  "stdlog",
	env:      []string{"UPSTREAM=http://127.0.0.1:1"}, // nobody listens there
	requests: []request{{line: "GET /hello", want: "502"}},
	want: []string{
		"logger info GET /hello",
		"logger error http: proxy error: dial tcp 127.0.0.1:1: connect: connection refused",
	},
	check: func(t *testing.T, byMessage map[string]ledgertest.Entry, _ *program) {
		for message, e := range byMessage {
			if strings.HasPrefix(message, "http: ") && e.Attributes["logger"] != "proxy" {
				t.Errorf("the proxy's line has logger = %v", e.Attributes["logger"])
			}
		}
	},
}

var prometheusService = service{
	example: "prometheus",
	requests: []request{
		{line: "GET /roll/1", want: "200", body: "1"},
		{line: "GET /roll/none", want: "400"},
		// "listening", and the three above.
		{line: "GET /metrics", want: "200", body: "\nledger_entries_logged_total 4\n"},
		{line: "GET /metrics", want: "200", body: "\nledger_status{status=\"healthy\"} 1\n"},
		{line: "GET /metrics", want: "200", body: "\ngo_goroutines "},
		{line: "GET /livez", want: "200"},
		{line: "GET /readyz", want: "200"},
		{line: "GET /sdk/health", want: "200"},
	},
	want: []string{
		"logger info rolled",
		"endpoint info GET /roll/{sides} - 200",
		"endpoint warning GET /roll/{sides} - 400",
	},
}

var otelService = service{
	example:  "otel",
	requests: []request{{line: "GET /users/42", want: "200", body: "42"}},
	want: []string{
		"logger info loading user",
		"endpoint info GET /users/{id} - 200",
	},
	check: func(t *testing.T, byMessage map[string]ledgertest.Entry, p *program) {
		spans := regexp.MustCompile(`"Name":"([^"]+)","SpanContext":\{"TraceID":"(\w+)","SpanID":"(\w+)"`).
			FindAllStringSubmatch(p.stdout.String(), -1)
		if len(spans) != 2 {
			t.Fatalf("%d spans, want 2", len(spans))
		}
		for _, span := range spans { // inner first, as they end
			message := "GET /users/{id} - 200"
			if span[1] == "load user" {
				message = "loading user"
			}
			got := byMessage[message].Attributes
			if got["trace_id"] != span[2] || got["span_id"] != span[3] {
				t.Errorf("%q is of the span %v %v, want %q: %v %v", message, got["trace_id"], got["span_id"], span[1], span[2], span[3])
			}
			if got["request_id"] == nil {
				t.Errorf("%q has no request_id", message)
			}
		}
	},
}

// TestServices runs each service: what its requests log arrives, and is on
// standard output too. SIGTERM ends it in silence, a taken port with exit code 1.
func TestServices(t *testing.T) {
	for _, s := range services() {
		t.Run(s.example, func(t *testing.T) {
			t.Parallel()
			srv := ledgertest.NewServer(s.server...)
			defer srv.Close()
			binary := build(t, s.example)
			p := start(t, srv, binary, s.env...)
			addr := p.addr(t)
			for _, r := range s.requests {
				r.send(t, addr)
			}
			t.Run("a second one finds the port taken", func(t *testing.T) { portTaken(t, s, binary, addr) })
			p.terminate(t)
			p.expectExit(t, 0)
			p.expectSilence(t)

			var got []string
			byMessage := make(map[string]ledgertest.Entry)
			for _, e := range srv.Entries() {
				if !strings.Contains(p.stdout.String(), e.Message) && !strings.Contains(p.stdout.String(), strconv.Quote(e.Message)) {
					t.Errorf("standard output has no %q", e.Message)
				}
				message, _, _ := strings.Cut(e.Message, " (")
				got = append(got, e.LogType+" "+e.Level+" "+message)
				byMessage[message] = e
			}
			want := append([]string{"logger info listening"}, s.want...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("arrived (-want +got):\n%s", diff)
			}
			if s.check != nil {
				s.check(t, byMessage, p)
			}
		})
	}
}

// portTaken starts the service a second time on the address. Its failure is
// told on stderr and to Ledger.
func portTaken(t *testing.T, s service, binary, addr string) {
	srv := ledgertest.NewServer(s.server...)
	defer srv.Close()
	second := start(t, srv, binary, append(s.env, "ADDR="+addr)...)
	second.expectExit(t, 1)
	if !strings.Contains(second.stderr.String(), "address already in use") {
		t.Errorf("stderr: %s", &second.stderr)
	}
	entries := srv.Entries()
	if len(entries) != 1 || !strings.Contains(entries[0].ErrorMessage, "address already in use") {
		t.Errorf("arrived: %+v", entries)
	}
}

// send makes the request on a connection of its own: a client that finds a used
// one cut would send its GET a second time.
func (r request) send(t *testing.T, addr string) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	method, rest, _ := strings.Cut(r.line, " ")
	path, body, _ := strings.Cut(rest, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for key, values := range r.header {
		req.Header[key] = values
	}
	got, text := "EOF", []byte(nil)
	resp, err := client.Do(req)
	if err == nil {
		got = strconv.Itoa(resp.StatusCode)
		text, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	} else if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil || got != r.want || !strings.Contains(string(text), r.body) {
		t.Errorf("%s: got %s, %v, want %s, with %q in\n%s", r.line, got, err, r.want, r.body, text)
	}
}

func TestEachExampleIsChecked(t *testing.T) {
	checked := make(map[string]bool)
	for _, s := range services() {
		checked[s.example] = true
	}
	for _, example := range []string{"worker", "fanout", "errors", "lambda", "debugpage"} { // each has a test of its own
		checked[example] = true
	}
	checked["quickstart"] = true // .ci/run runs it: it brings its own server, and checks itself

	readme, err := os.ReadFile(examplesDir + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := os.ReadDir(examplesDir)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, dir := range dirs {
		if !dir.IsDir() {
			continue
		}
		count++
		if !checked[dir.Name()] {
			t.Errorf("examples/%s is not checked", dir.Name())
		}
		if !strings.Contains(string(readme), "["+dir.Name()+"]("+dir.Name()+")") {
			t.Errorf("examples/README.md has no line for %s", dir.Name())
		}
	}
	if want := strconv.Itoa(count) + " examples"; !strings.Contains(string(readme), want) {
		t.Errorf("examples/README.md does not say %q", want)
	}
}

// plain returns a decoded JSON value with float64 for numbers.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = plain(value)
		}
		return out
	case interface{ Float64() (float64, error) }:
		f, _ := v.Float64()
		return f
	}
	return v
}
