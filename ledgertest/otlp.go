package ledgertest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	pathLogs = "/v1/logs"

	envelope = 200 // consecutive records that the queue carries, and the database refuses, together
)

// An otlpBatch is the body of a request to /v1/logs.
type otlpBatch struct {
	json       bool    // else protobuf; the answer has the same form
	refusal    *answer // the body could not be read or translated
	candidates []candidate
	fallbacks  []string // the identity of each record that brought none
}

func (b *otlpBatch) entries() []Entry {
	if b.candidates == nil {
		return nil
	}
	list := make([]Entry, len(b.candidates))
	for i := range b.candidates {
		list[i] = b.candidates[i].entry
	}
	return list
}

// A logRecord is what both encodings of a record are read into.
type logRecord struct {
	time, observed uint64 // nanoseconds since 1970; 0 means unset
	severity       int64
	severityText   string
	body           *value // nil when unset
	trace, span    string // lower-case hex
	attributes     []member
	resource       []member // shared by the records of the resource
	raw            []byte
}

func decodeOTLP(body []byte, contentType string, now time.Time) *otlpBatch {
	b := &otlpBatch{}
	mediaType, _, _ := strings.Cut(contentType, ";")
	var records []logRecord
	var count int
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "application/json":
		b.json = true
		records, count, b.refusal = readJSONLogs(body)
	case "application/x-protobuf":
		var err error
		if records, count, err = readProtoLogs(body); err != nil {
			b.refusal = detail(http.StatusBadRequest, "Malformed protobuf body: "+err.Error())
		}
	default:
		b.refusal = detail(http.StatusUnsupportedMediaType, "Unsupported content type, use application/x-protobuf or application/json")
	}
	if b.refusal != nil {
		return b
	}
	for _, r := range records {
		c, fallback, ok := r.translate(now)
		b.candidates = append(b.candidates, c)
		b.fallbacks = append(b.fallbacks, fallback)
		if !ok {
			b.refusal = unhandled()
		}
	}
	if count > maxBatch {
		b.refusal = detail(http.StatusBadRequest, fmt.Sprintf("Batch exceeds maximum of %d log records", maxBatch))
	}
	return b
}

// unhandled is how an exception in a route of the server surfaces.
func unhandled() *answer {
	return detail(http.StatusInternalServerError, "Authentication service error")
}

// ingestOTLP answers a request to /v1/logs that has passed the door.
func (x *exchange) ingestOTLP(t tamper) *answer {
	s, b := x.s, x.otlp
	if b.refusal != nil {
		return b.refusal
	}
	if t.refuse != nil {
		if a := t.refuse(x.request.Entries); a != nil {
			return a
		}
	}
	n := len(b.candidates)
	if n == 0 {
		return b.partial(0, "")
	}

	now := s.clock()
	s.mu.Lock()
	a := b.admit(&s.limits, now)
	s.mu.Unlock()
	if a != nil {
		return a
	}

	var texts []string
	accepted := make([]int, 0, n)
	for i := range b.candidates {
		c := &b.candidates[i]
		text, _ := c.verdict(now)
		if text == "" && t.reject != nil && t.reject(c.entry) {
			text = "1" + valueError + "  Value error, rejected by the test [type=value_error, input_value={...}, input_type=dict]" + helpURL
		}
		if text == "" {
			accepted = append(accepted, i)
			continue
		}
		texts = append(texts, fmt.Sprintf("Log %d: %s", i, text))
	}
	x.queueOTLP(accepted, t)
	return b.partial(len(texts), strings.Join(texts, "; "))
}

// admit counts the records towards rate limit and quota and says how they are refused, or nil.
func (b *otlpBatch) admit(l *limits, now time.Time) *answer {
	n := len(b.candidates)
	l.items.add(now, n)
	if over(l.items.minuteCount, l.perMinute) || over(l.items.hourCount, l.perHour) {
		a := detail(http.StatusTooManyRequests, "Ingestion rate limit exceeded")
		a.header.Set("Retry-After", "60")
		return a
	}
	used := l.usage(now)
	if l.quota > 0 && *used+n > l.quota {
		return b.partial(n, fmt.Sprintf("Daily logs quota exceeded (%d/%d)", *used, l.quota))
	}
	*used += n
	return nil
}

