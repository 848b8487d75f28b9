package httplog_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// normalised returns the path logged for one that no route was matched for.
func normalised(t testing.TB, opts httplog.Options, path string) string {
	t.Helper()
	opts.KeepIgnored = true
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL = &url.URL{Path: path}
	book, _ := serveOne(t, &opts, ok, r)
	got, _ := endpoint(t, book.entry(t))["path"].(string)
	return got
}

func TestUnmatchedPathsAreNormalised(t *testing.T) {
	for path, want := range map[string]string{
		"/":                  "/",
		"":                   "/",
		"/api/users":         "/api/users",
		"/api/v1/status":     "/api/v1/status",
		"/users/123":         "/users/{id}",
		"/users/123/":        "/users/{id}/",
		"/0":                 "/{id}",
		"/a/123/b/456/c/789": "/a/{id}/b/{id}/c/{id}",
		"/1/2/3":             "/{id}/{id}/{id}",
		"//1//2":             "//{id}//{id}",
		"/users/12a":         "/users/12a",
		"/users/-1":          "/users/-1",
		"/v/1.5":             "/v/1.5",
		"/users/550e8400-e29b-41d4-a716-446655440000":               "/users/{id}",
		"/users/550E8400-E29B-41D4-A716-446655440000":               "/users/{id}",
		"/users/abcdefab-cdef-abcd-efab-cdefabcdefab":               "/users/{id}",
		"/posts/507f1f77bcf86cd799439011":                           "/posts/{id}",
		"/posts/abcdefabcdefabcdefabcdef":                           "/posts/{id}",
		"/posts/abcdefabcdefabcdefabcde":                            "/posts/abcdefabcdefabcdefabcde",
		"/files/a1b2c3d4e5f6a1b2c3d4e5f6a1b2":                       "/files/{id}",
		"/files/abc-def_ghi123456789":                               "/files/{id}",
		"/files/abcdefghijklmnopqr1":                                "/files/abcdefghijklmnopqr1", // 19
		"/files/abcdefghijklmnopqrs1":                               "/files/{id}",                // 20
		"/blog/how-to-write-great-unit-tests":                       "/blog/how-to-write-great-unit-tests",
		"/blog/a-very-long-readable-slug_of_words":                  "/blog/a-very-long-readable-slug_of_words",
		"/docs/release-notes-2024.final.pdf":                        "/docs/release-notes-2024.final.pdf",
		"/verify/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl": "/verify/{id}",
		"/straße/münchen":                                           "/straße/münchen",
		"/a b":                                                      "/a b",
		"/a\nb\x00":                                                 "/a%0Ab%00",
		"/\xff/1":                                                   "/%FF/{id}",
		"/\u202e\u2028":                                             "/%E2%80%AE%E2%80%A8",
		"*":                                                         "*",

		"/abcdefab-cdef-abcd-efab-cdefabcdefab": "/{id}",
		"/abcdefab-cdef-abcd-efab-cdefabcdefag": "/abcdefab-cdef-abcd-efab-cdefabcdefag",
		"/abcdefab-cdef-abcd-efab-cdef-bcdefab": "/abcdefab-cdef-abcd-efab-cdef-bcdefab",
		"/abcdefabc-def-abcd-efab-cdefabcdefab": "/abcdefabc-def-abcd-efab-cdefabcdefab",
		"/abcdefabcdefabcdefabcdef":             "/{id}",
		"/abcdefabcdefabcdefabcdeg":             "/abcdefabcdefabcdefabcdeg",
	} {
		if got := normalised(t, httplog.Options{}, path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func TestNormalisationOptions(t *testing.T) {
	pattern := func(expr, replacement string) httplog.Pattern {
		return httplog.Pattern{Regexp: regexp.MustCompile(expr), Replacement: replacement}
	}
	for _, tt := range []struct {
		name       string
		opts       httplog.Options
		path, want string
	}{
		{"colon", httplog.Options{TemplateStyle: httplog.ColonTemplate}, "/users/1/posts/2", "/users/:id/posts/:id"},
		{"curly", httplog.Options{TemplateStyle: httplog.CurlyTemplate}, "/users/1", "/users/{id}"},
		{"raw", httplog.Options{RawPaths: true}, "/users/1", "/users/1"},
		{"raw garbage", httplog.Options{RawPaths: true}, "/users/\xff\n", "/users/%FF%0A"},
		{"patterns", httplog.Options{Patterns: []httplog.Pattern{
			pattern(`^/users/[a-z]+`, "/users/{username}"), pattern(`^/posts/[a-z0-9-]+`, "/posts/{slug}"),
		}}, "/users/john/1", "/users/{username}/1"},
		{"submatch", httplog.Options{Patterns: []httplog.Pattern{pattern(`^/(\w\w)/.*`, "/$1/…")}}, "/de/haus", "/de/…"},
		{"no regexp", httplog.Options{Patterns: []httplog.Pattern{{Replacement: "x"}}}, "/users/1", "/users/1"},
		{"patterns that blow up", httplog.Options{Patterns: []httplog.Pattern{pattern(`a`, strings.Repeat("b", 100))}}, strings.Repeat("a", 100), strings.Repeat("b", 476) + "… [truncated]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := normalised(t, tt.opts, tt.path); got != tt.want {
				t.Errorf("path = %q, want %q", got, tt.want)
			}
		})
	}
}

// The server's analytics take 500 characters of method, space and path.
func TestLongPathsAreCutAtACharacter(t *testing.T) {
	a, e := func(n int) string { return strings.Repeat("a", n) }, func(n int) string { return strings.Repeat("é", n) }
	ids := func(n int) string { return strings.Repeat("/{id}", n) }
	raw := httplog.Options{RawPaths: true}
	for _, tt := range []struct {
		name       string
		opts       httplog.Options
		path, want string
		full       any
	}{
		{"as long as may be", raw, "/" + a(490), "/" + a(490), nil},
		{"one more", raw, "/" + a(491), "/" + a(475) + "… [truncated]", "/" + a(491)},
		{"characters of two bytes", raw, "/" + e(300), "/" + e(237) + "… [truncated]", "/" + e(300)},
		{"over 2048", raw, "/" + a(2048), "/" + a(475) + "… [truncated]", "/" + a(2048)},
		{"as long as is kept", raw, "/" + a(16382), "/" + a(475) + "… [truncated]", "/" + a(16382)},
		{"longer", raw, "/" + a(16383), "/" + a(475) + "… [truncated]", "/" + a(16367) + "… [truncated]"},
		{"much longer", raw, "/" + e(500_000), "/" + e(237) + "… [truncated]", "/" + e(8183) + "… [truncated]"},
		{"ids", httplog.Options{}, strings.Repeat("/1", 100), ids(100)[:476] + "… [truncated]", ids(100)},
		{"many ids", httplog.Options{}, strings.Repeat("/1", 500_000), ids(100)[:476] + "… [truncated]", ids(4000)[:16368] + "… [truncated]"},
		{"many ids and garbage", httplog.Options{}, "/\n" + strings.Repeat("/1", 500_000), ("/%0A" + ids(100))[:476] + "… [truncated]", ("/%0A" + ids(4000))[:16368] + "… [truncated]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.URL = &url.URL{Path: tt.path}
			book, _ := serveOne(t, &tt.opts, ok, r)
			entry := book.entry(t)
			checkBounded(t, entry)
			got := endpoint(t, entry)
			if got["path"] != tt.want {
				t.Errorf("path = %q, want %q", got["path"], tt.want)
			}
			if got["path_full"] != tt.full {
				t.Errorf("path_full = %.600v", got["path_full"])
			}
		})
	}
	t.Run("a template", func(t *testing.T) {
		template := "/" + strings.Repeat("{a}/", 200) + "{b}"
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { httplog.SetRoute(r.Context(), template) })
		book, _ := serveOne(t, nil, handler, httptest.NewRequest("GET", "/x", nil))
		got := endpoint(t, book.entry(t))
		if path, _ := got["path"].(string); len(path) > 491 || !strings.HasPrefix(path, "/{a}/") || got["path_full"] != template {
			t.Errorf("endpoint = %v", got)
		}
	})
}

