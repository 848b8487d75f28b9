package httplog_test

import (
	"bufio"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// besides returns what a record has beside level, message, endpoint and id.
func besides(entry map[string]any) map[string]any {
	rest := map[string]any{}
	for key, value := range entry {
		switch key {
		case "level", "msg", "endpoint", "request_id":
		default:
			rest[key] = value
		}
	}
	return rest
}

func TestEachFieldCanBeLeftOut(t *testing.T) {
	all := map[string]any{
		"client_ip": "192.0.2.1", "user_agent": "curl/8.5.0", "host": "api.example.com:8080",
		"http_version": "1.1", "request_bytes": 4.0,
	}
	for field, key := range map[httplog.Field]string{
		0:                    "",
		httplog.ClientIP:     "client_ip",
		httplog.UserAgent:    "user_agent",
		httplog.Host:         "host",
		httplog.HTTPVersion:  "http_version",
		httplog.RequestBytes: "request_bytes",
	} {
		want := map[string]any{}
		for k, v := range all {
			if k != key {
				want[k] = v
			}
		}
		r := httptest.NewRequest("POST", "http://api.example.com:8080/x", strings.NewReader("body"))
		r.Header.Set("User-Agent", "curl/8.5.0")
		book, _ := serveOne(t, &httplog.Options{Omit: field}, ok, r)
		if diff := cmp.Diff(want, besides(book.entry(t))); diff != "" {
			t.Errorf("without %q (-want +got):\n%s", key, diff)
		}
	}
	book, _ := serveOne(t, &httplog.Options{Omit: accessLog}, ok, httptest.NewRequest("GET", "/", nil))
	if rest := besides(book.entry(t)); len(rest) > 0 {
		t.Errorf("with all left out there is %v", rest)
	}
}

func TestAccessFieldsOfAnOddRequest(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, tt := range []struct {
		name   string
		change func(r *http.Request)
		key    string
		want   any
	}{
		{"no user agent", func(r *http.Request) { r.Header.Del("User-Agent") }, "user_agent", nil},
		{"an empty user agent", func(r *http.Request) { r.Header.Set("User-Agent", "") }, "user_agent", nil},
		{"a long user agent", func(r *http.Request) { r.Header.Set("User-Agent", long) }, "user_agent", long[:497] + "… [truncated]"},
		{"a user agent that is garbage", func(r *http.Request) { r.Header.Set("User-Agent", "a\nb\xff") }, "user_agent", "a%0Ab%FF"},
		{"no host", func(r *http.Request) { r.Host = "" }, "host", nil},
		{"a long host", func(r *http.Request) { r.Host = long }, "host", long[:245] + "… [truncated]"},
		{"HTTP/1.0", func(r *http.Request) { r.ProtoMinor = 0 }, "http_version", "1.0"},
		{"HTTP/2", func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }, "http_version", "2"},
		{"HTTP/3", func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 3, 0 }, "http_version", "3"},
		{"another version", func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 1, 7 }, "http_version", "1.7"},
		{"an address without a port", func(r *http.Request) { r.RemoteAddr = "192.0.2.7" }, "client_ip", "192.0.2.7"},
		{"IPv6", func(r *http.Request) { r.RemoteAddr = "[2001:db8::7]:443" }, "client_ip", "2001:db8::7"},
		{"a zone", func(r *http.Request) { r.RemoteAddr = "[fe80::7%eth0]:443" }, "client_ip", "fe80::7"},
		{"IPv4 in IPv6", func(r *http.Request) { r.RemoteAddr = "[::ffff:192.0.2.7]:443" }, "client_ip", "192.0.2.7"},
		{"a Unix socket", func(r *http.Request) { r.RemoteAddr = "@" }, "client_ip", nil},
		{"no address", func(r *http.Request) { r.RemoteAddr = "" }, "client_ip", nil},
		{"an address that is garbage", func(r *http.Request) { r.RemoteAddr = "evil\n:80" }, "client_ip", nil},
		{"a body that is declared", func(r *http.Request) { r.ContentLength = 1 << 40 }, "request_bytes", float64(1 << 40)},
		{"no body, of a length that nobody tells", func(r *http.Request) { r.ContentLength = -1 }, "request_bytes", 0.0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("User-Agent", "curl")
			tt.change(r)
			book, _ := serveOne(t, nil, ok, r)
			if got := book.entry(t)[tt.key]; got != tt.want {
				t.Errorf("%s = %q, want %q", tt.key, got, tt.want)
			}
		})
	}
}

