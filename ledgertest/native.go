package ledgertest

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	pathBatch  = "/api/v1/ingest/batch"
	pathSingle = "/api/v1/ingest/single"

	maxBatch      = 1000            // entries in a request
	maxAttributes = 100000          // characters of Python's JSON text
	maxFuture     = 5 * time.Minute // that a timestamp may be ahead
	maxDepth      = 500             // nesting of attributes that the queue's encoder bears
	helpURL       = "\n    For further information visit https://errors.pydantic.dev/2.12/v/value_error"
	valueError    = " validation error for LogEntry\n"
)

// A nativeBatch is the body of a native request after the gateway's schema.
type nativeBatch struct {
	single     bool
	unreadable bool      // Python's parser gave up: 400
	problems   []problem // 422
	candidates []candidate
}

func (b *nativeBatch) entries() []Entry {
	if b.candidates == nil {
		return nil
	}
	list := make([]Entry, len(b.candidates))
	for i := range b.candidates {
		list[i] = b.candidates[i].entry
	}
	return list
}

func decodeNative(body []byte, contentType string, single bool) *nativeBatch {
	b := &nativeBatch{single: single}
	if len(body) == 0 {
		p := missing(value{})
		p.Loc = []any{"body"}
		b.problems = []problem{p}
		return b
	}
	if !isJSONType(contentType) {
		text := textValue(string(body))
		if utf8.Valid(body) {
			text.raw = encodeJSON(string(body))
		} else {
			text.odd |= oddSurrogate // it can no more be echoed
		}
		b.problems = []problem{notAnObject(text, []any{"body"})}
		return b
	}
	root, err := parseJSON(body)
	var syntax *syntaxError
	switch {
	case errors.As(err, &syntax):
		b.problems = []problem{{
			Type: "json_invalid", Loc: []any{"body", syntax.pos}, Msg: "JSON decode error",
			Input: value{kind: kindObject, raw: []byte("{}")}, Ctx: map[string]string{"error": syntax.msg},
		}}
		return b
	case err != nil:
		b.unreadable = true
		return b
	case root.kind == kindNull:
		p := missing(value{})
		p.Loc = []any{"body"}
		b.problems = []problem{p}
		return b
	case root.kind != kindObject:
		b.problems = []problem{notAnObject(root, []any{"body"})}
		return b
	}
	if single {
		c, problems := checkEntry(root, []any{"body"})
		b.candidates, b.problems = []candidate{c}, problems
		return b
	}
	b.checkEnvelope(root)
	return b
}

func isJSONType(contentType string) bool {
	if contentType == "" {
		return true
	}
	mediaType, _, _ := strings.Cut(contentType, ";")
	sub, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(mediaType)), "application/")
	return ok && (sub == "json" || strings.HasSuffix(sub, "+json"))
}

func (b *nativeBatch) checkEnvelope(root value) {
	loc := []any{"body", "logs"}
	logs, ok := root.get("logs")
	report := func(p problem) {
		p.Loc = loc
		b.problems = append(b.problems, p)
	}
	switch {
	case !ok:
		report(missing(root))
		return
	case logs.kind != kindList:
		report(problem{Type: "list_type", Msg: "Input should be a valid list", Input: logs})
		return
	case len(logs.items) == 0:
		report(problem{
			Type: "too_short", Msg: "List should have at least 1 item after validation, not 0", Input: logs,
			Ctx: map[string]any{"field_type": "List", "min_length": 1, "actual_length": 0},
		})
		return
	}
	for i := range logs.items {
		c, problems := checkEntry(logs.items[i], []any{"body", "logs", i})
		b.candidates = append(b.candidates, c)
		b.problems = append(b.problems, problems...)
	}
	if n := len(logs.items); n > maxBatch {
		b.problems = nil // those of the items are not told
		report(problem{
			Type: "too_long", Msg: fmt.Sprintf("List should have at most %d items after validation, not %d", maxBatch, n), Input: logs,
			Ctx: map[string]any{"field_type": "List", "max_length": maxBatch, "actual_length": n},
		})
	}
}

