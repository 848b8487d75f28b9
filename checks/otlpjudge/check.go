package otlpjudge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go"
)

// sequence is the number by which records are put in the order of logging.
func (r Record) sequence() int64 {
	v, _ := r.Attributes.last("ledger.sequence")
	n, _ := v.(int64)
	return n
}

// Check compares what arrived of p, in any order, with what was logged between
// began and ended.
func (p *Program) Check(got []Record, began, ended time.Time) error {
	slices.SortStableFunc(got, func(a, b Record) int { return cmp.Compare(a.sequence(), b.sequence()) })
	if len(got) != len(p.Calls) {
		return fmt.Errorf("%d records arrived, %d were logged", len(got), len(p.Calls))
	}
	ids := make(map[string]bool)
	last := int64(-1)
	for i, r := range got {
		if err := p.checkEnvelope(r); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if err := p.checkRecord(p.Calls[i], r, began, ended); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		id, _ := r.Attributes.last("ledger.log_id")
		text, _ := id.(string)
		if text == "" || len(text) > 64 || ids[text] {
			return fmt.Errorf("record %d: log id %q is none, or not its own", i, text)
		}
		ids[text] = true
		if r.sequence() <= last {
			return fmt.Errorf("record %d: sequence number %d after %d", i, r.sequence(), last)
		}
		last = r.sequence()
	}
	return nil
}

func (p *Program) checkEnvelope(r Record) error {
	host, _ := os.Hostname()
	service := p.Service
	if service == "" {
		service = "unknown_service"
	}
	want := map[string]Value{
		"service.name": clean(service), "service.version": p.Release, "host.name": host,
		"telemetry.sdk.name": "ledger-go", "telemetry.sdk.language": "go", "telemetry.sdk.version": ledger.Version,
		"process.runtime.name": "go", "process.runtime.version": strings.TrimPrefix(runtime.Version(), "go"),
	}
	if p.Environment != "" {
		want["deployment.environment.name"] = p.Environment
	}
	got := make(map[string]Value)
	for _, m := range r.Resource {
		if _, twice := got[m.Key]; twice {
			return fmt.Errorf("resource has %s twice", m.Key)
		}
		got[m.Key] = m.Value
	}
	instance, _ := got["service.instance.id"].(string)
	if len(instance) != 32 {
		return fmt.Errorf("service.instance.id %q", instance)
	}
	delete(got, "service.instance.id")
	if diff := gocmp.Diff(want, got); diff != "" {
		return fmt.Errorf("resource (-want +got):\n%s", diff)
	}
	if r.ScopeName != modulePath || r.ScopeVersion != ledger.Version {
		return fmt.Errorf("scope %s %s", r.ScopeName, r.ScopeVersion)
	}
	return nil
}

func (p *Program) checkRecord(c *Call, r Record, began, ended time.Time) error {
	untimely := c.Time.IsZero() || c.Time.Unix() < 1 || c.Time.After(ended.Add(4*time.Minute))
	switch {
	case !r.Observed.Equal(r.Time):
		return fmt.Errorf("observed at %v, logged at %v", r.Observed, r.Time)
	case untimely && (r.Time.Before(began) || r.Time.After(ended)):
		return fmt.Errorf("time is %v, want the current one", r.Time)
	case !untimely && !r.Time.Equal(c.Time):
		return fmt.Errorf("time is %v, want %v", r.Time, c.Time)
	}
	level := max(min(c.Level, 15), -8)
	text := c.Level.String()
	if over := c.Level - ledger.LevelCritical; over == 0 {
		text = "CRITICAL"
	} else if over > 0 {
		text = fmt.Sprintf("CRITICAL+%d", over)
	}
	if r.Severity != int(level)+9 || r.SeverityText != text {
		return fmt.Errorf("severity %d %q, want %d %q", r.Severity, r.SeverityText, level+9, text)
	}
	want := p.expect(c, untimely)
	message := clean(c.Message)
	body := cut(message, 10_000)
	if c.Level >= slog.LevelError {
		errorType := ""
		if v, ok := r.Attributes.last("exception.type"); ok && want.err != nil {
			errorType, _ = v.(string)
		}
		if body = indexed(message, errorType); body != message {
			want.attributes = append(Members{{"message_full", message}}, want.attributes...)
		}
	}
	if r.Body != body {
		return fmt.Errorf("body (-want +got):\n%s", gocmp.Diff(body, r.Body))
	}
	if r.TraceID != want.traceID || r.SpanID != want.spanID {
		return fmt.Errorf("trace %q span %q, want %q %q; attributes %s", r.TraceID, r.SpanID, want.traceID, want.spanID, sizes(r.Attributes))
	}
	return checkAttributes(c, r, want)
}

