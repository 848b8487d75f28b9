package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// The gateway's schema: what is wrong with a request of Ledger's own protocol is refused here, with everything else
// in the request.

// A Problem is one item of the detail of an answer 422.
type Problem struct {
	Type  string          `json:"type"`
	Loc   []any           `json:"loc"` // names and indexes, the first "body"
	Msg   string          `json:"msg"`
	Input json.RawMessage `json:"input"`
	Ctx   any             `json:"ctx,omitempty"`

	entry       int  // the entry it is about; -1 when it is about the body
	unspeakable bool // the server cannot put the input into an answer
}

var (
	levels      = []string{"debug", "info", "warning", "error", "critical"}
	logTypes    = []string{"console", "logger", "exception", "database", "endpoint", "custom"}
	importances = []string{"critical", "high", "standard", "low"}

	// enumFields and textFields are in the order in which the schema declares and reports them.
	enumFields = []struct {
		name, fallback string
		words          []string
		place          func(*Entry) *string
	}{
		{"level", "", levels, func(e *Entry) *string { return &e.Level }},
		{"log_type", "logger", logTypes, func(e *Entry) *string { return &e.LogType }},
		{"importance", "standard", importances, func(e *Entry) *string { return &e.Importance }},
	}
	textFields = []struct {
		name  string
		limit int
		place func(*Entry) *string
		otlp  []string // the attributes that fill it, the first that is there
	}{
		{"message", maxMessage, func(e *Entry) *string { return &e.Message }, nil},
		{"error_type", 255, func(e *Entry) *string { return &e.ErrorType }, []string{"exception.type"}},
		{"error_message", 5000, func(e *Entry) *string { return &e.ErrorMessage }, []string{"exception.message"}},
		{"stack_trace", 50000, func(e *Entry) *string { return &e.StackTrace }, []string{"exception.stacktrace"}},
		{"environment", 20, func(e *Entry) *string { return &e.Environment }, []string{"deployment.environment.name", "deployment.environment"}},
		{"release", 100, func(e *Entry) *string { return &e.Release }, []string{"service.version"}},
		{"sdk_version", 20, func(e *Entry) *string { return &e.SDKVersion }, []string{"ledger.sdk_version", "telemetry.sdk.version"}},
		{"platform", 50, func(e *Entry) *string { return &e.Platform }, []string{"telemetry.sdk.language"}},
		{"platform_version", 50, func(e *Entry) *string { return &e.PlatformVersion }, []string{"ledger.platform_version", "process.runtime.version"}},
	}
	exceptionFields, resourceFields = textFields[1:4], textFields[4:]
)

// A gateway checks one request against the schema.
type gateway struct {
	text     string // the body in UTF-8
	inBatch  bool   // the entries are items of a batch
	entry    int    // the one at hand; -1 when it is about the body
	problems []Problem
}

// decodeNative reads a body of Ledger's own JSON.
func (b *Batch) decodeNative(body []byte, contentType string) {
	g := &gateway{inBatch: b.path == PathBatch, entry: -1}
	readable := g.read(body, contentType, b)
	switch {
	case !readable:
		b.refuse(Detail(http.StatusBadRequest, "There was an error parsing the body"))
	case g.problems != nil:
		b.refuseSchema(g.problems)
	default:
		for i := range b.Entries {
			b.Entries[i].checkAnalytics()
		}
	}
}

// read fills b.Entries. It returns false when Python's parser gives up.
func (g *gateway) read(body []byte, contentType string, b *Batch) bool {
	if len(body) == 0 {
		g.report(missing, Value{})
		return true
	}
	if !isJSONType(contentType) {
		g.report(notAnObject, Value{})
		g.problems[0].Input, g.problems[0].unspeakable = encodeJSON(string(body)), !utf8.Valid(body)
		return true
	}
	root, text, err := parseJSON(body)
	g.text = text
	var syntax *syntaxError
	switch {
	case errors.As(err, &syntax):
		g.report(Problem{Type: "json_invalid", Msg: "JSON decode error", Ctx: map[string]string{"error": syntax.msg}}, Value{}, syntax.pos)
		g.problems[0].Input = json.RawMessage("{}")
		return true
	case err != nil:
		return false
	case root.null():
		g.report(missing, Value{})
	case root.Kind != Object:
		g.report(notAnObject, root)
	case g.inBatch:
		g.envelope(root, b)
	default:
		b.Entries = make([]Entry, 1)
		g.check(root, &b.Entries[0])
	}
	return true
}

func isJSONType(contentType string) bool {
	if contentType == "" {
		return true
	}
	sub, ok := strings.CutPrefix(mediaType(contentType), "application/")
	return ok && (sub == "json" || strings.HasSuffix(sub, "+json"))
}

func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

