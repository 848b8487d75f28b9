package ledgerview

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOnlyItsOwnHost(t *testing.T) {
	p := open(t, &Options{Hosts: []string{"ledger"}})
	port := p.url[strings.LastIndexByte(p.url, ':'):]
	for host, want := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200, "LOCALHOST" + port: 200, "[::1]" + port: 200, "localhost": 200, "localhost.": 200,
		"ledger:8000": 200, "Ledger": 200,
		"evil.example": 403, "evil.example" + port: 403, "127.0.0.1.evil.example" + port: 403, "localhost.evil.example": 403, "192.0.2.1" + port: 403, "evil.localhost": 403,
	} {
		for _, path := range []string{"/", "/api/stats", "/health"} {
			if status, body := p.do("GET", path, "", "Host", host); status != want {
				t.Errorf("%s of %s: %d %.100s; want %d", path, host, status, body, want)
			}
		}
	}
}

func TestNoPageOfAnotherOrigin(t *testing.T) {
	p := open(t, nil)
	for _, tt := range []struct {
		method, path string
		headers      []string
		want         int
	}{
		{"POST", "/api/v1/ingest/batch", []string{"Origin", "https://evil.example"}, 403},
		{"POST", "/v1/logs", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"DELETE", "/api/records", []string{"Origin", "http://localhost:1"}, 403},
		{"PUT", "/api/fault", []string{"Origin", "null"}, 403},
		{"POST", "/api/import", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"GET", "/api/records", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"GET", "/api/stream", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"GET", "/js/nothing.js", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"GET", "/api/export", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		{"GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200}, // a link in a chat
		{"GET", "/api/records", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"GET", "/api/records", []string{"Sec-Fetch-Site", "none"}, 200},
		{"DELETE", "/api/records", []string{"Origin", p.url, "Sec-Fetch-Site", "same-origin"}, 204},
		{"DELETE", "/api/records", nil, 204}, // no browser
	} {
		if status, body := p.do(tt.method, tt.path, "{}", tt.headers...); status != tt.want {
			t.Errorf("%s %s %v: %d %.100s; want %d", tt.method, tt.path, tt.headers, status, body, tt.want)
		}
	}
}

func TestHeadersOfThePage(t *testing.T) {
	p := open(t, nil)
	for _, path := range []string{"/", "/api/stats", "/nothing"} {
		resp, err := p.client.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") || resp.Header.Get("X-Content-Type-Options") != "nosniff" ||
			resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, resp.Header)
		}
	}
	resp, err := p.client.Get(p.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	status, body := p.do("GET", "/", "", "If-None-Match", resp.Header.Get("ETag"))
	if status != http.StatusNotModified || body != "" || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("again: %d, type %q", status, resp.Header.Get("Content-Type"))
	}
}

// A viewer mounted under a path of another server has no address of its own, and keys are never shown.
func TestMounted(t *testing.T) {
	v := New(nil)
	defer v.Close()
	mux := http.NewServeMux()
	mux.Handle("/debug/ledger/", http.StripPrefix("/debug/ledger", v))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	p := &page{t, v, srv.URL + "/debug/ledger", srv.Client()}
	const key = "ledger_never-to-be-seen"
	status, _ := p.do("POST", "/api/v1/ingest/single", entry(0, "x"), "X-API-Key", key, "Content-Type", "application/json")
	if status != 202 {
		t.Fatalf("%d", status)
	}
	for _, path := range []string{"/", "/api/records", "/api/config", "/api/stats", "/api/export", "/api/runs"} {
		if status, body := p.do("GET", path, ""); status != 200 || strings.Contains(body, key) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
