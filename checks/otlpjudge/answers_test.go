package otlpjudge

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// An answer is what a server says to a request.
type answer struct {
	status     int
	retryAfter string
	json       bool
	message    proto.Message
}

// serve answers the first requests with answers and takes all others. The
// handler logs ten records in one batch.
func serve(t *testing.T, answers ...answer) (h *ledger.Handler, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(requests.Add(1))
		_, _ = io.Copy(io.Discard, r.Body)
		if n > len(answers) {
			return
		}
		a := answers[n-1]
		marshal := proto.Marshal
		w.Header().Set("Content-Type", "application/x-protobuf")
		if a.json {
			w.Header().Set("Content-Type", "application/json")
			marshal = protojson.Marshal
		}
		if a.retryAfter != "" {
			w.Header().Set("Retry-After", a.retryAfter)
		}
		w.WriteHeader(a.status)
		if a.message != nil {
			body, err := marshal(a.message)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(server.Close)
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: APIKey, BaseURL: server.URL, Protocol: ledger.ProtocolOTLP, Diagnostics: slog.DiscardHandler,
		FlushInterval: time.Hour, RetryBackoff: 10 * time.Millisecond, BreakerDelay: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Shutdown(ctx)
	})
	for range 10 {
		slog.New(h).Info("m")
	}
	return h, requests
}

func flush(t *testing.T, h *ledger.Handler, within time.Duration) error {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return h.Flush(ctx)
}

func partial(rejected int64, message string) proto.Message {
	return &collector.ExportLogsServiceResponse{
		PartialSuccess: &collector.ExportLogsPartialSuccess{RejectedLogRecords: rejected, ErrorMessage: message},
	}
}

func TestPartialSuccessIsCounted(t *testing.T) {
	for _, tt := range []struct {
		name     string
		answer   answer
		rejected int64
	}{
		{"no partial success", answer{status: 200, message: &collector.ExportLogsServiceResponse{}}, 0},
		{"an empty one", answer{status: 200, message: partial(0, "")}, 0},
		{"a warning", answer{status: 200, message: partial(0, "consider gRPC")}, 0},
		{"some", answer{status: 200, message: partial(3, "Log 0: too old; Log 1: too old; Log 7: too large")}, 3},
		{"a long message", answer{status: 200, message: partial(4, strings.Repeat("é", 50_000))}, 4},
		{"all", answer{status: 200, message: partial(10, "none of these")}, 10},
		{"more than were sent", answer{status: 200, message: partial(1<<40, "")}, 10},
		{"fewer than none", answer{status: 200, message: partial(-1, "")}, 0},
		{"202", answer{status: 202, message: partial(2, "")}, 2},
		{"JSON", answer{status: 200, json: true, message: partial(3, "Log 0: x")}, 3},
		{"empty JSON", answer{status: 200, json: true, message: &collector.ExportLogsServiceResponse{}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, requests := serve(t, tt.answer)
			if err := flush(t, h, 10*time.Second); err != nil {
				t.Fatal(err)
			}
			m := h.Metrics()
			if m.Buffer.Dropped["rejected"] != tt.rejected || m.Flusher.TotalLogsSent != 10-tt.rejected || requests.Load() != 1 {
				t.Errorf("%d rejected, %d sent, %d requests; want %d rejected", m.Buffer.Dropped["rejected"], m.Flusher.TotalLogsSent, requests.Load(), tt.rejected)
			}
		})
	}
}

// TestQuotaPauses: what the daily quota refused is neither lost nor sent on and
// on.
func TestQuotaPauses(t *testing.T) {
	for _, json := range []bool{false, true} {
		quota := answer{status: 200, json: json, message: partial(10, "Daily logs quota exceeded (100000/100000)")}
		h, requests := serve(t, quota, quota, quota, quota, quota, quota, quota, quota, quota, quota)
		if err := flush(t, h, time.Second/2); err == nil {
			t.Error("flushed, though the server took nothing")
		}
		m, s := h.Metrics(), h.Status()
		if m.Buffer.TotalDropped != 0 || m.Buffer.CurrentSize+m.Buffer.InFlight != 10 {
			t.Errorf("%d dropped, %d held", m.Buffer.TotalDropped, m.Buffer.CurrentSize+m.Buffer.InFlight)
		}
		if s.Status != "degraded" || !strings.Contains(strings.Join(s.Issues, "; "), "quota") {
			t.Errorf("status %s, issues %v", s.Status, s.Issues)
		}
		if requests.Load() > 5 {
			t.Errorf("%d requests while the quota is used up", requests.Load())
		}
	}
}

// TestErrorsAreReadAsStatus: a Collector words its errors as google.rpc.Status.
func TestErrorsAreReadAsStatus(t *testing.T) {
	for _, json := range []bool{false, true} {
		refused := answer{status: 500, json: json, message: &rpc.Status{Code: 13, Message: "the exporter is out of order"}}
		h, _ := serve(t, refused)
		if err := flush(t, h, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if got := h.Metrics().Flusher.LastError; !strings.Contains(got, "the exporter is out of order") {
			t.Errorf("JSON %t: the last error does not tell what the server said: %s", json, got)
		}
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	for _, status := range []int{429, 503} {
		h, requests := serve(t, answer{status: status, retryAfter: "1", message: &rpc.Status{Code: 8, Message: "slower"}})
		began := time.Now()
		if err := flush(t, h, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited < time.Second || requests.Load() != 2 {
			t.Errorf("%d: %d requests in %v", status, requests.Load(), waited)
		}
		if m := h.Metrics(); m.Flusher.TotalLogsSent != 10 || m.Buffer.TotalDropped != 0 {
			t.Errorf("%d: %d sent, %d dropped", status, m.Flusher.TotalLogsSent, m.Buffer.TotalDropped)
		}
	}
}
