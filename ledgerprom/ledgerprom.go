// Package ledgerprom shows a Ledger handler's metrics to Prometheus.
//
//	handler, err := ledger.NewHandler(nil)
//	// …
//	prometheus.MustRegister(ledgerprom.NewCollector(handler))
//
// It is a module of its own, so that programs without Prometheus do not carry
// its dependencies. Alert rules and a Grafana dashboard for these metrics are
// in the directory deploy of the repository.
package ledgerprom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledger-sdk/ledger-go"
)

// A Source is what a [Collector] asks; *[ledger.Handler] is one.
type Source interface {
	Metrics() ledger.Metrics
	Status() ledger.Status
}

var _ Source = (*ledger.Handler)(nil)

// A Collector is a [prometheus.Collector] of one handler's metrics. Each
// collection is one snapshot, in which
//
//	ledger_entries_logged_total = ledger_entries_delivered_total
//		+ sum(ledger_entries_dropped_total) + sum(ledger_buffer_entries) + ledger_spool_entries
//
// Every series is there from the beginning, those at zero too, so that rate and
// increase see the first of anything.
type Collector struct{ source Source }

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a collector of source's metrics. Several handlers of one
// program are told apart by wrapping the registerer:
//
//	prometheus.WrapRegistererWith(prometheus.Labels{"handler": "audit"}, registry)
func NewCollector(source Source) *Collector { return &Collector{source} }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("ledger_"+name, help, labels, nil)
}

var (
	info      = describe("sdk_info", "The SDK's version and the protocol in use; always 1.", "version", "protocol")
	uptime    = describe("sdk_uptime_seconds", "Time since the handler was made.")
	logged    = describe("entries_logged_total", "Records given to the handler, its own notices, and entries found in SpoolDir.")
	delivered = describe("entries_delivered_total", "Entries taken by the server.")
	dropped   = describe("entries_dropped_total",
		"Entries that will not be delivered: made room for newer ones (overflow), refused by the server (rejected, too_large), or logged or left after shutdown (closed).", "reason")

	bufferEntries     = describe("buffer_entries", "Entries in memory: waiting (queued), or being sent or held for the server (in_flight).", "state")
	bufferMaxEntries  = describe("buffer_max_entries", "The most entries in memory (MaxBufferSize).")
	bufferBytes       = describe("buffer_bytes", "Memory that the queued entries take.")
	bufferMaxBytes    = describe("buffer_max_bytes", "The most memory that entries may take (MaxBufferBytes).")
	bufferUtilization = describe("buffer_utilization_ratio", "Share of the memory limits in use, the larger of entries and bytes, from 0 to 1.")
	oldest            = describe("buffer_oldest_seconds", "How long the oldest entry that is neither delivered nor dropped has waited, 0 without one.")
	truncated         = describe("truncated_total", "Entries whose attributes were cut to the server's limit.")
	spoolEntries      = describe("spool_entries", "Entries in the spool directory.")

	flushes   = describe("flushes_total", "Batches handed to the sender, by whether the server said its word (success) or the retries were used up (failure).", "result")
	lastFlush = describe("last_flush_timestamp_seconds", "When the last flush ended, 0 before the first.")
	errors    = describe("errors_total", "Failed attempts and answers that are no success, by kind.", "kind")
	failures  = describe("consecutive_failures", "Failed attempts since the last success.")

	breakerOpen = describe("breaker_open", "1 while the circuit breaker lets nothing through, else 0.")
	status      = describe("status", "1 for the handler's status, 0 for the two others.", "status")

	requests      = describe("rate_limit_requests", "Requests (OTLP: records) sent within the last minute or hour.", "window")
	requestsLimit = describe("rate_limit_max_requests", "The share of the server's limit that the handler allows itself.", "window")
)

// Describe sends the descriptions of all metrics.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		info, uptime, logged, delivered, dropped,
		bufferEntries, bufferMaxEntries, bufferBytes, bufferMaxBytes, bufferUtilization, oldest, truncated, spoolEntries,
		flushes, lastFlush, errors, failures, breakerOpen, status, requests, requestsLimit,
	} {
		ch <- d
	}
}

// Collect sends one snapshot.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	m, s := c.source.Metrics(), c.source.Status()
	counter := func(d *prometheus.Desc, value int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}

	gauge(info, 1, m.SDK.Version, m.SDK.Protocol)
	gauge(uptime, m.SDK.UptimeSeconds)
	counter(logged, m.Flusher.TotalLogged)
	counter(delivered, m.Flusher.TotalLogsSent)
	for reason, n := range m.Buffer.Dropped {
		counter(dropped, n, reason)
	}

	gauge(bufferEntries, float64(m.Buffer.CurrentSize), "queued")
	gauge(bufferEntries, float64(m.Buffer.InFlight), "in_flight")
	gauge(bufferMaxEntries, float64(m.Buffer.MaxSize))
	gauge(bufferBytes, float64(m.Buffer.CurrentBytes))
	gauge(bufferMaxBytes, float64(m.Buffer.MaxBytes))
	gauge(bufferUtilization, m.Buffer.UtilizationPercent/100)
	gauge(oldest, m.Buffer.OldestSeconds)
	counter(truncated, m.Buffer.Truncated)
	gauge(spoolEntries, float64(m.Buffer.Spooled))

	counter(flushes, m.Flusher.SuccessfulFlushes, "success")
	counter(flushes, m.Flusher.FailedFlushes, "failure")
	last := 0.0
	if m.Flusher.LastFlushTime != nil {
		last = float64(m.Flusher.LastFlushTime.UnixMilli()) / 1000
	}
	gauge(lastFlush, last)
	for kind, n := range m.Errors {
		counter(errors, n, kind)
	}
	gauge(failures, float64(m.Flusher.ConsecutiveFailures))

	gauge(breakerOpen, truth(m.Flusher.CircuitBreakerOpen))
	for _, name := range []string{"healthy", "degraded", "unhealthy"} {
		gauge(status, truth(s.Status == name), name)
	}

	gauge(requests, float64(m.RateLimiter.CurrentRate), "minute")
	gauge(requests, float64(m.RateLimiter.CurrentHourlyRate), "hour")
	gauge(requestsLimit, float64(m.RateLimiter.LimitPerMinute), "minute")
	gauge(requestsLimit, float64(m.RateLimiter.LimitPerHour), "hour")
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