func (g *gateway) envelope(root Value, b *Batch) {
	logs, ok := root.Lookup("logs")
	switch {
	case !ok:
		g.report(missing, root, "logs")
		return
	case logs.Kind != List:
		g.report(Problem{Type: "list_type", Msg: "Input should be a valid list"}, logs, "logs")
		return
	case len(logs.Items) == 0:
		g.report(Problem{
			Type: "too_short", Msg: "List should have at least 1 item after validation, not 0",
			Ctx: map[string]any{"field_type": "List", "min_length": 1, "actual_length": 0},
		}, logs, "logs")
		return
	}
	b.Entries = make([]Entry, len(logs.Items))
	n := len(b.Entries)
	for g.entry = range b.Entries {
		g.check(logs.Items[g.entry], &b.Entries[g.entry])
		if n > MaxEntries {
			g.problems = g.problems[:0] // those of the items are not told
		}
	}
	g.entry = -1
	if n > MaxEntries {
		g.report(Problem{
			Type: "too_long", Msg: fmt.Sprintf("List should have at most %d items after validation, not %d", MaxEntries, n),
			Ctx: map[string]any{"field_type": "List", "max_length": MaxEntries, "actual_length": n},
		}, logs, "logs")
	}
}

// check applies the schema to one entry. What is wrong is reported and left out of e.
func (g *gateway) check(v Value, e *Entry) {
	e.Raw = g.text[v.start:v.end]
	if v.Kind != Object {
		g.report(notAnObject, v)
		return
	}
	if f, ok := v.Lookup("timestamp"); !ok {
		g.report(missing, v, "timestamp")
	} else if at, naive, p := parseTimestamp(f); p != nil {
		g.report(*p, f, "timestamp")
	} else {
		e.Time, e.naive = at, naive
	}

	for i := range enumFields {
		spec := &enumFields[i]
		f, ok := v.Lookup(spec.name)
		switch {
		case !ok && spec.fallback == "":
			g.report(missing, v, spec.name)
		case !ok:
			*spec.place(e) = spec.fallback
		case f.Kind == String && slices.Contains(spec.words, f.Text):
			*spec.place(e) = f.Text
		default:
			last := len(spec.words) - 1
			expected := "'" + strings.Join(spec.words[:last], "', '") + "' or '" + spec.words[last] + "'"
			g.report(Problem{
				Type: "literal_error", Msg: "Input should be " + expected, Ctx: map[string]string{"expected": expected},
			}, f, spec.name)
		}
	}

	for i := range textFields {
		spec := &textFields[i]
		f := v.Get(spec.name)
		switch {
		case f.null():
		case f.Kind != String:
			g.report(Problem{Type: "string_type", Msg: "Input should be a valid string"}, f, spec.name)
		case f.odd&oddSurrogate != 0:
			g.report(Problem{
				Type: "string_unicode", Msg: "Input should be a valid string, unable to parse raw data as a unicode string",
			}, f, spec.name)
		case longer(f.Text, spec.limit):
			g.report(Problem{
				Type: "string_too_long", Msg: fmt.Sprintf("String should have at most %d characters", spec.limit),
				Ctx: map[string]int{"max_length": spec.limit},
			}, f, spec.name)
		default:
			*spec.place(e) = f.Text
			e.odd |= f.odd
		}
	}

	if f := v.Get("attributes"); f.Kind == Object {
		e.Attributes = f
	} else if !f.null() {
		g.report(Problem{Type: "dict_type", Msg: "Input should be a valid dictionary"}, f, "attributes")
	}
	// The server drops log_id with every unknown field; it is kept here to tell redeliveries.
	if f := v.Get("log_id"); f.Kind == String {
		e.LogID = f.Text
	}
	e.TraceID, e.SpanID = e.Attributes.Get("trace_id").Display(), e.Attributes.Get("span_id").Display()
	e.Service = e.Attributes.Get("service").Display()
}

var (
	missing     = Problem{Type: "missing", Msg: "Field required"}
	notAnObject = Problem{Type: "model_attributes_type", Msg: "Input should be a valid dictionary or object to extract fields from"}
)

// report adds p, which is about the value in, found at path in the entry at hand or in the body.
func (g *gateway) report(p Problem, in Value, path ...any) {
	p.entry, p.Loc = g.entry, []any{"body"}
	if g.entry >= 0 {
		p.Loc = append(p.Loc, "logs", g.entry)
	}
	p.Loc = append(p.Loc, path...)
	p.Input, p.unspeakable = json.RawMessage("null"), in.odd&(oddNonFinite|oddSurrogate) != 0
	if !p.unspeakable && in.end > 0 {
		p.Input = json.RawMessage(g.text[in.start:in.end])
	}
	g.problems = append(g.problems, p)
}

// refuseSchema makes the answer 422 of the problems. When it would quote something that is no text, the server fails.
func (b *Batch) refuseSchema(problems []Problem) {
	fails := false
	for _, p := range problems {
		fails = fails || p.unspeakable
		reason := p.Msg
		if field, ok := p.Loc[len(p.Loc)-1].(string); ok && len(p.Loc) > 1 {
			reason = field + ": " + reason
		}
		accused := b.Entries
		if p.entry >= 0 {
			accused = b.Entries[p.entry : p.entry+1]
		}
		for i := range accused {
			if v := &accused[i].Verdict; v.Reason == "" {
				v.Reason = reason
			}
		}
	}
	if fails {
		b.refuse(Detail(http.StatusInternalServerError, "Internal server error"))
	} else {
		b.refuse(Unprocessable(problems...))
	}
}
