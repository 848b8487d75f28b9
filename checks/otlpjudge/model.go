package otlpjudge

import (
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
		case !at.inside && (key == "ledger.log_type" || key == "ledger.importance") && w.steer(key, a):
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

// steer takes what a asks for, and reports false for what the server does not know.
func (w *walker) steer(key string, a Attr) bool {
	value, _ := a.want.(string)
	switch {
	case key == "ledger.log_type" && slices.Contains([]string{"logger", "console", "exception", "database", "endpoint", "custom"}, value):
		w.logType = value
	case key == "ledger.importance" && slices.Contains([]string{"low", "standard", "high", "critical"}, value):
		w.importance = value
	default:
		return false
	}
	return true
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
	var own, full Members
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
			path := m.want.(string)
			own = append(own, Member{"http.route", cut(path, 491)})
			if cut(path, 491) != path {
				full = Members{{"path_full", path}}
			}
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
		return Members{{"endpoint", append(rest, full...)}}, true
	}
	rest = append(rest, full...)
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
		var kind Value = w.errType
		if w.errType == plainType {
			kind = cause(clean(strings.Join(strings.FieldsFunc(w.err.Error(), isSpace), " ")))
		}
		w.added = append(w.added, Member{"exception.type", kind}, Member{"exception.message", cut(message, 5000)})
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

// plainType is the type of errors.New, which says nothing about them.
const plainType = "*errors.errorString"

// A cause stands for the type of such an error, which is the fixed part of its text.
type cause string

// isSpace reports whether r counts as a space in a cause.
func isSpace(r rune) bool { return r <= ' ' }

// is reports whether got is that part: the text without some of it, for which there
// are stars, or the type, where nothing is fixed.
func (c cause) is(got string) bool {
	if got == plainType {
		return true
	}
	rest := string(c)
	for _, part := range strings.Split(got, "*") {
		part = strings.TrimFunc(part, isSpace)
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return got != "" && utf8.RuneCountInString(got) <= 100
}
