package collector

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
)

var (
	services = flag.Int("services", 0, "measure a gateway with so many services")
	rate     = flag.Int("rate", 10, "records a second of each")
	settings = flag.String("set", "", "a line of configuration, such as a::b: 1")
	lasting  = flag.Duration("for", 30*time.Second, "how long they log")
)

// TestCapacity measures what docs/scale.md says of a gateway: so many handlers at
// their defaults, each with connections of its own, log through one gateway to a
// store that answers at once.
//
//	go test ./ -run Capacity -v -services 1000 -rate 10 -for 1m
func TestCapacity(t *testing.T) {
	if *services == 0 {
		t.Skip("without -services")
	}
	var requests, bytes atomic.Int64
	store := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		requests.Add(1)
		bytes.Add(n)
	}))
	defer store.Close()
	gateway := newGateway(t, "loki", "LOKI_ENDPOINT="+store.URL+"/otlp")
	if *settings != "" {
		gateway.set(*settings)
	}
	gateway.start()

	handlers := make([]*ledger.Handler, *services)
	for i := range handlers {
		h, err := ledger.NewHandler(&ledger.Options{
			APIKey: apiKey, BaseURL: gateway.url, Protocol: ledger.ProtocolOTLP, Service: fmt.Sprintf("service-%d", i), Diagnostics: slog.DiscardHandler,
			RequestsPerMinute: 10_000_000, RequestsPerHour: 100_000_000,
		})
		if err != nil {
			t.Fatal(err)
		}
		handlers[i] = h
	}
	began := time.Now()
	var logging sync.WaitGroup
	for i, h := range handlers {
		logging.Go(func() {
			logger := slog.New(h).With("component", "orders", "region", "eu-central-1")
			for n := range int(lasting.Seconds() * float64(*rate)) {
				// spread, so that not all log at the same instant
				due := began.Add(time.Duration(n)*time.Second/time.Duration(*rate) + time.Duration(i)*time.Second/time.Duration(*rate*len(handlers)))
				time.Sleep(time.Until(due))
				logger.Info("order placed", "order", n, "customer", i*1000+n, "amount", 99.5, "currency", "EUR", "took", 12*time.Millisecond)
			}
		})
	}
	logging.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var ending sync.WaitGroup
	var dropped, failed, sent, unhealthy atomic.Int64
	for _, h := range handlers {
		ending.Go(func() {
			if !h.Status().Healthy {
				unhealthy.Add(1)
			}
			_ = h.Shutdown(ctx)
			m := h.Metrics()
			dropped.Add(m.Buffer.TotalDropped)
			sent.Add(m.Flusher.TotalLogsSent)
			for _, n := range m.Errors {
				failed.Add(n)
			}
		})
	}
	ending.Wait()
	took := time.Since(began)
	waitFor(t, "the queue to be empty", func() bool { return gateway.metric("otelcol_exporter_queue_size") == 0 })
	drained := time.Since(began)
	twice := gateway.metric("otelcol_receiver_accepted_log_records") - float64(sent.Load())
	command := gateway.command
	gateway.stop()
	usage := command.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	t.Logf("%d services of %d records/s for %v (%v with the end, %v until the store has all)", *services, *rate, *lasting, took.Round(time.Millisecond), drained.Round(time.Millisecond))
	t.Logf("sent %d, dropped %d, twice %.0f, failed attempts %d, unhealthy %d", sent.Load(), dropped.Load(), twice, failed.Load(), unhealthy.Load())
	t.Logf("the store: %d requests, %.1f MB", requests.Load(), float64(bytes.Load())/1e6)
	t.Logf("the gateway: %.1f s of CPU, %.0f %% of one core, %.1f s a million records, %d MiB of memory", cpu.Seconds(),
		100*cpu.Seconds()/drained.Seconds(), cpu.Seconds()/float64(sent.Load())*1e6, usage.Maxrss/1024)
	if dropped.Load() != 0 || sent.Load() == 0 {
		t.Errorf("%d dropped", dropped.Load())
	}
}
