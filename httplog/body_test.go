package httplog_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ledger-sdk/ledger-go/httplog"
)

func TestRequestBodies(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	readAll := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }
	for _, tt := range []struct {
		name, contentType, body string
		limit                   int
		handler                 http.HandlerFunc
		want                    any
	}{
		{"none asked for", "text/plain", "words", 0, readAll, nil},
		{"a negative limit", "text/plain", "words", -1, readAll, nil},
		{"text", "text/plain", "words", 100, readAll, "words"},
		{"cut", "text/plain", "words", 3, readAll, "wor"},
		{"cut within a character", "text/plain", "wé", 2, readAll, "w"},
		{"not UTF-8", "text/plain", "a\xff", 100, readAll, "a?"},
		{"empty", "text/plain", "", 100, readAll, nil},
		{"not read", "text/plain", "words", 100, func(http.ResponseWriter, *http.Request) {}, nil},
		{"read in part", "text/plain", "words", 100, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 3))
		}, "wor"},
		{"read byte by byte", "text/plain", "words", 4, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(iotest.OneByteReader(r.Body))
		}, "word"},
		{"an image", "image/png", "words", 100, readAll, nil},
		{"no type", "", "words", 100, readAll, "words"},
		{"no type, binary", "", "\x00\x01\xff", 100, readAll, nil},
		{"a form", form, "name=ada&password=hush", 100, readAll, "name=ada&password=***"},
		{"a form that is cut", form, "password=hushhush&a=1", 13, readAll, "password=***"},
		{"a form, parsed", form, "name=ada&password=hush", 100, func(_ http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil || r.PostForm.Get("password") != "hush" {
				panic(err)
			}
		}, "name=ada&password=***"},
		{"a multipart form", "multipart/form-data; boundary=x", "--x", 100, readAll, nil},
		{"JSON", "application/json", `{"name":"ada", "password" : "hu\"sh", "pin":[1, 2],"n":1}`, 100, readAll, `{"name":"ada", "password" : "***", "pin":"***","n":1}`},
		{"JSON of another type", "text/plain", ` [{"token":"hush"}]`, 100, readAll, ` [{"token":"***"}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			book, _ := serveOne(t, &httplog.Options{RequestBodyLimit: tt.limit}, tt.handler, r)
			if got := book.entry(t)["request_body"]; got != tt.want {
				t.Errorf("request_body = %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("compressed", func(t *testing.T) {
		r := httptest.NewRequest("POST", "/", strings.NewReader("words"))
		r.Header = http.Header{"Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}}
		book, _ := serveOne(t, &httplog.Options{RequestBodyLimit: 10}, http.HandlerFunc(readAll), r)
		if got := book.entry(t)["request_body"]; got != nil {
			t.Errorf("request_body = %q", got)
		}
	})
}

func TestSecretsInJSONBodies(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                                      `{}`,
		`{"a":1}`:                                 `{"a":1}`,
		`{"token":"x"}`:                           `{"token":"***"}`,
		`{"token":"x","a":"token"}`:               `{"token":"***","a":"token"}`,
		`{"a":"x:y","token":12.5}`:                `{"a":"x:y","token":"***"}`,
		`{"token":null,"key":true}`:               `{"token":"***","key":"***"}`,
		`{"token":{"a":"]}\"","b":[1]},"c":2}`:    `{"token":"***","c":2}`,
		`{"tokens":["a",["b"]],"c":2}`:            `{"tokens":"***","c":2}`,
		`{"user":{"password":"x","name":"ada"}}`:  `{"user":{"password":"***","name":"ada"}}`,
		`[{"key":1 },{"key" :2}]`:                 `[{"key":"***" },{"key" :"***"}]`,
		"{\"token\"\n:\t\"x\"\n}":                 "{\"token\"\n:\t\"***\"\n}",
		`{"p\u0061ssword":"x"}`:                   `{"p\u0061ssword":"***"}`,
		`{"token":"x`:                             `{"token":"***"`,
		`{"token":"x\`:                            `{"token":"***"`,
		`{"token":{"a":"hush`:                     `{"token":"***"`,
		`{"token":[1,2`:                           `{"token":"***"`,
		`{"token":`:                               `{"token":`,
		`{"token"`:                                `{"token"`,
		`{"tok`:                                   `{"tok`,
		`{"token":}`:                              `{"token":"***"}`,
		`{"token":"a" "b"}`:                       `{"token":"***" "b"}`,
		`{"a":1}` + "\n" + `{"token":"x"}` + "\n": `{"a":1}` + "\n" + `{"token":"***"}` + "\n",
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		book, _ := serveOne(t, &httplog.Options{RequestBodyLimit: 1000}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
		}), r)
		if got := book.entry(t)["request_body"]; got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

// encoding/json is the judge: what is valid stays valid, and no value of a
// secret name is left.
func FuzzJSONBody(f *testing.F) {
	f.Add([]byte(`{"a":[{"token":"x\"y"},{"b":1e5}],"key":[{}]}`))
	f.Add([]byte(`{"":{"key":"\\"},"pin":-0.1}`))
	f.Add([]byte(`{"b":1e999999}`)) // valid, though no float64 holds it
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		book, _ := serveOne(t, &httplog.Options{RequestBodyLimit: 1 << 20}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
		}), r)
		got, _ := book.entry(t)["request_body"].(string)
		if !json.Valid(body) || !strings.ContainsAny(string(body), "{[") {
			return
		}
		var value any
		decoder := json.NewDecoder(strings.NewReader(got))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil || !json.Valid([]byte(got)) {
			t.Fatalf("%s becomes %s: %v", body, got, err)
		}
		var check func(value any)
		check = func(value any) {
			switch v := value.(type) {
			case []any:
				for _, e := range v {
					check(e)
				}
			case map[string]any:
				for name, e := range v {
					if name == "token" && e != "***" {
						t.Errorf("%s becomes %s", body, got)
					}
					check(e)
				}
			}
		}
		check(value)
	})
}

