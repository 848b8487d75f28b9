package spill

import (
	"log/slog"
	"time"
)

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
