package ingest

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	helpURL    = "\n    For further information visit https://errors.pydantic.dev/2.12/v/value_error"
	modelError = " [type=value_error, input_value={...}, input_type=dict]" + helpURL
)

// Judge sets the verdict of every entry, and the refusal of the request, as of now. [Decode] has called it already;
// call it again for another time, or when there is more to reject: reject, if not nil, is asked about each entry that
// is good, by its index, and returns why it is not, or "".
func (b *Batch) Judge(now time.Time, reject func(i int) string) {
	b.Refusal = b.decoded
	if b.Refusal != nil {
		return
	}
	for i := range b.Entries {
		e := &b.Entries[i]
		text, crash := e.rejection(now)
		if text == "" && reject != nil {
			if reason := reject(i); reason != "" {
				text = "1 validation error for LogEntry\n  Value error, " + reason + modelError
			}
		}
		e.Verdict.Outcome, e.Verdict.Reason = Accepted, text
		if text == "" {
			continue
		}
		e.Verdict.Outcome = Rejected
		if b.path == PathSingle && crash {
			b.Refusal = Detail(http.StatusInternalServerError, "Failed to ingest log")
		} else if b.path == PathSingle {
			b.Refusal = Detail(http.StatusBadRequest, "Invalid log entry: "+text)
		}
	}
	if b.v2() {
		b.store()
	} else {
		b.queue()
	}
}

// rejection says why the ingestion service rejects the entry, "" when it does not. crash reports a reason that the
// service did not foresee, which costs a single entry a 500.
func (e *Entry) rejection(now time.Time) (text string, crash bool) {
	if e.naive {
		return "can't compare offset-naive and offset-aware datetimes", true
	}
	var blocks []string
	if e.Time.After(now.Add(maxFuture)) {
		blocks = append(blocks, "timestamp\n  Value error, Timestamp cannot be more than 5 minutes in the future "+
			"[type=value_error, input_value=datetime.datetime(...), input_type=datetime]"+helpURL)
	}
	if e.Attributes.size > maxAttributes {
		blocks = append(blocks, "attributes\n  Value error, Attributes JSONB cannot exceed 100000 bytes "+
			"[type=value_error, input_value="+e.Attributes.excerpt()+", input_type=dict]"+helpURL)
	}
	if len(blocks) == 0 {
		reason, crash := e.missing()
		if crash || reason == "" {
			return reason, crash
		}
		blocks = append(blocks, "  Value error, "+reason+modelError)
	}
	noun := " validation error for LogEntry\n"
	if len(blocks) > 1 {
		noun = " validation errors for LogEntry\n"
	}
	return strconv.Itoa(len(blocks)) + noun + strings.Join(blocks, "\n"), false
}

