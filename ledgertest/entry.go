package ledgertest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// An Entry is one log entry as the server stores it, whichever protocol brought it.
// Entries share maps and slices with the server: read them, do not change them.
type Entry struct {
	Timestamp       time.Time // UTC, microseconds
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
	LogID           string         // the client's id, "" when it sent none
	Attributes      map[string]any // decoded JSON; numbers are json.Number, written as Python prints them
	Raw             []byte         // the entry as it stood in the request: a JSON object, or a protobuf LogRecord

	// Notes say what the server does to the entry without telling the client: texts that it cuts, why it loses the
	// entry, that its analytics break on it.
	Notes []string
}

func newEntry(e *ingest.Entry) Entry {
	attributes, _ := e.Attributes.Plain().(map[string]any)
	return Entry{
		Timestamp: e.Time, Level: e.Level, LogType: e.LogType, Importance: e.Importance, Message: e.Message,
		ErrorType: e.ErrorType, ErrorMessage: e.ErrorMessage, StackTrace: e.StackTrace,
		Environment: e.Environment, Release: e.Release, SDKVersion: e.SDKVersion, Platform: e.Platform, PlatformVersion: e.PlatformVersion,
		LogID: e.LogID, Attributes: attributes, Raw: []byte(e.Raw), Notes: notes(e),
	}
}

func notes(e *ingest.Entry) []string {
	if e.Verdict.Outcome != ingest.Lost {
		return e.Verdict.Notes
	}
	return append(slices.Clone(e.Verdict.Notes), "lost: "+e.Verdict.Reason)
}

// stored is what became of the entries the server has taken. It is guarded by Server.mu.
type stored struct {
	received []Entry         // every one written, duplicates included
	unique   []Entry         // the first of each identity
	lost     []Entry         // acknowledged, then refused by the database
	breaking []Entry         // stored, and the analytics break on them
	seen     map[string]bool // identities
}

// add writes e. By log id alone two entries are the same under the native protocol; under OTLP the timestamp
// belongs to the identity too, and fallback identifies records without an id ("" for none).
func (st *stored) add(e Entry, byTime bool, fallback string) {
	st.received = append(st.received, e)
	if st.seen == nil {
		st.seen = make(map[string]bool)
	}
	plain, timed := "", ""
	switch {
	case e.LogID != "":
		plain = "id:" + e.LogID
		timed = "at:" + strconv.FormatInt(e.Timestamp.UnixMicro(), 10) + ":" + e.LogID
	case fallback != "":
		timed = "fallback:" + fallback
	}
	key := plain
	if byTime {
		key = timed
	}
	if key == "" || !st.seen[key] {
		st.unique = append(st.unique, e)
	}
	st.seen[plain], st.seen[timed] = true, true
}

// Entries returns what the server stores, oldest first by arrival. Entries that arrived again under the same log id
// are left out, as an idempotent store would; [Server.Received] has them all.
func (s *Server) Entries() []Entry { return s.copied(&s.stored.unique) }

// Received returns every entry written, in order of arrival, entries that came twice included. A real server of the
// first generation ignores log ids and stores all of these.
func (s *Server) Received() []Entry { return s.copied(&s.stored.received) }

func (s *Server) copied(list *[]Entry) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(*list)
}

// Duplicates returns how many entries arrived again: the length of Received less that of Entries.
func (s *Server) Duplicates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stored.received) - len(s.stored.unique)
}

// Lost returns the entries that were acknowledged and then lost, because the server's database refuses them: NUL
// characters, NaN, endpoint fields out of range, long messages at error and critical. Under OTLP an entry takes its
// neighbours with it. The last of an entry's Notes says why. No answer tells a client; a test should find none.
func (s *Server) Lost() []Entry { return s.copied(&s.stored.lost) }

// BreakingAnalytics returns the entries which are stored and on which the real server's analytics jobs then fail, for
// all its projects: endpoints whose method and path have more than 500 characters together, or whose numbers are
// none. No answer tells a client; a test should find none.
func (s *Server) BreakingAnalytics() []Entry { return s.copied(&s.stored.breaking) }

// Wait returns once n entries are stored, duplicates not counted, or with an error when ctx ends.
func (s *Server) Wait(ctx context.Context, n int) error {
	have, err := await(ctx, s, func() int { return len(s.stored.unique) }, func(have int) bool { return have >= n })
	if err != nil {
		return fmt.Errorf("ledgertest: %d of %d entries arrived: %w", have, n, err)
	}
	return nil
}

// WaitFor returns once done reports true of what [Server.Entries] returns, or with an error when ctx ends.
// It asks at once and after every change. Done runs without locks held.
func (s *Server) WaitFor(ctx context.Context, done func([]Entry) bool) error {
	entries, err := await(ctx, s, func() []Entry { return slices.Clone(s.stored.unique) }, done)
	if err != nil {
		return fmt.Errorf("ledgertest: still waiting with %d entries: %w", len(entries), err)
	}
	return nil
}

// WaitRequests returns once n requests have come in, answered or not, or with an error when ctx ends.
func (s *Server) WaitRequests(ctx context.Context, n int) error {
	have, err := await(ctx, s, func() int { return len(s.requests) }, func(have int) bool { return have >= n })
	if err != nil {
		return fmt.Errorf("ledgertest: %d of %d requests came in: %w", have, n, err)
	}
	return nil
}

// await looks, with s.mu held, until done, which runs without, reports true of what there is.
func await[T any](ctx context.Context, s *Server, look func() T, done func(T) bool) (T, error) {
	for {
		s.mu.Lock()
		found, changed := look(), s.changed
		s.mu.Unlock()
		if done(found) {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found, ctx.Err()
		}
	}
}

// wake lets every waiter look again. s.mu is held.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// A Request is one request the server has seen.
type Request struct {
	Time     time.Time
	Method   string
	Path     string
	Header   http.Header
	Encoding string  // the Content-Encoding header
	WireSize int     // bytes of the body as sent
	Size     int     // bytes of the body after gzip
	Entries  []Entry // what the body holds, valid or not; nil when it could not be read
	Body     []byte  // the body after gzip; nil unless [WithBodies] was given
	Status   int     // the status answered; 0 while there is none, or when the connection was cut first
}

func (r *Request) clone() Request {
	c := *r
	c.Header = maps.Clone(r.Header)
	return c
}

// Requests returns the requests seen so far, in the order their bodies were read.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Request, len(s.requests))
	for i, r := range s.requests {
		list[i] = r.clone()
	}
	return list
}
