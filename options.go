package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caarlos0/env/v11"
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
	APIKey string
	// BaseURL is the server's http or https address, a path prefix allowed.
	// Default "http://localhost:8000". Variable: LEDGER_BASE_URL.
	BaseURL string
	// Protocol is what to speak; default [ProtocolAuto]. An explicit
	// ProtocolAuto beats the variable: LEDGER_PROTOCOL (auto, ledger, otlp).
	Protocol Protocol
	// Environment, at most 20 characters (the server's column), such as
	// "production". Variable: LEDGER_ENVIRONMENT.
	Environment string
	// Release, at most 100 characters (the server's column). Default: the main
	// module's version, or its VCS revision. Variable: LEDGER_RELEASE.
	Release string
	// Service is the service's name, at most 1000 characters: the attribute
	// "service" of every entry, and the resource's "service.name" under OTLP.
	// Variable: LEDGER_SERVICE_NAME.
	Service string

	// Level is the least level to log; default [slog.LevelInfo]. It is asked
	// at every record, so a *slog.LevelVar works. Variable: LEDGER_LEVEL.
	Level slog.Leveler
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
	FlushInterval time.Duration
	// FlushSize is how many entries make a batch at once; default 1000, or
	// MaxBufferSize where that is less; at most 1000 (the server's limit) and
	// MaxBufferSize. Variable: LEDGER_FLUSH_SIZE.
	FlushSize int
	// MaxBufferSize bounds the entries in memory; default 10000, at most 67108864.
	// Each place takes 32 bytes even while it is empty.
	// Variable: LEDGER_MAX_BUFFER_SIZE.
	MaxBufferSize int
	// MaxBufferBytes bounds the memory that the entries take, in bytes; default
	// 16 MiB; more than 32 GiB counts as that.
	// Variable: LEDGER_MAX_BUFFER_BYTES.
	MaxBufferBytes int

	// HTTPTimeout bounds the first attempt, from DNS to the answer's last byte;
	// default 5s. It doubles after a timeout, up to 35s, because the server may
	// take 30s to say what became of a batch. Variable: LEDGER_HTTP_TIMEOUT.
	HTTPTimeout time.Duration
	// HTTPPoolSize bounds concurrent requests and idle connections; default 10.
	// Variable: LEDGER_HTTP_POOL_SIZE.
	HTTPPoolSize int
	// HTTPTransport sends the requests; default a tuned [http.Transport] that
	// honours HTTP_PROXY and HTTPS_PROXY.
	HTTPTransport http.RoundTripper
	// DisableCompression sends bodies as they are instead of gzipped.
	// Variable: LEDGER_DISABLE_COMPRESSION.
	DisableCompression bool

	// RequestsPerMinute and RequestsPerHour are the server's limits, defaults
	// 1000 and 50000. Under OTLP the server counts records instead of requests,
	// and tells of its limits in its answers; those count where they are lower, or
	// these are not set.
	// Variables: LEDGER_REQUESTS_PER_MINUTE, LEDGER_REQUESTS_PER_HOUR.
	RequestsPerMinute int
	RequestsPerHour   int
	// RateLimitBuffer is the share of those limits to use, in (0, 1]; default
	// 0.9, which several processes with one key have to divide among them.
	// Variable: LEDGER_RATE_LIMIT_BUFFER.
	RateLimitBuffer float64

	// MaxRetries is how often a round tries again after its first attempt;
	// default 3, negative means none. Variable: LEDGER_MAX_RETRIES.
	MaxRetries int
	// RetryBackoff is the first delay after a 5xx or 408, doubling; default 2s.
	// Variable: LEDGER_RETRY_BACKOFF.
	RetryBackoff time.Duration
	// NetworkBackoff is the first delay after a network error, doubling;
	// default 5s. Variable: LEDGER_NETWORK_BACKOFF.
	NetworkBackoff time.Duration
	// MaxRetryAfter caps what a server may ask for with Retry-After; default
	// 10m. Variable: LEDGER_MAX_RETRY_AFTER.
	MaxRetryAfter time.Duration
	// BreakerThreshold is how many consecutive failed attempts open the circuit
	// breaker; default 5. Variable: LEDGER_BREAKER_THRESHOLD.
	BreakerThreshold int
	// BreakerDelay is how long the breaker stays open before one probe, and how
	// often a refused key or a wrong URL is probed; default 60s.
	// Variable: LEDGER_BREAKER_DELAY.
	BreakerDelay time.Duration

	// SpoolDir, when set, is a directory for entries that memory cannot keep (from
	// three quarters of the buffer on), or Shutdown not deliver. What is on disk
	// outlives a crash; what is still in memory does not. It is created where it
	// is missing, but its parent is not. While it cannot be used, or another
	// process or handler has it, entries stay in memory, as the diagnostics say.
	// Variable: LEDGER_SPOOL_DIR.
	SpoolDir string
	// SpoolMaxBytes bounds the files in SpoolDir; default 64 MiB.
	// Variable: LEDGER_SPOOL_MAX_BYTES.
	SpoolMaxBytes int64

	// DisableRedaction logs values as they are even where their key looks like
	// a secret's or is one of RedactKeys. Variable: LEDGER_DISABLE_REDACTION.
	DisableRedaction bool
	// RedactKeys adds keys whose values are masked; case and separators do not
	// matter. Variable: LEDGER_REDACT_KEYS, separated by commas.
	RedactKeys []string

	// Diagnostics takes the SDK's own messages; default: text to stderr,
	// throttled. It must not lead back to the handler it is given to.
	Diagnostics slog.Handler
}