// queueOTLP stores the accepted records. A record that the database refuses takes its envelope with it.
func (x *exchange) queueOTLP(accepted []int, t tamper) {
	s, b := x.s, x.otlp
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	if t.first != nil {
		accepted = accepted[:min(len(accepted), max(0, *t.first))]
	}
	for len(accepted) > 0 {
		group := accepted[:min(envelope, len(accepted))]
		accepted = accepted[len(group):]
		spoilt := false
		for _, i := range group {
			spoilt = spoilt || b.candidates[i].unstorable()
		}
		for _, i := range group {
			e := b.candidates[i].entry
			if spoilt || t.lose != nil && t.lose(e) {
				s.stored.lost = append(s.stored.lost, e)
				continue
			}
			s.stored.add(e, true, b.fallbacks[i])
		}
	}
}

// partial is the success answer, which tells how many records were rejected.
func (b *otlpBatch) partial(rejected int, text string) *answer {
	if b.json {
		if rejected == 0 {
			return jsonAnswer(http.StatusOK, []byte("{}"))
		}
		type partialSuccess struct {
			Rejected string `json:"rejectedLogRecords"` // 64 bits are text in proto3 JSON
			Message  string `json:"errorMessage"`
		}
		return jsonAnswer(http.StatusOK, encodeJSON(map[string]partialSuccess{"partialSuccess": {strconv.Itoa(rejected), text}}))
	}
	a := &answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/x-protobuf"}}}
	if rejected > 0 {
		inner := binary.AppendUvarint([]byte{1 << 3}, uint64(rejected))
		inner = binary.AppendUvarint(append(inner, 2<<3|2), uint64(len(text)))
		inner = append(inner, text...)
		a.body = binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(inner)))
		a.body = append(a.body, inner...)
	}
	return a
}