// The handler answers before the body has an end, and reads what comes then: the
// middleware neither waits for the body nor holds any of it back.
func TestRequestBodyIsKeptWhileItStreams(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		server, book := newServer(t, http2, &httplog.Options{RequestBodyLimit: 8}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			controller := http.NewResponseController(w)
			_ = controller.EnableFullDuplex()
			buf := make([]byte, 100)
			for {
				n, err := r.Body.Read(buf)
				_, _ = w.Write(buf[:n])
				_ = controller.Flush()
				if err != nil {
					return
				}
			}
		}))
		body, feed := io.Pipe()
		request, _ := http.NewRequest("POST", server.URL, body)
		request.Header.Set("Content-Type", "text/plain")
		go func() { _, _ = io.WriteString(feed, "ping1") }()
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		echo := make([]byte, 5)
		for _, want := range []string{"ping1", "ping2", "ping3"} {
			if want != "ping1" {
				_, _ = io.WriteString(feed, want)
			}
			if _, err := io.ReadFull(response.Body, echo); err != nil || string(echo) != want {
				t.Fatalf("echo %q, %v, want %q", echo, err, want)
			}
		}
		_ = feed.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		<-book.written
		entry := book.entry(t)
		if entry["request_body"] != "ping1pin" || entry["request_bytes"] != 15.0 {
			t.Errorf("request_body %q, request_bytes %v", entry["request_body"], entry["request_bytes"])
		}
	})
}

// A request without a body keeps that it has none, which proxies look at.
func TestNoBodyStaysNoBody(t *testing.T) {
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Body = body
		book, _ := serveOne(t, &httplog.Options{RequestBodyLimit: 10}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Body != body {
				t.Errorf("body is a %T", r.Body)
			}
		}), r)
		if got := book.entry(t)["request_bytes"]; got != 0.0 {
			t.Errorf("request_bytes = %v", got)
		}
	}
	// Nothing is wrapped that need not be.
	r := httptest.NewRequest("POST", "/", strings.NewReader("words"))
	body := r.Body
	serveOne(t, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Body != body {
			t.Errorf("body is a %T", r.Body)
		}
	}), r)
}

// A reverse proxy may read on while the record is written; the race detector is
// the judge.
func TestRequestBodyThroughAProxyThatAnswersEarly(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusTeapot)
	}))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	server, book := newServer(t, false, &httplog.Options{RequestBodyLimit: 1 << 20}, proxy)
	for range 5 {
		response, err := server.Client().Post(server.URL, "text/plain", struct{ io.Reader }{io.LimitReader(&endless{1 << 24}, 1<<24)})
		if err == nil {
			_ = response.Body.Close()
		}
		<-book.written
	}
}
