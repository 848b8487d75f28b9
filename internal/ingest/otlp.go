package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A logRecord is what both encodings of an OTLP record are read into.
type logRecord struct {
	time, observed uint64 // nanoseconds since 1970; 0 means unset
	severity       int64
	severityText   string
	body           Value
	trace, span    string // lower-case hex
	attributes     []Value
	resource       []Value // shared by the records of the resource
	raw            string
}

// errUnhandled is what the server's route has not foreseen.
var errUnhandled = errors.New("unhandled")

func (b *Batch) decodeOTLP(body []byte, contentType string, now time.Time) {
	var records []logRecord
	var count int
	var refusal *Answer
	switch mediaType(contentType) {
	case "application/json":
		records, count, refusal = readJSONLogs(body)
	case mediaProtobuf:
		var err error
		if records, count, err = readProtoLogs(body); err != nil {
			refusal = Detail(http.StatusBadRequest, "Malformed protobuf body: "+err.Error())
		}
	default:
		refusal = Detail(http.StatusUnsupportedMediaType, "Unsupported content type, use application/x-protobuf or application/json")
	}
	if refusal != nil {
		b.refuse(refusal)
		return
	}
	values := 0
	for i := range records {
		values += len(records[i].resource) + len(records[i].attributes)
	}
	if values > maxNodes {
		b.refuse(Detail(http.StatusBadRequest, "Malformed payload: "+errNodes.Error()))
		return
	}
	if len(records) > 0 {
		b.Entries = make([]Entry, len(records))
	}
	var m members
	for i := range records {
		if err := records[i].translate(&b.Entries[i], &m, now); err != nil {
			b.Entries[i].Verdict.Reason = err.Error()
			refusal = unhandled()
		}
	}
	if count > MaxEntries {
		refusal = Detail(http.StatusBadRequest, fmt.Sprintf("Batch exceeds maximum of %d log records", MaxEntries))
	}
	if refusal != nil {
		b.refuse(refusal)
	}
}

// translate maps a record to an entry as the server does. The error is one on which the server fails. M is scratch
// space.
func (r *logRecord) translate(e *Entry, m *members, now time.Time) error {
	m.index = nil
	m.list = append(m.list[:0], r.resource...)
	for _, v := range r.attributes {
		m.set(v.Name, v)
	}
	e.Raw = r.raw
	e.Time = now.UTC().Truncate(time.Microsecond)
	if at := cmp.Or(r.time, r.observed); at != 0 {
		e.Time = fromNanos(at)
	}
	e.Level = severityLevel(r.severity, r.severityText)
	e.Message = e.cut("message", r.body.Display(), maxMessage)
	if strings.IndexByte(e.Message, 0) >= 0 {
		e.odd |= oddNUL
	}
	for i := range resourceFields {
		f := &resourceFields[i]
		*f.place(e) = e.cut(f.name, m.text(f.otlp...), f.limit)
	}
	e.LogID = e.cut("log_id", m.text("ledger.log_id"), maxLogID)
	e.Service = m.text("service.name", "service")

	if r.trace != "" {
		m.set("trace_id", textValue(r.trace))
	}
	if r.span != "" {
		m.set("span_id", textValue(r.span))
	}
	e.TraceID, e.SpanID = m.text("trace_id"), m.text("span_id")

	var err error
	e.LogType = m.logType()
	switch e.LogType {
	case "exception":
		err = m.exception(e)
	case "endpoint":
		if endpoint, complete := m.endpoint(); complete {
			m.set("endpoint", endpoint)
		} else {
			e.LogType = "custom"
		}
	}
	e.Importance = m.text("ledger.importance")
	if !slices.Contains(importances, e.Importance) {
		switch e.Level {
		case "critical":
			e.Importance = "critical"
		case "error":
			e.Importance = "high"
		default:
			e.Importance = "standard"
		}
	}
	e.Attributes = container(Object, slices.Clone(m.list))
	e.checkAnalytics()
	return err
}