// Over real connections: the protocol, and a body whose length nobody tells.
func TestAccessFieldsFromAServer(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		server, book := newServer(t, http2, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}))
		pipe, feed := io.Pipe()
		go func() {
			_, _ = io.WriteString(feed, "seven")
			_, _ = io.WriteString(feed, " more")
			_ = feed.Close()
		}()
		response, err := server.Client().Post(server.URL, "text/plain", pipe)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		<-book.written
		want := map[string]any{
			"client_ip":     "127.0.0.1",
			"user_agent":    map[bool]string{false: "Go-http-client/1.1", true: "Go-http-client/2.0"}[http2],
			"host":          strings.TrimPrefix(server.URL, "https://"),
			"http_version":  map[bool]string{false: "1.1", true: "2"}[http2],
			"request_bytes": 10.0,
		}
		if diff := cmp.Diff(want, besides(book.entry(t))); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

func TestClientBehindProxies(t *testing.T) {
	const xff, forwarded, real = "X-Forwarded-For", "Forwarded", "X-Real-Ip"
	proxies := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("2001:db8:a::/48"),
		netip.MustParsePrefix("::ffff:172.16.0.0/108"), // a /12
		{}, // matches nothing
	}
	hops := func(n int) string { return "6.6.6.6" + strings.Repeat(", 10.0.0.2", n) }
	type lines = map[string][]string
	for _, tt := range []struct {
		name, peer string
		header     lines
		want       string
	}{
		{"no header", "10.0.0.1:80", nil, "10.0.0.1"},
		{"one hop", "10.0.0.1:80", lines{xff: {"198.51.100.7"}}, "198.51.100.7"},
		{"an untrusted peer is the client", "203.0.113.9:80", lines{xff: {"198.51.100.7"}, real: {"198.51.100.7"}, forwarded: {"for=198.51.100.7"}}, "203.0.113.9"},
		{"made up on the left", "10.0.0.1:80", lines{xff: {"6.6.6.6, 198.51.100.7"}}, "198.51.100.7"},
		{"made up as a proxy's", "10.0.0.1:80", lines{xff: {"6.6.6.6, 10.9.9.9, 198.51.100.7"}}, "198.51.100.7"},
		{"through several proxies", "10.0.0.1:80", lines{xff: {"6.6.6.6, 198.51.100.7, 10.0.0.3,10.0.0.2"}}, "198.51.100.7"},
		{"several lines", "10.0.0.1:80", lines{xff: {"6.6.6.6", "198.51.100.7, 10.0.0.3", "10.0.0.2"}}, "198.51.100.7"},
		{"made up in a line before", "10.0.0.1:80", lines{xff: {"6.6.6.6, 10.0.0.5", "198.51.100.7"}}, "198.51.100.7"},
		{"all trusted", "10.0.0.1:80", lines{xff: {"10.0.0.3, 10.0.0.2"}}, "10.0.0.3"},
		{"garbage", "10.0.0.1:80", lines{xff: {"garbage"}}, "10.0.0.1"},
		{"garbage on the right", "10.0.0.1:80", lines{xff: {"6.6.6.6, unknown"}}, "10.0.0.1"},
		{"garbage behind a proxy", "10.0.0.1:80", lines{xff: {"6.6.6.6, <script>, 10.0.0.2"}}, "10.0.0.2"},
		{"nothing on the right", "10.0.0.1:80", lines{xff: {"6.6.6.6,"}}, "10.0.0.1"},
		{"an empty line", "10.0.0.1:80", lines{xff: {"6.6.6.6", ""}}, "10.0.0.1"},
		{"a port", "10.0.0.1:80", lines{xff: {"198.51.100.7:4711"}}, "198.51.100.7"},
		{"a port that is none", "10.0.0.1:80", lines{xff: {"198.51.100.7:x"}}, "10.0.0.1"},
		{"a long port", "10.0.0.1:80", lines{xff: {"198.51.100.7:123456"}}, "10.0.0.1"},
		{"IPv6", "10.0.0.1:80", lines{xff: {"2001:DB8:0:0::7"}}, "2001:db8::7"},
		{"IPv6 with brackets", "10.0.0.1:80", lines{xff: {"[2001:db8::7]"}}, "2001:db8::7"},
		{"IPv6 with a port", "10.0.0.1:80", lines{xff: {"[2001:db8::7]:4711"}}, "2001:db8::7"},
		{"IPv6 with half a bracket", "10.0.0.1:80", lines{xff: {"[2001:db8::7"}}, "10.0.0.1"},
		{"IPv4 in brackets", "10.0.0.1:80", lines{xff: {"[198.51.100.7]"}}, "10.0.0.1"},
		{"something behind the bracket", "10.0.0.1:80", lines{xff: {"[2001:db8::7]x"}}, "10.0.0.1"},
		{"a zone does not hide a proxy", "10.0.0.1:80", lines{xff: {"198.51.100.7, 2001:db8:a::1%eth0"}}, "198.51.100.7"},
		{"a zone is not logged", "10.0.0.1:80", lines{xff: {"fe80::7%<script>"}}, "fe80::7"},
		{"IPv4 with a zone", "10.0.0.1:80", lines{xff: {"198.51.100.7%eth0"}}, "10.0.0.1"},
		{"a proxy over IPv6", "[2001:db8:a::1%eth0]:80", lines{xff: {"198.51.100.7"}}, "198.51.100.7"},
		{"a proxy's IPv4 address in IPv6", "[::ffff:10.0.0.1]:80", lines{xff: {"198.51.100.7, ::ffff:10.0.0.2"}}, "198.51.100.7"},
		{"a prefix that is IPv4 in IPv6", "172.16.0.1:80", lines{xff: {"198.51.100.7"}}, "198.51.100.7"},
		{"the last of such a prefix", "172.31.255.255:80", lines{xff: {"198.51.100.7"}}, "198.51.100.7"},
		{"the first after it", "172.32.0.0:80", lines{xff: {"198.51.100.7"}}, "172.32.0.0"},
		{"the last before it", "172.15.255.255:80", lines{xff: {"198.51.100.7"}}, "172.15.255.255"},
		{"as many hops as are looked at", "10.0.0.1:80", lines{xff: {hops(63)}}, "6.6.6.6"},
		{"more hops", "10.0.0.1:80", lines{xff: {hops(64)}}, "10.0.0.2"},
		{"more hops in several lines", "10.0.0.1:80", lines{xff: {"6.6.6.6", hops(40)[9:], hops(40)[9:]}}, "10.0.0.2"},

		{"Forwarded", "10.0.0.1:80", lines{forwarded: {"for=198.51.100.7;proto=https;by=10.0.0.1"}}, "198.51.100.7"},
		{"Forwarded in any order and case", "10.0.0.1:80", lines{forwarded: {`proto=https; For="198.51.100.7:80"`}}, "198.51.100.7"},
		{"Forwarded through proxies", "10.0.0.1:80", lines{forwarded: {`for=6.6.6.6, for="[2001:db8::7]:80", for=10.0.0.2`}}, "2001:db8::7"},
		{"Forwarded in lines", "10.0.0.1:80", lines{forwarded: {`for=6.6.6.6`, `for=198.51.100.7`, `for=10.0.0.2;host=a`}}, "198.51.100.7"},
		{"Forwarded unknown", "10.0.0.1:80", lines{forwarded: {"for=6.6.6.6, for=unknown"}}, "10.0.0.1"},
		{"Forwarded hidden", "10.0.0.1:80", lines{forwarded: {"for=6.6.6.6, for=_secret, for=10.0.0.2"}}, "10.0.0.2"},
		{"Forwarded without for", "10.0.0.1:80", lines{forwarded: {"for=6.6.6.6, proto=https"}}, "10.0.0.1"},
		{"a comma in a quotation", "10.0.0.1:80", lines{forwarded: {`for=198.51.100.7;host="a, for=6.6.6.6;b="`}}, "198.51.100.7"},
		{"an escaped quote in a quotation", "10.0.0.1:80", lines{forwarded: {`for=198.51.100.7;host="a\", for=6.6.6.6;b="`}}, "198.51.100.7"},
		{"a quotation without end swallows nothing", "10.0.0.1:80", lines{forwarded: {`for=6.6.6.6;x=", for=198.51.100.7`}}, "10.0.0.1"},
		{"a quotation that ends in a backslash", "10.0.0.1:80", lines{forwarded: {`for=6.6.6.6;x="\`}}, "10.0.0.1"},
		{"a quotation made up to swallow the proxy's", "10.0.0.1:80", lines{forwarded: {`for=6.6.6.6;x=", for="[2001:db8::7]"`}}, "10.0.0.1"},
		{"garbage in Forwarded", "10.0.0.1:80", lines{forwarded: {";;==,,"}}, "10.0.0.1"},

		{"X-Real-IP", "10.0.0.1:80", lines{real: {"198.51.100.7"}}, "198.51.100.7"},
		{"X-Real-IP is garbage", "10.0.0.1:80", lines{real: {"x"}}, "10.0.0.1"},
		{"X-Forwarded-For comes first", "10.0.0.1:80", lines{xff: {"198.51.100.7"}, forwarded: {"for=6.6.6.6"}, real: {"6.6.6.6"}}, "198.51.100.7"},
		{"garbage in it does not help the others", "10.0.0.1:80", lines{xff: {"x"}, forwarded: {"for=6.6.6.6"}, real: {"6.6.6.6"}}, "10.0.0.1"},
		{"Forwarded comes second", "10.0.0.1:80", lines{forwarded: {"for=198.51.100.7"}, real: {"6.6.6.6"}}, "198.51.100.7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			for name, values := range tt.header {
				r.Header[name] = values
			}
			book, _ := serveOne(t, &httplog.Options{TrustedProxies: proxies}, ok, r)
			if got := book.entry(t)["client_ip"]; got != tt.want {
				t.Errorf("client_ip = %v, want %s", got, tt.want)
			}
			book, _ = serveOne(t, nil, ok, r)
			peer := netip.MustParseAddrPort(tt.peer).Addr().Unmap().WithZone("").String()
			if got := book.entry(t)["client_ip"]; got != peer {
				t.Errorf("client_ip = %v without trusted proxies, want %s", got, peer)
			}
		})
	}
}

