package ledger

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/jsonhttp"
	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// Status is the handler's health in a form for probes; see [Handler.Status].
type Status struct {
	// Status is "healthy", "degraded" (working, with trouble or loss) or
	// "unhealthy" (nothing is being delivered).
	Status  string `json:"status"`
	Healthy bool   `json:"healthy"`
	// Issues names every condition that holds, degraded ones too; nil without any.
	Issues []string `json:"issues"`
	// BufferUtilizationPercent is the larger share of MaxBufferSize and
	// MaxBufferBytes that is in use, queued and in flight.
	BufferUtilizationPercent float64 `json:"buffer_utilization_percent"`
	CircuitBreakerOpen       bool    `json:"circuit_breaker_open"`
	// ConsecutiveFailures counts failed attempts since the last success.
	ConsecutiveFailures int `json:"consecutive_failures"`
}

// Metrics is a snapshot for dashboards; see [Handler.Metrics]. At every instant
//
//	Flusher.TotalLogged == Flusher.TotalLogsSent + Buffer.TotalDropped +
//		Buffer.CurrentSize + Buffer.InFlight + Buffer.Spooled
type Metrics struct {
	SDK         SDKMetrics         `json:"sdk"`
	Buffer      BufferMetrics      `json:"buffer"`
	Flusher     FlusherMetrics     `json:"flusher"`
	RateLimiter RateLimiterMetrics `json:"rate_limiter"`
	// Errors counts answers and failed attempts by kind: network_error,
	// rate_limit, server_error, queue_full, auth_failure, validation_error,
	// quota, not_found.
	Errors map[string]int64 `json:"errors"`
}

// SDKMetrics tells what is running.
type SDKMetrics struct {
	UptimeSeconds float64 `json:"uptime_seconds"`
	Version       string  `json:"version"`
	Protocol      string  `json:"protocol"` // in use: "ledger" or "otlp"
}

// BufferMetrics tells what is in memory, and what had to go.
type BufferMetrics struct {
	CurrentSize  int   `json:"current_size"` // entries queued
	MaxSize      int   `json:"max_size"`
	CurrentBytes int   `json:"current_bytes"` // memory of the entries queued
	MaxBytes     int   `json:"max_bytes"`
	InFlight     int   `json:"in_flight"` // entries taken out of the queue and not settled
	Spooled      int64 `json:"spooled"`   // entries in SpoolDir
	// OldestSeconds is how long the oldest entry has waited that is neither
	// delivered nor dropped; 0 without one.
	OldestSeconds float64 `json:"oldest_seconds"`
	TotalDropped  int64   `json:"total_dropped"`
	Truncated     int64   `json:"truncated"` // entries whose attributes were cut to the server's limit
	// Dropped counts by reason: overflow (made room for newer ones), rejected
	// (the server's final word), too_large (for the server, even alone), closed
	// (logged after Shutdown, or left at its deadline).
	Dropped            map[string]int64 `json:"dropped"`
	UtilizationPercent float64          `json:"utilization_percent"`
}

// FlusherMetrics tells how sending goes. A flush is one batch handed to the
// sender; it fails when its retries end without the server's word.
type FlusherMetrics struct {
	TotalFlushes        int64      `json:"total_flushes"`
	SuccessfulFlushes   int64      `json:"successful_flushes"`
	FailedFlushes       int64      `json:"failed_flushes"`
	TotalLogged         int64      `json:"total_logged"`      // records, the handler's own notices, and entries found in SpoolDir
	TotalLogsSent       int64      `json:"total_logs_sent"`   // taken by the server
	TotalLogsFailed     int64      `json:"total_logs_failed"` // refused by it for good
	ConsecutiveFailures int        `json:"consecutive_failures"`
	CircuitBreakerOpen  bool       `json:"circuit_breaker_open"`
	LastFlushTime       *time.Time `json:"last_flush_time"` // nil before the first
	LastError           string     `json:"last_error"`      // the newest; it stays after a success
}

// RateLimiterMetrics tells how much of the share of the server's limits is used. A limit
// is 0 where there is none.
type RateLimiterMetrics struct {
	CurrentRate       int `json:"current_rate"` // requests (OTLP: records) in the last minute
	LimitPerMinute    int `json:"limit_per_minute"`
	CurrentHourlyRate int `json:"current_hourly_rate"`
	LimitPerHour      int `json:"limit_per_hour"`
}

