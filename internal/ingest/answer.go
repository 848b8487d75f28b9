package ingest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const mediaProtobuf = "application/x-protobuf"

// An Answer is what the server says to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Write sends the answer.
func (a *Answer) Write(w http.ResponseWriter) {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // a client that has left misses it
}

// JSON returns an answer whose body is v in JSON.
func JSON(status int, v any) *Answer {
	return &Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: encodeJSON(v)}
}

// Detail returns an answer of the form that all the server's errors have but 422.
func Detail(status int, text string) *Answer {
	return JSON(status, map[string]string{"detail": text})
}

// Unprocessable returns the answer 422 to a request with these problems.
func Unprocessable(problems ...Problem) *Answer {
	return JSON(http.StatusUnprocessableEntity, map[string]any{"detail": problems})
}

// QueueFull returns what the server says to a body that is too large, or when it has too much to do.
func QueueFull() *Answer {
	a := Detail(http.StatusServiceUnavailable, "Service temporarily unavailable - queue full")
	a.Header.Set("Retry-After", "60")
	return a
}

// unhandled is how an exception in a route of servers from 2.0 on surfaces.
func unhandled() *Answer {
	return Detail(http.StatusInternalServerError, "Authentication service error")
}

// Answer returns what the server says to the request, by the verdicts of its entries.
func (b *Batch) Answer() *Answer {
	if b.Refusal != nil {
		return b.Refusal
	}
	var texts []string
	for i := range b.Entries {
		if v := &b.Entries[i].Verdict; v.Outcome == Rejected {
			texts = append(texts, fmt.Sprintf("Log %d: %s", i, v.Reason))
		}
	}
	if b.v2() {
		return b.PartialSuccess(len(texts), strings.Join(texts, "; "))
	}
	result := struct {
		Accepted int      `json:"accepted"`
		Rejected int      `json:"rejected"`
		Message  *string  `json:"message"`
		Errors   []string `json:"errors"`
	}{Accepted: len(b.Entries) - len(texts), Rejected: len(texts)}
	if b.path == PathSingle {
		text := "Log accepted for processing"
		result.Message = &text
	}
	if len(texts) > 0 {
		// The parts of the real server hand the texts on as one string, so one with "; " in it comes out as two.
		result.Errors = strings.Split(strings.Join(texts, "; "), "; ")
	}
	return JSON(http.StatusAccepted, result)
}

// PartialSuccess returns the answer 200 to an OTLP request of which so many records were rejected, in the form of the
// request.
func (b *Batch) PartialSuccess(rejected int, text string) *Answer {
	if !b.protobuf {
		if rejected == 0 {
			return JSON(http.StatusOK, struct{}{})
		}
		type partialSuccess struct {
			Rejected string `json:"rejectedLogRecords"` // 64 bits are text in proto3 JSON
			Message  string `json:"errorMessage"`
		}
		return JSON(http.StatusOK, map[string]partialSuccess{"partialSuccess": {strconv.Itoa(rejected), text}})
	}
	a := &Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {mediaProtobuf}}}
	if rejected > 0 {
		inner := binary.AppendUvarint([]byte{1 << 3}, uint64(rejected))
		inner = binary.AppendUvarint(append(inner, 2<<3|2), uint64(len(text)))
		inner = append(inner, text...)
		a.Body = binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(inner)))
		a.Body = append(a.Body, inner...)
	}
	return a
}

func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("ingest: encode an answer: " + strconv.Quote(err.Error())) // a bug here: every answer is plain data
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
