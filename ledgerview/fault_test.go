package ledgerview

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaults(t *testing.T) {
	p := open(t, nil)
	for kind, want := range map[string]int{"429": 429, "503": 503, "401": 401} {
		status, body := p.do("PUT", "/api/fault", `{"kind":"`+kind+`","for":"1m"}`)
		var on struct {
			Kind  string
			Until time.Time
		}
		if err := json.Unmarshal([]byte(body), &on); err != nil || status != 200 || on.Kind != kind || time.Until(on.Until) < 50*time.Second || time.Until(on.Until) > time.Minute {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		p.post(want, entry(0, "x"))
		if status, _ := p.do("POST", "/v1/logs", "{}", "X-API-Key", APIKey); status != want {
			t.Errorf("OTLP under %s: %d", kind, status)
		}
		if status, _ := p.do("GET", "/health", ""); status != 200 {
			t.Errorf("health under %s: %d", kind, status)
		}
		var st struct{ Fault *struct{ Kind string } }
		p.get("/api/stats", &st)
		if st.Fault == nil || st.Fault.Kind != kind {
			t.Errorf("stats under %s: %+v", kind, st)
		}
	}
	if status, _ := p.do("DELETE", "/api/fault", ""); status/100 != 2 {
		t.Errorf("DELETE: %d", status)
	}
	p.post(202, entry(0, "x"))
	var st map[string]any
	p.get("/api/stats", &st)
	if fault, ok := st["fault"]; fault != nil || !ok || st["received"] != 1.0 {
		t.Errorf("stats after: %v", st)
	}
	p.do("DELETE", "/api/fault", "") // none is on
}

func TestAFaultEndsByItself(t *testing.T) {
	var f faults
	at := time.Unix(1_800_000_000, 0)
	f.set(&faultState{Kind: "503", until: at, over: make(chan struct{})})
	if f.current(at.Add(-1)) == nil || f.current(at) != nil || f.current(at.Add(-1)) != nil {
		t.Error("a fault is on until its time, and not again")
	}
}

func TestHangIsNeverAnswered(t *testing.T) {
	p := open(t, nil)
	p.do("PUT", "/api/fault", `{"kind":"hang"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", p.url+"/api/v1/ingest/batch", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := p.client.Do(r); err == nil {
		resp.Body.Close()
		t.Fatal("answered")
	}
	if ctx.Err() == nil {
		t.Error("cut off before the client gave up")
	}
}

func TestSlowIsAnsweredInTheEnd(t *testing.T) {
	for name, end := range map[string]func(v *Viewer){
		"by itself": func(*Viewer) { time.Sleep(slowAnswer) }, "with the fault": func(v *Viewer) { v.faults.set(nil) }, "with the viewer": func(v *Viewer) { v.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := New(nil)
				defer v.Close()
				v.faults.set(&faultState{Kind: "slow", until: time.Now().Add(time.Hour), over: make(chan struct{})})
				status := make(chan int, 1)
				go func() {
					resp, err := v.RoundTrip(post(t, entry(-1e9, "x")))
					if err != nil {
						t.Error(err)
						status <- 0
						return
					}
					resp.Body.Close()
					status <- resp.StatusCode
				}()
				synctest.Wait()
				if len(status) > 0 {
					t.Errorf("answered at once: %d", <-status)
				}
				end(v)
				if got := <-status; got != 202 {
					t.Errorf("%d", got)
				}
			})
		})
	}
}

func TestAFaultThatIsNone(t *testing.T) {
	p := open(t, nil)
	for _, body := range []string{"", "{", `{"kind":"418"}`, `{}`, `{"kind":"503","for":"soon"}`, `{"kind":"503","for":"-1s"}`, `{"kind":"503","for":"100h"}`, `{"kind":"` + strings.Repeat("x", 1<<16) + `"}`} {
		if status, answer := p.do("PUT", "/api/fault", body); status != 400 || !strings.Contains(answer, `"position"`) {
			t.Errorf("%.40q: %d %s", body, status, answer)
		}
	}
	if p.viewer.faults.current(time.Now()) != nil {
		t.Error("a fault is on")
	}
}
