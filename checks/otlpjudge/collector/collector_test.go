// Package collector holds the handler against a real OpenTelemetry Collector,
// run within the test's process: its otlpreceiver, with the bearertokenauth
// extension before it, and its debugexporter, beside an exporter that keeps what
// the Collector hands on.
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/checks/otlpjudge"
	"github.com/ledger-sdk/ledger-go/httplog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"
)

// A keeper is an exporter that keeps what it is given, or fails as it is told.
type keeper struct {
	component.StartFunc
	component.ShutdownFunc

	mu      sync.Mutex
	records []otlpjudge.Record
	faults  []error // what to answer the next requests with
}

func (k *keeper) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (k *keeper) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.faults) > 0 {
		fault := k.faults[0]
		k.faults = k.faults[1:]
		return fault
	}
	body, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		return err
	}
	records, err := otlpjudge.Decode(body)
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	k.records = append(k.records, records...)
	return nil
}

func (k *keeper) take() []otlpjudge.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	records := k.records
	k.records = nil
	return records
}

func (k *keeper) failWith(faults ...error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults = faults
}

func (k *keeper) factory() exporter.Factory {
	create := func(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) { return k, nil }
	return exporter.NewFactory(component.MustNewType("keep"), func() component.Config { return &struct{}{} },
		exporter.WithLogs(create, component.StabilityLevelStable))
}

