package ledgertest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// New starts a server for a test, and closes it when the test ends. If the test failed, it logs what arrived: the
// requests with their answers, the entries, those that were lost and why, each in one line, the middle left out when
// there are many. With [InMemory] the server fits a testing/synctest bubble.
func New(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s := NewServer(opts...)
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			t.Log(s.report())
		}
	})
	return s
}

const (
	reportedLines = 20  // of each kind
	reportedWidth = 200 // characters of a line
)

// report says what arrived, in bounded text.
func (s *Server) report() string {
	requests, entries, lost := s.Requests(), s.Entries(), s.Lost()
	var b strings.Builder
	fmt.Fprintf(&b, "ledgertest: %d requests, %d entries stored (%d arrived again), %d lost", len(requests), len(entries), s.Duplicates(), len(lost))
	section(&b, requests, func(r Request) string {
		status := "no answer"
		if r.Status != 0 {
			status = fmt.Sprint(r.Status)
		}
		return fmt.Sprintf("%s %s %s: %s, %d entries in %d bytes", r.Time.Format("15:04:05.000"), r.Method, r.Path, status, len(r.Entries), r.WireSize)
	})
	section(&b, entries, Entry.line)
	section(&b, lost, func(e Entry) string {
		why := "lost by the test: "
		if n := len(e.Notes); n > 0 && strings.HasPrefix(e.Notes[n-1], "lost: ") {
			why = e.Notes[n-1] + ": "
		}
		return why + e.line()
	})
	return b.String()
}

func section[T any](b *strings.Builder, items []T, line func(T) string) {
	for i, item := range items {
		if skipped := len(items) - reportedLines; skipped > 0 && i >= reportedLines/2 && i < reportedLines/2+skipped {
			if i == reportedLines/2 {
				fmt.Fprintf(b, "\n    … %d more …", skipped)
			}
			continue
		}
		text := []rune(strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return '·'
		}, line(item)))
		if len(text) > reportedWidth {
			text = append(text[:reportedWidth-1:reportedWidth-1], '…')
		}
		fmt.Fprintf(b, "\n    %s", string(text))
	}
}

// line shows an entry in a line, the error before the attributes.
func (e Entry) line() string {
	parts := []string{e.Timestamp.Format("15:04:05.000"), e.Level, e.LogType, e.Message}
	if e.ErrorType != "" {
		parts = append(parts, "["+e.ErrorType+": "+e.ErrorMessage+"]")
	}
	if len(e.Attributes) > 0 {
		if attributes, err := json.Marshal(e.Attributes); err == nil { // NaN is no JSON
			parts = append(parts, string(attributes))
		}
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}
