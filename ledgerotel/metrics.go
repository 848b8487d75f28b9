package ledgerotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ledger-sdk/ledger-go"
)

// A Source is what [Register] observes; *[ledger.Handler] is one.
type Source interface {
	Metrics() ledger.Metrics
	Status() ledger.Status
}

var _ Source = (*ledger.Handler)(nil)

// scope names the meter.
const scope = "github.com/ledger-sdk/ledger-go/ledgerotel"

// Register has source's metrics observed at each collection of provider, one
// snapshot a collection, with attrs on all of them; nil means the global
// provider. Unregister the result when source is shut down.
//
// The metrics are, with their units and attributes:
//
//	ledger.entries.logged      {entry}
//	ledger.entries.delivered   {entry}
//	ledger.entries.dropped     {entry}    reason: overflow, rejected, too_large, closed
//	ledger.buffer.entries      {entry}    state: queued, in_flight
//	ledger.buffer.size         By         memory of the entries queued
//	ledger.buffer.utilization  1          0 to 1
//	ledger.buffer.oldest       s          how long the oldest entry has waited
//	ledger.entries.truncated   {entry}    attributes cut to the server's limit
//	ledger.spool.entries       {entry}
//	ledger.flushes             {flush}    result: success, failure
//	ledger.errors              {error}    error.type: network_error, rate_limit, …
//	ledger.consecutive_failures {attempt}
//	ledger.breaker.open        1          0 or 1
//	ledger.status              1          state: healthy, degraded, unhealthy; 1 for the one that holds
func Register(source Source, provider metric.MeterProvider, attrs ...attribute.KeyValue) (metric.Registration, error) {
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	meter := provider.Meter(scope, metric.WithInstrumentationVersion(ledger.Version))

	var faults []error
	counter := func(name, unit, description string) metric.Int64ObservableCounter {
		i, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		faults = append(faults, err)
		return i
	}
	gauge := func(name, unit, description string) metric.Int64ObservableGauge {
		i, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		faults = append(faults, err)
		return i
	}
	logged := counter("ledger.entries.logged", "{entry}", "Records given to the handler, its own notices, and entries found in SpoolDir.")
	delivered := counter("ledger.entries.delivered", "{entry}", "Entries taken by the server.")
	dropped := counter("ledger.entries.dropped", "{entry}", "Entries that will not be delivered.")
	buffered := gauge("ledger.buffer.entries", "{entry}", "Entries in memory.")
	size := gauge("ledger.buffer.size", "By", "Memory that the queued entries take.")
	truncated := counter("ledger.entries.truncated", "{entry}", "Entries whose attributes were cut to the server's limit.")
	spooled := gauge("ledger.spool.entries", "{entry}", "Entries in the spool directory.")
	flushes := counter("ledger.flushes", "{flush}", "Batches handed to the sender.")
	failed := counter("ledger.errors", "{error}", "Failed attempts and answers that are no success.")
	consecutive := gauge("ledger.consecutive_failures", "{attempt}", "Failed attempts since the last success.")
	breaker := gauge("ledger.breaker.open", "1", "1 while the circuit breaker lets nothing through.")
	status := gauge("ledger.status", "1", "1 for the handler's status, 0 for the two others.")
	float := func(name, unit, description string) metric.Float64ObservableGauge {
		i, err := meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		faults = append(faults, err)
		return i
	}
	utilization := float("ledger.buffer.utilization", "1", "Share of the memory limits in use.")
	oldest := float("ledger.buffer.oldest", "s", "How long the oldest entry that is neither delivered nor dropped has waited, 0 without one.")
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}

	all := attribute.NewSet(attrs...)
	plain := metric.WithAttributeSet(all)
	observe := func(_ context.Context, o metric.Observer) error {
		m, s := source.Metrics(), source.Status()
		with := func(key, value string) metric.MeasurementOption {
			return metric.WithAttributes(append(all.ToSlice(), attribute.String(key, value))...)
		}
		o.ObserveInt64(logged, m.Flusher.TotalLogged, plain)
		o.ObserveInt64(delivered, m.Flusher.TotalLogsSent, plain)
		for reason, n := range m.Buffer.Dropped {
			o.ObserveInt64(dropped, n, with("reason", reason))
		}
		o.ObserveInt64(buffered, int64(m.Buffer.CurrentSize), with("state", "queued"))
		o.ObserveInt64(buffered, int64(m.Buffer.InFlight), with("state", "in_flight"))
		o.ObserveInt64(size, int64(m.Buffer.CurrentBytes), plain)
		o.ObserveFloat64(utilization, m.Buffer.UtilizationPercent/100, plain)
		o.ObserveFloat64(oldest, m.Buffer.OldestSeconds, plain)
		o.ObserveInt64(truncated, m.Buffer.Truncated, plain)
		o.ObserveInt64(spooled, m.Buffer.Spooled, plain)
		o.ObserveInt64(flushes, m.Flusher.SuccessfulFlushes, with("result", "success"))
		o.ObserveInt64(flushes, m.Flusher.FailedFlushes, with("result", "failure"))
		for kind, n := range m.Errors {
			o.ObserveInt64(failed, n, with("error.type", kind))
		}
		o.ObserveInt64(consecutive, int64(m.Flusher.ConsecutiveFailures), plain)
		o.ObserveInt64(breaker, truth(m.Flusher.CircuitBreakerOpen), plain)
		for _, name := range []string{"healthy", "degraded", "unhealthy"} {
			o.ObserveInt64(status, truth(s.Status == name), with("state", name))
		}
		return nil
	}
	return meter.RegisterCallback(observe, logged, delivered, dropped, buffered, size, utilization,
		oldest, truncated, spooled, flushes, failed, consecutive, breaker, status)
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
