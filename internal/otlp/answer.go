package otlp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// maxAnswerText bounds what is kept of a server's words.
const maxAnswerText = 300

// ReadAnswer reads an ExportLogsServiceResponse in protobuf or JSON. Of an error it
// reads Ledger's {"detail":…}, which is always JSON (ledger-wire 6.1, 6.5, 6.6), or
// the google.rpc.Status that other servers send.
func (*Format) ReadAnswer(status int, body io.Reader, n int) wire.Answer {
	text, err := io.ReadAll(body)
	var a wire.Answer
	success := status >= 200 && status < 300
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		a.Readable = success && err == nil // nothing was rejected
	case len(trimmed) > 0 && trimmed[0] == '{':
		readJSON(&a, trimmed)
	case success:
		readResponse(&a, text)
		a.Foreign = err == nil && !a.Readable && isWords(trimmed)
	default:
		readStatus(&a, text)
	}
	if !success {
		a.Rejected = 0
	}
	a.Rejected = min(max(a.Rejected, 0), n)
	a.Quota = n > 0 && a.Rejected == n && strings.HasPrefix(a.Message, quotaMessage)
	if a.Quota {
		a.Left = min(quotaLeft(a.Message), n-1) // all n did not fit
	}
	a.Message = jsontext.Cut(jsontext.Clean(a.Message), maxAnswerText)
	return a
}

// isWords reports whether text is written for people. Otherwise it is a message that
// broke off.
func isWords(text []byte) bool {
	return len(text) > 0 && utf8.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' })
}

const quotaMessage = "Daily logs quota exceeded"

// quotaLeft reads how many entries a quota still has room for, from its use before the
// request (ledger-wire 3.4); 0 where the message does not say.
func quotaLeft(message string) int {
	var used, quota int
	if _, err := fmt.Sscanf(message[len(quotaMessage):], " (%d/%d)", &used, &quota); err != nil || used < 0 {
		return 0
	}
	return max(quota-used, 0)
}

// readResponse reads an ExportLogsServiceResponse.
func readResponse(a *wire.Answer, text []byte) {
	var rejected int64
	var message string
	response := fields{rest: text}
	for response.next() {
		if response.tag != 1<<3|wireBytes {
			continue
		}
		partial := fields{rest: response.bytes}
		for partial.next() {
			switch partial.tag {
			case 1<<3 | wireVarint:
				rejected = int64(partial.value)
			case 2<<3 | wireBytes:
				message = string(partial.bytes)
			}
		}
		if partial.broken {
			return
		}
	}
	if response.broken {
		return
	}
	a.Readable, a.Message = true, message
	a.Rejected = int(min(max(rejected, 0), math.MaxInt32))
}

// readStatus reads the message of a google.rpc.Status. Anything that is none belongs
// to another protocol.
func readStatus(a *wire.Answer, text []byte) {
	var message string
	status := fields{rest: text}
	for status.next() {
		if status.tag == 2<<3|wireBytes {
			message = string(status.bytes)
		}
	}
	if !status.broken {
		a.Readable, a.Message = true, message
	}
}

func readJSON(a *wire.Answer, text []byte) {
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
	a.Readable = true
	if body.Partial != nil {
		a.Message = body.Partial.Message
		// The count is a string in JSON, because it has 64 bits.
		count, err := strconv.ParseFloat(strings.Trim(string(body.Partial.Rejected), `" `), 64)
		if err == nil && count > 0 {
			a.Rejected = int(min(count, math.MaxInt32))
		}
	} else if len(body.Detail) > 0 {
		if json.Unmarshal(body.Detail, &a.Message) != nil {
			a.Message = string(body.Detail)
		}
	} else {
		a.Message = body.Status
	}
}
