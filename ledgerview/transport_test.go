package ledgerview

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// closeNoted tells whether it was closed.
type closeNoted struct {
	io.Reader
	closed chan struct{}
}

func (c *closeNoted) Close() error { close(c.closed); return nil }

func TestRoundTrip(t *testing.T) {
	v := New(nil)
	client := &http.Client{Transport: v}
	body := &closeNoted{strings.NewReader(`{"logs":[` + entry(0, "in process") + `]}`), make(chan struct{})}
	r, err := http.NewRequestWithContext(t.Context(), "POST", "https://whatever.example/api/v1/ingest/batch", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+APIKey)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 202 || !strings.HasPrefix(string(answer), `{"accepted":1`) || resp.ContentLength != int64(len(answer)) {
		t.Errorf("%d %s, length %d: %v", resp.StatusCode, answer, resp.ContentLength, err)
	}
	resp.Body.Close()
	<-body.closed

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, _ = http.NewRequestWithContext(ctx, "GET", "http://x/api/stream?after=0", nil)
	resp, err = client.Do(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	events := make(chan event, 10)
	go func() {
		defer close(events)
		readEvents(resp.Body, events)
	}()
	if e := <-events; e.name != "records" || !strings.Contains(e.data, "in process") {
		t.Errorf("%+v", e)
	}
	cancel()
	if _, ok := <-events; ok {
		t.Error("the stream goes on after its context")
	}
	resp.Body.Close()

	v.Close()
	resp, err = client.Get("http://x/api/stats")
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after Close: %v %v", resp, err)
	}
	resp.Body.Close()
}

func TestRoundTripEndsWithItsContext(t *testing.T) {
	v := New(nil)
	defer v.Close()
	v.faults.set(&faultState{Kind: "hang", until: time.Now().Add(time.Hour), over: make(chan struct{})})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", "http://x/v1/logs", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := v.RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v %v", resp, err)
	}
}

func TestRoundTripIsCutByClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(nil)
		v.faults.set(&faultState{Kind: "hang", until: time.Now().Add(time.Hour), over: make(chan struct{})})
		failed := make(chan error, 1)
		go func() {
			resp, err := v.RoundTrip(post(t, "{}"))
			if err == nil {
				resp.Body.Close()
			}
			failed <- err
		}()
		synctest.Wait() // it hangs
		v.Close()
		if err := <-failed; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
	})
}

// post is a request to the ingest API.
func post(t *testing.T, body string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://x/api/v1/ingest/single", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-Key", APIKey)
	return r
}

// A body that is not read to its end must not hold the handler.
func TestABodyThatIsClosedEarly(t *testing.T) {
	v := New(nil)
	defer v.Close()
	fill(v, 1000, 2000, noLogID)
	for _, path := range []string{"/api/stream?after=0", "/api/export", "/api/records?limit=1000"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://x"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := v.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resp.Body.Read(make([]byte, 10)); err != nil {
			t.Error(err)
		}
		resp.Body.Close()
	}
}