// Whatever the client sends, the address logged is its own, or a proxy's.
func FuzzClientBehindAProxy(f *testing.F) {
	f.Add("6.6.6.6", `for="6.6.6.6;`)
	f.Add(`", for=`, `\"`)
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, xff, forwarded string) {
		for name, value := range map[string]string{
			"X-Forwarded-For": xff + ", 198.51.100.7",
			"Forwarded":       forwarded + ", for=198.51.100.7;host=\"a\"",
		} {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = "10.0.0.1:80"
			r.Header[name] = []string{value}
			book, _ := serveOne(t, &httplog.Options{TrustedProxies: trusted}, ok, r)
			if got := book.entry(t)["client_ip"]; got != "198.51.100.7" && got != "10.0.0.1" {
				t.Errorf("%s: %q becomes %v", name, value, got)
			}
		}
	})
}

func TestHeaders(t *testing.T) {
	opts := &httplog.Options{
		RequestHeaders:  []string{"accept", "X-Tenant", "Authorization", "Cookie", "X-Api-Key", "Referer", "X-Auth", "X-Absent", "X-Long", "X-Custom"},
		ResponseHeaders: []string{"Content-Type", "Set-Cookie", "Location", "X-Absent"},
		Omit:            accessLog,
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header = http.Header{
		"Accept": {"text/html", "a/b; q=0.5"}, "X-Tenant": {"acme\n\xff"}, "X-Other": {"not asked for"},
		"Authorization": {"Bearer hush"}, "Cookie": {"a=hush"}, "X-Api-Key": {"hush"}, "X-Auth": {"hush"},
		"Referer":  {"https://example.com/cb?page=2&code=hush"},
		"X-Custom": {"bearer hush"},
		"X-Long":   {strings.Repeat("x", 2000)},
	}
	book, _ := serveOne(t, opts, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Set-Cookie", "session=hush; Path=/")
		w.Header().Set("Location", "/next?access_token=hush")
		w.Header().Set("X-Other", "not asked for")
	}), r)
	want := map[string]any{
		"request_headers": map[string]any{
			"accept": "text/html, a/b; q=0.5", "X-Tenant": "acme%0A%FF",
			"Authorization": "***", "Cookie": "***", "X-Api-Key": "***", "X-Auth": "***",
			"Referer":  "https://example.com/cb?page=2&code=***",
			"X-Custom": "bearer ***",
			"X-Long":   strings.Repeat("x", 1009) + "… [truncated]",
		},
		"response_headers": map[string]any{
			"Content-Type": "text/plain; charset=utf-8", "Set-Cookie": "***", "Location": "/next?access_token=***",
		},
	}
	if diff := cmp.Diff(want, besides(book.entry(t))); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	opts.RequestHeaders[0] = "X-Other"
	book, _ = serveOne(t, opts, ok, httptest.NewRequest("GET", "/", nil))
	if rest := besides(book.entry(t)); len(rest) > 0 {
		t.Errorf("without headers there is %v", rest)
	}
}

