package ledger_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// The API key is in the request's headers and nowhere else, whatever goes wrong
// and whoever repeats it.

// secretKeys are keys to look for: one as the server makes them, and one that
// looks different in every kind of quotes.
var secretKeys = []string{
	"ledger_Zq7Xw9PlmKoT4uVbN2sRcY8dEfGh",
	`ldg_a"b\c%d<e>&f'g+h/iJKLMNOPQRSTUVWXYZ0123`,
}

// A searcher looks for a key in all that is shown to it.
type searcher struct {
	*testing.T
	windows []string // parts that give it away
}

func newSearcher(t *testing.T, key string) *searcher {
	s := &searcher{T: t}
	inner := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	asJSON, _ := json.Marshal(key)
	for _, form := range []string{key, inner(fmt.Sprintf("%q", key)), inner(string(asJSON)), url.QueryEscape(key), url.PathEscape(key), fmt.Sprintf("%x", key)} {
		const window = 12 // of a key, beside its prefix
		for i := 7; i+window <= len(form); i++ {
			s.windows = append(s.windows, form[i:i+window])
		}
	}
	return s
}

func (s *searcher) look(where string, shown ...any) {
	s.Helper()
	for _, one := range shown {
		text, ok := one.(string)
		if !ok {
			text = fmt.Sprint(one)
		}
		for _, window := range s.windows {
			if i := strings.Index(text, window); i >= 0 {
				s.Errorf("%s tells the key: …%.200s", where, text[max(0, i-60):])
				return
			}
		}
	}
}

// lookInto searches all that a handler can be asked.
func (s *searcher) lookInto(where string, h *ledger.Handler) {
	s.Helper()
	ctx := context.Background()
	s.look(where+": Status", fmt.Sprintf("%+v", h.Status()))
	s.look(where+": Metrics", fmt.Sprintf("%+v", h.Metrics()))
	for name, handler := range map[string]http.Handler{"health": h.HealthHandler(), "metrics": h.MetricsHandler()} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		s.look(where+": "+name, w.Body.String(), fmt.Sprint(w.Header()))
	}
	for _, shown := range []any{h, *h, h.WithAttrs([]slog.Attr{slog.Int("a", 1)}), h.WithGroup("g"), struct{ H any }{h}, []any{h}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			s.look(where+": "+verb, fmt.Sprintf(verb, shown))
		}
	}
}

// echoes are answers that repeat the key wherever an answer has room for it.
func echoes(key string) map[string]ledgertest.Fault {
	quoted, _ := json.Marshal(map[string]any{"detail": "no such key: " + key, "errors": []string{key}, "accepted": 0, "rejected": 1, "message": key})
	named, _ := json.Marshal(map[string]any{"detail": []any{map[string]any{"loc": []any{"body", "logs", 0, key}, "msg": key + " is wrong", "input": key}}})
	partial, _ := json.Marshal(map[string]any{"partialSuccess": map[string]any{"rejectedLogRecords": "1", "errorMessage": key}})
	faults := map[string]ledgertest.Fault{
		"redirect":  ledgertest.Redirect("http://elsewhere.example/?key=" + url.QueryEscape(key)),
		"422 named": ledgertest.Status(422, string(named)),
		"far in":    ledgertest.Status(500, `{"detail":"`+strings.Repeat("x", 185)+key+`"}`), // where words are cut
	}
	for _, code := range []int{200, 202, 400, 401, 402, 403, 404, 405, 413, 422, 429, 500, 503, 799} {
		faults[fmt.Sprint(code)] = ledgertest.Status(code, string(quoted), "X-Key: "+key, "Retry-After: "+key, "WWW-Authenticate: Bearer "+key)
		faults[fmt.Sprint(code, " text")] = ledgertest.Status(code, key, "Content-Type: text/plain; charset="+key)
		faults[fmt.Sprint(code, " partial")] = ledgertest.Status(code, string(partial))
	}
	return faults
}

