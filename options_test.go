package ledger

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/redact"
)

const testKey = "ledger_0123456789abcdefghijklmnopqrstuvwxyz_-ABCDE"

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	c, err := newConfig(nil, []string{"LEDGER_API_KEY=" + testKey, "LEDGER_RELEASE=r"})
	if err != nil {
		t.Fatal(err)
	}
	want := Options{
		BaseURL: "http://localhost:8000", Protocol: ProtocolAuto, Release: "r", Level: slog.LevelInfo, StackLevel: slog.LevelError,
		FlushInterval: 5 * time.Second, FlushSize: 1000, MaxBufferSize: 10_000, MaxBufferBytes: 16 << 20,
		HTTPTimeout: 15 * time.Second, HTTPPoolSize: 10,
		RequestsPerMinute: 1000, RequestsPerHour: 50_000, RateLimitBuffer: 0.9,
		MaxRetries: 3, RetryBackoff: 2 * time.Second, NetworkBackoff: 5 * time.Second, MaxRetryAfter: 10 * time.Minute,
		BreakerThreshold: 5, BreakerDelay: time.Minute, SpoolMaxBytes: 64 << 20, SpoolAfter: time.Second, SpoolSync: time.Second,
	}
	if diff := cmp.Diff(want, c.Options); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if c.apiKey.Reveal() != testKey {
		t.Error("the key is not the one given")
	}
}

func TestVariablesFillWhatFieldsLeaveOpen(t *testing.T) {
	vars := []string{
		"LEDGER_API_KEY= ldg_abc ", "LEDGER_BASE_URL=https://logs.example.com/prefix/", "LEDGER_PROTOCOL=otlp", "LEDGER_ENVIRONMENT=staging",
		"LEDGER_RELEASE=v2", "LEDGER_SERVICE_NAME=shop", "LEDGER_LEVEL=WARNING", "LEDGER_STACK_LEVEL=info", "LEDGER_FLUSH_INTERVAL=2.5", "LEDGER_FLUSH_SIZE=7",
		"LEDGER_MAX_BUFFER_SIZE=70", "LEDGER_MAX_BUFFER_BYTES=7000", "LEDGER_HTTP_TIMEOUT=3s", "LEDGER_HTTP_POOL_SIZE=2",
		"LEDGER_DISABLE_COMPRESSION=true", "LEDGER_REQUESTS_PER_MINUTE=60", "LEDGER_REQUESTS_PER_HOUR=600", "LEDGER_RATE_LIMIT_BUFFER=0.5",
		"LEDGER_MAX_RETRIES=-1", "LEDGER_RETRY_BACKOFF=1s", "LEDGER_NETWORK_BACKOFF=1500ms", "LEDGER_MAX_RETRY_AFTER=1m",
		"LEDGER_BREAKER_THRESHOLD=9", "LEDGER_BREAKER_DELAY=30", "LEDGER_SPOOL_DIR=/tmp/spool", "LEDGER_SPOOL_MAX_BYTES=1000", "LEDGER_SPOOL_AFTER=-1s", "LEDGER_SPOOL_SYNC=0.25",
		"LEDGER_DISABLE_REDACTION=1", "LEDGER_REDACT_KEYS=iban,ssn",
	}
	c, err := newConfig(&Options{FlushSize: 8, Protocol: ProtocolAuto}, vars)
	if err != nil {
		t.Fatal(err)
	}
	want := Options{
		BaseURL: "https://logs.example.com/prefix/", Protocol: ProtocolAuto, Environment: "staging", Release: "v2", Service: "shop", Level: slog.LevelWarn, StackLevel: slog.LevelInfo,
		FlushInterval: 2500 * time.Millisecond, FlushSize: 8, MaxBufferSize: 70, MaxBufferBytes: 7000,
		HTTPTimeout: 3 * time.Second, HTTPPoolSize: 2, DisableCompression: true,
		RequestsPerMinute: 60, RequestsPerHour: 600, RateLimitBuffer: 0.5,
		MaxRetries: -1, RetryBackoff: time.Second, NetworkBackoff: 1500 * time.Millisecond, MaxRetryAfter: time.Minute,
		BreakerThreshold: 9, BreakerDelay: 30 * time.Second, SpoolDir: "/tmp/spool", SpoolMaxBytes: 1000, SpoolAfter: -time.Second, SpoolSync: 250 * time.Millisecond,
		DisableRedaction: true, RedactKeys: []string{"iban", "ssn"},
	}
	if diff := cmp.Diff(want, c.Options); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := c.baseURL.String(); got != "https://logs.example.com/prefix" {
		t.Errorf("base URL %q", got)
	}
	if got := c.apiKey.Reveal(); got != "ldg_abc" {
		t.Errorf("key %q", got)
	}
}