// Status tells how the handler is, for probes. It is unhealthy while nothing can be
// delivered (breaker open, API key refused, wrong URL), and when nothing was
// delivered for a minute although entries wait, whatever the cause. It is degraded
// while there is trouble or loss, and when an entry has waited 15 s longer than
// FlushInterval. Otherwise it is healthy. The breaker counts as open until an attempt
// has succeeded. Status takes no lock that logging takes, costs tens of nanoseconds
// while all is well (benchmarks/RESULTS.md), and may be called at any time, also
// after Shutdown.
func (h *Handler) Status() Status {
	c, s, now := h.count, h.sender, h.now()
	st := Status{
		Status:                   "healthy",
		Healthy:                  true,
		BufferUtilizationPercent: h.utilization(),
		CircuitBreakerOpen:       s.breaker.Tripped(),
		ConsecutiveFailures:      int(c.Consecutive.Load()),
	}
	unhealthy, degraded := 0, 0
	issue := func(n *int, text string) {
		*n++
		st.Issues = append(st.Issues, text)
	}
	if st.CircuitBreakerOpen {
		issue(&unhealthy, "circuit breaker is open: the server failed repeatedly, entries are held")
	}
	if m := meaningOf(s.gate.Holding()); m != nil && m.issue != "" {
		if m.unhealthy {
			issue(&unhealthy, m.issue)
		} else {
			issue(&degraded, m.issue)
		}
	}
	switch waited, idle := h.waited(now), h.undelivered(now); {
	case idle >= time.Minute:
		issue(&unhealthy, h.waiting(waited, fmt.Sprintf("nothing was delivered for %v", idle.Round(time.Second))))
	case waited > h.config.FlushInterval+lateAfter:
		issue(&degraded, h.waiting(waited, "delivery is late"))
	}
	if st.ConsecutiveFailures >= 3 {
		issue(&degraded, fmt.Sprintf("%d consecutive failures", st.ConsecutiveFailures))
	}
	if st.BufferUtilizationPercent > 90 {
		issue(&degraded, fmt.Sprintf("buffer is %.0f%% full", st.BufferUtilizationPercent))
	}
	if trouble := h.batcher.disk.Trouble(); trouble != "" {
		issue(&degraded, "SpoolDir cannot be used, entries stay in memory: "+trouble)
	}
	if last := c.LastDrop.Load(); last != 0 && c.Ago(now, last) < time.Minute {
		issue(&degraded, "entries were dropped in the last minute")
	}
	switch {
	case unhealthy > 0:
		st.Status, st.Healthy = "unhealthy", false
	case degraded > 0:
		st.Status = "degraded"
	}
	return st
}

// lateAfter is how much longer than FlushInterval an entry may wait before that is
// an issue.
const lateAfter = 15 * time.Second

// waited is how long the oldest entry has waited that is not settled; 0 for none.
func (c *core) waited(now time.Time) time.Duration {
	oldest := c.count.Oldest.Load()
	if oldest == 0 {
		return 0
	}
	return c.count.Ago(now, oldest)
}

// undelivered is for how long nothing was delivered although entries were due.
func (c *core) undelivered(now time.Time) time.Duration {
	due := c.waited(now) - c.config.FlushInterval
	if last := c.count.LastSuccess.Load(); last != 0 {
		due = min(due, c.count.Ago(now, last))
	}
	return due
}

// waiting says how many entries wait, how long, and why.
func (c *core) waiting(oldest time.Duration, what string) string {
	t := c.count.Tally()
	return fmt.Sprintf("%s: %d entries wait, the oldest for %v: %s", what, t.Unsettled()+t.Spooled, oldest.Round(time.Second), c.trouble())
}

// utilization is the larger share of the two budgets, in percent, to two digits.
func (h *Handler) utilization() float64 {
	return math.Round(h.queue.Utilization()*10_000) / 100
}