// cut keeps the first limit code points of s, the value of that field.
func (e *Entry) cut(field, s string, limit int) string {
	kept := truncate(s, limit)
	if len(kept) < len(s) {
		e.note(fmt.Sprintf("%s cut to %d characters", field, limit))
	}
	return kept
}

// fromNanos keeps what Python's fromtimestamp makes of the nanoseconds divided as a float.
func fromNanos(nanos uint64) time.Time {
	whole, fraction := math.Modf(float64(nanos) / 1e9)
	return time.Unix(int64(whole), int64(math.RoundToEven(fraction*1e6))*1000).UTC()
}

func severityLevel(number int64, text string) string {
	switch {
	case number >= 21:
		return "critical"
	case number >= 17:
		return "error"
	case number >= 13:
		return "warning"
	case number >= 9:
		return "info"
	case number != 0:
		return "debug"
	}
	switch strings.ToLower(text) {
	case "trace", "debug":
		return "debug"
	case "warn", "warning":
		return "warning"
	case "error":
		return "error"
	case "fatal", "critical":
		return "critical"
	default:
		return "info"
	}
}

// first returns the value of the first of the names that is there and not null.
func (m *members) first(names ...string) (Value, bool) {
	for _, name := range names {
		if i := m.find(name); i >= 0 && !m.list[i].null() {
			return m.list[i], true
		}
	}
	return Value{}, false
}

// text is first as text, "" when there is none.
func (m *members) text(names ...string) string {
	v, _ := m.first(names...)
	return v.Display()
}

// logType infers the log type; exception and endpoint may still turn out incomplete.
func (m *members) logType() string {
	if t := m.text("ledger.log_type"); slices.Contains(logTypes, t) {
		return t
	}
	for i := range m.list {
		if strings.HasPrefix(m.list[i].Name, "exception.") {
			return "exception"
		}
	}
	_, method := m.first("http.request.method", "http.method")
	_, status := m.first("http.response.status_code", "http.status_code")
	_, database := m.first("db.system")
	_, code := m.first("code.filepath", "code.function")
	switch {
	case method && status:
		return "endpoint"
	case database:
		return "database"
	case code:
		return "logger"
	default:
		return "custom"
	}
}

// exception fills e's error fields, and makes it custom when type or message is missing. The error is about one that
// is no text, for which the server is not prepared.
func (m *members) exception(e *Entry) error {
	for i := range exceptionFields {
		f := &exceptionFields[i]
		v, found := m.first(f.otlp...)
		if found && v.Kind != String {
			return errors.New(f.otlp[0] + " is no text")
		}
		*f.place(e) = e.cut(f.name, v.Text, f.limit)
	}
	if e.ErrorType == "" || e.ErrorMessage == "" {
		e.LogType = "custom"
	}
	return nil
}

// endpoint builds attributes.endpoint from the http attributes.
func (m *members) endpoint() (v Value, complete bool) {
	var parts members
	for _, part := range []struct {
		name    string
		sources []string
	}{
		{"method", []string{"http.request.method", "http.method"}},
		{"path", []string{"http.route", "url.path"}},
		{"status_code", []string{"http.response.status_code", "http.status_code"}},
		{"duration_ms", []string{"ledger.duration_ms"}},
	} {
		source, ok := m.first(part.sources...)
		if !ok {
			return Value{}, false
		}
		parts.set(part.name, source)
	}
	if query, ok := m.first("url.query"); ok {
		parts.set("query_params", query)
	}
	if params, ok := m.first("ledger.path_params"); ok {
		if parsed, _, err := parseJSON([]byte(params.Text)); params.Kind == String && err == nil {
			params = parsed
		}
		parts.set("path_params", params)
	}
	if body, ok := m.first("ledger.response_body"); ok {
		parts.set("response_body", body)
	}
	return container(Object, parts.list), true
}
