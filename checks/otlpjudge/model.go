package otlpjudge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go"
)

const (
	modulePath = "github.com/ledger-sdk/ledger-go"
	redacted   = "[redacted]"
)

// secret reports whether the values under key are masked: those of this
// package's keys, as the SDK documents it.
func secret(key string) bool { return key == "password" || key == "X-Api-Key" }

// An outcome is what a call should come to.
type outcome struct {
	attributes Members // in order
	added      Members // by the SDK, in any order, after those
	traceID    string
	spanID     string
	err        error
	errType    string
	logType    string
	importance string
	endpoint   bool
}

// A walker applies slog's rules, and unless it is plain the SDK's as well.
type walker struct {
	plain bool
	outcome
}

// A place is where an attr stands.
type place struct {
	root   bool // in the attributes themselves
	inside bool // a group that is a value, rather than one of WithGroup
}

func (w *walker) walk(attrs []Attr, at place) (members Members, some bool) {
	for _, a := range attrs {
		m, ok := w.attr(a, at)
		members = append(members, m...)
		some = some || ok
	}
	return members, some
}

func (w *walker) attr(a Attr, at place) (members Members, some bool) {
	key := clean(a.Key)
	switch {
	case a.isNil && a.Key == "":
		return nil, false
	case a.isGroup && len(a.group) == 0:
		return nil, true
	}
	if !w.plain {
		switch {
		case !at.inside && (key == "ledger.log_type" || key == "ledger.importance"):
			w.steer(key, a)
			return nil, false
		case secret(key):
			return Members{{key, redacted}}, true
		case at.root && key == "endpoint":
			if m, ok := w.takeEndpoint(a.group); ok {
				return m, true
			}
		case at.root && key == "trace_id":
			if w.traceID = a.id(32); w.traceID != "" {
				return nil, true
			}
		case at.root && key == "span_id":
			if w.spanID = a.id(16); w.spanID != "" {
				return nil, true
			}
		case at.root:
			_, isText := a.want.(string)
			key = safe(key, isText)
		}
	}
	if a.isGroup {
		inner, ok := w.walk(a.group, place{root: at.root && key == "", inside: true})
		switch {
		case !ok:
			return nil, false
		case key == "":
			return inner, true
		}
		if inner == nil {
			inner = Members{}
		}
		return Members{{key, inner}}, true
	}
	if a.err != nil && w.err == nil {
		w.err, w.errType = a.err, a.errType
	}
	return Members{{key, a.want}}, true
}

func (w *walker) steer(key string, a Attr) {
	value, _ := a.want.(string)
	if key == "ledger.log_type" {
		if slices.Contains([]string{"logger", "console", "exception", "database", "endpoint", "custom"}, value) {
			w.logType = value
		}
	} else if slices.Contains([]string{"low", "standard", "high", "critical"}, value) {
		w.importance = value
	}
}

// id is a's value where it is a valid id; it is the last one that counts.
func (a Attr) id(digits int) string {
	if !a.isString {
		return ""
	}
	s := a.want.(string)
	if len(s) != digits || strings.Trim(s, "0123456789abcdefABCDEF") != "" || strings.Trim(s, "0") == "" {
		return ""
	}
	return strings.ToLower(s)
}

// safe is the key of a root attribute that the server would otherwise read
// something else out of.
func safe(key string, isString bool) string {
	columns := []string{
		"exception.type", "exception.message", "exception.stacktrace", "deployment.environment.name", "service.version",
		"service.name", "telemetry.sdk.version", "process.runtime.version",
	}
	if strings.HasPrefix(key, "ledger.") || !isString && slices.Contains(columns, key) {
		return "attr." + key
	}
	return key
}

// takeEndpoint returns what is left of an endpoint in its place.
func (w *walker) takeEndpoint(members []Attr) (rest Members, ok bool) {
	var own Members
	bits := 0
	for _, m := range members {
		switch m.Key {
		case "method":
			bits |= 1
			method := m.want.(string)
			if len(method) > 8 {
				method = "_OTHER"
			}
			own = append(own, Member{"http.request.method", method})
		case "path":
			bits |= 2
			own = append(own, Member{"http.route", cut(m.want.(string), 2048)})
		case "status_code":
			bits |= 4
			own = append(own, Member{"http.response.status_code", m.want})
		case "duration_ms":
			if _, ok := m.want.(Double); ok {
				bits |= 8
			}
			own = append(own, Member{"ledger.duration_ms", m.want})
		case "query_params":
			own = append(own, Member{"url.query", m.want})
		case "response_body":
			own = append(own, Member{"ledger.response_body", m.want})
		case "path_params":
			params := map[string]any{}
			for _, p := range m.group {
				params[p.Key] = p.want
			}
			own = append(own, Member{"ledger.path_params", params})
		default:
			rest = append(rest, Member{m.Key, m.want})
		}
	}
	if w.endpoint = bits == 15; !w.endpoint {
		// An ordinary group, but for a method and a path of the server's sizes.
		for _, m := range members {
			inner, _ := w.attr(m, place{inside: true})
			switch m.Key {
			case "method":
				inner[0].Value = own[0].Value
			case "path":
				inner[0].Value = own[1].Value
			}
			rest = append(rest, inner...)
		}
		rest = slices.DeleteFunc(rest, func(m Member) bool { return m.Key == "bytes" })
		for _, m := range members {
			if m.Key == "bytes" {
				rest = append(rest, Member{"bytes", m.want})
			}
		}
		return Members{{"endpoint", rest}}, true
	}
	w.added = append(w.added, own...)
	if len(rest) > 0 {
		return Members{{"ledger.endpoint", rest}}, true
	}
	return nil, true
}