// Metrics returns a snapshot for dashboards; see [Metrics] for the law it keeps.
// It may be called at any time, also after Shutdown.
func (h *Handler) Metrics() Metrics {
	c := h.count
	t, rates := c.Tally(), h.sender.limiter.Rates()
	m := Metrics{
		SDK: SDKMetrics{
			UptimeSeconds: h.now().Sub(c.Started).Seconds(),
			Version:       Version,
			Protocol:      h.protocols.ForEncoding().Protocol(),
		},
		Buffer: BufferMetrics{
			CurrentSize:        int(t.Queued),
			MaxSize:            h.config.MaxBufferSize,
			CurrentBytes:       int(h.queue.QueuedBytes()),
			MaxBytes:           h.config.MaxBufferBytes,
			InFlight:           int(t.InFlight),
			Spooled:            t.Spooled,
			OldestSeconds:      h.waited(h.now()).Seconds(),
			TotalDropped:       t.TotalDropped,
			Truncated:          c.Truncated.Load(),
			Dropped:            make(map[string]int64, stats.DropReasons),
			UtilizationPercent: h.utilization(),
		},
		Flusher: FlusherMetrics{
			SuccessfulFlushes:   c.FlushesOK.Load(),
			FailedFlushes:       c.FlushesFailed.Load(),
			TotalFlushes:        c.Flushes.Load(),
			TotalLogged:         t.Logged,
			TotalLogsSent:       t.Sent,
			TotalLogsFailed:     t.Dropped[stats.Rejected] + t.Dropped[stats.TooLarge],
			ConsecutiveFailures: int(c.Consecutive.Load()),
			CircuitBreakerOpen:  h.sender.breaker.Tripped(),
		},
		RateLimiter: RateLimiterMetrics{rates.Minute, rates.MinuteShare, rates.Hour, rates.HourShare},
		Errors:      make(map[string]int64, stats.ErrorKinds),
	}
	for why, n := range t.Dropped {
		m.Buffer.Dropped[stats.DropReason(why).String()] = n
	}
	for kind := stats.NoError + 1; kind < stats.ErrorKinds; kind++ {
		m.Errors[kind.String()] = c.Errors[kind].Load()
	}
	if at := c.LastFlush.Load(); at != 0 {
		last := time.Unix(0, at).UTC()
		m.Flusher.LastFlushTime = &last
	}
	if text := c.LastError.Load(); text != nil {
		m.Flusher.LastError = *text
	}
	return m
}

// HealthHandler serves [Handler.Status] as JSON: 200, or 503 when unhealthy. It is
// for dashboards and alerts. A logging server's trouble is no reason to restart
// the service or to take it out of service: keep it out of liveness probes, and
// out of readiness probes unless logs matter more than answers.
func (h *Handler) HealthHandler() http.Handler {
	return jsonhttp.Get(func() (int, any) {
		st := h.Status()
		if !st.Healthy {
			return http.StatusServiceUnavailable, st
		}
		return http.StatusOK, st
	})
}

// MetricsHandler serves [Handler.Metrics] as JSON.
func (h *Handler) MetricsHandler() http.Handler {
	return jsonhttp.Get(func() (int, any) { return http.StatusOK, h.Metrics() })
}

// waitsForLimit reports whether entries wait for the rate limit.
func (s *sender) waitsForLimit() bool { return s.pacing.Load() > 0 || s.paced.Load() }

// trouble says in a few words why entries are not being delivered.
func (c *core) trouble() string {
	s := c.sender
	if s.breaker.Tripped() {
		return "the circuit breaker is open"
	}
	if m := meaningOf(s.gate.Holding()); m != nil {
		return m.trouble
	}
	if s.waitsForLimit() {
		return rateLimitUsed
	}
	if s.limiter.Shared() {
		return "others with the same key use the server's rate limit, too"
	}
	return "the server has not answered yet"
}

// stamp notes that something has come into the empty queue, also while nothing
// can be sent: the wait for a connection is part of FlushInterval.
func (b *batcher) stamp() {
	if b.since.IsZero() && b.backlog.Waiting() > 0 {
		b.since = b.now()
	}
	b.count.Oldest.Store(b.oldest())
}

// oldest is when the oldest entry that waits was logged, as the counters keep time;
// 0 when none waits.
func (b *batcher) oldest() (at int64) {
	consider := func(since time.Time) {
		if its := b.count.At(since); !since.IsZero() && (at == 0 || its < at) {
			at = its
		}
	}
	consider(b.since)
	consider(b.disk.Since())
	for unsettled := range b.backlog.Batches() {
		consider(unsettled.Notes.since)
	}
	return at
}
