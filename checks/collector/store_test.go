package collector

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// stored is what a store has: how often each message came.
type stored struct {
	mu       sync.Mutex
	messages map[string]int
	services map[string]int // by service.name
	requests int
	largest  int // bytes of one request
}

func (s *stored) add(t *testing.T, body []byte) {
	r := plogotlp.NewExportRequest()
	if err := r.UnmarshalProto(body); err != nil {
		t.Errorf("what the gateway sends is not OTLP: %v", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.messages == nil {
		s.messages, s.services = make(map[string]int), make(map[string]int)
	}
	s.requests++
	s.largest = max(s.largest, len(body))
	each(r.Logs(), func(resource plog.ResourceLogs, record plog.LogRecord) {
		service, _ := resource.Resource().Attributes().Get("service.name")
		s.services[service.AsString()]++
		s.messages[record.Body().AsString()]++
	})
}

func each(logs plog.Logs, do func(plog.ResourceLogs, plog.LogRecord)) {
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				do(resource, record)
			}
		}
	}
}

// distinct returns how many different messages came, and how many came again.
func (s *stored) distinct() (distinct, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.messages {
		distinct++
		again += n - 1
	}
	return distinct, again
}

// A loki stands where Loki would: it takes OTLP, and can be away, or refuse.
type loki struct {
	stored
	server *httptest.Server
	refuse int // a status to answer with
}

func newLoki(t *testing.T) *loki {
	l := &loki{}
	l.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/otlp/v1/logs" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("not a request for Loki: %s %s, %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		if l.refuse != 0 {
			w.WriteHeader(l.refuse)
			return
		}
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return // the gateway was killed
		}
		l.add(t, text)
	}))
	t.Cleanup(l.server.Close)
	return l
}

// env is the environment that leads a gateway to the store.
func (l *loki) env() string { return "LOKI_ENDPOINT=" + l.server.URL + "/otlp" }
