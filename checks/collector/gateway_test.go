package collector

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
)

// newHandler returns a handler of a service that sends to a gateway.
func newHandler(t *testing.T, url, service string) *ledger.Handler {
	t.Helper()
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: apiKey, BaseURL: url, Protocol: ledger.ProtocolOTLP, Service: service, Diagnostics: slog.DiscardHandler,
		RetryBackoff: 10 * time.Millisecond, NetworkBackoff: 10 * time.Millisecond, BreakerDelay: 100 * time.Millisecond,
		RequestsPerMinute: 10_000_000, RequestsPerHour: 100_000_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Shutdown(ctx)
	})
	return h
}

// log writes n records, each with a message of its own.
func log(h *ledger.Handler, service string, n int) {
	logger := slog.New(h)
	for i := range n {
		logger.Info(fmt.Sprintf("%s: order %d placed", service, i), "order", i, "amount", 99.5, "currency", "EUR")
	}
}

// flush fails the test when the gateway does not take what was logged.
func flush(t *testing.T, h *ledger.Handler) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestConfigurationsAreValid(t *testing.T) {
	for _, store := range []string{"loki", "clickhouse", "kafka"} {
		p := newGateway(t, store)
		if out, err := p.validate(); err != nil {
			t.Errorf("%s: %v\n%s", store, err, out)
		}
		// The check itself: a field that does not exist is found.
		if out, err := p.validate("--config", "yaml:processors::memory_limiter::limit_percent: 75"); err == nil || !strings.Contains(out, "limit_percent") {
			t.Errorf("%s: a wrong field was not found: %v\n%s", store, err, out)
		}
	}
}

