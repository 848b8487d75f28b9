package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/redact"
)

// Protocol names what the handler speaks with the server.
// The empty string means the variable LEDGER_PROTOCOL, and without it [ProtocolAuto].
type Protocol string

const (
	// ProtocolAuto begins with Ledger's own protocol and moves to OTLP when
	// the server turns out to have only that.
	ProtocolAuto Protocol = "auto"
	// ProtocolLedger is Ledger's own JSON: POST /api/v1/ingest/batch.
	ProtocolLedger Protocol = "ledger"
	// ProtocolOTLP is OTLP/HTTP in protobuf: POST /v1/logs.
	ProtocolOTLP Protocol = "otlp"
)

// Options configures a [Handler]. A nil *Options, and the zero value, mean the
// environment and the defaults: a field wins over its variable, a variable over
// the default, and a zero field means "not set". NewHandler copies the struct.
type Options struct {
	// APIKey is required and begins "ldg_" or "ledger_". Nothing in this
	// package ever prints it. Variable: LEDGER_API_KEY.
	APIKey string `env:"LEDGER_API_KEY"`
	// BaseURL is the server's http or https address, a path prefix allowed.
	// Default "http://localhost:8000". Variable: LEDGER_BASE_URL.
	BaseURL string `env:"LEDGER_BASE_URL"`
	// Protocol is what to speak; default [ProtocolAuto]. An explicit
	// ProtocolAuto beats the variable: LEDGER_PROTOCOL (auto, ledger, otlp).
	Protocol Protocol `env:"LEDGER_PROTOCOL"`
	// Environment, at most 20 characters (the server's column), such as
	// "production". Variable: LEDGER_ENVIRONMENT.
	Environment string `env:"LEDGER_ENVIRONMENT"`
	// Release, at most 100 characters (the server's column). Default: the main
	// module's version, or its VCS revision. Variable: LEDGER_RELEASE.
	Release string `env:"LEDGER_RELEASE"`
	// Service is the service's name, at most 1000 characters: the attribute
	// "service" of every entry, and the resource's "service.name" under OTLP.
	// Variable: LEDGER_SERVICE_NAME.
	Service string `env:"LEDGER_SERVICE_NAME"`

	// Level is the least level to log; default [slog.LevelInfo]. It is asked
	// at every record, so a *slog.LevelVar works. Variable: LEDGER_LEVEL.
	Level slog.Leveler `env:"LEDGER_LEVEL"`
	// StackLevel is the least level at which an error has a stack: its own, or that
	// of the log call. Default [slog.LevelError]. It is asked at every record with
	// an error. A level above all that you log takes none.
	// Variable: LEDGER_STACK_LEVEL, a level or "off".
	StackLevel slog.Leveler `env:"LEDGER_STACK_LEVEL"`
	// AddSource adds the attribute "source" as in [slog.HandlerOptions].
	AddSource bool
	// ReplaceAttr rewrites attrs as in [slog.HandlerOptions]; it sees attrs
	// only, not the entry's own fields such as time, level and message. It is
	// called by the goroutines that log, many at a time; where it panics, the
	// attr's value says so.
	ReplaceAttr func(groups []string, a slog.Attr) slog.Attr
	// ContextAttrs takes attrs out of the context of a log call. They are
	// added at the root, whatever groups are open; a key that the record or its
	// With attrs hold at the root already is left out. It is called by the
	// goroutines that log, many at a time; a panic becomes the attribute
	// "_context".
	ContextAttrs func(context.Context) []slog.Attr

	// FlushInterval is the longest that an entry waits in the queue while the
	// server takes entries; default 5s. Variable: LEDGER_FLUSH_INTERVAL, such as
	// "5s", or "5.0" in seconds.
	FlushInterval time.Duration `env:"LEDGER_FLUSH_INTERVAL"`
	// FlushSize is how many entries make a batch at once; default 1000, or
	// MaxBufferSize where that is less; at most 1000 (the server's limit) and
	// MaxBufferSize. Variable: LEDGER_FLUSH_SIZE.
	FlushSize int `env:"LEDGER_FLUSH_SIZE"`
	// MaxBufferSize bounds the entries in memory; default 10000, at most 67108864.
	// Each place takes 32 bytes even while it is empty.
	// Variable: LEDGER_MAX_BUFFER_SIZE.
	MaxBufferSize int `env:"LEDGER_MAX_BUFFER_SIZE"`
	// MaxBufferBytes bounds the memory that the entries take, in bytes; default
	// 16 MiB; more than 32 GiB counts as that.
	// Variable: LEDGER_MAX_BUFFER_BYTES.
	MaxBufferBytes int `env:"LEDGER_MAX_BUFFER_BYTES"`

	// HTTPTimeout bounds the first attempt, from DNS to the answer's last byte;
	// default 15s. It doubles after a timeout, up to 35s, because the server may
	// take 30s to say what became of a batch. Variable: LEDGER_HTTP_TIMEOUT.
	HTTPTimeout time.Duration `env:"LEDGER_HTTP_TIMEOUT"`
	// HTTPPoolSize bounds concurrent requests and idle connections; default 10.
	// Variable: LEDGER_HTTP_POOL_SIZE.
	HTTPPoolSize int `env:"LEDGER_HTTP_POOL_SIZE"`
	// HTTPTransport sends the requests; default a tuned [http.Transport] that
	// honours HTTP_PROXY and HTTPS_PROXY.
	HTTPTransport http.RoundTripper
	// DisableCompression sends bodies as they are instead of gzipped.
	// Variable: LEDGER_DISABLE_COMPRESSION.
	DisableCompression bool `env:"LEDGER_DISABLE_COMPRESSION"`

	// RequestsPerMinute and RequestsPerHour are the server's limits, defaults
	// 1000 and 50000. Under OTLP the server counts records instead of requests,
	// and names its limits in its answers; those count where they are lower, or
	// these are not set. One that names none has none but these, if they are set.
	// Variables: LEDGER_REQUESTS_PER_MINUTE, LEDGER_REQUESTS_PER_HOUR.
	RequestsPerMinute int `env:"LEDGER_REQUESTS_PER_MINUTE"`
	RequestsPerHour   int `env:"LEDGER_REQUESTS_PER_HOUR"`
	// RateLimitBuffer is the share of those limits to use, in (0, 1]; default
	// 0.9. Processes that share a key find their parts of the rest by themselves.
	// Variable: LEDGER_RATE_LIMIT_BUFFER.
	RateLimitBuffer float64 `env:"LEDGER_RATE_LIMIT_BUFFER"`

	// MaxRetries is how often a round tries again after its first attempt;
	// default 3, negative means none. Variable: LEDGER_MAX_RETRIES.
	MaxRetries int `env:"LEDGER_MAX_RETRIES"`
	// RetryBackoff is the first delay after a 5xx or 408, doubling; default 2s.
	// Variable: LEDGER_RETRY_BACKOFF.
	RetryBackoff time.Duration `env:"LEDGER_RETRY_BACKOFF"`
	// NetworkBackoff is the first delay after a network error, doubling;
	// default 5s. Variable: LEDGER_NETWORK_BACKOFF.
	NetworkBackoff time.Duration `env:"LEDGER_NETWORK_BACKOFF"`
	// MaxRetryAfter caps what a server may ask for with Retry-After; default
	// 10m. Variable: LEDGER_MAX_RETRY_AFTER.
	MaxRetryAfter time.Duration `env:"LEDGER_MAX_RETRY_AFTER"`
	// BreakerThreshold is how many consecutive failed attempts open the circuit
	// breaker; default 5. Variable: LEDGER_BREAKER_THRESHOLD.
	BreakerThreshold int `env:"LEDGER_BREAKER_THRESHOLD"`
	// BreakerDelay is how long the breaker stays open before one probe, and how
	// often a refused key or a wrong URL is probed; default 60s.
	// Variable: LEDGER_BREAKER_DELAY.
	BreakerDelay time.Duration `env:"LEDGER_BREAKER_DELAY"`

	// SpoolDir, when set, is a directory for entries that were not delivered within
	// SpoolAfter, that memory cannot keep (from three quarters of the buffer on), or
	// that Shutdown does not deliver. What is on disk outlives the process. It is created
	// where it is missing, but its parent is not. While it cannot be used, or another
	// process or handler has it, entries stay in memory, as Status and the diagnostics
	// say. Variable: LEDGER_SPOOL_DIR.
	SpoolDir string `env:"LEDGER_SPOOL_DIR"`
	// SpoolMaxBytes bounds the files in SpoolDir; default 64 MiB. Beyond it the oldest
	// file goes, and its entries are dropped, unless they are in memory as well.
	// Variable: LEDGER_SPOOL_MAX_BYTES.
	SpoolMaxBytes int64 `env:"LEDGER_SPOOL_MAX_BYTES"`
	// SpoolAfter is how long after it was logged an entry is in SpoolDir at the latest,
	// unless it was delivered; default 1s. It is released there when it is delivered.
	// Negative: entries go there only when memory is short, and at Shutdown.
	// Variable: LEDGER_SPOOL_AFTER.
	SpoolAfter time.Duration `env:"LEDGER_SPOOL_AFTER"`
	// SpoolSync is how long what was written to SpoolDir may wait for fsync, and so what
	// a loss of power costs beside what SpoolAfter does; default 1s.
	// Variable: LEDGER_SPOOL_SYNC.
	SpoolSync time.Duration `env:"LEDGER_SPOOL_SYNC"`

	// DisableRedaction logs values as they are even where their key looks like
	// a secret's or is one of RedactKeys. Variable: LEDGER_DISABLE_REDACTION.
	DisableRedaction bool `env:"LEDGER_DISABLE_REDACTION"`
	// RedactKeys adds keys whose values are masked; case and separators do not
	// matter. Variable: LEDGER_REDACT_KEYS, separated by commas.
	RedactKeys []string `env:"LEDGER_REDACT_KEYS"`

	// Diagnostics takes the SDK's own messages; default: text to stderr,
	// throttled. It must not lead back to the handler it is given to.
	Diagnostics slog.Handler
}

// Format prints the options with the API key masked, whatever the verb.
func (o Options) Format(f fmt.State, verb rune) {
	type plain Options // without this method
	if o.APIKey != "" {
		o.APIKey = redact.Mask
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), plain(o))
}

// LogValue keeps the API key out of a log that options are written to.
func (o Options) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", o)) }
