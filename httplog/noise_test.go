package httplog_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/ledger-sdk/ledger-go/httplog"
)

func TestNoiseIsIgnored(t *testing.T) {
	added := &httplog.Options{
		IgnoredPaths:      []string{"/ads.txt"},
		IgnoredPrefixes:   []string{"/old/", "/tmp"},
		IgnoredExtensions: []string{"bak", ".old", "*.swp", ""},
	}
	for _, tt := range []struct {
		path    string
		opts    *httplog.Options
		ignored bool
	}{
		{"/.git/config", nil, true},
		{"/.git", nil, true},
		{"/.gitignore", nil, false},
		{"/.env", nil, true},
		{"/.env.local", nil, true},
		{"/.env/x", nil, true},
		{"/robots.txt", nil, true},
		{"/favicon.ico", nil, true},
		{"/wp-admin/install", nil, true},
		{"/wp-admin", nil, true},
		{"/wp-content/x", nil, true},
		{"/wp-includes/x", nil, true},
		{"/.well-known/security.txt", nil, true},
		{"/.aws/credentials", nil, true},
		{"/.ssh/id_rsa", nil, true},
		{"/index.php", nil, true},
		{"/a/b/c.asp", nil, true},
		{"/x.aspx", nil, true},
		{"/x.jsp", nil, true},
		{"/x.cgi", nil, true},
		{"/X.PHP", nil, true},
		{"/WP-Admin/", nil, true},
		{"//wp-admin/x", nil, true},
		{"///.git//config", nil, true},
		{"//robots.txt", nil, true},
		{"//x.php", nil, true},
		{"/a/../.git/config", nil, true},
		{"/./.env", nil, true},

		{"/", nil, false},
		{"/users", nil, false},
		{"/admin/", nil, false},
		{"/blog/robots.txt", nil, false},
		{"/php", nil, false},
		{"/a.php/b", nil, false},
		{"/environment", nil, false},

		{"/ads.txt", nil, false},
		{"/ads.txt", added, true},
		{"//ads.txt", added, true},
		{"/ads.txt.gz", added, false},
		{"/old/x", added, true},
		{"/old", added, true},
		{"/tmpfile", added, true},
		{"/x.bak", added, true},
		{"/x.old", added, true},
		{"/x.swp", added, true},
		{"/.git/x", added, true},
		{"/index.php", &httplog.Options{KeepIgnored: true}, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: tt.path}
		book, _ := serveOne(t, tt.opts, respond(404), r)
		if got := len(book.entries(t)) == 0; got != tt.ignored {
			t.Errorf("%s: ignored %t, want %t", tt.path, got, tt.ignored)
		}
	}
}

func TestNoiseWithARouteIsLogged(t *testing.T) {
	for _, tt := range []struct {
		pattern, target string
		logged          bool
	}{
		{"GET /robots.txt", "/robots.txt", true},
		{"/.well-known/", "/.well-known/acme-challenge/x", true},
		{"/{file}", "/index.php", true},
		{"/legacy/{path...}", "/legacy/index.php", true},
		{"/", "/index.php", false},
		{"/{path...}", "/index.php", false},
	} {
		mux := http.NewServeMux()
		mux.Handle(tt.pattern, ok)
		book, _ := serveOne(t, nil, mux, httptest.NewRequest("GET", tt.target, nil))
		if got := len(book.entries(t)) == 1; got != tt.logged {
			t.Errorf("%s matched by %q: logged %t, want %t", tt.target, tt.pattern, got, tt.logged)
		}
	}
	named := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { httplog.SetRoute(r.Context(), "/{file}") })
	book, _ := serveOne(t, nil, named, httptest.NewRequest("GET", "/index.php", nil))
	book.entry(t)
}

func TestPanicIsNeverNoise(t *testing.T) {
	for _, opts := range []*httplog.Options{nil, {OnlyRegisteredRoutes: true}} {
		book := newLogbook(nil)
		handler := httplog.Middleware(book.logger(), opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }))
		catch(func() { handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/index.php", nil)) })
		book.afterPanic(t)
	}
}