// The paths of an API with five routes: whatever ids are asked for, and however
// wrongly, there are few paths to count by.
func TestCardinality(t *testing.T) {
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /users/{id}", "GET /users/{id}/orders/{order}", "GET /search/{term}", "POST /orders", "GET /files/{path...}"} {
		mux.Handle(pattern, ok)
	}
	book := newLogbook(nil)
	handler := httplog.Middleware(book.logger(), nil)(mux)
	random := rand.New(rand.NewPCG(1, 2))
	id := func() string {
		switch random.IntN(4) {
		case 0:
			return fmt.Sprint(random.Uint32())
		case 1:
			return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", random.Uint32(), random.IntN(1<<16), random.IntN(1<<12), random.IntN(1<<12), random.Int64N(1<<48))
		case 2:
			return fmt.Sprintf("%08x%016x", random.Uint32(), random.Uint64())
		default:
			return fmt.Sprintf("a1%020x", random.Uint64())
		}
	}
	for range 10_000 {
		var target string
		switch random.IntN(8) {
		case 0, 1:
			target = "/users/" + id()
		case 2:
			target = "/users/" + id() + "/orders/" + id()
		case 3:
			target = "/search/" + url.PathEscape(string([]byte{byte(random.IntN(256)), byte(random.IntN(256)), 'x'}))
		case 4:
			target = "/orders?page=" + id()
		case 5:
			target = "/files/" + id() + "/" + id() + ".txt"
		case 6:
			target = "/unknown/" + id() + "?q=" + id()
		default:
			target = "/" + []string{"wp-admin/", ".git/", "/.env", "cgi/"}[random.IntN(4)] + id() + ".php"
		}
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
	}
	paths := map[any]bool{}
	for _, entry := range book.entries(t) {
		paths[endpoint(t, entry)["path"]] = true
	}
	if len(paths) > 10 {
		t.Errorf("%d different paths, want at most 10: %v", len(paths), paths)
	}
}

func FuzzNormalise(f *testing.F) {
	for _, path := range []string{"/", "/users/1", "//\xff\x00", "/a1b2c3d4e5f6a1b2c3d4/…", strings.Repeat("/é1", 2000)} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := normalised(t, httplog.Options{}, path)
		if got == "" || len(got) > 491 || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r\x7f") {
			t.Errorf("%q becomes %q", path, got)
		}
		// A path that is done stays as it is.
		if again := normalised(t, httplog.Options{}, got); again != got && !strings.HasSuffix(got, "[truncated]") {
			t.Errorf("%q becomes %q and then %q", path, got, again)
		}
		for segment := range strings.SplitSeq(got, "/") {
			if segment != "" && strings.Trim(segment, "0123456789") == "" {
				t.Errorf("%q becomes %q: a number is left", path, got)
			}
		}
	})
}
