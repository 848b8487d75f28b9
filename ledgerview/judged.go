package ledgerview

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// requestBlame says why a request was refused as a whole, for the entries in it that are innocent.
func requestBlame(batch *ingest.Batch) string {
	for i := range batch.Entries {
		if v := &batch.Entries[i].Verdict; v.Outcome == ingest.Refused && v.Reason != "" {
			return fmt.Sprintf("refused with its request, for entry %d: %s", i, plainReason(v.Reason))
		}
	}
	return "refused with its request"
}

// fromEntry makes a record of an entry. Blame is what an entry that is refused without a reason of its own is told.
func fromEntry(e *ingest.Entry, path string, now time.Time, blame string) record {
	r := record{
		time: e.Time, received: now, level: levelRanks[e.Level],
		message: e.Message, errorType: e.ErrorType, errorMessage: e.ErrorMessage, stack: e.StackTrace, logID: e.LogID,
		labels: labels{
			protocol: "ledger", service: e.Service, environment: e.Environment, release: e.Release,
			logType: e.LogType, importance: e.Importance,
		},
	}
	if path == ingest.PathLogs {
		r.labels.protocol = "otlp"
	}
	if e.Attributes.Kind == ingest.Object && len(e.Attributes.Items) > 0 {
		r.attributes = appendValue(make([]byte, 0, 256), &e.Attributes, 0)
	}
	r.judge(&e.Verdict, blame)
	if r.refused && r.labels.protocol == "ledger" {
		r.salvage(e.Raw)
	}
	if r.time.IsZero() {
		r.time = now
	}
	r.labels.logType = cmp.Or(r.labels.logType, "logger")
	r.labels.importance = cmp.Or(r.labels.importance, "standard")
	r.fingerprint, _ = e.Fingerprint()
	r.noteCuts()
	r.noteMasks()
	return r
}

// judge notes what the server does with the record.
func (r *record) judge(v *ingest.Verdict, blame string) {
	switch v.Outcome {
	case ingest.Rejected, ingest.Refused:
		r.refused = true
		r.notes = append(r.notes, note{noteRefused, reasonPath(v.Reason), cmp.Or(plainReason(v.Reason), blame)})
	case ingest.Lost:
		r.notes = append(r.notes, note{noteLost, "", "taken by the server, and then lost: " + v.Reason})
	}
	for _, text := range v.Notes {
		kind := noteAnalytics
		field, _, cut := strings.Cut(text, " cut to ")
		if cut {
			kind = noteCut
		} else {
			field = "attributes.endpoint"
		}
		r.notes = append(r.notes, note{kind, field, text})
	}
}

// plainReason takes the sentence out of the report of a Python library.
func plainReason(reason string) string {
	if _, rest, ok := strings.Cut(reason, "Value error, "); ok {
		text, _, _ := strings.Cut(rest, " [type=")
		return text
	}
	return reason
}

// reasonPath is the field that a reason is about, or "".
func reasonPath(reason string) string {
	if _, rest, ok := strings.Cut(reason, " for LogEntry\n"); ok {
		field, _, _ := strings.Cut(rest, "\n")
		if !strings.HasPrefix(field, " ") {
			return field
		}
		return ""
	}
	if field, _, ok := strings.Cut(reason, ": "); ok && !strings.Contains(field, " ") {
		return field
	}
	return ""
}

