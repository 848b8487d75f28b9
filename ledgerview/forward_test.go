package ledgerview

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// real is a server to forward to, that notes what it got.
func real(t *testing.T, answer http.HandlerFunc) (*url.URL, <-chan *http.Request) {
	t.Helper()
	got := make(chan *http.Request, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen := r.Clone(t.Context())
		seen.Body = io.NopCloser(strings.NewReader(string(body)))
		got <- seen
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	target, err := url.Parse(srv.URL + "/base")
	if err != nil {
		t.Fatal(err)
	}
	return target, got
}

func TestForward(t *testing.T) {
	target, got := real(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-RateLimit-Limit-Minute", "7")
		w.WriteHeader(202)
		_, _ = w.Write([]byte(`{"accepted":1,"rejected":0}`))
	})
	p := open(t, &Options{Forward: target})
	var zipped strings.Builder
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(`{"logs":[` + entry(0, "passing through") + `]}`))
	z.Close()
	r, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/api/v1/ingest/batch?x=1", strings.NewReader(zipped.String()))
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Authorization": {"Bearer secret-of-the-real-server"}, "Content-Encoding": {"gzip"}, "Content-Type": {"application/json"},
		"User-Agent": {"sdk/1"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Custom": {"a", "b"}, "Accept-Encoding": {"identity"},
	}
	r.Header = want.Clone()
	resp, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 202 || string(body) != `{"accepted":1,"rejected":0}` || resp.Header.Get("X-RateLimit-Limit-Minute") != "7" {
		t.Errorf("the answer came back as %d %s %v", resp.StatusCode, body, resp.Header)
	}
	sent := <-got
	sentBody, _ := io.ReadAll(sent.Body)
	sent.Header.Del("Content-Length")
	if diff := cmp.Diff(want, sent.Header); diff != "" || string(sentBody) != zipped.String() || sent.URL.String() != "/base/api/v1/ingest/batch?x=1" {
		t.Errorf("%s, body the same: %v; headers (-want +got):\n%s", sent.URL, string(sentBody) == zipped.String(), diff)
	}
	list := p.find("")
	if len(list) != 1 || !list[0].Verdict.Accepted || list[0].Verdict.Notes[0] != (note{noteForwarded, "", target.Host + " answered 202 Accepted"}) {
		t.Fatalf("%+v", list)
	}
	_, export := p.do("GET", "/api/export", "")
	if strings.Contains(export, "secret") {
		t.Error("the key was kept")
	}
	if status, _ := p.do("GET", "/health", ""); status != 202 || (<-got).URL.Path != "/base/health" {
		t.Errorf("health: %d", status)
	}
	if found := p.find("verdict:forwarded"); len(found) != 1 {
		t.Errorf("found %v", messages(found))
	}
}

// What the real server did not take comes again, and shows once.
func TestForwardToAServerInTrouble(t *testing.T) {
	answers := []int{503, 202}
	target, _ := real(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answers[0])
		_, _ = w.Write([]byte(`{"detail":"queue full"}`))
		answers = answers[1:]
	})
	p := open(t, &Options{Forward: target})
	e := entry(0, "x", `"log_id":"a"`)
	p.post(503, e)
	got := p.find("")
	if len(got) != 1 || got[0].Verdict.Accepted || got[0].Verdict.Notes[0].Text != target.Host+` answered 503 Service Unavailable: {"detail":"queue full"}` {
		t.Fatalf("%+v", got)
	}
	p.post(202, e)
	if got = p.find(""); len(got) != 1 || !got[0].Verdict.Accepted {
		t.Errorf("%+v", got)
	}
}

func TestForwardToNobody(t *testing.T) {
	target, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, &Options{Forward: target})
	body := p.post(502, entry(0, "x"))
	if !strings.Contains(body, "cannot reach") {
		t.Error(body)
	}
	if got := p.find(""); len(got) != 1 || got[0].Verdict.Accepted || got[0].Verdict.Notes[0].Text != "127.0.0.1:1 could not be reached" {
		t.Errorf("%+v", got)
	}
	p.do("PUT", "/api/fault", `{"kind":"429"}`)
	p.post(429, entry(0, "x")) // faults come before
}

// An answer that breaks off breaks off for the client, too.
func TestForwardOfABrokenAnswer(t *testing.T) {
	target, _ := real(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(202)
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	p := open(t, &Options{Forward: target})
	resp, err := p.client.Post(p.url+"/api/v1/ingest/batch", "application/json", strings.NewReader(`{"logs":[`+entry(0, "x")+`]}`))
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("the answer looked whole")
	}
	for len(p.find("")) == 0 { // it is kept after the answer
		if t.Context().Err() != nil {
			t.Fatal("not kept")
		}
	}
}
