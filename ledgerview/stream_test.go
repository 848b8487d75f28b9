package ledgerview

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An event is one of a stream.
type event struct {
	name string
	id   uint64
	data string
}

// listen opens a stream; its events end when the stream does.
func (p *page) listen(path string, headers ...string) (events <-chan event, end func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != "text/event-stream" {
		p.t.Fatalf("stream: %d %s", resp.StatusCode, got)
	}
	out := make(chan event, 10000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		defer resp.Body.Close()
		readEvents(resp.Body, out)
	}()
	return out, func() { cancel(); <-done }
}

func readEvents(r io.Reader, out chan<- event) {
	var e event
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\n")
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "event":
			e.name = value
		case "id":
			e.id, _ = strconv.ParseUint(value, 10, 64)
		case "data":
			e.data = value
		case "":
			if line == "" && e.name != "" {
				out <- e
				e = event{}
			}
		}
	}
}

// next returns the next event.
func (p *page) next(events <-chan event) event {
	p.t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			p.t.Fatal("the stream has ended")
		}
		return e
	case <-time.After(10 * time.Second):
		p.t.Fatal("no event came")
		return event{}
	}
}

func (p *page) records(e event) (list []shown) {
	p.t.Helper()
	if e.name != "records" {
		p.t.Fatalf("event %q: %.300s", e.name, e.data)
	}
	if err := json.Unmarshal([]byte(e.data), &list); err != nil {
		p.t.Fatalf("%v in %.300s", err, e.data)
	}
	return list
}

func TestStreamSendsWhatComes(t *testing.T) {
	p := open(t, nil)
	p.post(202, entry(0, "before"))
	events, end := p.listen("/api/stream?q=level:error")
	defer end()
	p.post(202, entry(1, "info"), entry(2, "first", `"level":"error"`), entry(3, "second", `"level":"error"`))
	e := p.next(events)
	if got := p.records(e); len(got) != 2 || got[0].Message != "first" || got[1].Message != "second" || e.id != 4 {
		t.Errorf("%+v", e)
	}
	p.post(202, entry(4, "third", `"level":"error"`))
	if got := p.records(p.next(events)); len(got) != 1 || got[0].Message != "third" {
		t.Errorf("%+v", got)
	}
}

func TestStreamGoesOnAfterTheLastEvent(t *testing.T) {
	p := open(t, nil)
	var list []string
	for i := range 1000 {
		list = append(list, entry(i, fmt.Sprint("m", i+1)))
	}
	p.post(202, list...)
	for _, tt := range []struct {
		path, last string
		first      uint64
	}{
		{"/api/stream?after=0", "", 1}, {"/api/stream?after=990", "", 991}, {"/api/stream?after=990", "400", 401},
		{"/api/stream", "999", 1000},
		{"/api/stream", "5000", 1}, // an id of a viewer that ran before
		{"/api/stream?after=10", "no number", 11},
	} {
		var headers []string
		if tt.last != "" {
			headers = []string{"Last-Event-ID", tt.last}
		}
		events, end := p.listen(tt.path, headers...)
		want := tt.first
		for want <= 1000 {
			e := p.next(events)
			for _, r := range p.records(e) {
				if r.ID != want {
					t.Fatalf("%s, last %q: %d, want %d", tt.path, tt.last, r.ID, want)
				}
				want++
			}
			if e.id != want-1 {
				t.Errorf("event id %d after record %d", e.id, want-1)
			}
		}
		end()
	}
}

func TestStreamTellsWhatWasMissed(t *testing.T) {
	p := open(t, &Options{MaxBytes: 1 << 20})
	fill(p.viewer, 10, 300, noLogID)
	for range 10 {
		fill(p.viewer, 1000, 300, noLogID)
	}
	first := p.viewer.ring.stats(time.Now()).first
	events, end := p.listen("/api/stream", "Last-Event-ID", "5")
	defer end()
	e := p.next(events)
	if e.name != "missed" || e.data != fmt.Sprintf(`{"count":%d}`, first-6) || e.id != first-1 {
		t.Errorf("%+v; the oldest is %d", e, first)
	}
	if got := p.records(p.next(events)); got[0].ID != first {
		t.Errorf("after what was missed: %d", got[0].ID)
	}
}

// A page that lags far behind gets the newest, and is told how many of those it wants it missed.
func TestStreamSkipsWhenFarBehind(t *testing.T) {
	p := open(t, &Options{MaxBytes: 64 << 20})
	for range 30 {
		fill(p.viewer, 1000, 10, noLogID)
	}
	events, end := p.listen("/api/stream?after=0&q=" + "message:*7") // every tenth
	defer end()
	e := p.next(events)
	const skipped = 30000 - keepBehind
	if e.name != "missed" || e.data != fmt.Sprintf(`{"count":%d}`, skipped/10) {
		t.Fatalf("%+v", e)
	}
	sum := 0
	for sum < keepBehind/10 {
		sum += len(p.records(p.next(events)))
	}
	if sum != keepBehind/10 {
		t.Errorf("%d records after what was missed", sum)
	}
}

// Ingest must not wait for a page that does not read.
func TestAPageThatDoesNotRead(t *testing.T) {
	p := open(t, &Options{MaxBytes: 8 << 20})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", p.url+"/api/stream?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for range 40 {
		fill(p.viewer, 1000, 300, noLogID) // nobody reads: if this waited, it would wait for ever
	}
	events := make(chan event, 1000000)
	go func() {
		defer close(events)
		readEvents(resp.Body, events)
	}()
	missed, got := 0, 0
	for missed+got < 40_000 {
		e := p.next(events)
		if e.name == "missed" {
			var m struct{ Count int }
			if err := json.Unmarshal([]byte(e.data), &m); err != nil {
				t.Fatal(err)
			}
			missed += m.Count
		} else {
			got += len(p.records(e))
		}
	}
	if missed+got != 40_000 || missed == 0 {
		t.Errorf("%d missed, %d came", missed, got)
	}
	cancel()
	for range events {
	}
}

func TestCloseEndsStreams(t *testing.T) {
	p := open(t, nil)
	events, end := p.listen("/api/stream")
	defer end()
	var st struct{ Streams int }
	p.get("/api/stats", &st)
	if st.Streams != 1 {
		t.Errorf("%d streams", st.Streams)
	}
	if err := p.viewer.Close(); err != nil {
		t.Error(err)
	}
	if _, ok := <-events; ok {
		t.Error("an event after Close")
	}
	if status, _ := p.do("GET", "/api/stats", ""); status != http.StatusServiceUnavailable {
		t.Errorf("after Close: %d", status)
	}
	if err := p.viewer.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
}