// ingestNative answers a request that has passed the gateway's door.
func (x *exchange) ingestNative(t tamper) *answer {
	b := x.native
	if t.refuse != nil {
		if a := t.refuse(x.request.Entries); a != nil {
			return a
		}
	}
	if b.unreadable {
		return detail(http.StatusBadRequest, "There was an error parsing the body")
	}
	if len(b.problems) > 0 {
		return x.unprocessable(b.problems)
	}

	now := x.s.clock()
	var texts []string
	var accepted []candidate
	for i, c := range b.candidates {
		text, crash := c.verdict(now)
		switch {
		case text == "" && t.reject != nil && t.reject(c.entry):
			text = "1" + valueError + "  Value error, rejected by the test [type=value_error, input_value={...}, input_type=dict]" + helpURL
		case text == "":
			accepted = append(accepted, c)
			continue
		}
		if b.single && crash {
			return detail(http.StatusInternalServerError, "Failed to ingest log")
		}
		if b.single {
			return detail(http.StatusBadRequest, "Invalid log entry: "+text)
		}
		texts = append(texts, fmt.Sprintf("Log %d: %s", i, text))
	}

	if a := x.queueNative(accepted, t); a != nil {
		return a
	}
	result := struct {
		Accepted int      `json:"accepted"`
		Rejected int      `json:"rejected"`
		Message  *string  `json:"message"`
		Errors   []string `json:"errors"`
	}{Accepted: len(accepted), Rejected: len(texts)}
	if b.single {
		text := "Log accepted for processing"
		result.Message = &text
	}
	if len(texts) > 0 {
		// The parts of the real server hand the texts on as one string, so one with "; " in it comes out as two.
		result.Errors = strings.Split(strings.Join(texts, "; "), "; ")
	}
	return jsonAnswer(http.StatusAccepted, encodeJSON(result))
}

// unprocessable answers 422. The real server cannot when the answer would quote something that is no text: it then
// reads the request again, which never ends unless gzip has already drained it.
func (x *exchange) unprocessable(problems []problem) *answer {
	for _, p := range problems {
		if !p.unspeakable() {
			continue
		}
		if strings.EqualFold(x.request.Encoding, "gzip") {
			return detail(http.StatusBadRequest, "There was an error parsing the body")
		}
		return &answer{header: http.Header{}, hang: true}
	}
	return jsonAnswer(http.StatusUnprocessableEntity, encodeJSON(map[string]any{"detail": problems}))
}

// verdict says why the ingestion service rejects the entry, "" when it does not. crash reports a reason that the
// service did not foresee, which costs a single entry a 500.
func (c *candidate) verdict(now time.Time) (text string, crash bool) {
	if c.naive {
		return "can't compare offset-naive and offset-aware datetimes", true
	}
	var blocks []string
	if c.entry.Timestamp.After(now.Add(maxFuture)) {
		blocks = append(blocks, "timestamp\n  Value error, Timestamp cannot be more than 5 minutes in the future "+
			"[type=value_error, input_value=datetime.datetime(...), input_type=datetime]"+helpURL)
	}
	if c.attributes.size > maxAttributes {
		blocks = append(blocks, "attributes\n  Value error, Attributes JSONB cannot exceed 100000 bytes "+
			"[type=value_error, input_value="+c.attributes.excerpt()+", input_type=dict]"+helpURL)
	}
	if len(blocks) == 0 {
		reason, crash := c.conditional()
		if crash || reason == "" {
			return reason, crash
		}
		blocks = append(blocks, "  Value error, "+reason+" [type=value_error, input_value={...}, input_type=dict]"+helpURL)
	}
	if len(blocks) == 0 {
		return "", false
	}
	noun := valueError
	if len(blocks) > 1 {
		noun = " validation errors for LogEntry\n"
	}
	return strconv.Itoa(len(blocks)) + noun + strings.Join(blocks, "\n"), false
}