// start runs a Collector. debug is the file that its debugexporter writes.
func start(t *testing.T) (url string, kept *keeper, debug string) {
	t.Helper()
	kept = &keeper{}
	debug = filepath.Join(t.TempDir(), "debug")
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	config := fmt.Sprintf(`
extensions:
  bearertokenauth: {scheme: Bearer, token: %s}
receivers:
  otlp: {protocols: {http: {endpoint: %q, auth: {authenticator: bearertokenauth}}}}
exporters:
  debug: {verbosity: detailed, use_internal_logger: false, sampling_initial: 1000000, output_paths: [%q]}
  keep:
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  extensions: [bearertokenauth]
  pipelines:
    logs: {receivers: [otlp], exporters: [debug, keep]}
`, otlpjudge.APIKey, address, debug)
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo:               component.BuildInfo{Command: "otlpjudge", Version: "test"},
		DisableGracefulShutdown: true,
		Factories: func() (f otelcol.Factories, err error) {
			f.Telemetry = otelconftelemetry.NewFactory()
			var errs [3]error
			f.Extensions, errs[0] = otelcol.MakeFactoryMap[extension.Factory](bearertokenauthextension.NewFactory())
			f.Receivers, errs[1] = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
			f.Exporters, errs[2] = otelcol.MakeFactoryMap(debugexporter.NewFactory(), kept.factory())
			return f, errors.Join(errs[:]...)
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{"yaml:" + config},
			ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- collector.Run(context.Background()) }()
	t.Cleanup(func() {
		collector.Shutdown()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for collector.GetState() != otelcol.StateRunning {
		select {
		case err := <-done:
			done <- err
			t.Fatalf("the Collector does not start: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return "http://" + address, kept, debug
}

func newHandler(t *testing.T, url, key string) *ledger.Handler {
	t.Helper()
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: key, BaseURL: url, Protocol: ledger.ProtocolOTLP, Service: "checkout", Environment: "test", Release: "v1.2.3",
		ContextAttrs: httplog.ContextAttrs, Diagnostics: slog.DiscardHandler,
		FlushInterval: time.Hour, RetryBackoff: 10 * time.Millisecond,
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

func flush(t *testing.T, h *ledger.Handler, within time.Duration) error {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return h.Flush(ctx)
}

// TestRandomProgramsPassThroughCollector: what the Collector hands on is what
// was logged.
func TestRandomProgramsPassThroughCollector(t *testing.T) {
	url, kept, _ := start(t)
	rapid.Check(t, func(t *rapid.T) {
		p := otlpjudge.Programs(30).Draw(t, "program")
		began, ended, err := p.Run(ledger.Options{BaseURL: url})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(kept.take(), began, ended); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCollectorShowsWhatWasLogged reads the text of the debugexporter.
func TestCollectorShowsWhatWasLogged(t *testing.T) {
	url, kept, debug := start(t)
	h := newHandler(t, url, otlpjudge.APIKey)
	logger := slog.New(h)
	orders := logger.With("tenant", "acme").WithGroup("order").With("id", 42)
	service := httplog.Middleware(logger, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		orders.ErrorContext(r.Context(), "payment failed", "error", fmt.Errorf("charge card: %w", &declined{}), "amount", 99.5)
		w.WriteHeader(http.StatusBadGateway)
	}))
	r := httptest.NewRequest(http.MethodPost, "/orders?token=hunter2&page=2", nil)
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	r.Pattern = "POST /orders"
	service.ServeHTTP(httptest.NewRecorder(), r)
	logger.Log(context.Background(), ledger.LevelCritical, "tricky \x00 \xff text",
		"big", 1<<62, "whole", 2.0, "yes", true, "list", []string{"a", "b"}, "nothing", nil,
		"deep", slog.GroupValue(slog.Group("er", "bytes", []byte("hi"), "took", time.Second)))
	if err := flush(t, h, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if n := len(kept.take()); n != 3 {
		t.Errorf("%d records passed on, want 3", n)
	}
	text, err := os.ReadFile(debug)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"-> service.name: Str(checkout)", "-> service.version: Str(v1.2.3)", "-> deployment.environment.name: Str(test)",
		"-> telemetry.sdk.language: Str(go)", "InstrumentationScope github.com/ledger-sdk/ledger-go " + ledger.Version,

		"SeverityText: ERROR\nSeverityNumber: Error(17)\nBody: Str(payment failed)", "-> tenant: Str(acme)",
		`-> order: Map({"amount":99.5,"error":"charge card: card declined","id":42})`,
		"-> exception.type: Str(*collector.declined)", "-> exception.message: Str(charge card: card declined)",
		"-> exception.stacktrace: Str(", "collector_test.go", "-> ledger.log_type: Str(exception)", "-> ledger.importance: Str(high)",
		"Trace ID: 4bf92f3577b34da6a3ce929d0e0e4736\n", "Span ID: 00f067aa0ba902b7\n",

		"-> http.request.method: Str(POST)", "-> http.route: Str(/orders)", "-> http.response.status_code: Int(502)", "-> ledger.duration_ms: Double(",
		"-> url.query: Str(token=***&page=2)", "-> ledger.log_type: Str(endpoint)",

		"SeverityText: CRITICAL\nSeverityNumber: Fatal(21)\nBody: Str(tricky  \ufffd text)", "-> big: Int(4611686018427387904)", "-> whole: Double(2)",
		"-> yes: Bool(true)", `-> list: Slice(["a","b"])`, "-> nothing: Empty()", `-> deep: Map({"er":{"bytes":"aGk=","took":1000000000}})`,
		"-> ledger.importance: Str(critical)", "-> ledger.sequence: Int(", "-> ledger.log_id: Str(",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the debugexporter does not show %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}

type declined struct{}

func (*declined) Error() string { return "card declined" }

// TestCollectorUnderLoad: a Collector whose exporters cannot follow loses
// nothing of the handler's.
func TestCollectorUnderLoad(t *testing.T) {
	slower, err := status.New(codes.ResourceExhausted, "slower, please").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	url, kept, _ := start(t)
	for _, tt := range []struct {
		name   string
		fault  error
		status string // as the handler reports it
		waits  time.Duration
	}{
		{"429 with Retry-After", slower.Err(), "429 Too Many Requests: slower, please", time.Second},
		{"503", errors.New("the queue is full"), "503 Service Unavailable: the queue is full", 0},
		{"500", consumererror.NewPermanent(errors.New("broken")), "500 Internal Server Error: Permanent error: broken", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kept.failWith(tt.fault)
			h := newHandler(t, url, otlpjudge.APIKey)
			for i := range 100 {
				slog.New(h).Info("m", "i", i)
			}
			began := time.Now()
			if err := flush(t, h, 20*time.Second); err != nil {
				t.Fatal(err)
			}
			m := h.Metrics()
			if n := len(kept.take()); n != 100 || m.Flusher.TotalLogsSent != 100 || time.Since(began) < tt.waits {
				t.Errorf("%d records passed on, %d sent, after %v", n, m.Flusher.TotalLogsSent, time.Since(began))
			}
			if !strings.Contains(m.Flusher.LastError, tt.status) {
				t.Errorf("last error %q, want %q in it", m.Flusher.LastError, tt.status)
			}
		})
	}
}

// TestMoreThanLedgerAllows: a Collector has no limit on records, and the
// handler's is where docs/otlp.md says.
func TestMoreThanLedgerAllows(t *testing.T) {
	const records = 5_000 // five times what Ledger takes in a minute
	url, kept, _ := start(t)
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: otlpjudge.APIKey, BaseURL: url, Protocol: ledger.ProtocolOTLP, Diagnostics: slog.DiscardHandler,
		RequestsPerMinute: 10_000_000, RequestsPerHour: 100_000_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		slog.New(h).Info("m", "i", i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(kept.take()); n != records {
		t.Errorf("%d records passed on, want %d", n, records)
	}
}

// TestCollectorThatRefusesForGood: entries that the Collector calls invalid are
// dropped, and counted.
func TestCollectorThatRefusesForGood(t *testing.T) {
	url, kept, _ := start(t)
	invalid := status.Error(codes.InvalidArgument, "not this one")
	kept.failWith(slices.Repeat([]error{invalid}, 20)...)
	h := newHandler(t, url, otlpjudge.APIKey)
	for i := range 4 {
		slog.New(h).Info("m", "i", i)
	}
	if err := flush(t, h, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if m := h.Metrics(); m.Buffer.Dropped["rejected"] != 4 || m.Flusher.TotalLogsSent != 0 {
		t.Errorf("%d rejected, %d sent", m.Buffer.Dropped["rejected"], m.Flusher.TotalLogsSent)
	}
}

// TestCollectorWithAnotherKey: the key is what bearertokenauth compares.
func TestCollectorWithAnotherKey(t *testing.T) {
	url, kept, _ := start(t)
	h := newHandler(t, url, "ledger_another")
	slog.New(h).Info("m")
	if err := flush(t, h, time.Second/2); err == nil {
		t.Error("flushed with a key that the Collector refuses")
	}
	s, m := h.Status(), h.Metrics()
	if s.Healthy || !strings.Contains(strings.Join(s.Issues, "; "), "API key") {
		t.Errorf("status %+v", s)
	}
	if len(kept.take()) != 0 || m.Buffer.TotalDropped != 0 {
		t.Errorf("%d dropped", m.Buffer.TotalDropped)
	}
}
