package ingest

import (
	"fmt"
	"time"
)

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
