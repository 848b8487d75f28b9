package spill

import (
	"log/slog"
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

// syncing is what is known of how much of the disk's content is synced.
type syncing struct {
	dirty time.Time // when the oldest bytes were written that are not synced; zero for none
	began time.Time // when the last sync began
	busy  bool      // a goroutine waits for the disk
	done  chan error
}

// wrote notes that something was written.
func (s *syncing) wrote(now time.Time) {
	if s.dirty.IsZero() {
		s.dirty = now
	}
}

// syncAt is when the next sync is due: at once, but not sooner after the last one than
// Config.Sync. It is the zero time while none is, or one is under way.
func (s *Spill[N]) syncAt() time.Time {
	if s.busy || s.dirty.IsZero() {
		return time.Time{}
	}
	if at := s.began.Add(s.Sync); at.After(s.dirty) {
		return at
	}
	return s.dirty
}

func (s *Spill[N]) syncWhenDue() {
	select {
	case err := <-s.done:
		s.synced(err)
	default:
	}
	if now, at := s.Now(), s.syncAt(); !at.IsZero() && !now.Before(at) {
		s.syncNow(now)
	}
}

// syncNow has a goroutine wait for the disk, which may take its time.
func (s *Spill[N]) syncNow(now time.Time) {
	if s.busy || s.spool == nil {
		return
	}
	s.dirty, s.began = time.Time{}, now
	wait := s.spool.Sync()
	if wait == nil {
		return
	}
	s.busy = true
	go func() {
		s.done <- wait()
		s.queue.Poke()
	}()
}

// synced notes how a sync ended.
func (s *Spill[N]) synced(err error) {
	s.busy = false
	if err == nil {
		return
	}
	s.tellUnsynced(err)
	if s.spool != nil {
		s.spool.SyncAgain()
		s.wrote(s.Now())
	}
}

func (s *Spill[N]) tellUnsynced(err error) {
	s.Tell("spool sync", slog.LevelWarn, "what was written to the spool may not outlive a loss of power", slog.String("error", err.Error()))
}

// waitForSync returns when no goroutine waits for the disk.
func (s *Spill[N]) waitForSync() {
	if s.busy {
		s.synced(<-s.done)
	}
}