// Format prints the options with the API key masked, whatever the verb.
func (o Options) Format(f fmt.State, verb rune) {
	type plain Options // without this method
	if o.APIKey != "" {
		o.APIKey = redacted
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), plain(o))
}

// LogValue keeps the API key out of a log that options are written to.
func (o Options) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", o)) }

// redacted stands where a secret was.
const redacted = "[redacted]"

// A secret is a string that no verb, encoder or debugger's print shows: the
// text is behind a function, since fmt prints unexported string fields raw.
type secret struct {
	reveal func() string
	maskIn func(text string) string // replaces the secret, also where it was quoted or escaped
}

func newSecret(s string) secret {
	if s == "" {
		return secret{func() string { return "" }, func(text string) string { return text }}
	}
	quoted := strconv.Quote(s)
	asJSON, _ := json.Marshal(s) // a string always marshals
	var masks []string
	for _, form := range []string{s, quoted[1 : len(quoted)-1], string(asJSON[1 : len(asJSON)-1]), url.QueryEscape(s), url.PathEscape(s)} {
		masks = append(masks, form, redacted)
	}
	return secret{func() string { return s }, strings.NewReplacer(masks...).Replace}
}

func (secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (secret) LogValue() slog.Value         { return slog.StringValue(redacted) }

// A config is what the rest of the package reads: options with the environment
// and the defaults applied, and checked. It never changes.
type config struct {
	Options
	apiKey      secret
	baseURL     *url.URL
	givenLimits serverLimits // RequestsPerMinute and RequestsPerHour, 0 where they are the default
	warnings    []string     // for the diagnostics, at start-up
}

// The server's limits on an entry's fields, in characters (ledger-wire 2.1).
const (
	maxEnvironment = 20
	maxRelease     = 100
	maxService     = 1000 // our own: every entry has it among its attributes
	maxBatch       = 1000 // entries a request (ledger-wire 2.2)
)

// environment mirrors Options for what can be set from outside; its field names
// are those of Options, so that an error can name both.
type environment struct {
	APIKey             string       `env:"LEDGER_API_KEY"`
	BaseURL            string       `env:"LEDGER_BASE_URL"`
	Protocol           Protocol     `env:"LEDGER_PROTOCOL"`
	Environment        string       `env:"LEDGER_ENVIRONMENT"`
	Release            string       `env:"LEDGER_RELEASE"`
	Service            string       `env:"LEDGER_SERVICE_NAME"`
	Level              *levelText   `env:"LEDGER_LEVEL"`
	FlushInterval      durationText `env:"LEDGER_FLUSH_INTERVAL"`
	FlushSize          int          `env:"LEDGER_FLUSH_SIZE"`
	MaxBufferSize      int          `env:"LEDGER_MAX_BUFFER_SIZE"`
	MaxBufferBytes     int          `env:"LEDGER_MAX_BUFFER_BYTES"`
	HTTPTimeout        durationText `env:"LEDGER_HTTP_TIMEOUT"`
	HTTPPoolSize       int          `env:"LEDGER_HTTP_POOL_SIZE"`
	DisableCompression bool         `env:"LEDGER_DISABLE_COMPRESSION"`
	RequestsPerMinute  int          `env:"LEDGER_REQUESTS_PER_MINUTE"`
	RequestsPerHour    int          `env:"LEDGER_REQUESTS_PER_HOUR"`
	RateLimitBuffer    float64      `env:"LEDGER_RATE_LIMIT_BUFFER"`
	MaxRetries         int          `env:"LEDGER_MAX_RETRIES"`
	RetryBackoff       durationText `env:"LEDGER_RETRY_BACKOFF"`
	NetworkBackoff     durationText `env:"LEDGER_NETWORK_BACKOFF"`
	MaxRetryAfter      durationText `env:"LEDGER_MAX_RETRY_AFTER"`
	BreakerThreshold   int          `env:"LEDGER_BREAKER_THRESHOLD"`
	BreakerDelay       durationText `env:"LEDGER_BREAKER_DELAY"`
	SpoolDir           string       `env:"LEDGER_SPOOL_DIR"`
	SpoolMaxBytes      int64        `env:"LEDGER_SPOOL_MAX_BYTES"`
	DisableRedaction   bool         `env:"LEDGER_DISABLE_REDACTION"`
	RedactKeys         []string     `env:"LEDGER_REDACT_KEYS"`
}

// variableOf names the environment variable of a field of Options, or "".
func variableOf(field string) string {
	f, ok := reflect.TypeFor[environment]().FieldByName(field)
	if !ok {
		return ""
	}
	return f.Tag.Get("env")
}

// durationText reads "5s", or "5.0" in seconds as the Python SDK writes it.
type durationText time.Duration

func (d *durationText) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		nanos := seconds * float64(time.Second)
		if math.IsNaN(nanos) || math.Abs(nanos) >= math.MaxInt64 {
			return fmt.Errorf("%q is not a duration", s)
		}
		*d = durationText(nanos)
		return nil
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a duration: want 5s, or seconds as 5.0", s)
	}
	*d = durationText(parsed)
	return nil
}