// missing checks what a log type requires.
func (e *Entry) missing() (reason string, crash bool) {
	switch e.LogType {
	case "exception":
		if e.ErrorType == "" {
			return "error_type is required when log_type is 'exception'", false
		}
		if e.ErrorMessage == "" {
			return "error_message is required when log_type is 'exception'", false
		}
	case "endpoint":
		if !e.Attributes.truthy() {
			return "attributes field is required when log_type is 'endpoint'", false
		}
		endpoint := e.Attributes.Get("endpoint")
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

// excerpt quotes the object as a validation report does, its head and its tail.
func (v Value) excerpt() string {
	if len(v.Items) == 0 || v.Items[0].Kind != String {
		return "{...}"
	}
	s := []rune("{'" + v.Items[0].Name + "': '" + v.Items[0].Text + "'}")
	if len(s) <= 50 {
		return string(s)
	}
	return string(s[:25]) + "..." + string(s[len(s)-24:])
}

// queue does what servers before 2.0 do with what was not rejected: entries go to the queue one by one, so when one
// of them cannot be encoded those before it are stored and the request fails. The database loses only bad entries.
func (b *Batch) queue() {
	failed := b.Refusal != nil
	for i := range b.Entries {
		e := &b.Entries[i]
		switch {
		case e.Verdict.Outcome != Accepted:
		case failed:
			e.Verdict.Outcome = Refused
		case e.unencodable() != "":
			failed = true
			e.Verdict.Outcome, e.Verdict.Reason = Refused, e.unencodable()
			switch odd := e.Attributes.odd; {
			case b.path == PathBatch:
				b.Refusal = Detail(http.StatusInternalServerError, "Failed to ingest batch")
			case odd&oddHugeInt != 0:
				b.Refusal = Detail(http.StatusInternalServerError, "Failed to ingest log")
			default:
				b.Refusal = Detail(http.StatusBadRequest, "Invalid log entry: "+e.Verdict.Reason)
			}
		default:
			e.lose(e.loss(false))
		}
	}
}

// unencodable says why the queue's encoder fails on the entry, "" when it does not.
func (e *Entry) unencodable() string {
	switch {
	case e.Attributes.odd&oddHugeInt != 0:
		return "an integer outside 64 bits"
	case e.Attributes.odd&oddSurrogate != 0:
		return "'utf-8' codec can't encode characters: surrogates not allowed"
	case e.Attributes.depth > maxDepth:
		return "recursion limit exceeded"
	default:
		return ""
	}
}

// store does what servers from 2.0 on do: an entry that the database refuses takes its envelope with it.
func (b *Batch) store() {
	var accepted []int
	for i := range b.Entries {
		if b.Entries[i].Verdict.Outcome == Accepted {
			accepted = append(accepted, i)
		}
	}
	for group := range slices.Chunk(accepted, envelope) {
		lost := -1
		for _, i := range group {
			if reason := b.Entries[i].loss(true); reason != "" {
				b.Entries[i].lose(reason)
				lost = i
			}
		}
		for _, i := range group {
			if e := &b.Entries[i]; lost >= 0 && e.Verdict.Outcome == Accepted {
				e.lose(fmt.Sprintf("entry %d of the request takes its neighbours with it", lost))
			}
		}
	}
}

func (e *Entry) lose(reason string) {
	if reason != "" {
		e.Verdict.Outcome, e.Verdict.Reason = Lost, reason
	}
}

// firstMicrosecond becomes -infinity in the database of servers before 2.0.
var firstMicrosecond = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)

// loss says why the database refuses the entry, "" when it does not.
func (e *Entry) loss(v2 bool) string {
	switch odd := e.odd | e.Attributes.odd; {
	case odd&oddNUL != 0:
		return "a NUL character"
	case odd&oddNonFinite != 0:
		return "NaN or an infinity among its attributes"
	case !v2 && e.Time.Equal(firstMicrosecond):
		return "the first microsecond of year 1 has no partition"
	case e.LogType == "endpoint":
		if reason := e.endpointLoss(v2); reason != "" {
			return reason
		}
	}
	if e.Level != "error" && e.Level != "critical" {
		return ""
	}
	row := len(e.Message) + len(e.ErrorType) + indexRowRest
	if e.grouped() {
		row += fingerprintLength
	}
	if row > maxIndexRow {
		return fmt.Sprintf("an index row of %d bytes: at level %s the message is indexed, at most %d fit", row, e.Level, maxIndexRow)
	}
	return ""
}

func (e *Entry) endpointLoss(v2 bool) string {
	endpoint := e.Attributes.Get("endpoint")
	if endpoint.Kind != Object {
		return "endpoint is no object"
	}
	fits := func(v Value, limit int) bool { return v.null() || v.Kind == String && !longer(v.Text, limit) }
	status, duration := endpoint.Get("status_code"), endpoint.Get("duration_ms")
	switch {
	case !fits(endpoint.Get("method"), maxMethod):
		return "endpoint.method is no text of at most 8 characters"
	case !fits(endpoint.Get("path"), maxPath):
		return "endpoint.path is no text of at most 2048 characters"
	case status.number() && !status.within(math.MinInt16, math.MaxInt16), !v2 && !status.null() && status.Kind != Int:
		return "endpoint.status_code is no integer of 16 bits"
	case duration.number() && !duration.within(math.MinInt32, math.MaxInt32), !v2 && !duration.null() && !duration.number():
		return "endpoint.duration_ms is no number of 31 bits"
	default:
		return ""
	}
}

// checkAnalytics notes an endpoint which is stored and on which the analytics jobs fail.
func (e *Entry) checkAnalytics() {
	if e.LogType != "endpoint" {
		return
	}
	endpoint := e.Attributes.Get("endpoint")
	route := utf8.RuneCountInString(endpoint.Get("method").Text) + 1 + utf8.RuneCountInString(endpoint.Get("path").Text)
	status, duration := endpoint.Get("status_code"), endpoint.Get("duration_ms")
	_, badStatus := strconv.Atoi(status.Text)
	_, badDuration := strconv.ParseFloat(duration.Text, 64)
	switch {
	case route > maxRoute:
		e.note(fmt.Sprintf("endpoint method and path have %d characters together: over %d the analytics jobs fail for all projects", route, maxRoute))
	case badStatus != nil && status.Kind == String:
		e.note("endpoint.status_code is no number: the analytics jobs fail for all projects")
	case badDuration != nil && duration.Kind == String:
		e.note("endpoint.duration_ms is no number: the analytics jobs fail for all projects")
	default:
		return
	}
	e.Verdict.BreaksAnalytics = true
}
