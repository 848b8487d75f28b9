package spill

import (
	"encoding/json"
	"log/slog"
	"os"

	"github.com/ledger-sdk/ledger-go/internal/spool"
)

// Open opens the spool, and counts what is in it as logged; then it calls Opened. A
// spool that is open stays so. It is opened again when entries should go there: a
// process that had the directory may be gone by then.
func (s *Spill[N]) Open() {
	if s.open() {
		s.Opened()
	}
}

// open reports whether the spool was opened.
func (s *Spill[N]) open() bool {
	if s.Dir == "" || s.spool != nil {
		return false
	}
	label, _ := json.Marshal(s.Format("").Origin()) // plain structs always marshal
	opened, err := spool.Open(s.Dir, s.MaxBytes, string(label))
	if err != nil {
		s.fail("no spool: entries stay in memory", err)
		return false
	}
	s.spool = opened
	s.unreadable = 0
	s.trouble.Store(nil)
	if n := opened.Skipped(); n > 0 {
		s.Tell("spool garbled", slog.LevelWarn, "parts of the spool could not be read", slog.Int64("parts", n))
	}
	inherited := opened.Len()
	s.count.Logged.Add(inherited)
	s.count.Taken.Add(inherited)
	s.count.SpoolIn.Add(inherited)
	return true
}

// ready reports whether the spool can be written to; it opens it if need be.
func (s *Spill[N]) ready() bool {
	if s.Now().Before(s.resting) {
		return false
	}
	s.Open()
	return s.spool != nil
}

// fail notes that the spool cannot be used for a while.
func (s *Spill[N]) fail(what string, err error) {
	text := err.Error()
	s.trouble.Store(&text)
	s.resting = s.Now().Add(rest)
	s.Tell("spool", slog.LevelError, what, slog.String("error", text))
}

// Trouble says why the spool cannot be used; "" when it can, or there is none. Anybody
// may call it.
func (s *Spill[N]) Trouble() string {
	if text := s.trouble.Load(); text != nil {
		return *text
	}
	return ""
}

// Root is the spool's directory, for other files; nil while it is not open.
func (s *Spill[N]) Root() *os.Root {
	if s.spool == nil {
		return nil
	}
	return s.spool.Root()
}

// reopen opens the directory again that was removed or replaced. What was on disk alone
// is lost, and what was copied is to be copied again.
func (s *Spill[N]) reopen() {
	lost := s.spool.Len()
	s.Close()
	s.countLost(lost)
	s.copied = 0
	s.Open()
}

// Close gives the spool up.
func (s *Spill[N]) Close() { s.Leave()() }

// Leave gives the spool up, for another process or handler to have it, and returns a
// function that waits until all is synced.
func (s *Spill[N]) Leave() (wait func()) {
	if s.spool == nil {
		return s.waitForSync
	}
	last := s.spool.Leave()
	s.spool = nil
	return func() {
		s.waitForSync()
		if last == nil {
			return
		}
		if err := last(); err != nil {
			s.tellUnsynced(err)
		}
	}
}

// countLost counts entries that were on disk and are not any more.
func (s *Spill[N]) countLost(n int64) {
	if n == 0 {
		return
	}
	s.count.DropSpooled(n)
	s.Tell("spool full", slog.LevelWarn, "the spool is full: its oldest entries are dropped")
}