// translate maps a record to an entry as the server does. ok is false when the server would fail on it.
func (r *logRecord) translate(now time.Time) (c candidate, fallback string, ok bool) {
	attributes := merge(r.resource, r.attributes)
	e := &c.entry
	e.Raw = r.raw
	e.Timestamp = now.UTC().Truncate(time.Microsecond)
	if at := cmp.Or(r.time, r.observed); at != 0 {
		e.Timestamp = fromNanos(at)
	}
	e.Level = severityLevel(r.severity, r.severityText)
	if r.body != nil {
		body := textValue(cut(r.body.display(), 10000))
		e.Message, c.text = body.text, body.odd
	}
	e.Environment = cut(attributes.text("deployment.environment.name", "deployment.environment"), 20)
	e.Release = cut(attributes.text("service.version"), 100)
	e.SDKVersion = cut(attributes.text("ledger.sdk_version", "telemetry.sdk.version"), 20)
	e.Platform = cut(attributes.text("telemetry.sdk.language"), 50)
	e.PlatformVersion = cut(attributes.text("ledger.platform_version", "process.runtime.version"), 50)
	e.LogID = cut(attributes.text("ledger.log_id"), 64)

	if r.trace != "" {
		attributes.set("trace_id", textValue(r.trace))
	}
	if r.span != "" {
		attributes.set("span_id", textValue(r.span))
	}
	e.LogType = attributes.logType()
	ok = true
	switch e.LogType {
	case "exception":
		ok = attributes.exception(e)
	case "endpoint":
		if endpoint, complete := attributes.endpoint(); complete {
			attributes.set("endpoint", endpoint)
		} else {
			e.LogType = "custom"
		}
	}
	e.Importance = attributes.text("ledger.importance")
	if !oneOf(e.Importance, importances) {
		switch e.Level {
		case "critical":
			e.Importance = "critical"
		case "error":
			e.Importance = "high"
		default:
			e.Importance = "standard"
		}
	}

	c.attributes = objectValue(attributes.members)
	e.Attributes = c.attributes.plainMap()
	if e.LogID == "" {
		fallback = fmt.Sprintf("%d %s %s %s", e.Timestamp.UnixMicro(), r.trace, r.span, e.Message)
	}
	return c, fallback, ok
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
	case number >= 1:
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

// cut keeps the first limit code points of s.
func cut(s string, limit int) string {
	n := 0
	for i := range s {
		if n++; n > limit {
			return s[:i]
		}
	}
	return s
}

// fields is an ordered map of attributes.
type fields struct {
	members []member
	place   map[string]int
}

// merge lets the record's attributes win over its resource's, and later ones over earlier.
func merge(resource, record []member) *fields {
	f := &fields{place: make(map[string]int, len(resource)+len(record))}
	for _, list := range [][]member{resource, record} {
		for _, m := range list {
			f.set(m.name, m.value)
		}
	}
	return f
}

func (f *fields) set(name string, v value) {
	if i, ok := f.place[name]; ok {
		f.members[i].value = v
		return
	}
	f.place[name] = len(f.members)
	f.members = append(f.members, member{name, v})
}

// first returns the value of the first of the names that is there and not null.
func (f *fields) first(names ...string) (value, bool) {
	for _, name := range names {
		if i, ok := f.place[name]; ok && !f.members[i].value.null() {
			return f.members[i].value, true
		}
	}
	return value{}, false
}

// text is first as text, "" when there is none.
func (f *fields) text(names ...string) string {
	v, _ := f.first(names...)
	return v.display()
}

// logType infers the log type; exception and endpoint may still turn out incomplete.
func (f *fields) logType() string {
	if t := f.text("ledger.log_type"); oneOf(t, logTypes) {
		return t
	}
	for _, m := range f.members {
		if strings.HasPrefix(m.name, "exception.") {
			return "exception"
		}
	}
	_, method := f.first("http.request.method", "http.method")
	_, status := f.first("http.response.status_code", "http.status_code")
	_, database := f.first("db.system")
	_, code := f.first("code.filepath", "code.function")
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

// exception fills e's error fields, or makes it custom when type or message is missing. ok is false when one of them
// is no string, for which the server is not prepared.
func (f *fields) exception(e *Entry) (ok bool) {
	var texts [3]string
	for i, name := range []string{"exception.type", "exception.message", "exception.stacktrace"} {
		v, found := f.first(name)
		if found && v.kind != kindText {
			return false
		}
		texts[i] = v.text
	}
	if texts[0] == "" || texts[1] == "" {
		e.LogType = "custom"
		return true
	}
	e.ErrorType, e.ErrorMessage, e.StackTrace = cut(texts[0], 255), cut(texts[1], 5000), cut(texts[2], 50000)
	return true
}

// endpoint builds attributes.endpoint from the http attributes.
func (f *fields) endpoint() (v value, complete bool) {
	var members []member
	for _, part := range []struct {
		name    string
		sources []string
	}{
		{"method", []string{"http.request.method", "http.method"}},
		{"path", []string{"http.route", "url.path"}},
		{"status_code", []string{"http.response.status_code", "http.status_code"}},
		{"duration_ms", []string{"ledger.duration_ms"}},
	} {
		source, ok := f.first(part.sources...)
		if !ok {
			return value{}, false
		}
		members = append(members, member{part.name, source})
	}
	if query, ok := f.first("url.query"); ok {
		members = append(members, member{"query_params", query})
	}
	if params, ok := f.first("ledger.path_params"); ok {
		if parsed, err := parseJSON([]byte(params.text)); params.kind == kindText && err == nil {
			params = parsed
		}
		members = append(members, member{"path_params", params})
	}
	if body, ok := f.first("ledger.response_body"); ok {
		members = append(members, member{"response_body", body})
	}
	return objectValue(members), true
}

// display is the value as the text of a message.
func (v value) display() string {
	switch v.kind {
	case kindText, kindInt, kindFloat:
		return v.text
	case kindNull:
		return ""
	default:
		return string(v.appendJSON(nil))
	}
}

// appendJSON appends the value as JSON, members in their order.
func (v value) appendJSON(b []byte) []byte {
	switch v.kind {
	case kindBool:
		return strconv.AppendBool(b, v.truth)
	case kindInt, kindFloat:
		return append(b, v.text...)
	case kindText:
		return append(b, encodeJSON(v.text)...)
	case kindList:
		b = append(b, '[')
		for i := range v.items {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = v.items[i].appendJSON(b)
		}
		return append(b, ']')
	case kindObject:
		b = append(b, '{')
		for i := range v.members {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(append(b, encodeJSON(v.members[i].name)...), ": "...)
			b = v.members[i].value.appendJSON(b)
		}
		return append(b, '}')
	default:
		return append(b, "null"...)
	}
}

func bytesValue(b []byte) value { return textValue(base64.StdEncoding.EncodeToString(b)) }