// After a hijack the headers are none of the middleware's business: the
// goroutines of the connection may use them.
func TestNoResponseHeadersOfAHijackedConnection(t *testing.T) {
	server, book := newServer(t, false, &httplog.Options{ResponseHeaders: []string{"X-A"}}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-A", "1")
		conn, buffer, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = bufio.NewWriter(buffer).WriteString("")
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}))
	get(t, server, "/")
	<-book.written
	if got, has := book.entry(t)["response_headers"]; has {
		t.Errorf("response_headers = %v", got)
	}
}

func TestAttrs(t *testing.T) {
	var results []httplog.Result
	attrs := func(r *http.Request, res httplog.Result) []slog.Attr {
		results = append(results, res)
		return []slog.Attr{slog.String("tenant", r.PathValue("tenant"))}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /t/{tenant}", func(w http.ResponseWriter, r *http.Request) {
		httplog.AddAttrs(r.Context(), slog.Int("first", 1))
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "four")
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	opts := &httplog.Options{Attrs: attrs, Omit: accessLog, OnlyRegisteredRoutes: true}
	book, _ := serveOne(t, opts, mux, httptest.NewRequest("GET", "/t/acme", nil))
	if diff := cmp.Diff(map[string]any{"tenant": "acme", "first": 1.0}, besides(book.entry(t))); diff != "" {
		t.Errorf("attrs (-want +got):\n%s", diff)
	}
	serveOne(t, opts, mux, httptest.NewRequest("GET", "/left/out", nil))
	catch(func() { serveOne(t, opts, mux, httptest.NewRequest("GET", "/panic", nil)) })
	for i := range results {
		if results[i].Duration < 0 || results[i].Duration > time.Minute {
			t.Errorf("duration %v", results[i].Duration)
		}
		results[i].Duration = 0
	}
	want := []httplog.Result{
		{Status: 202, Bytes: 4, Route: "/t/{tenant}"},
		{Status: 500, Route: "/panic", Panicked: true},
	}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestLevelFunc(t *testing.T) {
	byRoute := func(r *http.Request, status int) slog.Level {
		if r.Pattern == "GET /health" && status < 500 {
			return slog.LevelDebug
		}
		return slog.Level(status)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /health", ok)
	mux.Handle("GET /x", ok)
	for _, tt := range []struct {
		target string
		opts   httplog.Options
		want   slog.Level
	}{
		{"/health", httplog.Options{LevelFunc: byRoute}, slog.LevelDebug},
		{"/x", httplog.Options{LevelFunc: byRoute}, 200},
		{"/x", httplog.Options{LevelFunc: byRoute, Level: func(int) slog.Level { return 7 }}, 200},
		{"/x", httplog.Options{LevelFunc: func(*http.Request, int) slog.Level { panic("level") }}, slog.LevelInfo},
		{"/missing", httplog.Options{LevelFunc: func(*http.Request, int) slog.Level { panic("level") }}, slog.LevelWarn},
	} {
		book := newLogbook(slog.LevelDebug)
		httplog.Middleware(book.logger(), &tt.opts)(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", tt.target, nil))
		if got := book.record(t).Level; got != tt.want {
			t.Errorf("%s: level %v, want %v", tt.target, got, tt.want)
		}
	}
}

// Every callback that panics leaves the request as it is, and its record too.
func TestCallbacksThatPanicCostNothing(t *testing.T) {
	opts := &httplog.Options{
		Route:      func(*http.Request) string { panic("route") },
		PathParams: func(*http.Request) map[string]string { panic("params") },
		Skip:       func(*http.Request) bool { panic("skip") },
		SafeParams: func(string) bool { panic("safe") },
		Level:      func(int) slog.Level { panic("level") },
		LevelFunc:  func(*http.Request, int) slog.Level { panic("level") },
		Attrs:      func(*http.Request, httplog.Result) []slog.Attr { panic("attrs") },

		RequestBodyLimit: 100,
		Omit:             accessLog,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	r := httptest.NewRequest("POST", "/users/7?a=b", strings.NewReader(`{"a":"b"}`))
	book, w := serveOne(t, opts, mux, r)
	if w.Code != 200 || w.Body.String() != `{"a":"b"}` {
		t.Errorf("status %d, body %q", w.Code, w.Body)
	}
	entry := book.entry(t)
	got := endpoint(t, entry)
	delete(got, "duration_ms")
	want := map[string]any{
		"method": "POST", "path": "/users/{id}", "status_code": 200.0, "bytes": 9.0,
		"query_params": "a=***", "path_params": map[string]any{"id": "***"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("endpoint (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"request_body": `{"a":"***"}`}, besides(entry)); diff != "" || entry["level"] != "INFO" {
		t.Errorf("at %v (-want +got):\n%s", entry["level"], diff)
	}
}
