package httplog_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
)

func TestMuxPatterns(t *testing.T) {
	for _, tt := range []struct{ pattern, target, want string }{
		{"GET /users/{id}", "/users/bob", "/users/{id}"},
		{"/users/{id}", "/users/bob", "/users/{id}"},
		{"GET example.com/users/{id}", "/users/bob", "/users/{id}"},
		{"example.com/users/{id}", "/users/bob", "/users/{id}"},
		{"/files/{path...}", "/files/a/b/c", "/files/{path...}"},
		{"GET /{$}", "/", "/"},
		{"GET /posts/{$}", "/posts/", "/posts/"},
		{"/static/", "/static/app.js", "/static/"},
		{"/", "/anything/bob", "/"},
	} {
		mux := http.NewServeMux()
		mux.Handle(tt.pattern, ok)
		if got := pathOf(t, nil, mux, tt.target); got != tt.want {
			t.Errorf("pattern %q: path %q, want %q", tt.pattern, got, tt.want)
		}
	}
}

func TestMuxSaysNothing(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /users/{id}", ok)
	for _, tt := range []struct {
		method, target, path string
		status               float64
	}{
		{"GET", "/orders/17", "/orders/{id}", 404},
		{"POST", "/users/17", "/users/{id}", 405},
	} {
		book, _ := serveOne(t, nil, mux, httptest.NewRequest(tt.method, tt.target, nil))
		got := endpoint(t, book.entry(t))
		if got["path"] != tt.path || got["status_code"] != tt.status {
			t.Errorf("%s %s: %v, want %s and %v", tt.method, tt.target, got, tt.path, tt.status)
		}
	}
}

// copying is a middleware that hides the request the mux sees from those around
// it.
func copying(next http.Handler) http.Handler {
	type key struct{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, 1)))
	})
}

func cloning(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.Clone(r.Context()))
	})
}

func stripping(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", next))
	return mux
}

func timing(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "late") }