func checkAttributes(c *Call, r Record, want outcome) error {
	got, stack, err := takeAdded(r.Attributes, want.added, want.err != nil && c.Level >= slog.LevelError)
	if err != nil {
		return err
	}
	if stack != "" && !strings.Contains(stack, "otlpjudge.source.call") {
		return fmt.Errorf("the stack does not begin at the log call:\n%s", stack)
	}
	const limit = 100_000
	stored := storedSize(r)
	if stored > limit {
		return fmt.Errorf("the server measures %d characters of attributes and rejects the record: %s", stored, sizes(r.Attributes))
	}
	if v, ok := got.last("_truncated"); ok && isCuts(v) {
		got = slices.DeleteFunc(slices.Clone(got), func(m Member) bool { return m.Key == "_truncated" })
		if !isPart(endpointLast(want.attributes), endpointLast(got)) {
			return fmt.Errorf("truncated attributes are no part of those logged (-want +got):\n%s", gocmp.Diff(want.attributes, got))
		}
		whole := slices.Concat(r.Resource, want.attributes, r.Attributes[len(got):])
		if v, ok := want.attributes.last("url.query"); ok { // the server may copy it into an endpoint
			whole = append(whole, Member{"url.query", v})
		}
		for _, key := range []string{"endpoint", "ledger.endpoint"} { // and may count that three times
			if v, ok := whole.last(key); ok {
				whole = append(whole, Member{key, v}, Member{key, v})
			}
		}
		if size := unmergedSize(whole); size < limit-5_000 {
			return fmt.Errorf("truncated without need: whole they measure %d characters\n%s", size, brief(whole))
		}
		return nil
	}
	if len(got) == 0 && len(want.attributes) == 0 {
		return nil
	}
	if diff := gocmp.Diff(want.attributes, got); diff != "" {
		return fmt.Errorf("attributes (-want +got):\n%s", diff)
	}
	return nil
}

// takeAdded takes what the SDK adds off the end of a record's attributes.
func takeAdded(attributes, want Members, wantStack bool) (rest Members, stack string, err error) {
	missing := slices.Clone(want)
	end := len(attributes)
	for ; end > 0; end-- {
		m := attributes[end-1]
		if m.Key == "ledger.log_id" || m.Key == "ledger.sequence" {
			continue
		}
		if wantStack && stack == "" && m.Key == "exception.stacktrace" {
			stack, _ = m.Value.(string)
			continue
		}
		i := slices.IndexFunc(missing, func(w Member) bool { return w.Key == m.Key && same(w.Value, m.Value) })
		if i < 0 {
			break
		}
		missing = slices.Delete(missing, i, i+1)
	}
	switch {
	case len(missing) > 0:
		return nil, "", fmt.Errorf("missing: %s\nat the end of %s", brief(missing), brief(attributes[:end]))
	case wantStack && stack == "":
		return nil, "", fmt.Errorf("no stack")
	}
	return attributes[:end:end], stack, nil
}

func brief(v Value) string {
	s := fmt.Sprintf("%#v", v)
	return s[:min(len(s), 1000)]
}

// isCuts reports whether v is a list of paths, of at most 20 and how many more.
func isCuts(v Value) bool {
	list, ok := v.(List)
	for i, path := range list {
		text, isText := path.(string)
		ok = ok && isText && i <= 20 && (i < 20 || strings.HasPrefix(text, "… and "))
	}
	return ok && len(list) > 0
}

// same compares; the parameters of a path are JSON text, in any order.
func same(want, got Value) bool {
	if want, ok := want.(cause); ok {
		text, isText := got.(string)
		return isText && want.is(text)
	}
	if params, ok := want.(map[string]any); ok {
		text, ok := got.(string)
		var decoded map[string]any
		return ok && json.Unmarshal([]byte(text), &decoded) == nil && gocmp.Equal(params, decoded)
	}
	return gocmp.Equal(want, got)
}

// endpointLast moves what is left of an endpoint to the end, where truncation
// puts it.
func endpointLast(members Members) Members {
	isEndpoint := func(m Member) bool { return m.Key == "ledger.endpoint" }
	i := slices.IndexFunc(members, isEndpoint)
	if i < 0 {
		return members
	}
	return append(slices.DeleteFunc(slices.Clone(members), isEndpoint), members[i])
}

// isPart reports whether got is what, without some of its members and with some of its
// texts cut.
func isPart(what, got Members) bool {
	for _, m := range got {
		for {
			if len(what) == 0 {
				return false
			}
			w := what[0]
			what = what[1:]
			if w.Key == m.Key && isPartOf(w.Value, m.Value) {
				break
			}
		}
	}
	return true
}

func isPartOf(what, got Value) bool {
	switch got := got.(type) {
	case Members:
		inner, ok := what.(Members)
		return ok && isPart(inner, got)
	case List:
		list, ok := what.(List)
		if !ok || len(got) > len(list) {
			return false
		}
		for i := range got {
			if !isPartOf(list[i], got[i]) {
				return false
			}
		}
		return true
	case string:
		text, ok := what.(string)
		beginning, marked := strings.CutSuffix(got, "… [truncated]")
		return ok && (text == got || marked && strings.HasPrefix(text, beginning))
	}
	return gocmp.Equal(what, got)
}