func TestEveryFaultComesBackAtOnceWithFieldAndVariable(t *testing.T) {
	_, err := newConfig(&Options{
		APIKey: "sk_secret-material", BaseURL: "ftp://user:hunter2@example.com/?q", Protocol: "smtp", Environment: strings.Repeat("e", 21),
		Release: strings.Repeat("r", 101), Service: strings.Repeat("s", 1001), FlushSize: 1001, MaxBufferSize: -1, HTTPPoolSize: -2, RateLimitBuffer: 1.5, BreakerDelay: -time.Second, SpoolAfter: -time.Second, SpoolSync: -time.Second,
	}, []string{"LEDGER_FLUSH_INTERVAL=often", "LEDGER_LEVEL=loud", "LEDGER_STACK_LEVEL=deep", "LEDGER_MAX_RETRIES=many", "LEDGER_FLUSH_SIZE=ignored, the field is set"})
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, want := range []string{
		"APIKey (LEDGER_API_KEY)", "BaseURL (LEDGER_BASE_URL)", "Protocol (LEDGER_PROTOCOL)", "Environment (LEDGER_ENVIRONMENT)",
		"Release (LEDGER_RELEASE)", "FlushSize (LEDGER_FLUSH_SIZE)", "MaxBufferSize (LEDGER_MAX_BUFFER_SIZE)", "HTTPPoolSize (LEDGER_HTTP_POOL_SIZE)",
		"RateLimitBuffer (LEDGER_RATE_LIMIT_BUFFER)", "BreakerDelay (LEDGER_BREAKER_DELAY)", "FlushInterval (LEDGER_FLUSH_INTERVAL)",
		"Level (LEDGER_LEVEL)", "MaxRetries (LEDGER_MAX_RETRIES)", "Service (LEDGER_SERVICE_NAME)", "StackLevel (LEDGER_STACK_LEVEL)", "SpoolSync (LEDGER_SPOOL_SYNC)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not named in:\n%s", want, text)
		}
	}
	for _, never := range []string{"secret-material", "hunter2", "ignored"} {
		if strings.Contains(text, never) {
			t.Errorf("%q is told in:\n%s", never, text)
		}
	}
	if n := strings.Count(text, "\n") + 1; n != 16 {
		t.Errorf("%d faults, want 16:\n%s", n, text)
	}
}