func TestRouteBehindMiddlewareThatCopies(t *testing.T) {
	users := http.NewServeMux()
	users.Handle("GET /users/{name}", ok)
	namedByHandler := http.NewServeMux()
	namedByHandler.HandleFunc("GET /users/{name}", func(_ http.ResponseWriter, r *http.Request) {
		httplog.SetRoute(r.Context(), r.Pattern)
	})
	for _, tt := range []struct {
		name   string
		middle func(http.Handler) http.Handler
		target string
		want   string
	}{
		{"WithContext", copying, "/users/bob", "/users/{name}"},
		{"Clone", cloning, "/users/bob", "/users/{name}"},
		{"StripPrefix", stripping, "/api/users/bob", "/api/users/{name}"},
		{"TimeoutHandler", timing, "/users/bob", "/users/{name}"},
		{"all of them", func(h http.Handler) http.Handler { return copying(timing(stripping(cloning(h)))) }, "/api/users/bob", "/api/users/{name}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book := newLogbook(nil)
			logging := httplog.Middleware(book.logger(), nil)
			handler := logging(tt.middle(logging(users)))
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", tt.target, nil))
			got := endpoint(t, book.entry(t))
			if got["path"] != tt.want {
				t.Errorf("path = %v, want %s", got["path"], tt.want)
			}
			if diff := cmp.Diff(map[string]any{"name": "bob"}, got["path_params"]); diff != "" {
				t.Errorf("path_params (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("SetRoute in the handler", func(t *testing.T) {
		if got := pathOf(t, nil, copying(namedByHandler), "/users/bob"); got != "/users/{name}" {
			t.Errorf("path = %q", got)
		}
	})
	t.Run("Options.Route asks the mux", func(t *testing.T) {
		opts := &httplog.Options{Route: func(r *http.Request) string { _, pattern := users.Handler(r); return pattern }}
		if got := pathOf(t, opts, copying(users), "/users/bob"); got != "/users/{name}" {
			t.Errorf("path = %q", got)
		}
	})
	t.Run("nothing inside", func(t *testing.T) {
		if got := pathOf(t, nil, copying(users), "/users/17"); got != "/users/{id}" {
			t.Errorf("path = %q, want it normalised", got)
		}
	})
	t.Run("no route inside either", func(t *testing.T) {
		book := newLogbook(nil)
		logging := httplog.Middleware(book.logger(), nil)
		logging(copying(logging(users))).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/17", nil))
		if got := endpoint(t, book.entry(t))["path"]; got != "/orders/{id}" {
			t.Errorf("path = %v", got)
		}
	})
	t.Run("a panic inside", func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /users/{name}", func(http.ResponseWriter, *http.Request) { panic("boom") })
		book := newLogbook(nil)
		logging := httplog.Middleware(book.logger(), nil)
		catch(func() {
			logging(copying(logging(mux))).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/bob", nil))
		})
		if got := endpoint(t, book.entries(t)[1])["path"]; got != "/users/{name}" {
			t.Errorf("path = %v", got)
		}
	})
}

// The middleware copies the request as well; those around it must not notice.
func TestPatternIsSeenAround(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /users/{id}", ok)
	for _, opts := range []*httplog.Options{nil, {ExcludePaths: []string{"/users/1"}}} {
		r := httptest.NewRequest("GET", "/users/1", nil)
		serveOne(t, opts, mux, r)
		if r.Pattern != "GET /users/{id}" {
			t.Errorf("Pattern around the middleware is %q", r.Pattern)
		}
	}
}

func TestMiddlewareInsideOfTheMux(t *testing.T) {
	book := newLogbook(nil)
	mux := http.NewServeMux()
	mux.Handle("GET /users/{id}", httplog.Middleware(book.logger(), nil)(ok))
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/bob", nil))
	got := endpoint(t, book.entry(t))
	if diff := cmp.Diff(map[string]any{"id": "bob"}, got["path_params"]); got["path"] != "/users/{id}" || diff != "" {
		t.Errorf("endpoint = %v\n%s", got, diff)
	}
}

func TestWhoNamesTheRoute(t *testing.T) {
	set := func(template string) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) { httplog.SetRoute(r.Context(), template) }
	}
	mounted := func(pattern string, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(pattern, h)
		return mux
	}
	route := func(template string) *httplog.Options {
		return &httplog.Options{Route: func(*http.Request) string { return template }}
	}
	for _, tt := range []struct {
		name    string
		opts    *httplog.Options
		handler http.Handler
		want    string
	}{
		{"SetRoute", nil, set("/u/:name"), "/u/{name}"},
		{"SetRoute with a method", nil, set("GET /u/{name}"), "/u/{name}"},
		{"SetRoute below a mux", nil, mounted("/", set("/u/:name")), "/u/{name}"},
		{"SetRoute below a prefix", nil, mounted("/u/", set("/u/:name")), "/u/{name}"},
		{"SetRoute below a rest", nil, mounted("/u/{rest...}", set("/u/:name")), "/u/{name}"},
		{"the mux matched exactly", nil, mounted("/u/{n}", set("/u/:name")), "/u/{n}"},
		{"SetRoute with nothing", nil, set(""), "/u/bob"},
		{"Route", route("/from/route"), mounted("/u/{n}", set("/u/:name")), "/from/route"},
		{"Route knows nothing", route(""), mounted("/u/{n}", ok), "/u/{n}"},
		{"Route panics", &httplog.Options{Route: func(*http.Request) string { panic("route") }}, mounted("/u/{n}", ok), "/u/{n}"},
		{"a template with a regular expression", route("/u/{id:[0-9 ]+}"), ok, "/u/{id:[0-9 ]+}"},
		{"a relative template", nil, set("u/:name"), "u/{name}"},
		{"a template that is garbage", nil, set("/\x00\xff"), "/%00%FF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := pathOf(t, tt.opts, tt.handler, "/u/bob"); got != tt.want {
				t.Errorf("path = %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("the last call of SetRoute counts", func(t *testing.T) {
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			set("/first")(w, r)
			set("/second")(w, r)
		})
		if got := pathOf(t, nil, handler, "/u/bob"); got != "/second" {
			t.Errorf("path = %q", got)
		}
	})
}

// chi sets the pattern of the request too, with its own syntax.
func TestPatternsOfOtherRouters(t *testing.T) {
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Pattern = "/users/{id:[0-9]{1,9}}/{key:.+}/{open"
		r.SetPathValue("id", "42")
		r.SetPathValue("key", "hush")
	})
	book, _ := serveOne(t, nil, handler, httptest.NewRequest("GET", "/users/42/hush", nil))
	want := map[string]any{"id": "42", "key": "***"}
	got := endpoint(t, book.entry(t))
	if diff := cmp.Diff(want, got["path_params"]); diff != "" || got["path"] != "/users/{id:[0-9]{1,9}}/{key:.+}/{open" {
		t.Errorf("endpoint %v, path_params (-want +got):\n%s", got, diff)
	}
}