func TestNoAnswerMakesUsTellTheKey(t *testing.T) {
	for i, key := range secretKeys {
		faults := echoes(key)
		for name, mood := range moods {
			faults["mood "+name] = mood()
		}
		for name, fault := range faults {
			t.Run(fmt.Sprint(i, " ", name), func(t *testing.T) {
				forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
					synctest.Test(t, func(t *testing.T) {
						s := newSearcher(t, key)
						server := ledgertest.NewInMemory(ledgertest.WithAPIKeys(key), ledgertest.WithProtocol(ledgertest.Both))
						defer server.Close()
						notes := &noteTaker{}
						h, err := ledger.NewHandler(&ledger.Options{APIKey: key, Protocol: protocol, HTTPTransport: server.Transport(), Diagnostics: notes, MaxBufferSize: 20})
						if err != nil {
							t.Fatal(err)
						}
						server.Always(fault)
						for i := range 25 { // some overflow
							slog.New(h).Error("hello", "i", i)
						}
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
						defer cancel()
						if err := h.Flush(ctx); err != nil {
							s.look("Flush", fmt.Sprintf("%v %+v %#v", err, err, err))
							slog.New(h).Error("it failed", "error", err, "metrics", h.Metrics(), "status", h.Status())
						}
						s.lookInto("before Shutdown", h)
						server.Always(ledgertest.OK())
						time.Sleep(time.Hour)
						server.Always(fault)
						slog.New(h).Error("the last")
						ctx, cancel = context.WithTimeout(t.Context(), time.Second)
						defer cancel()
						if err := h.Shutdown(ctx); err != nil {
							s.look("Shutdown", fmt.Sprintf("%v %+v %#v", err, err, err))
						}
						synctest.Wait()
						s.lookInto("after Shutdown", h)
						s.look("diagnostics", notes.String())
						for _, e := range server.Received() {
							s.look("an entry", string(e.Raw), fmt.Sprint(e.Attributes))
						}
					})
				})
			})
		}
	}
}

// rawServer answers every connection with what say returns, after one request.
func rawServer(t *testing.T, say func(*http.Request) string) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				request, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, say(request))
			})
		}
	})
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return listener.Addr().String()
}

// attemptTells makes some attempts that fail, and looks for the key in what they
// report.
func attemptTells(t *testing.T, key, baseURL string, transport http.RoundTripper) {
	t.Helper()
	s := newSearcher(t, key)
	h, notes := newReal(t, baseURL, func(o *ledger.Options) { o.APIKey, o.HTTPTransport = key, transport })
	slog.New(h).Info("hello")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() {
		for h.Metrics().Flusher.LastError == "" && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	err := h.Flush(ctx)
	if err == nil || h.Metrics().Flusher.LastError == "" {
		t.Errorf("no attempt failed: %v", err)
	}
	s.look("Flush", fmt.Sprintf("%v %+v %#v", err, err, err))
	s.lookInto("after Flush", h)
	err = h.Shutdown(ctx)
	s.look("Shutdown", fmt.Sprintf("%v %+v %#v", err, err, err))
	s.look("diagnostics", notes.String())
}

// net/http quotes what it does not understand, and so do proxies and peers.
func TestNoBrokenConnectionMakesUsTellTheKey(t *testing.T) {
	for i, key := range secretKeys {
		for name, answer := range map[string]string{
			"status line":     "HTTP/1.1 " + key + "\r\n\r\n",
			"no HTTP":         key + "\r\n\r\n",
			"protocol":        key + "/1.1 200 OK\r\n\r\n",
			"header":          "HTTP/1.1 200 OK\r\n" + key + "\r\n\r\n",
			"header value":    "HTTP/1.1 200 OK\r\nX-Key: " + key + "\x00\r\n\r\n",
			"length":          "HTTP/1.1 200 OK\r\nContent-Length: " + key + "\r\n\r\n",
			"two lengths":     "HTTP/1.1 200 OK\r\nContent-Length: 1" + key + "\r\nContent-Length: 2\r\n\r\n",
			"encoding":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + key + "\r\n\r\n",
			"chunk":           "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" + key + "\r\n",
			"trailer":         "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\nTrailer: " + key + "\r\n\r\n0\r\n" + key + "\r\n\r\n",
			"reason":          "HTTP/1.1 500 " + key + "\r\nContent-Length: 0\r\n\r\n",
			"switching":       "HTTP/1.1 101 " + key + "\r\nUpgrade: " + key + "\r\nConnection: upgrade\r\n\r\n",
			"far in":          "HTTP/1.1 " + strings.Repeat("x", 150) + key + "\r\n\r\n",
			"many hints":      strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: "+key+"\r\n\r\n", 10) + "nonsense\r\n\r\n",
			"HTTP/2 preface":  "PRI * HTTP/2.0\r\n\r\n" + key,
			"a TLS handshake": "\x16\x03\x01" + key,
		} {
			t.Run(fmt.Sprint(i, " ", name), func(t *testing.T) {
				attemptTells(t, key, "http://"+rawServer(t, func(*http.Request) string { return answer }), nil)
			})
		}
		t.Run(fmt.Sprint(i, " certificate"), func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			server.StartTLS()
			defer server.Close()
			attemptTells(t, key, server.URL, nil)
		})
		t.Run(fmt.Sprint(i, " plain HTTP to TLS"), func(t *testing.T) {
			attemptTells(t, key, "https://"+rawServer(t, func(*http.Request) string { return key }), nil)
		})
		t.Run(fmt.Sprint(i, " no such host"), func(t *testing.T) { attemptTells(t, key, "http://ledger.invalid", nil) })
		for name, answer := range map[string]string{
			"refuses": "HTTP/1.1 407 " + strings.ReplaceAll(key, "\n", "") + "\r\nContent-Length: 0\r\nProxy-Authenticate: " + key + "\r\n\r\n",
			"garbles": key + "\r\n\r\n",
		} {
			for _, scheme := range []string{"http", "https"} {
				t.Run(fmt.Sprint(i, " proxy ", name, " ", scheme), func(t *testing.T) {
					proxy := rawServer(t, func(*http.Request) string { return answer })
					transport := &http.Transport{
						Proxy: http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("user", key), Host: proxy}),
						// As a proxy's author might have it.
						ProxyConnectHeader: http.Header{"X-Api-Key": {key}},
					}
					defer transport.CloseIdleConnections()
					attemptTells(t, key, scheme+"://ledger.example", transport)
				})
			}
		}
		for name, f := range map[string]roundTripper{
			"panics with the request": func(r *http.Request) (*http.Response, error) { panic(r) },
			"panics with its headers": func(r *http.Request) (*http.Response, error) { panic(fmt.Errorf("bad: %q", r.Header)) },
			"returns its headers":     func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("bad: %#v", r.Header) },
			"wraps the key":           func(*http.Request) (*http.Response, error) { return nil, keyError{key} },
			"a body that panics": func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 500, Header: r.Header, Body: panickyBody{key}, Request: r}, nil
			},
			"the request come back": func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 500, Status: key, Header: r.Header, Body: io.NopCloser(strings.NewReader(fmt.Sprint(r.Header))), Request: r}, nil
			},
		} {
			t.Run(fmt.Sprint(i, " transport ", name), func(t *testing.T) { attemptTells(t, key, "http://ledger.example", f) })
		}
	}
}

