package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/baseurl"
	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/environ"
	"github.com/ledger-sdk/ledger-go/internal/levels"
	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/throttle"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A config is what the rest of the package reads: options with the environment
// and the defaults applied, and checked. It never changes.
type config struct {
	Options
	apiKey      redact.Secret
	baseURL     *url.URL
	givenLimits throttle.Limits // RequestsPerMinute and RequestsPerHour, 0 where they are the default
	warnings    []string        // for the diagnostics, at start-up
}

// newConfig applies the environment (of vars, "name=value" each) and the
// defaults to opts, and checks the result. Its error joins every fault.
func newConfig(opts *Options, vars []string) (*config, error) {
	c := &config{}
	if opts != nil {
		c.Options = *opts
	}
	lookup := environ.Of(vars)
	keys := []redact.Secret{redact.NewSecret(strings.TrimSpace(c.APIKey)), redact.NewSecret(strings.TrimSpace(lookup[environ.NameOf[Options]("APIKey")]))}
	var faults []error
	fault := func(field, format string, args ...any) {
		name := field
		if v := environ.NameOf[Options](field); v != "" {
			name += " (" + v + ")"
		}
		err := fmt.Errorf("ledger: %s: "+format, append([]any{name}, args...)...)
		// A fault quotes the value, and that may be a key pasted into the wrong line.
		for _, key := range keys {
			if text := key.MaskIn(err.Error()); text != err.Error() {
				err = errors.New(text)
			}
		}
		faults = append(faults, err)
	}

	environ.Fill(&c.Options, lookup, func(field string, err error) { fault(field, "%w", err) })
	c.applyDefaults()
	c.check(fault)
	if c.baseURL != nil {
		c.warnings = baseurl.Warnings(c.baseURL)
	}
	for _, name := range environ.Unknown[Options](lookup, "LEDGER_") {
		c.warnings = append(c.warnings, "unknown environment variable "+name)
	}
	return c, errors.Join(faults...)
}

type faultFunc func(field, format string, args ...any)

func (c *config) applyDefaults() {
	c.APIKey = strings.TrimSpace(c.APIKey)
	c.BaseURL = cmp.Or(strings.TrimSpace(c.BaseURL), "http://localhost:8000")
	c.Protocol = cmp.Or(c.Protocol, ProtocolAuto)
	c.Release = cmp.Or(c.Release, wire.BuildRelease())
	c.Level = cmp.Or[slog.Leveler](c.Level, slog.LevelInfo)
	c.StackLevel = cmp.Or[slog.Leveler](c.StackLevel, slog.LevelError)
	c.FlushInterval = cmp.Or(c.FlushInterval, 5*time.Second)
	c.MaxBufferSize = cmp.Or(c.MaxBufferSize, 10_000)
	if c.FlushSize == 0 {
		c.FlushSize = wire.MaxBatch
		if c.MaxBufferSize > 0 {
			c.FlushSize = min(wire.MaxBatch, c.MaxBufferSize)
		}
	}
	c.MaxBufferBytes = int(min(int64(cmp.Or(c.MaxBufferBytes, 16<<20)), buffer.MaxBytes))
	c.HTTPTimeout = cmp.Or(c.HTTPTimeout, 15*time.Second)
	c.HTTPPoolSize = cmp.Or(c.HTTPPoolSize, 10)
	c.givenLimits = throttle.Limits{PerMinute: c.RequestsPerMinute, PerHour: c.RequestsPerHour}
	c.RequestsPerMinute = cmp.Or(c.RequestsPerMinute, 1000)
	c.RequestsPerHour = cmp.Or(c.RequestsPerHour, 50_000)
	c.RateLimitBuffer = cmp.Or(c.RateLimitBuffer, 0.9)
	c.MaxRetries = max(cmp.Or(c.MaxRetries, 3), -1)
	c.RetryBackoff = cmp.Or(c.RetryBackoff, 2*time.Second)
	c.NetworkBackoff = cmp.Or(c.NetworkBackoff, 5*time.Second)
	c.MaxRetryAfter = cmp.Or(c.MaxRetryAfter, 10*time.Minute)
	c.BreakerThreshold = cmp.Or(c.BreakerThreshold, 5)
	c.BreakerDelay = cmp.Or(c.BreakerDelay, time.Minute)
	c.SpoolMaxBytes = cmp.Or(c.SpoolMaxBytes, 64<<20)
	c.SpoolAfter = cmp.Or(c.SpoolAfter, time.Second)
	c.SpoolSync = cmp.Or(c.SpoolSync, time.Second)
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
	c.apiKey = redact.NewSecret(c.APIKey)
	c.APIKey = ""

	base, err := baseurl.Parse(c.BaseURL)
	if err != nil {
		fault("BaseURL", "%w", err)
	}
	c.baseURL = base
	for field, v := range map[string]any{"Level": c.Level, "StackLevel": c.StackLevel, "HTTPTransport": c.HTTPTransport, "Diagnostics": c.Diagnostics} {
		if v := reflect.ValueOf(v); v.Kind() == reflect.Pointer && v.IsNil() {
			fault(field, "holds a nil %v", v.Type())
		}
	}
	if _, off := c.Level.(levels.Off); off {
		fault("Level", "\"off\" is not a level: want a name such as INFO or WARN+2")
	}
	switch c.Protocol {
	case ProtocolAuto, ProtocolLedger, ProtocolOTLP:
	default:
		fault("Protocol", "%q is none of auto, ledger, otlp", string(c.Protocol))
	}
	short := func(field, text string, most int) {
		if n := utf8.RuneCountInString(text); n > most {
			fault(field, "%d characters, at most %d", n, most)
		}
	}
	short("Environment", c.Environment, wire.MaxEnvironment)
	short("Release", c.Release, wire.MaxRelease)
	short("Service", c.Service, wire.MaxService)
	for field, n := range map[string]int64{
		"FlushInterval": int64(c.FlushInterval), "FlushSize": int64(c.FlushSize),
		"MaxBufferSize": int64(c.MaxBufferSize), "MaxBufferBytes": int64(c.MaxBufferBytes),
		"HTTPTimeout": int64(c.HTTPTimeout), "HTTPPoolSize": int64(c.HTTPPoolSize),
		"RequestsPerMinute": int64(c.RequestsPerMinute), "RequestsPerHour": int64(c.RequestsPerHour),
		"RetryBackoff": int64(c.RetryBackoff), "NetworkBackoff": int64(c.NetworkBackoff),
		"MaxRetryAfter": int64(c.MaxRetryAfter), "BreakerThreshold": int64(c.BreakerThreshold),
		"BreakerDelay": int64(c.BreakerDelay), "SpoolMaxBytes": c.SpoolMaxBytes, "SpoolSync": int64(c.SpoolSync),
	} {
		if n < 0 {
			fault(field, "must not be negative")
		}
	}
	if c.MaxBufferSize > buffer.MaxEntries {
		fault("MaxBufferSize", "%d, at most %d", c.MaxBufferSize, buffer.MaxEntries)
	}
	switch {
	case c.FlushSize > wire.MaxBatch:
		fault("FlushSize", "%d, at most %d (the server's limit)", c.FlushSize, wire.MaxBatch)
	case c.MaxBufferSize > 0 && c.FlushSize > c.MaxBufferSize:
		fault("FlushSize", "%d is more than MaxBufferSize %d: no batch would ever fill", c.FlushSize, c.MaxBufferSize)
	}
	if !(c.RateLimitBuffer > 0 && c.RateLimitBuffer <= 1) {
		fault("RateLimitBuffer", "%v is not in (0, 1]", c.RateLimitBuffer)
	}
}