// A router with parameters of its own, such as gorilla/mux.
func TestPathParamsOption(t *testing.T) {
	vars := func(params map[string]string) *httplog.Options {
		return &httplog.Options{PathParams: func(*http.Request) map[string]string { return params }}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			httplog.SetPathParams(r.Context(), slog.String("told", "1"))
		}
	})
	for _, tt := range []struct {
		name, target string
		opts         *httplog.Options
		want         map[string]any
	}{
		{"wins", "/users/7?told", vars(map[string]string{"user": "7", "token": "hush", "a": "\n"}), map[string]any{"user": "7", "token": "***", "a": "%0A"}},
		{"none", "/users/7", vars(nil), map[string]any{"id": "7"}},
		{"none, but told", "/users/7?told", vars(map[string]string{}), map[string]any{"told": "1"}},
		{"panics", "/users/7", &httplog.Options{PathParams: func(*http.Request) map[string]string { panic("vars") }}, map[string]any{"id": "7"}},
	} {
		book, _ := serveOne(t, tt.opts, mux, httptest.NewRequest("GET", tt.target, nil))
		if diff := cmp.Diff(tt.want, endpoint(t, book.entry(t))["path_params"]); diff != "" {
			t.Errorf("%s: path_params (-want +got):\n%s", tt.name, diff)
		}
	}
	book, _ := serveOne(t, vars(map[string]string{"c": "", "a": "", "b": ""}), mux, httptest.NewRequest("GET", "/users/7", nil))
	var names []string
	for _, a := range attrsOf(book.record(t))["endpoint"].Group() {
		if a.Key == "path_params" {
			for _, p := range a.Value.Group() {
				names = append(names, p.Key)
			}
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestPathParams(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/a/{id}/{api_key}/{rest...}", ok)
	long := make([]byte, 1000)
	for i := range long {
		long[i] = 'x'
	}
	for _, tt := range []struct {
		name, target string
		opts         *httplog.Options
		want         map[string]any
	}{
		{"secrets masked", "/a/7/hush/x/y", nil, map[string]any{"id": "7", "api_key": "***", "rest": "x/y"}},
		{"empty rest", "/a/7/hush/", nil, map[string]any{"id": "7", "api_key": "***", "rest": ""}},
		{"SafeParams", "/a/7/open/x", &httplog.Options{SafeParams: func(name string) bool { return name == "api_key" }}, map[string]any{"id": "***", "api_key": "open", "rest": "***"}},
		{"SafeParams panics", "/a/7/hush/x", &httplog.Options{SafeParams: func(string) bool { panic("safe") }}, map[string]any{"id": "***", "api_key": "***", "rest": "***"}},
		{"a JSON web token", "/a/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln/hush/x", nil, map[string]any{"id": "***", "api_key": "***", "rest": "x"}},
		{"not printable", "/a/%00%ff/hush/%0A", nil, map[string]any{"id": "%00%FF", "api_key": "***", "rest": "%0A"}},
		{"long", "/a/7/hush/" + string(long), nil, map[string]any{"id": "7", "api_key": "***", "rest": string(long[:497]) + "… [truncated]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book, _ := serveOne(t, tt.opts, mux, httptest.NewRequest("GET", tt.target, nil))
			if diff := cmp.Diff(tt.want, endpoint(t, book.entry(t))["path_params"]); diff != "" {
				t.Errorf("path_params (-want +got):\n%s", diff)
			}
		})
	}
}

// A routerContext is a context as routers have them that do not look into the
// context of the request, such as gin's: only what was set under a string.
type routerContext struct {
	context.Context
	set map[string]any
}

func (c routerContext) Value(key any) any {
	name, ok := key.(string)
	if !ok {
		return nil
	}
	return c.set[name]
}

// adapt is what an adapter of a router does.
func adapt(logging func(http.Handler) http.Handler, w http.ResponseWriter, r *http.Request, next func(c context.Context)) {
	logging(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c := routerContext{context.Background(), map[string]any{httplog.ContextKey: r.Context()}}
		httplog.SetRoute(c, "/users/{id}/{token}")
		httplog.SetPathParams(c, slog.String("id", "7"), slog.String("token", "hush"))
		next(c)
	})).ServeHTTP(w, r)
}