// levelText reads slog's names and offsets, and Python's WARNING and CRITICAL.
type levelText slog.Level

func (l *levelText) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	switch strings.ToUpper(s) {
	case "WARNING":
		s = "WARN"
	case "CRITICAL", "FATAL":
		*l = levelText(LevelCritical)
		return nil
	}
	if (*slog.Level)(l).UnmarshalText([]byte(s)) != nil {
		return fmt.Errorf("%q is not a level: want a name such as INFO or WARN+2", s)
	}
	return nil
}

// newConfig applies the environment (of vars, "name=value" each) and the
// defaults to opts, and checks the result. Its error joins every fault.
func newConfig(opts *Options, vars []string) (*config, error) {
	c := &config{}
	if opts != nil {
		c.Options = *opts
	}
	lookup := env.ToMap(vars)
	keys := []secret{newSecret(strings.TrimSpace(c.APIKey)), newSecret(strings.TrimSpace(lookup[variableOf("APIKey")]))}
	var faults []error
	fault := func(field, format string, args ...any) {
		name := field
		if v := variableOf(field); v != "" {
			name += " (" + v + ")"
		}
		err := fmt.Errorf("ledger: %s: "+format, append([]any{name}, args...)...)
		// A fault quotes the value, and that may be a key pasted into the wrong line.
		for _, key := range keys {
			if text := key.maskIn(err.Error()); text != err.Error() {
				err = errors.New(text)
			}
		}
		faults = append(faults, err)
	}

	c.applyEnvironment(lookup, fault)
	c.applyDefaults()
	c.check(fault)
	c.warn(lookup)
	return c, errors.Join(faults...)
}

type faultFunc func(field, format string, args ...any)

