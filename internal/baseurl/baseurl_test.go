package baseurl

import (
	"net/http"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"http://localhost:8000":        "http://localhost:8000",
		"HTTPS://logs.example.com/a//": "https://logs.example.com/a",
		"https://example.com/a%2Fb/":   "https://example.com/a/b",
	} {
		if u, err := Parse(text); err != nil || u.String() != want {
			t.Errorf("%s: %v, %v", text, u, err)
		}
	}
	for text, fault := range map[string]string{
		"": "must begin with http", "localhost:8000": "must begin with http", "127.0.0.1:8000": "must begin with http", "ftp://example.com": "must begin with http",
		"http://": "no host", "http://:8000": "no host", "https://hunter2:%zz@example.com": "not a URL", "https://host:hunter2/": "not a URL",
		"https://user:hunter2@example.com": "user name or password", "https://hunter2@example.com": "user name or password",
		"https://example.com/?": "query or fragment", "https://example.com/?a=hunter2": "query or fragment", "https://example.com/#hunter2": "query or fragment",
	} {
		u, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), fault) || u != nil {
			t.Errorf("%s: %v, %v; want %q", text, u, err, fault)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error quotes the password: %v", text, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string][]string{
		"http://127.0.0.1:8000": nil, "http://[::1]:8000": nil, "http://localhost": nil, "http://app.localhost": nil, "https://logs.example.com": nil,
		"https://example.com/v1/logsearch":    nil,
		"http://logs.example.com":             {"plain http"},
		"http://localhost.example.com":        {"plain http"},
		"https://example.com/a/v1/logs":       {`leave out "/v1/logs"`},
		"https://example.com/api/v1/ingest":   {`leave out "/api/v1/ingest"`},
		"http://10.0.0.1/api/v1/ingest/batch": {"plain http", `leave out "/api/v1/ingest/batch"`},
	} {
		u, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got := Warnings(u)
		if len(got) != len(want) {
			t.Errorf("%s: %q, want %q", text, got, want)
			continue
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: %q, want %q", text, got[i], want[i])
			}
		}
	}
}

func TestMistake(t *testing.T) {
	for _, tt := range []struct {
		url    string
		status int
		kind   string
		want   string
	}{
		{"https://example.com/v1/logs", 200, "text/html", "BaseURL ends in an ingest path"},
		{"https://example.com", 301, "text/html", "the server redirects"},
		{"https://example.com", 405, "text/html", "takes no POST"},
		{"https://example.com/prefix", 501, "", "takes no POST"},
		{"https://example.com/prefix", 200, " Text/HTML; charset=utf-8", "a web page"},
		{"https://example.com/prefix", 404, "application/json", `the path prefix "/prefix"`},
		{"https://example.com", 404, "text/plain", "may lack a path prefix"},
	} {
		u, err := Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		answer := &http.Response{StatusCode: tt.status, Header: http.Header{"Content-Type": {tt.kind}}}
		if got, certain := Mistake(u, answer); !strings.Contains(got, tt.want) || certain != strings.HasSuffix(tt.url, "/v1/logs") {
			t.Errorf("%s, %d %s: %q, want %q", tt.url, tt.status, tt.kind, got, tt.want)
		}
	}
}
