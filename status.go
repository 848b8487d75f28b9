package ledger

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"sync/atomic"
	"time"
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
	TotalDropped int64 `json:"total_dropped"`
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

// RateLimiterMetrics tells how much of the share of the server's limits is used.
type RateLimiterMetrics struct {
	CurrentRate       int `json:"current_rate"` // requests (OTLP: records) in the last minute
	LimitPerMinute    int `json:"limit_per_minute"`
	CurrentHourlyRate int `json:"current_hourly_rate"`
	LimitPerHour      int `json:"limit_per_hour"`
}

// A dropReason is why an entry will never be delivered.
type dropReason int

const (
	dropOverflow dropReason = iota
	dropRejected
	dropTooLarge
	dropClosed
	dropReasons // how many there are
)

var dropNames = [dropReasons]string{"overflow", "rejected", "too_large", "closed"}

// An errorKind is a key of Metrics.Errors.
type errorKind int

const (
	errorNetwork errorKind = iota
	errorRateLimit
	errorServer
	errorQueueFull
	errorAuth
	errorValidation
	errorQuota
	errorNotFound
	errorKinds
)

var errorNames = [errorKinds]string{
	"network_error", "rate_limit", "server_error", "queue_full",
	"auth_failure", "validation_error", "quota", "not_found",
}

// counters is where every stage counts. Each counter only grows, and an entry
// moves from one sum to the next, so a snapshot that reads them from the end of
// an entry's way to its beginning never sees one twice:
//
//	logged = queued + dropped from the queue + taken
//	taken  = in flight + sent + dropped in flight + spooled
//	spooled = spoolIn - spoolOut
type counters struct {
	logged       atomic.Int64 // records and notices, and entries found on disk; also the sequence
	queueDropped [dropReasons]atomic.Int64
	taken        atomic.Int64 // out of the queue, by the batcher
	sent         atomic.Int64
	dropped      [dropReasons]atomic.Int64 // in flight
	spoolIn      atomic.Int64              // written to disk
	spoolOut     atomic.Int64              // read back from disk

	// Times by the clock that nobody sets, in nanoseconds since started; 0 for
	// none.
	started            time.Time
	lastDrop, lostFrom atomic.Int64 // lostFrom is when the first of lost was dropped
	lost               atomic.Int64 // overflow that no notice has told of yet

	flushes, flushesOK, flushesFailed atomic.Int64
	lastFlush                         atomic.Int64 // unix nanoseconds
	lastError                         atomic.Pointer[string]
	errors                            [errorKinds]atomic.Int64
	consecutive                       atomic.Int64
	successes                         atomic.Int64
}

// at is a time as the counters keep it.
func (c *counters) at(t time.Time) int64 { return max(int64(t.Sub(c.started)), 1) }

// ago is how long before now such a time was.
func (c *counters) ago(now time.Time, at int64) time.Duration { return time.Duration(c.at(now) - at) }

// dropQueued counts an entry that leaves the queue for nowhere.
func (c *counters) dropQueued(why dropReason, e *entry, now time.Time) {
	c.queueDropped[why].Add(1)
	c.noteDrop(why, e.notice, now)
}

// dropInFlight counts an entry that had been taken out of the queue.
func (c *counters) dropInFlight(why dropReason, e *entry, now time.Time) {
	c.dropped[why].Add(1)
	c.noteDrop(why, e.notice, now)
}

// dropSpooled counts entries that are lost from the disk: of what was written
// there the oldest makes room, as in memory.
func (c *counters) dropSpooled(n int64, now time.Time) {
	c.spoolOut.Add(n)
	c.dropped[dropOverflow].Add(n)
	c.noteLost(n, c.at(now))
}

func (c *counters) noteDrop(why dropReason, notice bool, now time.Time) {
	at := c.at(now)
	if why == dropOverflow && !notice {
		c.noteLost(1, at)
	} else {
		c.lastDrop.Store(at)
	}
}

func (c *counters) noteLost(n, at int64) {
	c.lastDrop.Store(at)
	c.lostFrom.CompareAndSwap(0, at) // before lost, which makes somebody read it
	c.lost.Add(n)
}

// outcome counts one answer, or the lack of one.
func (c *counters) outcome(out outcome) {
	if out.err != nil {
		text := out.err.Error()
		c.lastError.Store(&text)
	}
	kind := errorKinds
	switch out.kind {
	case outcomeTaken:
		if out.answer.Rejected > 0 {
			kind = errorValidation
		}
	case outcomeRefused, outcomeTooLarge:
		kind = errorValidation
	case outcomeServerError:
		kind = errorServer
		if out.queueFull {
			kind = errorQueueFull
		}
	case outcomeNetworkError:
		kind = errorNetwork
	case outcomeThrottled:
		kind = errorRateLimit
	case outcomeQuota:
		kind = errorQuota
	case outcomeUnauthorized:
		kind = errorAuth
	case outcomeMisdirected:
		kind = errorNotFound
	}
	if kind < errorKinds {
		c.errors[kind].Add(1)
	}
}

// A tally is where every entry is, at one instant.
type tally struct {
	logged, sent, queued, inFlight, spooled int64
	dropped                                 [dropReasons]int64
	totalDropped                            int64
}

// tally reads the counters from the end of an entry's way to its beginning.
func (c *counters) tally() (t tally) {
	t.sent = c.sent.Load()
	left := t.sent
	for why := range c.dropped {
		t.dropped[why] = c.dropped[why].Load()
		left += t.dropped[why]
	}
	out := c.spoolOut.Load()
	t.spooled = c.spoolIn.Load() - out
	left += t.spooled
	taken := c.taken.Load()
	t.inFlight = taken - left
	for why := range c.queueDropped {
		n := c.queueDropped[why].Load()
		t.dropped[why] += n
		taken += n
	}
	t.logged = c.logged.Load()
	t.queued = t.logged - taken
	for _, n := range t.dropped {
		t.totalDropped += n
	}
	return t
}

