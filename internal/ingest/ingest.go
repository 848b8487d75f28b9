// Package ingest turns the body of a request into log entries, judged by the rules of the real Ledger server: what it
// takes, rejects, refuses, cuts, and what it loses after it said yes. It reads both protocols, Ledger's own JSON and
// OTLP/HTTP in protobuf and JSON, as the server's own parsers do, and writes the server's answers.
//
//	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ingest.MaxBody))
//	// …
//	batch := ingest.Decode(ingest.Request{
//		Path: r.URL.Path, ContentType: r.Header.Get("Content-Type"), ContentEncoding: r.Header.Get("Content-Encoding"), Body: body,
//	}, time.Now())
//	for i := range batch.Entries {
//		e := &batch.Entries[i]
//		switch e.Verdict.Outcome {
//		case ingest.Accepted: // it is stored
//		case ingest.Lost:     // the server says yes, and e.Verdict.Reason is why it is never seen again
//		}
//	}
//	batch.Answer().Write(w)
//
// Packages ledgertest and ledgerview call it. It must never know a server: no keys, limits, quotas or faults, no
// connection, and no clock but the time it is given. Its functions are pure and may run side by side; a Batch belongs
// to one goroutine at a time.
package ingest

import (
	"fmt"
	"net/http"
	"time"
)

// The paths a body may be sent to. The first two are those of servers before 2.0, the third that of servers from 2.0
// on.
const (
	PathBatch  = "/api/v1/ingest/batch"
	PathSingle = "/api/v1/ingest/single"
	PathLogs   = "/v1/logs"
)

// MaxEntries is how many entries a request may have.
const MaxEntries = 1000

// A Request is what came in a POST.
type Request struct {
	Path            string // one of [PathBatch], [PathSingle], [PathLogs]
	ContentType     string // the header, "" when absent
	ContentEncoding string // the header; only gzip, in any case, is decoded
	Body            []byte // as sent. A Batch does not keep it.
	MaxBytes        int64  // of the body, before and after gzip; 0 means [MaxBody]
}

// A Batch is what a request brought.
type Batch struct {
	Entries []Entry // in the order of the request; nil when the body could not be read
	Refusal *Answer // how the request is refused as a whole; nil when it is not

	path     string
	protobuf bool    // the answer has the form of the request
	decoded  *Answer // the part of Refusal that does not depend on the time
}

// An Outcome says what becomes of an entry.
type Outcome uint8

const (
	Accepted Outcome = iota // stored
	Rejected                // left out, with a success for the others; Reason is the server's own text
	Refused                 // refused with the request; Reason is what is wrong with this entry, "" when it is innocent
	Lost                    // acknowledged, and then not stored; Reason says why. No answer tells a client of it.
)

// A Verdict is what the server does to one entry.
type Verdict struct {
	Outcome Outcome
	Reason  string // "" when accepted

	// Notes say what the server does to the entry without a word: texts cut, analytics broken.
	Notes []string
	// BreaksAnalytics is set for an entry which is stored and on which the server's analytics then fail, for all
	// projects.
	BreaksAnalytics bool
}

// An Entry is one log entry as the server stores it, whichever protocol brought it.
type Entry struct {
	Time            time.Time // UTC, microseconds
	Level           string    // debug, info, warning, error or critical
	LogType         string    // console, logger, exception, database, endpoint or custom
	Importance      string    // critical, high, standard or low
	Message         string
	ErrorType       string
	ErrorMessage    string
	StackTrace      string
	Environment     string
	Release         string
	SDKVersion      string
	Platform        string
	PlatformVersion string
	Attributes      Value // an Object, or null when there are none

	LogID   string // the client's id, "" when it sent none
	TraceID string // lower-case hex, "" when unknown
	SpanID  string
	Service string // service.name of the resource, or the attribute service
	Raw     string // the entry as it stood in the request: a JSON object, or a protobuf LogRecord

	Verdict Verdict

	naive bool   // the timestamp has no zone
	odd   oddity // of the entry's own texts
}

// Decode reads a request and judges its entries at the time now. It always returns a Batch.
func Decode(r Request, now time.Time) *Batch {
	b := &Batch{path: r.Path, protobuf: mediaType(r.ContentType) == mediaProtobuf}
	body, err := Decompress(r.Body, r.ContentEncoding, r.MaxBytes)
	switch {
	case err == ErrTooLarge:
		b.decoded = QueueFull()
	case err != nil:
		b.decoded = Detail(http.StatusBadRequest, "Invalid gzip body")
	case r.Path == PathBatch || r.Path == PathSingle:
		b.decodeNative(body, r.ContentType)
	case r.Path == PathLogs:
		b.decodeOTLP(body, r.ContentType, now)
	default:
		b.decoded = Detail(http.StatusNotFound, "Not Found")
	}
	b.Judge(now, nil)
	return b
}

// v2 reports whether the rules are those of servers from 2.0 on.
func (b *Batch) v2() bool { return b.path == PathLogs }

// refuse marks all entries as refused with the request. Those at fault have a reason already.
func (b *Batch) refuse(a *Answer) {
	b.decoded = a
	for i := range b.Entries {
		b.Entries[i].Verdict.Outcome = Refused
	}
}

// Identity is by what servers from 2.0 on tell redeliveries of a record that brought no log id.
func (e *Entry) Identity() string {
	return fmt.Sprintf("%d %s %s %s", e.Time.UnixMicro(), e.TraceID, e.SpanID, e.Message)
}

// note adds what the server does without a word.
func (e *Entry) note(text string) { e.Verdict.Notes = append(e.Verdict.Notes, text) }