func (p *process) validate(more ...string) (string, error) {
	c := exec.Command(os.Args[0], append(append([]string{"validate"}, p.args...), more...)...)
	c.Env = append(os.Environ(), p.env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// TestManyServicesOneStore: entries of many services arrive once each, in fewer
// requests than came in, none of them larger than Loki takes.
func TestManyServicesOneStore(t *testing.T) {
	const services, records = 20, 50
	store := newLoki(t)
	gateway := newGateway(t, "loki", store.env())
	gateway.start()
	for i := range services {
		name := fmt.Sprintf("service-%d", i)
		h := newHandler(t, gateway.url, name)
		log(h, name, records)
		flush(t, h)
	}
	waitFor(t, "the entries to arrive", func() bool { n, _ := store.distinct(); return n == services*records })
	if _, again := store.distinct(); again != 0 {
		t.Errorf("%d came twice", again)
	}
	if n := store.services["service-7"]; n != records || len(store.services) != services {
		t.Errorf("%d entries of service-7, %d services", n, len(store.services))
	}
	if store.requests >= services {
		t.Errorf("%d requests of %d handlers came out as %d", services, services, store.requests)
	}
}

// TestLargeBatchesAreCut: what was batched stays below what Loki takes.
func TestLargeBatchesAreCut(t *testing.T) {
	const records = 6_000
	store := newLoki(t)
	gateway := newGateway(t, "loki", store.env())
	gateway.start()
	h := newHandler(t, gateway.url, "wordy")
	for i := range records {
		slog.New(h).Info(fmt.Sprint(i), "text", strings.Repeat("x", 1000))
	}
	flush(t, h)
	waitFor(t, "the entries to arrive", func() bool { n, _ := store.distinct(); return n == records })
	if store.largest < 500_000 || store.largest > 2_000_000 {
		t.Errorf("the largest request has %d bytes", store.largest)
	}
}

// TestGatewayKilledWhileTheStoreIsAway: what the handler saw delivered is on the
// gateway's disk, and goes to the store after the gateway is back.
func TestGatewayKilledWhileTheStoreIsAway(t *testing.T) {
	const services, records = 5, 200
	store := newLoki(t)
	away := "LOKI_ENDPOINT=http://" + freeAddress(t) + "/otlp"
	gateway := newGateway(t, "loki", away)
	gateway.start()
	for i := range services {
		name := fmt.Sprintf("service-%d", i)
		h := newHandler(t, gateway.url, name)
		log(h, name, records)
		flush(t, h) // the gateway has answered 200 to all
	}
	gateway.kill()
	if n, _ := store.distinct(); n != 0 {
		t.Fatalf("%d entries came to a store that was away", n)
	}
	gateway.env = append(gateway.env, store.env()) // the last of a name counts
	gateway.start()
	waitFor(t, "the entries to arrive", func() bool { n, _ := store.distinct(); return n == services*records })
}

// TestFullQueue: a gateway whose queue is full refuses, and the service keeps its
// entries until there is room.
func TestFullQueue(t *testing.T) {
	const piece = 1_000
	store := newLoki(t)
	away := "LOKI_ENDPOINT=http://" + freeAddress(t) + "/otlp"
	gateway := newGateway(t, "loki", away, "GATEWAY_QUEUE=300000")
	gateway.set("exporters::otlp_http/loki::sending_queue::batch::min_size: 100000") // at most the queue's
	gateway.start()
	h := newHandler(t, gateway.url, "busy")
	records := 0
	waitFor(t, "the queue to be full", func() bool {
		log(h, fmt.Sprint("busy ", records), piece)
		records += piece
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_ = h.Flush(ctx)
		return strings.Contains(h.Metrics().Flusher.LastError, "503 Service Unavailable: sending queue is full")
	})
	if m := h.Metrics(); m.Flusher.TotalLogsSent == 0 || m.Buffer.CurrentSize+m.Buffer.InFlight == 0 {
		t.Errorf("the queue was not full in the middle: %d sent, %d waiting", m.Flusher.TotalLogsSent, m.Buffer.CurrentSize+m.Buffer.InFlight)
	}
	waitFor(t, "the status to say so", func() bool { return !h.Status().Healthy })
	gateway.stop()
	gateway.env = append(gateway.env, store.env())
	gateway.start()
	flush(t, h)
	waitFor(t, "the entries to arrive", func() bool { n, _ := store.distinct(); return n == records })
	if m := h.Metrics(); m.Buffer.TotalDropped != 0 {
		t.Errorf("%d dropped", m.Buffer.TotalDropped)
	}
}

// TestGatewayAtItsMemoryLimit: a gateway without memory refuses, and nothing is
// lost.
func TestGatewayAtItsMemoryLimit(t *testing.T) {
	store := newLoki(t)
	gateway := newGateway(t, "loki", store.env())
	gateway.start("--config", "yaml:processors::memory_limiter::limit_mib: 2", "--config", "yaml:processors::memory_limiter::spike_limit_mib: 1")
	h := newHandler(t, gateway.url, "patient")
	records := 0
	waitFor(t, "the gateway to refuse", func() bool { // it measures once a second
		log(h, fmt.Sprint("patient ", records), 1)
		records++
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_ = h.Flush(ctx)
		return strings.Contains(h.Metrics().Flusher.LastError, "503 Service Unavailable: data refused due to high memory usage")
	})
	gateway.stop()
	gateway.start()
	flush(t, h)
	waitFor(t, "the entries to arrive", func() bool { n, _ := store.distinct(); return n == records })
	if m := h.Metrics(); m.Buffer.TotalDropped != 0 {
		t.Errorf("%d dropped", m.Buffer.TotalDropped)
	}
}

// TestStoreThatRefusesForGood: what the store refuses for good is gone after the
// gateway has taken it. The handler cannot know; the gateway's metric says so. The
// metrics that the alert rules name are there by then.
func TestStoreThatRefusesForGood(t *testing.T) {
	const records = 10
	store := newLoki(t)
	store.refuse = http.StatusBadRequest
	gateway := newGateway(t, "loki", store.env())
	gateway.start()
	h := newHandler(t, gateway.url, "refused")
	log(h, "refused", records)
	flush(t, h)
	waitFor(t, "the gateway to drop them", func() bool { return gateway.metric("otelcol_exporter_send_failed_log_records") == records })
	rules, err := os.ReadFile(configs + "alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\botelcol_\w+`).FindAllString(string(rules), -1)
	if len(names) < 4 {
		t.Errorf("the alerts name only %q", names)
	}
	for _, name := range names {
		if gateway.metric(name) < 0 {
			t.Errorf("the gateway has no metric %s", name)
		}
	}
}
