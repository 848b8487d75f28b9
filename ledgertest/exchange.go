package ledgertest

import (
	"context"
	"net/http"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

const pathSpans = "/api/v1/ingest/spans/batch"

// A tamper bends how an otherwise normal request is processed. The zero value bends nothing.
type tamper struct {
	refuse func([]Entry) *answer // answers instead of validation
	reject func(Entry) bool      // rejects an entry that was valid
	lose   func(Entry) bool      // loses an entry after it was acknowledged
	first  *int                  // stores no more than this many entries
}

// An exchange is one request on its way through the server.
type exchange struct {
	s   *Server
	w   *statusWriter
	r   *http.Request
	ctx context.Context // ends when the client leaves or the server goes down
	up  context.Context // ends when the server goes down

	request *Request
	body    []byte        // after gzip; nil when there is a fault
	fault   error         // of the body: ingest.ErrGzip or ingest.ErrTooLarge
	batch   *ingest.Batch // what the body holds, when the path is one for entries
}

// process takes the request through the server's checks in their order and stores what passes.
func (x *exchange) process(t tamper) *answer {
	s, path := x.s, x.r.URL.Path
	if s.maxBody > 0 && int64(x.request.WireSize) > s.maxBody {
		return htmlAnswer(http.StatusRequestEntityTooLarge)
	}
	if x.fault == ingest.ErrGzip {
		return detail(http.StatusBadRequest, "Invalid gzip body")
	}
	if path == "/health" || path == "/health/deep" {
		return x.route(t, Both)
	}

	s.mu.Lock()
	protocol := s.protocol
	now := s.clock()
	refused := authenticate(x.r.Header, s.keys)
	if refused == nil {
		refused = s.limits.admitRequest(now)
	}
	if refused == nil && (path != ingest.PathLogs || protocol&OTLP == 0) {
		refused = s.limits.checkQuota(now)
	}
	s.mu.Unlock()
	if refused != nil {
		return refused
	}

	a := x.route(t, protocol)
	if path == ingest.PathLogs && a.Status == http.StatusInternalServerError {
		return a // without the headers that a middleware adds to what the route returns
	}
	s.mu.Lock()
	s.limits.header(a.Header)
	s.mu.Unlock()
	return a
}

// route finds the endpoint among those the protocol has.
func (x *exchange) route(t tamper, protocol Protocol) *answer {
	endpoint, method := x.endpoint(x.r.URL.Path, protocol)
	switch {
	case endpoint == nil:
		if short, ok := strings.CutSuffix(x.r.URL.Path, "/"); ok {
			if endpoint, _ := x.endpoint(short, protocol); endpoint != nil {
				a := &answer{Status: http.StatusTemporaryRedirect, Header: http.Header{}}
				a.Header.Set("Location", "http://"+x.r.Host+short)
				return a
			}
		}
		return detail(http.StatusNotFound, "Not Found")
	case x.r.Method != method:
		a := detail(http.StatusMethodNotAllowed, "Method Not Allowed")
		a.Header.Set("Allow", method)
		return a
	case x.fault == ingest.ErrTooLarge:
		return ingest.QueueFull()
	default:
		return endpoint(t)
	}
}

func (x *exchange) endpoint(path string, protocol Protocol) (run func(tamper) *answer, method string) {
	switch {
	case path == ingest.PathBatch && protocol&Native != 0, path == ingest.PathSingle && protocol&Native != 0:
		return x.ingest, http.MethodPost
	case path == ingest.PathLogs && protocol&OTLP != 0:
		return x.ingest, http.MethodPost
	case path == pathSpans && protocol&Native != 0:
		return func(tamper) *answer {
			return ingest.Unprocessable(ingest.Problem{Type: "missing", Loc: []any{"body", "spans"}, Msg: "Field required"})
		}, http.MethodPost
	case path == "/health" || path == "/health/deep":
		return func(tamper) *answer { return ingest.JSON(http.StatusOK, map[string]string{"status": "healthy"}) }, http.MethodGet
	case path == "/api/v1/queue/depth":
		return func(tamper) *answer {
			return ingest.JSON(http.StatusOK, map[string]int{"project_id": 1, "queue_depth": 0})
		}, http.MethodGet
	case path == "/api/v1/settings":
		return func(tamper) *answer { return x.settings() }, http.MethodGet
	default:
		return nil, ""
	}
}

// ingest answers a request for entries that has passed the door.
func (x *exchange) ingest(t tamper) *answer {
	s, b := x.s, x.batch
	if t.refuse != nil {
		if a := t.refuse(x.request.Entries); a != nil {
			return a
		}
	}
	now := s.clock()
	b.Judge(now, func(i int) string {
		if t.reject != nil && t.reject(x.request.Entries[i]) {
			return "rejected by the test"
		}
		return ""
	})
	otlp := x.r.URL.Path == ingest.PathLogs
	if otlp && b.Refusal == nil {
		s.mu.Lock()
		a := s.limits.admitRecords(b, now)
		s.mu.Unlock()
		if a != nil {
			return a
		}
	}
	answer := b.Answer()
	if b.Refusal == nil {
		if late, stored := x.work(); late != nil {
			answer = late
			if t.first == nil || stored < *t.first {
				t.first = &stored
			}
		}
	}
	taken := x.store(t, otlp)
	if answer.Status == http.StatusAccepted {
		s.mu.Lock()
		*s.limits.usage(now) += taken
		s.mu.Unlock()
	}
	return answer
}

// store stores what the verdicts say, and returns how many entries were taken. Of a request that fails half way only
// the first are stored.
func (x *exchange) store(t tamper, otlp bool) (taken int) {
	s, b := x.s, x.batch
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	left := len(b.Entries)
	if t.first != nil {
		left = *t.first
	}
	for i := range b.Entries {
		e := &b.Entries[i]
		if o := e.Verdict.Outcome; o == ingest.Rejected || o == ingest.Refused {
			continue
		}
		taken++
		if left--; left < 0 {
			continue
		}
		entry := x.request.Entries[i]
		entry.Notes = notes(e)
		if e.Verdict.Outcome == ingest.Lost || t.lose != nil && t.lose(entry) {
			s.stored.lost = append(s.stored.lost, entry)
			continue
		}
		fallback := ""
		if otlp {
			fallback = e.Identity()
		}
		s.stored.add(entry, otlp, fallback)
		if e.Verdict.BreaksAnalytics {
			s.stored.breaking = append(s.stored.breaking, entry)
		}
	}
	return taken
}

// settings answers with the parts a client may configure itself by.
func (x *exchange) settings() *answer {
	s := x.s
	s.mu.Lock()
	defer s.mu.Unlock()
	used := *s.limits.usage(s.clock())
	return ingest.JSON(http.StatusOK, map[string]any{
		"project_id": 1, "project_name": "test", "project_slug": "test", "environment": "test",
		"rate_limits": map[string]int{"requests_per_minute": s.limits.perMinute, "requests_per_hour": s.limits.perHour},
		"quotas":      map[string]int{"daily_quota": s.limits.quota, "daily_usage": used, "quota_remaining": s.limits.quota - used},
		"constraints": map[string]int{
			"max_batch_size": ingest.MaxEntries, "max_message_length": 10000, "max_error_message_length": 5000,
			"max_stack_trace_length": 50000, "max_attributes_size_bytes": 102400, // as wrong as the real one
		},
		"features": map[string]bool{"compression": false}, // likewise
	})
}