// build nests the attrs of a call's With and of its record.
func (w *walker) build(steps []Step, attrs []Attr, root bool) (members Members, some bool) {
	for i, step := range steps {
		if step.Group != "" {
			inner, ok := w.build(steps[i+1:], attrs, false)
			if ok {
				key := clean(step.Group)
				if root && !w.plain {
					key = safe(key, false)
				}
				if inner == nil {
					inner = Members{}
				}
				members, some = append(members, Member{key, inner}), true
			}
			return members, some
		}
		if !slices.ContainsFunc(step.Attrs, func(a Attr) bool { return !a.isEmptyGroup() }) {
			continue
		}
		// The newest With comes first among those that hold an error.
		before, beforeType := w.err, w.errType
		w.err, w.errType = nil, ""
		m, ok := w.walk(step.Attrs, place{root: root})
		if w.err == nil {
			w.err, w.errType = before, beforeType
		}
		members, some = append(members, m...), some || ok
	}
	// The record's come before all With.
	before, beforeType := w.err, w.errType
	w.err, w.errType = nil, ""
	// A slog.Record leaves out empty groups.
	m, ok := w.walk(slices.DeleteFunc(slices.Clone(attrs), Attr.isEmptyGroup), place{root: root})
	if w.err == nil {
		w.err, w.errType = before, beforeType
	}
	return append(members, m...), some || ok
}

// expect works out what c comes to.
func (p *Program) expect(c *Call, untimely bool) outcome {
	w := &walker{}
	if untimely && !c.Time.IsZero() {
		w.attributes = Members{{"time", c.Time.Format(time.RFC3339Nano)}}
	}
	if p.AddSource {
		frame, _ := runtime.CallersFrames([]uintptr{c.PC}).Next()
		w.attributes = append(w.attributes, Member{"source", Members{
			{"function", frame.Function}, {"file", frame.File}, {"line", int64(frame.Line)},
		}})
	}
	fromContext := &walker{}
	keys := rootKeys(c)
	for _, a := range c.Context {
		if !slices.Contains(keys, a.Key) {
			m, _ := fromContext.attr(a, place{root: true})
			w.attributes = append(w.attributes, m...)
		}
	}
	m, _ := w.build(c.Steps, c.Attrs, true)
	w.attributes = append(w.attributes, m...)
	if w.err == nil {
		w.err, w.errType = fromContext.err, fromContext.errType
	}
	if fromContext.endpoint && !w.endpoint {
		w.endpoint = true
		w.added = append(w.added, fromContext.added...)
	}
	if w.traceID == "" {
		w.traceID = fromContext.traceID
	}
	if w.spanID == "" {
		w.spanID = fromContext.spanID
	}
	if w.err != nil {
		message := clean(w.err.Error())
		if message == "" {
			message = w.errType
		}
		w.added = append(w.added, Member{"exception.type", w.errType}, Member{"exception.message", cut(message, 5000)})
	}
	if w.logType == "endpoint" && !w.endpoint || w.logType == "exception" && w.err == nil {
		w.logType = ""
	}
	if w.logType == "" {
		switch {
		case w.endpoint:
			w.logType = "endpoint"
		case w.err != nil && c.Level >= slog.LevelError:
			w.logType = "exception"
		default:
			w.logType = "logger"
		}
	}
	if w.importance == "" {
		switch {
		case c.Level >= ledger.LevelCritical:
			w.importance = "critical"
		case c.Level >= slog.LevelError:
			w.importance = "high"
		default:
			w.importance = "standard"
		}
	}
	w.added = append(w.added, Member{"ledger.log_type", w.logType}, Member{"ledger.importance", w.importance})
	return w.outcome
}

// rootKeys are the keys that win over those of the context.
func rootKeys(c *Call) (keys []string) {
	var add func(attrs []Attr)
	add = func(attrs []Attr) {
		for _, a := range attrs {
			switch {
			case a.Key == "" && a.slog.Kind() == slog.KindGroup:
				add(a.group)
			case !a.isEmptyGroup():
				keys = append(keys, a.Key)
			}
		}
	}
	for i, step := range c.Steps {
		if step.Group != "" {
			if (&walker{}).fills(c.Steps[i+1:]) || slices.ContainsFunc(c.Attrs, func(a Attr) bool { return !a.isEmptyGroup() }) {
				keys = append(keys, step.Group)
			}
			return keys
		}
		add(step.Attrs)
	}
	add(c.Attrs)
	return keys
}