func TestAdapterOfARouter(t *testing.T) {
	book := newLogbook(nil)
	var ids []slog.Attr
	adapt(httplog.Middleware(book.logger(), nil), httptest.NewRecorder(), httptest.NewRequest("GET", "/users/7/hush", nil), func(c context.Context) {
		ids = httplog.ContextAttrs(c)
		httplog.AddAttrs(c, slog.Int("n", 1))
	})
	entry := book.entry(t)
	got := endpoint(t, entry)
	if diff := cmp.Diff(map[string]any{"id": "7", "token": "***"}, got["path_params"]); diff != "" || got["path"] != "/users/{id}/{token}" {
		t.Errorf("endpoint = %v, path_params (-want +got):\n%s", got, diff)
	}
	if entry["n"] != 1.0 || len(ids) != 1 || ids[0].Value.String() != entry["request_id"] {
		t.Errorf("record %v, ContextAttrs %v", entry, ids)
	}
}

// gorilla/mux keeps the template and the parameters in a context that only those
// inside of it see.
func TestRouterThatOnlyTheInnerMiddlewareCanAsk(t *testing.T) {
	type vars struct{}
	params := func(r *http.Request) map[string]string {
		m, _ := r.Context().Value(vars{}).(map[string]string)
		return m
	}
	template := func(r *http.Request) string {
		if params(r) == nil {
			return ""
		}
		return "/users/{id}/{token}"
	}
	matched := map[string]string{"token": "hush", "id": "7"}
	masked := map[string]any{"id": "7", "token": "***"}
	tell := func(_ http.ResponseWriter, r *http.Request) {
		httplog.SetPathParams(r.Context(), slog.String("told", "1"))
	}
	for _, tt := range []struct {
		name   string
		opts   httplog.Options
		router map[string]string
		serve  http.HandlerFunc
		path   string
		params any
	}{
		{"both", httplog.Options{Route: template, PathParams: params}, matched, ok, "/users/{id}/{token}", masked},
		{"parameters alone", httplog.Options{PathParams: params}, matched, ok, "/users/{id}/hush", masked},
		{"a route without parameters", httplog.Options{Route: template, PathParams: params}, map[string]string{}, ok, "/users/{id}/{token}", nil},
		{"no route", httplog.Options{Route: template, PathParams: params}, nil, ok, "/users/{id}/hush", nil},
		{"SetPathParams", httplog.Options{Route: template, PathParams: params}, matched, tell, "/users/{id}/{token}", map[string]any{"told": "1"}},
		{"a panic", httplog.Options{Route: template, PathParams: func(*http.Request) map[string]string { panic("vars") }}, matched, ok, "/users/{id}/{token}", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book := newLogbook(nil)
			logging := httplog.Middleware(book.logger(), &tt.opts)
			inner := logging(tt.serve)
			router := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), vars{}, tt.router)))
			})
			logging(router).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/7/hush", nil))
			got := endpoint(t, book.entry(t))
			if got["path"] != tt.path {
				t.Errorf("path = %v, want %s", got["path"], tt.path)
			}
			if diff := cmp.Diff(tt.params, got["path_params"]); diff != "" {
				t.Errorf("path_params (-want +got):\n%s", diff)
			}
		})
	}
}

// An inner Middleware does not overrule what the handler said.
func TestSetPathParamsBehindAnInnerMiddleware(t *testing.T) {
	book := newLogbook(nil)
	logging := httplog.Middleware(book.logger(), nil)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{name}", func(_ http.ResponseWriter, r *http.Request) {
		httplog.SetRoute(r.Context(), "/people/{who}")
		httplog.SetPathParams(r.Context(), slog.String("who", "ada"))
		httplog.SetPathParams(r.Context()) // nothing
	})
	logging(copying(logging(mux))).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/bob", nil))
	got := endpoint(t, book.entry(t))
	if diff := cmp.Diff(map[string]any{"who": "ada"}, got["path_params"]); diff != "" || got["path"] != "/people/{who}" {
		t.Errorf("endpoint = %v, path_params (-want +got):\n%s", got, diff)
	}
}