// applyEnvironment fills the zero fields from variables. A variable whose field
// is set is not even read.
func (c *config) applyEnvironment(lookup map[string]string, fault faultFunc) {
	fields := reflect.ValueOf(&c.Options).Elem()
	wanted := make(map[string]string)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[environment]()) {
		name := field.Tag.Get("env")
		if value, ok := lookup[name]; ok && strings.TrimSpace(value) != "" && fields.FieldByName(field.Name).IsZero() {
			wanted[name] = strings.TrimSpace(value)
		}
	}
	e, err := env.ParseAsWithOptions[environment](env.Options{Environment: wanted})
	var all env.AggregateError
	if errors.As(err, &all) {
		for _, one := range all.Errors {
			var parse env.ParseError
			if errors.As(one, &parse) {
				fault(parse.Name, "%w", parse.Err)
			} else {
				fault("environment", "%w", one)
			}
		}
	}
	from := reflect.ValueOf(e)
	for _, field := range reflect.VisibleFields(from.Type()) {
		value, to := from.FieldByIndex(field.Index), fields.FieldByName(field.Name)
		switch {
		case value.IsZero() || !to.IsZero():
		case field.Name == "Level":
			c.Level = slog.Level(*e.Level)
		default:
			to.Set(value.Convert(to.Type()))
		}
	}
}

func (c *config) applyDefaults() {
	c.APIKey = strings.TrimSpace(c.APIKey)
	c.BaseURL = cmp.Or(strings.TrimSpace(c.BaseURL), "http://localhost:8000")
	c.Protocol = cmp.Or(c.Protocol, ProtocolAuto)
	c.Release = cmp.Or(c.Release, buildRelease())
	if c.Level == nil {
		c.Level = slog.LevelInfo
	}
	c.FlushInterval = cmp.Or(c.FlushInterval, 5*time.Second)
	c.MaxBufferSize = cmp.Or(c.MaxBufferSize, 10_000)
	if c.FlushSize == 0 {
		c.FlushSize = maxBatch
		if c.MaxBufferSize > 0 {
			c.FlushSize = min(maxBatch, c.MaxBufferSize)
		}
	}
	c.MaxBufferBytes = int(min(int64(cmp.Or(c.MaxBufferBytes, 16<<20)), maxBytes))
	c.HTTPTimeout = cmp.Or(c.HTTPTimeout, 5*time.Second)
	c.HTTPPoolSize = cmp.Or(c.HTTPPoolSize, 10)
	c.givenLimits = serverLimits{c.RequestsPerMinute, c.RequestsPerHour}
	c.RequestsPerMinute = cmp.Or(c.RequestsPerMinute, 1000)
	c.RequestsPerHour = cmp.Or(c.RequestsPerHour, 50_000)
	c.RateLimitBuffer = cmp.Or(c.RateLimitBuffer, 0.9)
	if c.MaxRetries == 0 {
		c.MaxRetries = 3
	}
	c.MaxRetries = max(c.MaxRetries, -1)
	c.RetryBackoff = cmp.Or(c.RetryBackoff, 2*time.Second)
	c.NetworkBackoff = cmp.Or(c.NetworkBackoff, 5*time.Second)
	c.MaxRetryAfter = cmp.Or(c.MaxRetryAfter, 10*time.Minute)
	c.BreakerThreshold = cmp.Or(c.BreakerThreshold, 5)
	c.BreakerDelay = cmp.Or(c.BreakerDelay, time.Minute)
	c.SpoolMaxBytes = cmp.Or(c.SpoolMaxBytes, 64<<20)
}