func TestInterfacesThatHoldNilPointersAreFaults(t *testing.T) {
	var level *slog.LevelVar
	var transport *http.Transport
	var diagnostics *slog.TextHandler
	_, err := newConfig(&Options{APIKey: testKey, Level: level, StackLevel: level, HTTPTransport: transport, Diagnostics: diagnostics}, nil)
	for _, field := range []string{" Level (", "StackLevel (", "HTTPTransport", "Diagnostics"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

// "off" means no stacks, and is no level to log at.
func TestStacksCanBeOff(t *testing.T) {
	for _, off := range []string{"off", "OFF"} {
		c, err := newConfig(&Options{APIKey: testKey}, []string{"LEDGER_STACK_LEVEL=" + off})
		if err != nil || c.StackLevel.Level() <= 1000 {
			t.Errorf("%v, %v", c.StackLevel, err)
		}
		if _, err := newConfig(&Options{APIKey: testKey}, []string{"LEDGER_LEVEL=" + off}); err == nil || !strings.Contains(err.Error(), "Level (LEDGER_LEVEL)") {
			t.Errorf("LEDGER_LEVEL=%s: %v", off, err)
		}
	}
}

func TestKeyWithoutPrefixIsAnError(t *testing.T) {
	for key, ok := range map[string]bool{"ldg_x": true, "ledger_x": true, "LEDGER_x": false, "x": false, "": false, "ledger_a b": false, "ledger_a\nb": false} {
		if _, err := newConfig(&Options{APIKey: key}, nil); (err == nil) != ok {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestBufferHasAnUpperBound(t *testing.T) {
	if _, err := newConfig(&Options{APIKey: testKey, MaxBufferSize: buffer.MaxEntries + 1}, nil); err == nil || !strings.Contains(err.Error(), "at most 67108864") {
		t.Errorf("error %v", err)
	}
	c, err := newConfig(&Options{APIKey: testKey, MaxBufferSize: 10, MaxBufferBytes: math.MaxInt}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if int64(c.MaxBufferBytes) > buffer.MaxBytes {
		t.Errorf("MaxBufferBytes %d", c.MaxBufferBytes)
	}
}

// Whoever wants no breaker or no limit sets the largest number there is.
func TestLargestNumbers(t *testing.T) {
	c, err := newConfig(&Options{
		APIKey: testKey, BreakerThreshold: math.MaxInt, MaxRetries: math.MaxInt, RequestsPerMinute: math.MaxInt, RequestsPerHour: math.MaxInt, RateLimitBuffer: 1,
		HTTPPoolSize: 1, Diagnostics: slog.DiscardHandler,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler(c, encodingOf(c, "id-", time.Now))
	if m := h.Metrics().RateLimiter; m.LimitPerMinute <= 0 || m.LimitPerHour <= 0 {
		t.Errorf("%+v", m)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDefaultedFlushSizeFollowsMaxBufferSize(t *testing.T) {
	c, err := newConfig(&Options{APIKey: testKey, MaxBufferSize: 50}, nil)
	if err != nil || c.FlushSize != 50 {
		t.Errorf("FlushSize %d, %v", c.FlushSize, err)
	}
	if _, err := newConfig(&Options{APIKey: testKey, MaxBufferSize: 50, FlushSize: 51}, nil); err == nil {
		t.Error("an explicit FlushSize above MaxBufferSize is no error")
	}
}

func TestStartUpWarnings(t *testing.T) {
	c, err := newConfig(&Options{APIKey: testKey, BaseURL: "http://logs.example.com"}, []string{"LEDGER_FLUSH_INTERVALL=5s", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(c.warnings, "\n")
	if !strings.Contains(text, "plain http") || !strings.Contains(text, "LEDGER_FLUSH_INTERVALL") || len(c.warnings) != 2 {
		t.Errorf("warnings:\n%s", text)
	}
}

func TestNoVerbPrintsTheKey(t *testing.T) {
	opts := Options{APIKey: testKey}
	c, _ := newConfig(&opts, nil)
	for _, v := range []any{opts, &opts, c, *c, c.apiKey, &c.apiKey, []any{c.apiKey}, map[string]any{"k": c.apiKey}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
			if text := fmt.Sprintf(strings.Replace(verb, "%T ", "", 1), v); strings.Contains(text, testKey) || strings.Contains(text, fmt.Sprintf("%x", testKey)) {
				t.Errorf("%s of %T tells the key: %s", verb, v, text)
			}
		}
	}
	if got := fmt.Sprintf("%v %s %q %+v %#v %x", c.apiKey, c.apiKey, c.apiKey, c.apiKey, c.apiKey, c.apiKey); got != strings.TrimSuffix(strings.Repeat("[redacted] ", 6), " ") {
		t.Errorf("the key prints as %s", got)
	}
	if got := slog.AnyValue(opts).Resolve().String(); strings.Contains(got, testKey) || !strings.Contains(got, redact.Mask) {
		t.Errorf("options log as %s", got)
	}
	if opts.APIKey != testKey {
		t.Error("the caller's struct was changed")
	}
}

func FuzzEnvironment(f *testing.F) {
	f.Add("LEDGER_FLUSH_INTERVAL", "5s")
	f.Add("LEDGER_FLUSH_INTERVAL", "1e300")
	f.Add("LEDGER_LEVEL", "INFO+2")
	f.Add("LEDGER_RATE_LIMIT_BUFFER", "NaN")
	f.Add("LEDGER_BASE_URL", "http://[::1")
	f.Add("LEDGER_MAX_BUFFER_BYTES", "9223372036854775808")
	f.Fuzz(func(t *testing.T, name, value string) {
		c, err := newConfig(&Options{APIKey: testKey}, []string{name + "=" + value})
		if err != nil {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("the error does not name %s: %v", name, err)
			}
			return
		}
		if c.FlushInterval <= 0 || c.FlushSize <= 0 || c.MaxBufferBytes <= 0 || c.RateLimitBuffer <= 0 || c.RateLimitBuffer > 1 {
			t.Errorf("passed: %+v", c.Options)
		}
	})
}
