package httplog_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// One style throughout a service, whatever its router writes.
func TestTemplateStyles(t *testing.T) {
	for _, tt := range []struct{ template, curly, colon string }{
		{"/", "/", "/"},
		{"/users", "/users", "/users"},
		{"/users/{id}", "/users/{id}", "/users/:id"},
		{"/users/:id", "/users/{id}", "/users/:id"},
		{"/users/:id/posts/:post_id", "/users/{id}/posts/{post_id}", "/users/:id/posts/:post_id"},
		{"/users/{id}/posts/{post}", "/users/{id}/posts/{post}", "/users/:id/posts/:post"},
		{"/files/{path...}", "/files/{path...}", "/files/*path"},
		{"/files/*path", "/files/{path...}", "/files/*path"},
		{"/files/*", "/files/*", "/files/*"},
		{"/posts/{$}", "/posts/", "/posts/"},
		{"GET /posts/{$}", "/posts/", "/posts/"},
		{"/a/{id:[0-9]{1,9}}/b", "/a/{id:[0-9]{1,9}}/b", "/a/:id/b"},
		{"/a/{id:[a/b]+}", "/a/{id:[a/b]+}", "/a/:id"},
		{"/a/{id}.json", "/a/{id}.json", "/a/:id.json"},
		{"/users:batchGet", "/users:batchGet", "/users:batchGet"},
		{"/flights/:from-:to", "/flights/{from}-{to}", "/flights/:from-:to"},
		{"/a/:id<int>/b", "/a/{id}/b", "/a/:id<int>/b"},
		{"/a/:id?", "/a/{id}", "/a/:id?"},
		{"/a/:", "/a/:", "/a/:"},
		{"/a/:/:b", "/a/:/{b}", "/a/:/:b"},
		{"/a/*b*", "/a/*b*", "/a/*b*"},
		{"/a/{open", "/a/{open", "/a/{open"},
		{"/a/{b}/{open", "/a/{b}/{open", "/a/:b/{open"},
		{"/:a", "/{a}", "/:a"},
	} {
		for style, want := range map[httplog.TemplateStyle]string{httplog.CurlyTemplate: tt.curly, httplog.ColonTemplate: tt.colon} {
			opts := &httplog.Options{TemplateStyle: style}
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { httplog.SetRoute(r.Context(), tt.template) })
			if got := pathOf(t, opts, handler, "/x"); got != want {
				t.Errorf("SetRoute %q in style %d: %q, want %q", tt.template, style, got, want)
			}
			opts.Route = func(*http.Request) string { return tt.template }
			if got := pathOf(t, opts, ok, "/x"); got != want {
				t.Errorf("Route %q in style %d: %q, want %q", tt.template, style, got, want)
			}
		}
	}
}

// "{$}" is no parameter, in whichever style.
func TestEndOfPathIsNoParameter(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /posts/{id}/{$}", ok)
	for style, want := range map[httplog.TemplateStyle]string{httplog.CurlyTemplate: "/posts/{id}/", httplog.ColonTemplate: "/posts/:id/"} {
		book, _ := serveOne(t, &httplog.Options{TemplateStyle: style}, mux, httptest.NewRequest("GET", "/posts/7/", nil))
		got := endpoint(t, book.entry(t))
		params, _ := got["path_params"].(map[string]any)
		if got["path"] != want || len(params) != 1 || params["id"] != "7" {
			t.Errorf("endpoint = %v", got)
		}
	}
}

// What matches every path is no route for scanners, in every way to write it.
func TestCatchAllsOfRouters(t *testing.T) {
	for template, logged := range map[string]bool{
		"/": false, "/*": false, "/*path": false, "/{path...}": false,
		"/a": true, "/a/*path": true, "/a/": true, "/{id}": true, "/:id": true, "/a*": true,
	} {
		for _, style := range []httplog.TemplateStyle{httplog.CurlyTemplate, httplog.ColonTemplate} {
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { httplog.SetRoute(r.Context(), template) })
			book, _ := serveOne(t, &httplog.Options{TemplateStyle: style}, handler, httptest.NewRequest("GET", "/index.php", nil))
			if got := len(book.entries(t)) == 1; got != logged {
				t.Errorf("%s in style %d: logged %t, want %t", template, style, got, logged)
			}
		}
	}
}
