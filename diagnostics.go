package ledger

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/selflog"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/throttle"
)

// A meaning is what a kind of outcome says of sending as a whole: what it counts
// as, why it holds sending, and how the handler puts that into words.
type meaning struct {
	failed    bool // in a way that waiting may repair
	final     bool // the server said its word on the entries: overflow leaves them alone until they are settled
	counts    stats.ErrorKind
	cause     throttle.Cause
	level     slog.Level
	begins    string // the diagnostics' message when it begins; "" for none
	trouble   string // the reason in the errors of Flush and Shutdown
	issue     string // an issue of Status while it lasts; "" for none
	unhealthy bool   // rather than degraded
}

var meanings = [...]meaning{
	outcomeNone:  {},
	outcomeTaken: {final: true},
	outcomeRefused: {
		final: true, counts: stats.ValidationError, cause: throttle.Refusing,
		trouble: "the server refuses every request",
		issue:   "the server refuses every request: entries are held",
	},
	outcomeTooLarge: {final: true, counts: stats.ValidationError},
	outcomeServerError: {
		failed: true, counts: stats.ServerError, cause: throttle.Failing,
		level: slog.LevelWarn, begins: deliveryFails, trouble: "the server fails",
	},
	outcomeNetworkError: {
		failed: true, counts: stats.NetworkError, cause: throttle.Failing,
		level: slog.LevelWarn, begins: deliveryFails, trouble: "the server fails",
	},
	outcomeThrottled: {
		counts: stats.RateLimit, cause: throttle.Throttled,
		level: slog.LevelWarn, begins: "the server's rate limit is reached: pausing",
		trouble: "the server's rate limit is reached",
	},
	outcomeQuota: {
		counts: stats.Quota, cause: throttle.QuotaUsedUp,
		level: slog.LevelWarn, begins: "the daily quota is used up: entries are held",
		trouble: "the daily quota is used up",
		issue:   "the daily quota is used up: entries are held until it is reset",
	},
	outcomeUnauthorized: {
		counts: stats.AuthFailure, cause: throttle.Unauthorized,
		level: slog.LevelError, begins: "the server refuses the API key: entries are held; check APIKey (LEDGER_API_KEY)",
		trouble: "the server refuses the API key",
		issue:   "the server refuses the API key: entries are held until it is accepted", unhealthy: true,
	},
	outcomeMisdirected: {
		counts: stats.NotFound, cause: throttle.Misdirected,
		level: slog.LevelError, begins: "not an ingest endpoint: entries are held; check BaseURL (LEDGER_BASE_URL) and Protocol (LEDGER_PROTOCOL)",
		trouble: "the URL is not an ingest endpoint",
		issue:   "the URL is not an ingest endpoint: check BaseURL and Protocol, entries are held", unhealthy: true,
	},
}

const (
	deliveryFails = "delivery fails, trying again; entries are kept"
	rateLimitUsed = "the share of the server's rate limit is used up (RequestsPerMinute, RequestsPerHour, RateLimitBuffer)"
)

func (o outcome) failed() bool { return meanings[o.kind].failed }
func (o outcome) final() bool  { return meanings[o.kind].final }

// counts is what the outcome counts as in Metrics.Errors.
func (o outcome) counts() stats.ErrorKind {
	switch {
	case o.kind == outcomeTaken && o.answer.Rejected > 0:
		return stats.ValidationError
	case o.queueFull:
		return stats.QueueFull
	}
	return meanings[o.kind].counts
}

// meaningOf is what it means that sending is held for a cause; nil for none.
func meaningOf(why throttle.Cause) *meaning {
	for i := range meanings {
		if why != throttle.NoCause && meanings[i].cause == why {
			return &meanings[i]
		}
	}
	return nil
}

// diagnostics reports the SDK's own trouble, not through the logger
// being served. A condition is told once when it begins, and its end once; a
// condition that keeps coming back is told once a minute at most.
type diagnostics struct {
	*selflog.Log
	key      redact.Secret
	protocol Protocol // as the options say

	mu      sync.Mutex
	trouble outcomeKind // the condition told last; outcomeNone when all is well
	told    bool        // of a condition, and not yet of its end
}

func newDiagnostics(c *config) *diagnostics {
	handler := c.Diagnostics
	if handler == nil {
		handler = slog.NewTextHandler(os.Stderr, nil)
	}
	handler = handler.WithAttrs([]slog.Attr{slog.String("sdk", "ledger-sdk-go/"+Version)})
	return &diagnostics{Log: selflog.New(handler), key: c.apiKey, protocol: c.Protocol}
}

// outcome reports a change for the worse, or for the better.
func (d *diagnostics) outcome(out outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	detail := func() slog.Attr {
		text := ""
		if out.err != nil {
			text = d.key.MaskIn(out.err.Error())
		}
		return slog.String("error", text)
	}
	switch out.kind {
	case outcomeTaken:
		d.trouble = outcomeNone
		if d.told {
			d.told = false
			d.Tell("", slog.LevelInfo, "delivering again")
		}
		if n := out.answer.Rejected; n > 0 {
			d.Tell("rejected", slog.LevelWarn, "the server rejected entries, they are dropped",
				slog.Int("rejected", n), slog.String("reason", d.key.MaskIn(out.answer.Message)))
		}
		return
	case outcomeRefused, outcomeTooLarge: // of some entries, not of sending
		d.Tell("refused", slog.LevelWarn, "the server refuses a batch: looking for the entries at fault", detail())
		return
	}
	if d.trouble == out.kind {
		return
	}
	m := meanings[out.kind]
	if m.begins == "" {
		return
	}
	attrs := []slog.Attr{detail()}
	if out.wrong != "" {
		attrs = append(attrs, slog.String("hint", d.hint(out)))
	}
	if d.Tell(fmt.Sprint("trouble ", int(out.kind)), m.level, m.begins, attrs...) {
		d.told, d.trouble = true, out.kind
	}
}

// hint says what is likely wrong where no ingest endpoint answered.
func (d *diagnostics) hint(out outcome) string {
	switch {
	case out.status != http.StatusNotFound || out.certain:
		return out.wrong
	case d.protocol == ProtocolAuto:
		return out.wrong + "; both protocols were tried"
	case d.protocol == ProtocolLedger:
		return out.wrong + "; servers from 2.0 on take OTLP only (Protocol otlp, or auto)"
	}
	return out.wrong + "; servers before 2.0 take Ledger's own protocol only (Protocol ledger, or auto)"
}

// switched tells that another protocol is in use from now on.
func (d *diagnostics) switched(to string) {
	d.Tell("protocol", slog.LevelInfo, "the server speaks another protocol: using it from now on", slog.String("protocol", to))
}

// pacing says that the rate limit makes entries wait.
func (d *diagnostics) pacing() {
	d.Tell("rate limit", slog.LevelWarn, rateLimitUsed+": entries wait")
}

// attributesCut reports that attributes were over the server's limit, so far times.
func (d *diagnostics) attributesCut(soFar int64) {
	d.Tell("cut", slog.LevelWarn, "attributes over the server's limit were cut: _truncated of the entry has their paths", slog.Int64("entries so far", soFar))
}

// unknownSteering reports an attr that was to steer an entry.
func (d *diagnostics) unknownSteering(key, value string) {
	d.Tell(key+"="+value, slog.LevelWarn, "the server does not know this value: it stays an attribute", slog.String(key, value))
}