// fills reports whether steps put anything into the group around them.
func (w *walker) fills(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool {
		if !slices.ContainsFunc(s.Attrs, func(a Attr) bool { return !a.isEmptyGroup() }) {
			return false
		}
		_, some := w.walk(s.Attrs, place{})
		return some
	})
}

// cut is s cut as texts over the server's limits are.
func cut(s string, limit int) string {
	const mark = "… [truncated]"
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-utf8.RuneCountInString(mark)]) + mark
}

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
	if want := cut(clean(c.Message), 10_000); r.Body != want {
		return fmt.Errorf("body (-want +got):\n%s", gocmp.Diff(want, r.Body))
	}
	want := p.expect(c, untimely)
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
	if v, ok := got.last("_truncated"); ok && v == true {
		got = slices.DeleteFunc(slices.Clone(got), func(m Member) bool { return m.Key == "_truncated" })
		if !isPart(endpointLast(want.attributes), endpointLast(got)) {
			return fmt.Errorf("truncated attributes are no part of those logged (-want +got):\n%s", gocmp.Diff(want.attributes, got))
		}
		whole := slices.Concat(r.Resource, want.attributes, r.Attributes[len(got):])
		if v, ok := want.attributes.last("url.query"); ok { // the server may copy it into an endpoint
			whole = append(whole, Member{"url.query", v})
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

// same compares; the parameters of a path are JSON text, in any order.
func same(want, got Value) bool {
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

// isPart reports whether got is what, without some of its members.
func isPart(what, got Members) bool {
	for _, m := range got {
		for {
			if len(what) == 0 {
				return false
			}
			w := what[0]
			what = what[1:]
			if w.Key != m.Key {
				continue
			}
			if gocmp.Equal(w.Value, m.Value) {
				break
			}
			inner, ok1 := w.Value.(Members)
			part, ok2 := m.Value.(Members)
			if ok1 && ok2 && isPart(inner, part) {
				break
			}
		}
	}
	return true
}

// storedSize is how the server measures the attributes that it makes of r: the
// length of Python's json.dumps of them.
func storedSize(r Record) int {
	merged := make(map[string]Value)
	for _, m := range slices.Concat(r.Resource, r.Attributes) {
		merged[m.Key] = m.Value
	}
	if r.TraceID != "" {
		merged["trace_id"] = r.TraceID
	}
	if r.SpanID != "" {
		merged["span_id"] = r.SpanID
	}
	if merged["ledger.log_type"] == "endpoint" {
		endpoint := make(map[string]Value)
		for from, to := range map[string]string{
			"http.request.method": "method", "http.route": "path", "http.response.status_code": "status_code", "ledger.duration_ms": "duration_ms",
			"url.query": "query_params", "ledger.path_params": "path_params", "ledger.response_body": "response_body",
		} {
			if v, ok := merged[from]; ok {
				endpoint[to] = v
			}
		}
		merged["endpoint"] = endpoint
	}
	return pythonSize(merged)
}

// unmergedSize is pythonSize if no key occurred twice: the server keeps only the
// last, which the SDK does not rely on.
func unmergedSize(members Members) int {
	n := 2
	for _, m := range members {
		n += pythonSize(m.Key) + 4
		if inner, ok := m.Value.(Members); ok {
			n += unmergedSize(inner)
		} else {
			n += pythonSize(m.Value)
		}
	}
	return n
}

// sizes tells what takes how much.
func sizes(members Members) (text string) {
	for _, m := range members {
		text += fmt.Sprintf(" %.30q:%d", m.Key, pythonSize(m.Value))
	}
	return text
}

func pythonSize(v Value) int {
	switch v := v.(type) {
	case nil:
		return len("null")
	case bool:
		return len(strconv.FormatBool(v))
	case int64:
		return len(strconv.FormatInt(v, 10))
	case Double:
		f := math.Float64frombits(v.Bits)
		if abs := math.Abs(f); abs == 0 || 1e-4 <= abs && abs < 1e16 {
			s := strconv.FormatFloat(f, 'f', -1, 64)
			if !strings.Contains(s, ".") {
				s += ".0"
			}
			return len(s)
		}
		return len(strconv.FormatFloat(f, 'e', -1, 64))
	case string:
		n := 2
		for _, r := range v {
			switch {
			case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t' || r == '\b' || r == '\f':
				n += 2
			case r < ' ' || r > '~' && r <= 0xffff:
				n += 6
			case r > 0xffff:
				n += 12
			default:
				n++
			}
		}
		return n
	case List:
		n := 2 + max(0, len(v)-1)*2
		for _, element := range v {
			n += pythonSize(element)
		}
		return n
	case Members:
		m := make(map[string]Value)
		for _, member := range v {
			m[member.Key] = member.Value
		}
		return pythonSize(m)
	case map[string]Value:
		n := 2 + max(0, len(v)-1)*2
		for key, value := range v {
			n += pythonSize(key) + 2 + pythonSize(value)
		}
		return n
	}
	panic(fmt.Sprintf("%T", v))
}
