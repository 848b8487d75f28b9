package encode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// serverFaults are the server's rules for one entry of the native protocol
// (ledger-wire 2.1 to 2.6, 2.9 and 10.1), written down a second time as the server
// has them: what is returned is why it would refuse, fail on or lose the entry.
func serverFaults(entry []byte, now time.Time) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !utf8.Valid(entry) {
		fault("not UTF-8")
	}
	if bytes.IndexByte(entry, 0) >= 0 {
		fault("NUL byte")
	}
	var e map[string]any
	d := json.NewDecoder(bytes.NewReader(entry))
	d.UseNumber()
	if err := d.Decode(&e); err != nil {
		fault("not JSON: %v", err)
		return faults
	}
	if d.More() {
		fault("more than one value")
	}
	text := func(key string) string {
		v, ok := e[key]
		if !ok {
			return ""
		}
		s, ok := v.(string)
		if !ok {
			fault("%s is no string", key)
		}
		return s
	}
	oneOf := func(key string, required bool, values ...string) {
		s := text(key)
		if s == "" && !required {
			return
		}
		for _, v := range values {
			if s == v {
				return
			}
		}
		fault("%s is %q", key, s)
	}
	oneOf("level", true, "debug", "info", "warning", "error", "critical")
	oneOf("log_type", false, "console", "logger", "exception", "database", "endpoint", "custom")
	oneOf("importance", false, "critical", "high", "standard", "low")
	for key, limit := range map[string]int{
		"message": 10000, "error_type": 255, "error_message": 5000, "stack_trace": 50000, "environment": 20,
		"release": 100, "sdk_version": 20, "platform": 50, "platform_version": 50, "log_id": 64,
	} {
		if n := utf8.RuneCountInString(text(key)); n > limit {
			fault("%s has %d characters", key, n)
		}
	}
	if text("log_id") == "" {
		fault("no log_id")
	}
	if t, err := time.Parse(time.RFC3339Nano, text("timestamp")); err != nil {
		fault("timestamp: %v", err)
	} else {
		if t.After(now.Add(5 * time.Minute)) {
			fault("timestamp %v is in the future", t)
		}
		if t.Year() < 1 || t.Year() > 9999 {
			fault("timestamp %v", t)
		}
	}
	if level := text("level"); (level == "error" || level == "critical") && len(text("message"))+len(text("error_type"))+64+80 > 2600 {
		fault("a message of %d bytes is not indexed", len(text("message")))
	}
	attributes, ok := e["attributes"].(map[string]any)
	if !ok && e["attributes"] != nil {
		fault("attributes are no object")
	}
	if n := pythonSize(attributes); n > 100_000 {
		fault("attributes measure %d", n)
	}
	poison(e, 0, fault)
	if lone := loneSurrogate(entry); lone != "" {
		fault("lone surrogate %s", lone)
	}
	switch text("log_type") {
	case "exception":
		if text("error_type") == "" || text("error_message") == "" {
			fault("exception without type or message")
		}
	case "endpoint":
		endpoint, ok := attributes["endpoint"].(map[string]any)
		if !ok {
			fault("endpoint is no object")
			break
		}
		method, ok1 := endpoint["method"].(string)
		path, ok2 := endpoint["path"].(string)
		status, ok3 := endpoint["status_code"].(json.Number)
		duration, ok4 := endpoint["duration_ms"].(json.Number)
		if !ok1 || !ok2 || !ok3 || !ok4 {
			fault("endpoint lacks a member: %v", endpoint)
			break
		}
		if utf8.RuneCountInString(method) > 8 || utf8.RuneCountInString(method+" "+path) > 500 {
			fault("endpoint text too long")
		}
		if n, err := strconv.ParseInt(status.String(), 10, 16); err != nil {
			fault("status %v %v", n, err)
		}
		if f, err := duration.Float64(); err != nil || math.Round(f) > math.MaxInt32 || f < math.MinInt32 {
			fault("duration %v", f)
		}
	}
	return faults
}

// poison finds the values of ledger-wire 2.5.
func poison(v any, depth int, fault func(string, ...any)) {
	if depth > 102 {
		fault("nested too deep")
		return
	}
	switch v := v.(type) {
	case string:
		if strings.IndexByte(v, 0) >= 0 {
			fault("NUL in %.50q", v)
		}
	case json.Number:
		s := v.String()
		if !strings.ContainsAny(s, ".eE") {
			_, err1 := strconv.ParseInt(s, 10, 64)
			_, err2 := strconv.ParseUint(s, 10, 64)
			if err1 != nil && err2 != nil {
				fault("integer %.50s outside 64 bits", s)
			}
		} else if f, err := strconv.ParseFloat(s, 64); err != nil || math.IsInf(f, 0) {
			fault("number %.50s overflows", s)
		}
	case []any:
		for _, e := range v {
			poison(e, depth+1, fault)
		}
	case map[string]any:
		for k, e := range v {
			poison(k, depth+1, fault)
			poison(e, depth+1, fault)
		}
	}
}

// loneSurrogate finds an escape that Go's decoder would silently replace.
func loneSurrogate(text []byte) string {
	for i := 0; i+6 <= len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if text[i+1] == 'u' {
			if r, _ := strconv.ParseUint(string(text[i+2:i+6]), 16, 16); 0xD800 <= r && r < 0xE000 {
				return string(text[i : i+6])
			}
		}
		i++
	}
	return ""
}

// pythonSize is the length of json.dumps(v).
func pythonSize(v any) int {
	switch v := v.(type) {
	case nil:
		return 4
	case bool:
		if v {
			return 4
		}
		return 5
	case string:
		n := 2
		for _, r := range v {
			switch {
			case strings.ContainsRune("\"\\\n\r\t\b\f", r):
				n += 2
			case r >= 0x20 && r < 0x7f:
				n++
			case r > 0xffff:
				n += 12
			default:
				n += 6
			}
		}
		return n
	case json.Number:
		s := v.String()
		if !strings.ContainsAny(s, ".eE") {
			return len(s)
		}
		f, _ := v.Float64()
		abs := math.Abs(f)
		if abs != 0 && (abs < 1e-4 || abs >= 1e16) {
			return len(strconv.FormatFloat(f, 'e', -1, 64))
		}
		s = strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return len(s)
	case []any:
		n := 2 + 2*max(len(v)-1, 0)
		for _, e := range v {
			n += pythonSize(e)
		}
		return n
	case map[string]any:
		n := 2 + 2*max(len(v)-1, 0)
		for k, e := range v {
			n += pythonSize(k) + 2 + pythonSize(e)
		}
		return n
	}
	panic(fmt.Sprintf("%T", v))
}

// requireAccepted fails the test when the server would not store entry.
func requireAccepted(t testing.TB, entry []byte, now time.Time) {
	t.Helper()
	if faults := serverFaults(entry, now); len(faults) > 0 {
		t.Fatalf("the server would not store this entry: %s\n%.2000s", strings.Join(faults, "; "), entry)
	}
}