type keyError struct{ key string }

func (e keyError) Error() string { return "denied: " + e.key }

type panickyBody struct{ key string }

func (b panickyBody) Read([]byte) (int, error) { panic("reading with " + b.key) }
func (b panickyBody) Close() error             { return nil }

// A key in the wrong place, or a wrong key, is not told by the fault either.
func TestNoFaultyOptionMakesUsTellTheKey(t *testing.T) {
	for i, key := range append(secretKeys, "wrong_prefix_Zq7Xw9PlmKoT4uVbN2sR", "ledger_with space_Zq7Xw9PlmKoT4", "ledger_Zq7Xw9PlmKoT4uVbN2sR\x00\n") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := newSearcher(t, key)
			for name, change := range map[string]func(*ledger.Options){
				"nothing else": func(o *ledger.Options) { o.FlushSize = -1 },
				"protocol":     func(o *ledger.Options) { o.Protocol = ledger.Protocol(key) },
				"environment":  func(o *ledger.Options) { o.Environment = key + key },
				"release":      func(o *ledger.Options) { o.Release = strings.Repeat(key, 9) },
				"user":         func(o *ledger.Options) { o.BaseURL = "https://" + url.PathEscape(key) + "@host" },
				"password":     func(o *ledger.Options) { o.BaseURL = "https://u:" + url.PathEscape(key) + "@host" },
				"query":        func(o *ledger.Options) { o.BaseURL = "https://host/?key=" + url.QueryEscape(key) },
				"not a URL":    func(o *ledger.Options) { o.BaseURL = "https://host:" + key + "/%zz" },
				"scheme":       func(o *ledger.Options) { o.BaseURL = key + "://host" },
			} {
				o := &ledger.Options{APIKey: key}
				change(o)
				if h, err := ledger.NewHandler(o); err == nil {
					_ = h.Shutdown(t.Context())
					if name != "nothing else" {
						t.Logf("%s: no fault", name)
					}
				} else {
					s.look(name, fmt.Sprintf("%v %+v %#v", err, err, err))
				}
			}
			for _, variable := range []string{
				"LEDGER_PROTOCOL", "LEDGER_LEVEL", "LEDGER_FLUSH_INTERVAL", "LEDGER_FLUSH_SIZE", "LEDGER_BASE_URL", "LEDGER_RATE_LIMIT_BUFFER",
				"LEDGER_DISABLE_COMPRESSION", "LEDGER_ENVIRONMENT", "LEDGER_SPOOL_MAX_BYTES", "LEDGER_UNKNOWN",
			} {
				if strings.ContainsRune(key, 0) {
					continue // no variable can hold it
				}
				t.Run(variable, func(t *testing.T) {
					t.Setenv("LEDGER_API_KEY", key)
					t.Setenv(variable, key) // pasted into the wrong line
					notes := &noteTaker{}
					h, err := ledger.NewHandler(&ledger.Options{Diagnostics: notes})
					s.look(variable, fmt.Sprintf("%v %+v %#v", err, err, err))
					if err == nil {
						_ = h.Shutdown(t.Context())
						s.look(variable+": diagnostics", notes.String())
					}
				})
			}
		})
	}
}

