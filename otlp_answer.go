package ledger

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxAnswerText bounds what is kept of a server's words.
const maxAnswerText = 300

// readAnswer reads ExportLogsServiceResponse, in protobuf or JSON, and errors:
// Ledger's {"detail":…}, which is JSON whatever the request was (ledger-wire
// 6.1, 6.5, 6.6), and the google.rpc.Status that OTLP asks of everybody else.
func (*otlpFormat) readAnswer(status int, body io.Reader, n int) answer {
	text, err := io.ReadAll(body)
	var a answer
	success := status >= 200 && status < 300
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		a.readable = success && err == nil // nothing was rejected
	case len(trimmed) > 0 && trimmed[0] == '{':
		readJSON(&a, trimmed)
	case success:
		readResponse(&a, text)
		a.foreign = err == nil && !a.readable && isWords(trimmed)
	default:
		readStatus(&a, text)
	}
	if !success {
		a.rejected = 0
	}
	a.rejected = min(max(a.rejected, 0), n)
	a.quota = n > 0 && a.rejected == n && strings.HasPrefix(a.message, quotaMessage)
	a.message = cutText(cleanText(a.message), maxAnswerText)
	return a
}

// isWords reports whether text is somebody's words rather than a message that
// broke off.
func isWords(text []byte) bool {
	return len(text) > 0 && utf8.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' })
}

const quotaMessage = "Daily logs quota exceeded"

func readResponse(a *answer, text []byte) {
	var rejected int64
	var message string
	for len(text) > 0 {
		f, rest, ok := nextField(text)
		if !ok {
			return
		}
		text = rest
		if f.number != 1 || f.wire != wireBytes {
			continue
		}
		for partial := f.bytes; len(partial) > 0; {
			f, rest, ok := nextField(partial)
			if !ok {
				return
			}
			partial = rest
			switch f.number<<3 | f.wire {
			case 1<<3 | wireVarint:
				rejected = int64(f.value)
			case 2<<3 | wireBytes:
				message = string(f.bytes)
			}
		}
	}
	a.readable, a.message = true, message
	a.rejected = int(min(max(rejected, 0), math.MaxInt32))
}

// readStatus reads the message of a google.rpc.Status.
func readStatus(a *answer, text []byte) {
	var message string
	for len(text) > 0 {
		f, rest, ok := nextField(text)
		if !ok {
			return // another's words
		}
		text = rest
		if f.number == 2 && f.wire == wireBytes {
			message = string(f.bytes)
		}
	}
	a.readable, a.message = true, message
}

func readJSON(a *answer, text []byte) {
	type partial struct {
		Rejected json.RawMessage `json:"rejectedLogRecords"`
		Message  string          `json:"errorMessage"`
	}
	var body struct {
		Partial *partial        `json:"partialSuccess"`
		Detail  json.RawMessage `json:"detail"`
		Status  string          `json:"message"` // of a google.rpc.Status
	}
	if json.Unmarshal(text, &body) != nil {
		return
	}
	a.readable = true
	if body.Partial != nil {
		a.message = body.Partial.Message
		// The count is a string in JSON, because it has 64 bits.
		count, err := strconv.ParseFloat(strings.Trim(string(body.Partial.Rejected), `" `), 64)
		if err == nil && count > 0 {
			a.rejected = int(min(count, math.MaxInt32))
		}
	} else if len(body.Detail) > 0 {
		if json.Unmarshal(body.Detail, &a.message) != nil {
			a.message = string(body.Detail)
		}
	} else {
		a.message = body.Status
	}
}