// conditional checks what a log type requires.
func (c *candidate) conditional() (reason string, crash bool) {
	switch c.entry.LogType {
	case "exception":
		if c.entry.ErrorType == "" {
			return "error_type is required when log_type is 'exception'", false
		}
		if c.entry.ErrorMessage == "" {
			return "error_message is required when log_type is 'exception'", false
		}
	case "endpoint":
		if !c.attributes.truthy() {
			return "attributes field is required when log_type is 'endpoint'", false
		}
		endpoint, _ := c.attributes.get("endpoint")
		if !endpoint.truthy() {
			return "attributes.endpoint is required when log_type is 'endpoint'. Must include: method, path, status_code, duration_ms", false
		}
		var absent []string
		for _, key := range []string{"method", "path", "status_code", "duration_ms"} {
			found, iterable := endpoint.contains(key)
			if !iterable {
				return "argument of type 'int' is not iterable", true
			}
			if !found {
				absent = append(absent, key)
			}
		}
		if absent != nil {
			return "attributes.endpoint missing required fields: " + strings.Join(absent, ", "), false
		}
	}
	return "", false
}

// contains is Python's "key in v".
func (v value) contains(key string) (found, iterable bool) {
	switch v.kind {
	case kindObject:
		_, found = v.get(key)
		return found, true
	case kindText:
		return strings.Contains(v.text, key), true
	case kindList:
		for _, item := range v.items {
			found = found || item.kind == kindText && item.text == key
		}
		return found, true
	default:
		return false, false
	}
}

// excerpt quotes the object as a validation report does, its head and its tail.
func (v value) excerpt() string {
	if len(v.members) == 0 || v.members[0].value.kind != kindText {
		return "{...}"
	}
	s := []rune("{'" + v.members[0].name + "': '" + v.members[0].value.text + "'}")
	if len(s) <= 50 {
		return string(s)
	}
	return string(s[:25]) + "..." + string(s[len(s)-24:])
}

// queueNative stores what was accepted and counts it towards the quota. Entries go to the queue one by one, so when
// one of them cannot be encoded those before it are stored and the request fails.
func (x *exchange) queueNative(accepted []candidate, t tamper) *answer {
	s := x.s
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	for i, c := range accepted {
		if c.attributes.odd&(oddHugeInt|oddSurrogate) != 0 || c.attributes.depth > maxDepth {
			switch {
			case !x.native.single:
				return detail(http.StatusInternalServerError, "Failed to ingest batch")
			case c.attributes.odd&oddHugeInt != 0:
				return detail(http.StatusInternalServerError, "Failed to ingest log")
			case c.attributes.odd&oddSurrogate != 0:
				return detail(http.StatusBadRequest, "Invalid log entry: 'utf-8' codec can't encode characters: surrogates not allowed")
			default:
				return detail(http.StatusBadRequest, "Invalid log entry: recursion limit exceeded")
			}
		}
		if t.first != nil && i >= *t.first {
			continue
		}
		if c.unstorable() || t.lose != nil && t.lose(c.entry) {
			s.stored.lost = append(s.stored.lost, c.entry)
			continue
		}
		s.stored.add(c.entry, false, "")
	}
	*s.limits.usage(s.clock()) += len(accepted)
	return nil
}

// unstorable reports whether the database refuses the entry.
func (c *candidate) unstorable() bool {
	if (c.text|c.attributes.odd)&(oddNUL|oddNonFinite) != 0 {
		return true
	}
	if c.entry.LogType != "endpoint" {
		return false
	}
	endpoint, _ := c.attributes.get("endpoint")
	if endpoint.kind != kindObject {
		return true
	}
	text := func(key string, limit int) bool {
		v, _ := endpoint.get(key)
		return v.kind == kindNull || v.kind == kindText && utf8.RuneCountInString(v.text) <= limit
	}
	status, _ := endpoint.get("status_code")
	duration, _ := endpoint.get("duration_ms")
	return !text("method", 8) || !text("path", 2048) ||
		!status.null() && (status.kind != kindInt || !status.within(math.MinInt16, math.MaxInt16)) ||
		!duration.null() && !duration.within(math.MinInt32, math.MaxInt32)
}

func (v value) null() bool { return v.kind == kindNull }

// within reports whether v is a number from low to high.
func (v value) within(low, high float64) bool {
	if v.kind != kindInt && v.kind != kindFloat {
		return false
	}
	f, err := strconv.ParseFloat(v.text, 64)
	return err == nil && low <= f && f <= high
}