// Options that somebody prints or logs, through this library or another, do not
// tell it.
func TestPrintedOptionsDoNotTellTheKey(t *testing.T) {
	for _, key := range secretKeys {
		s := newSearcher(t, key)
		o := ledger.Options{APIKey: key, Environment: "test"}
		inside := struct {
			Name   string
			Ledger ledger.Options
			Next   *ledger.Options
			Any    any
		}{"app", o, &o, o}
		shown := []any{o, &o, inside, &inside, []ledger.Options{o}, map[string]ledger.Options{"o": o}, map[string]*ledger.Options{"o": &o}}
		for _, one := range shown {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
				s.look(fmt.Sprintf("%s of %T", verb, one), fmt.Sprintf(verb, one))
			}
			if text, err := json.Marshal(one); err == nil {
				s.look(fmt.Sprintf("JSON of %T", one), string(text))
			}
			var text bytes.Buffer
			slog.New(slog.NewJSONHandler(&text, nil)).Info("options", "options", one)
			slog.New(slog.NewTextHandler(&text, nil)).Info("options", "options", one)
			s.look(fmt.Sprintf("slog of %T", one), text.String())
		}
		for _, redact := range []bool{true, false} {
			server := ledgertest.NewServer(ledgertest.WithAPIKeys(key), ledgertest.WithProtocol(ledgertest.Both))
			h, _ := newReal(t, server.URL, func(o *ledger.Options) { o.APIKey, o.DisableRedaction = key, !redact })
			for _, one := range shown {
				slog.New(h).With("with", one).Info("options", "options", one, slog.Group("g", "o", one), "err", fmt.Errorf("with %+v", one))
			}
			flushed(t, h)
			if n := len(server.Entries()); n != len(shown) {
				t.Errorf("%d entries, want %d", n, len(shown))
			}
			for _, e := range server.Received() {
				s.look("an entry", string(e.Raw))
			}
			server.Close()
		}
	}
}

// TestSecretsOfAProcess runs a process with everything at its default: what it
// writes to stderr and leaves on disk, down to its panic, is searched.
func TestSecretsOfAProcess(t *testing.T) {
	for i, key := range secretKeys {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			dir := t.TempDir()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecretsChild$", "-test.timeout=60s")
			child.Env = append(os.Environ(), "SECRETS_CHILD=1", "LEDGER_API_KEY="+key, "LEDGER_SPOOL_DIR="+dir, "LEDGER_KEY_OF_NOTHING="+key)
			output, err := child.CombinedOutput()
			var failed *exec.ExitError
			if !errors.As(err, &failed) {
				t.Fatalf("want it to panic: %v\n%s", err, output)
			}
			s := newSearcher(t, key)
			s.look("the process", string(output))
			for _, want := range []string{"refuses the API key", "delivery fails", "panic: the end", "LEDGER_KEY_OF_NOTHING"} {
				if !strings.Contains(string(output), want) {
					t.Errorf("no %q in what it wrote:\n%s", want, output)
				}
			}
			files := 0
			err = filepath.WalkDir(dir, func(path string, f os.DirEntry, err error) error {
				if err != nil || f.IsDir() {
					return err
				}
				files++
				content, err := os.ReadFile(path)
				s.look("the file "+f.Name(), string(content), path)
				return err
			})
			if err != nil || files == 0 {
				t.Errorf("%d files in the spool, %v", files, err)
			}
		})
	}
}

func TestSecretsChild(t *testing.T) {
	if os.Getenv("SECRETS_CHILD") == "" {
		t.Skip("runs as a process of its own")
	}
	key := os.Getenv("LEDGER_API_KEY")
	server := ledgertest.NewServer(ledgertest.WithAPIKeys(key), ledgertest.WithProtocol(ledgertest.Both))
	options := &ledger.Options{
		BaseURL: server.URL, NetworkBackoff: time.Millisecond, RetryBackoff: time.Millisecond, BreakerDelay: time.Millisecond,
		MaxRetryAfter: time.Millisecond, FlushInterval: time.Millisecond,
	}
	h, err := ledger.NewHandler(options)
	if err != nil {
		t.Fatal(err)
	}
	for name, fault := range echoes(key) {
		server.Always(fault)
		before := len(server.Requests())
		slog.New(h).Error(name, "options", options, "metrics", h.Metrics())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := server.WaitRequests(ctx, before+1); err != nil {
			fmt.Println(name, err)
		}
		cancel()
	}
	server.Stop()
	slog.New(h).Error("to nobody")
	for h.Status().ConsecutiveFailures == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	fmt.Println(h.Shutdown(ctx), h.Status(), h.Metrics())
	panic(fmt.Sprintf("the end of %+v, %#v, %+v", h, *h, *options))
}