// salvage shows what the server did not take of an entry: what is wrong was left out of it.
func (r *record) salvage(raw string) {
	entry, err := compactJSON(nil, []byte(raw))
	if err != nil || len(entry) == 0 || entry[0] != '{' {
		r.message = cmp.Or(r.message, raw)
		return
	}
	members(entry, func(name, value []byte) bool {
		text := textOf(value)
		if text == "" && value[0] != '"' && string(value) != "null" {
			text = string(value)
		}
		switch string(name) {
		case `"message"`:
			r.message = cmp.Or(r.message, text)
		case `"level"`:
			if l, ok := levelRanks[strings.ToLower(text)]; ok {
				r.level = l
			}
		case `"error_type"`:
			r.errorType = cmp.Or(r.errorType, text)
		case `"error_message"`:
			r.errorMessage = cmp.Or(r.errorMessage, text)
		case `"stack_trace"`:
			r.stack = cmp.Or(r.stack, text)
		case `"environment"`:
			r.labels.environment = cmp.Or(r.labels.environment, text)
		case `"release"`:
			r.labels.release = cmp.Or(r.labels.release, text)
		case `"log_type"`:
			r.labels.logType = cmp.Or(r.labels.logType, text)
		case `"importance"`:
			r.labels.importance = cmp.Or(r.labels.importance, text)
		}
		return true
	})
}

// Signs that a client has shortened or masked something itself.
const (
	cutMark    = "… [truncated]"
	maskMark   = "[redacted]"
	starsMark  = "***"
	maxMarks   = 20
	cutsMember = "_truncated"
)

// noteCuts notes what the client has shortened.
func (r *record) noteCuts() {
	for _, f := range [...]struct{ name, text string }{
		{"message", r.message}, {"error.message", r.errorMessage}, {"error.stack", r.stack},
	} {
		if strings.HasSuffix(f.text, cutMark) {
			r.notes = append(r.notes, note{noteCut, f.name, "shortened by the client"})
		}
	}
	if cuts := member(r.attributes, cutsMember); cuts != nil {
		listed := false
		elements(cuts, func(path []byte) bool {
			listed = true
			r.notes = append(r.notes, note{noteCut, "attributes." + textOf(path), "cut or left out by the client: the server takes 100000 characters of attributes"})
			return true
		})
		if !listed {
			r.notes = append(r.notes, note{noteCut, "attributes", "cut by the client: the server takes 100000 characters of attributes"})
		}
		return
	}
	r.noteLeaves(noteCut, "shortened by the client", func(value []byte) bool { return bytes.HasSuffix(value, []byte(cutMark+`"`)) }, cutMark)
}

// noteMasks notes which secrets are masked.
func (r *record) noteMasks() {
	r.noteLeaves(noteMasked, "a secret, masked by the client", func(value []byte) bool {
		return bytes.Contains(value, []byte(maskMark)) || bytes.Contains(value, []byte(starsMark))
	}, maskMark, starsMark)
}

// noteLeaves notes the leaves that are wanted, when one of the signs is there at all.
func (r *record) noteLeaves(kind, text string, wanted func([]byte) bool, signs ...string) {
	there := false
	for _, sign := range signs {
		there = there || bytes.Contains(r.attributes, []byte(sign))
	}
	if !there {
		return
	}
	var w leafWalk
	found := 0
	w.leaves(r.attributes, func(path, value []byte) bool {
		if value[0] == '"' && wanted(value) {
			r.notes = append(r.notes, note{kind, "attributes." + string(path), text})
			found++
		}
		return found < maxMarks
	})
}

// appendValue appends a value in the compact form.
func appendValue(b []byte, v *ingest.Value, depth int) []byte {
	switch v.Kind {
	case ingest.False:
		return append(b, "false"...)
	case ingest.True:
		return append(b, "true"...)
	case ingest.Int:
		return append(b, v.Text...)
	case ingest.Float:
		if !isNumber(v.Text) { // NaN, an infinity
			return appendQuoted(b, v.Text)
		}
		return append(b, v.Text...)
	case ingest.String:
		return appendQuoted(b, v.Text)
	case ingest.List, ingest.Object:
		if depth == maxDepth {
			return append(b, tooDeep...)
		}
		open, end := byte('['), byte(']')
		if v.Kind == ingest.Object {
			open, end = '{', '}'
		}
		b = append(b, open)
		for i := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			if v.Kind == ingest.Object {
				b = append(appendQuoted(b, v.Items[i].Name), ':')
			}
			b = appendValue(b, &v.Items[i], depth+1)
		}
		return append(b, end)
	default:
		return append(b, "null"...)
	}
}