// check finds every fault; it corrects nothing.
func (c *config) check(fault faultFunc) {
	switch key := c.APIKey; {
	case key == "":
		fault("APIKey", "required")
	case !strings.HasPrefix(key, "ldg_") && !strings.HasPrefix(key, "ledger_"):
		fault("APIKey", `must begin "ldg_" or "ledger_"`)
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		fault("APIKey", "holds a character that no key has")
	}
	c.apiKey = newSecret(c.APIKey)
	c.APIKey = ""

	if u, err := url.Parse(c.BaseURL); err != nil {
		fault("BaseURL", "not a URL") // the parser's text would quote what may hold a password
	} else {
		switch {
		case u.Scheme != "http" && u.Scheme != "https":
			fault("BaseURL", "must begin http:// or https://")
		case u.Hostname() == "":
			fault("BaseURL", "has no host")
		case u.User != nil:
			fault("BaseURL", "must not hold a user name or password")
		case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
			fault("BaseURL", "must not hold a query or fragment")
		}
		u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
		c.baseURL = u
	}
	for field, v := range map[string]any{"Level": c.Level, "HTTPTransport": c.HTTPTransport, "Diagnostics": c.Diagnostics} {
		if v := reflect.ValueOf(v); v.Kind() == reflect.Pointer && v.IsNil() {
			fault(field, "holds a nil %v", v.Type())
		}
	}
	switch c.Protocol {
	case ProtocolAuto, ProtocolLedger, ProtocolOTLP:
	default:
		fault("Protocol", "%q is none of auto, ledger, otlp", string(c.Protocol))
	}
	if n := utf8.RuneCountInString(c.Environment); n > maxEnvironment {
		fault("Environment", "%d characters, at most %d", n, maxEnvironment)
	}
	if n := utf8.RuneCountInString(c.Release); n > maxRelease {
		fault("Release", "%d characters, at most %d", n, maxRelease)
	}
	if n := utf8.RuneCountInString(c.Service); n > maxService {
		fault("Service", "%d characters, at most %d", n, maxService)
	}
	for field, n := range map[string]int64{
		"FlushInterval": int64(c.FlushInterval), "FlushSize": int64(c.FlushSize),
		"MaxBufferSize": int64(c.MaxBufferSize), "MaxBufferBytes": int64(c.MaxBufferBytes),
		"HTTPTimeout": int64(c.HTTPTimeout), "HTTPPoolSize": int64(c.HTTPPoolSize),
		"RequestsPerMinute": int64(c.RequestsPerMinute), "RequestsPerHour": int64(c.RequestsPerHour),
		"RetryBackoff": int64(c.RetryBackoff), "NetworkBackoff": int64(c.NetworkBackoff),
		"MaxRetryAfter": int64(c.MaxRetryAfter), "BreakerThreshold": int64(c.BreakerThreshold),
		"BreakerDelay": int64(c.BreakerDelay), "SpoolMaxBytes": c.SpoolMaxBytes,
	} {
		if n < 0 {
			fault(field, "must not be negative")
		}
	}
	if c.MaxBufferSize > maxEntries {
		fault("MaxBufferSize", "%d, at most %d", c.MaxBufferSize, maxEntries)
	}
	switch {
	case c.FlushSize > maxBatch:
		fault("FlushSize", "%d, at most %d (the server's limit)", c.FlushSize, maxBatch)
	case c.MaxBufferSize > 0 && c.FlushSize > c.MaxBufferSize:
		fault("FlushSize", "%d is more than MaxBufferSize %d: no batch would ever fill", c.FlushSize, c.MaxBufferSize)
	}
	if !(c.RateLimitBuffer > 0 && c.RateLimitBuffer <= 1) {
		fault("RateLimitBuffer", "%v is not in (0, 1]", c.RateLimitBuffer)
	}
}

// warn notes what is allowed but likely a mistake.
func (c *config) warn(lookup map[string]string) {
	if u := c.baseURL; u != nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		c.warnings = append(c.warnings, "BaseURL is plain http: the API key and the logs cross the network unencrypted")
	}
	known := make(map[string]bool)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[environment]()) {
		known[field.Tag.Get("env")] = true
	}
	for _, name := range slices.Sorted(maps.Keys(lookup)) {
		if strings.HasPrefix(name, "LEDGER_") && !known[name] {
			c.warnings = append(c.warnings, "unknown environment variable "+name)
		}
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// buildRelease is the main module's version, else its VCS revision, else "".
func buildRelease() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	release := build.Main.Version
	if release == "" || release == "(devel)" {
		release = ""
		for _, s := range build.Settings {
			if s.Key == "vcs.revision" {
				release = s.Value
			}
		}
	}
	if runes := []rune(release); len(runes) > maxRelease {
		release = string(runes[:maxRelease])
	}
	return release
}
