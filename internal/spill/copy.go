package spill

import (
	"time"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/spool"
)

// copiesAtOnce bounds how long copies are written at a time, while the server's answers
// wait.
const copiesAtOnce = 8 * atOnce

// leastPace is how often copies are made at most.
const leastPace = time.Millisecond

// copying is how far copies have been made. Twice in Config.After the sequence is
// marked up to which entries were logged, and at the next time they are copied, unless
// they are delivered: they are then between half of After and After old.
type copying struct {
	mark, copied uint64
	next         time.Time // when to copy up to mark; zero when there is nothing to copy
	all          bool      // in CopyAll
}

// Copy makes copies on disk of what was not delivered soon, and has what was written
// synced. It is to be called when something has happened, and when NextCopy says.
func (s *Spill[N]) Copy() {
	if s.Dir == "" {
		return
	}
	now := s.Now()
	if !s.next.IsZero() && !now.Before(s.next) {
		switch {
		case !s.ready():
		case s.copySome(): // all of them are copied
			s.copied, s.next = s.mark, time.Time{}
			if s.all {
				s.all = false
				s.syncNow(now)
			}
		}
		if now.Before(s.resting) {
			s.next = s.resting
		}
	}
	logged := uint64(s.count.Logged.Load())
	if s.next.IsZero() && s.After >= 0 && (logged != s.copied || s.queue.Len() > 0) {
		s.mark, s.next = logged, now.Add(max(s.After/2, leastPace))
	}
	s.syncWhenDue()
}

// CopyAll has Copy make copies of all there is, beginning now.
func (s *Spill[N]) CopyAll() {
	if s.Dir == "" {
		return
	}
	s.mark, s.next, s.all = firstSpooled-1, s.Now(), true
	s.Copy()
}

// NextCopy is when Copy has something to do; the zero time for never.
func (s *Spill[N]) NextCopy() time.Time {
	at := s.syncAt()
	if at.IsZero() || !s.next.IsZero() && s.next.Before(at) {
		at = s.next
	}
	return at
}

// copySome copies entries up to the mark, and reports whether it has copied all.
func (s *Spill[N]) copySome() (all bool) {
	s.backlog.Gather(s.mark)
	var entries []*buffer.Entry
	for e := range s.backlog.All() {
		if e.Seq > s.mark || e.Copy != 0 && s.tickets.all[e.Copy-1].Live() {
			continue
		}
		if len(entries) == copiesAtOnce {
			s.copy(entries)
			return false
		}
		entries = append(entries, e)
	}
	s.copy(entries)
	return true
}

func (s *Spill[N]) copy(entries []*buffer.Entry) {
	s.put(entries, true, func(e *buffer.Entry, ticket spool.Ticket) {
		if e.Copy != 0 {
			s.tickets.take(e.Copy) // its segment is gone
		}
		e.Copy = s.tickets.add(ticket)
	})
}