// unsettled is how many entries are neither delivered, dropped nor on disk.
func (t tally) unsettled() int64 { return t.queued + t.inFlight }

// Status tells how the handler is, for probes: unhealthy while nothing can be
// delivered (breaker open, API key refused, wrong URL), degraded while there is
// trouble or loss, else healthy. The breaker counts as open until an attempt has
// succeeded. Status takes no lock that logging takes, costs tens of nanoseconds
// while all is well (benchmarks/RESULTS.md), and may be called at any time, also
// after Shutdown.
func (h *Handler) Status() Status {
	c, s := h.count, h.sender
	st := Status{
		Status:                   "healthy",
		Healthy:                  true,
		BufferUtilizationPercent: h.utilization(),
		CircuitBreakerOpen:       s.tripped(),
		ConsecutiveFailures:      int(c.consecutive.Load()),
	}
	unhealthy, degraded := 0, 0
	issue := func(n *int, text string) {
		*n++
		st.Issues = append(st.Issues, text)
	}
	if st.CircuitBreakerOpen {
		issue(&unhealthy, "circuit breaker is open: the server failed repeatedly, entries are held")
	}
	switch s.gate.holding() {
	case causeUnauthorized:
		issue(&unhealthy, "the server refuses the API key: entries are held until it is accepted")
	case causeMisdirected:
		issue(&unhealthy, "the URL is not an ingest endpoint: check BaseURL and Protocol, entries are held")
	case causeQuota:
		issue(&degraded, "the daily quota is used up: entries are held until it is reset")
	}
	if st.ConsecutiveFailures >= 3 {
		issue(&degraded, fmt.Sprintf("%d consecutive failures", st.ConsecutiveFailures))
	}
	if st.BufferUtilizationPercent > 90 {
		issue(&degraded, fmt.Sprintf("buffer is %.0f%% full", st.BufferUtilizationPercent))
	}
	if last := c.lastDrop.Load(); last != 0 && c.ago(h.now(), last) < time.Minute {
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

// utilization is the larger share of the two budgets, in percent, to two digits.
func (h *Handler) utilization() float64 {
	q := h.queue
	n, b := q.offWire()
	wireEntries, wireBytes := q.wire.get()
	share := max(float64(n+wireEntries)/float64(q.maxEntries), float64(b+wireBytes)/float64(q.maxBytes))
	return math.Round(max(share, 0)*10_000) / 100
}

// Metrics returns a snapshot for dashboards; see [Metrics] for the law it keeps.
// It may be called at any time, also after Shutdown.
func (h *Handler) Metrics() Metrics {
	c := h.count
	t := c.tally()
	m := Metrics{
		SDK: SDKMetrics{
			UptimeSeconds: h.now().Sub(c.started).Seconds(),
			Version:       Version,
			Protocol:      h.protocols.sending().Protocol(),
		},
		Buffer: BufferMetrics{
			CurrentSize:        int(t.queued),
			MaxSize:            h.config.MaxBufferSize,
			CurrentBytes:       int(h.queue.queued.bytes()),
			MaxBytes:           h.config.MaxBufferBytes,
			InFlight:           int(t.inFlight),
			Spooled:            t.spooled,
			TotalDropped:       t.totalDropped,
			Dropped:            make(map[string]int64, dropReasons),
			UtilizationPercent: h.utilization(),
		},
		Flusher: FlusherMetrics{
			SuccessfulFlushes:   c.flushesOK.Load(),
			FailedFlushes:       c.flushesFailed.Load(),
			TotalFlushes:        c.flushes.Load(),
			TotalLogged:         t.logged,
			TotalLogsSent:       t.sent,
			TotalLogsFailed:     t.dropped[dropRejected] + t.dropped[dropTooLarge],
			ConsecutiveFailures: int(c.consecutive.Load()),
			CircuitBreakerOpen:  h.sender.tripped(),
		},
		RateLimiter: h.sender.limiter.rates(),
		Errors:      make(map[string]int64, errorKinds),
	}
	for why, n := range t.dropped {
		m.Buffer.Dropped[dropNames[why]] = n
	}
	for kind := range c.errors {
		m.Errors[errorNames[kind]] = c.errors[kind].Load()
	}
	if at := c.lastFlush.Load(); at != 0 {
		last := time.Unix(0, at).UTC()
		m.Flusher.LastFlushTime = &last
	}
	if text := c.lastError.Load(); text != nil {
		m.Flusher.LastError = *text
	}
	return m
}

// HealthHandler serves [Handler.Status] as JSON: 200, or 503 when unhealthy. It is
// for dashboards and alerts. A logging server's trouble is no reason to restart
// the service or to take it out of service: keep it out of liveness probes, and
// out of readiness probes unless logs matter more than answers.
func (h *Handler) HealthHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := h.Status()
		code := http.StatusOK
		if !st.Healthy {
			code = http.StatusServiceUnavailable
		}
		writeJSON(w, r, code, st)
	})
}

// MetricsHandler serves [Handler.Metrics] as JSON.
func (h *Handler) MetricsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, r, http.StatusOK, h.Metrics())
	})
}

func writeJSON(w http.ResponseWriter, r *http.Request, code int, v any) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, err := json.Marshal(v)
	if err != nil { // plain structs always marshal
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}
