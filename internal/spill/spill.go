// Package spill moves entries between memory and a spool on disk: the oldest go there
// while memory is under pressure and at the end, and come back a portion at a time.
//
// The batcher of package ledger calls it, from its one goroutine. It must never know
// why entries wait, nor what is written beside them in the directory.
package spill

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/spool"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// Entries go to disk above three quarters of the budget, in time before it is used
// up, and come back below a half, in portions of a quarter at most, so that what
// comes back does not have to go at once.
const (
	Above = 0.75
	below = 0.5
	share = 4

	// atOnce bounds how long the disk is written to at a time.
	atOnce = 512
	// rest is how long a disk that failed is left alone.
	rest = 10 * time.Second
	// firstSpooled is the least sequence of an entry that came back: above all others.
	// Such entries are not in the order of logging any more; the sequence says which
	// record they are.
	firstSpooled = 1 << 63
)

// A Spill moves entries from memory to a spool, and back, one portion at a time.
// While the spool cannot be used, entries stay in memory. The goroutine that owns
// the backlog owns it too.
type Spill[N any] struct {
	Config
	backlog *buffer.Backlog[N]
	queue   *buffer.Queue
	count   *stats.Counters

	spool      *spool.Spool // nil until it was opened
	claim      *spool.Claim // of the portion that was read back; nil for none
	claimed    int          // entries of it not settled yet
	resting    time.Time    // nothing is written before
	since      time.Time    // see Since
	unreadable int64        // how many of the spool's lost entries are counted
}

// Config is what a Spill is given.
type Config struct {
	Dir      string // "" for no spool
	MaxBytes int64
	// BatchBytes is how much a batch may hold.
	BatchBytes int
	// Tell reports a trouble, of which it may keep repetitions back.
	Tell func(topic string, level slog.Level, message string, attrs ...slog.Attr)
	// Format is the format of a protocol's entries.
	Format func(protocol string) wire.Format
	// Opened is called when the spool was opened while the handler runs.
	Opened func()
	Now    func() time.Time
}

// New makes a spill for the entries of a backlog, which come out of q. It does
// no I/O.
func New[N any](c Config, backlog *buffer.Backlog[N], q *buffer.Queue, count *stats.Counters) *Spill[N] {
	return &Spill[N]{Config: c, backlog: backlog, queue: q, count: count}
}

// Spooled reports whether a batch was read back from disk.
func Spooled[N any](b *buffer.Batch[N]) bool {
	first, ok := b.First()
	return ok && first >= firstSpooled
}

// Open opens the spool, and counts what is in it as logged; then it calls Opened. A
// spool that is open stays so. Relieve opens it again when entries should go there:
// a process that had the directory may be gone by then.
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
	opened, err := spool.Open(s.Dir, s.MaxBytes)
	if err != nil {
		s.resting = s.Now().Add(rest)
		s.Tell("spool", slog.LevelError, "no spool: entries stay in memory", slog.String("error", err.Error()))
		return false
	}
	s.spool = opened
	if n := opened.Skipped(); n > 0 {
		s.Tell("spool garbled", slog.LevelWarn, "parts of the spool could not be read", slog.Int64("parts", n))
	}
	inherited := opened.Len()
	s.count.Logged.Add(inherited)
	s.count.Taken.Add(inherited)
	s.count.SpoolIn.Add(inherited)
	return true
}

// Root is the spool's directory, for other files; nil while it is not open.
func (s *Spill[N]) Root() *os.Root {
	if s.spool == nil {
		return nil
	}
	return s.spool.Root()
}

// Len is how many entries wait on disk.
func (s *Spill[N]) Len() int64 {
	if s.spool == nil {
		return 0
	}
	return s.spool.Len()
}

// Since is when entries began to wait on disk without a pause; the zero time while
// none does.
func (s *Spill[N]) Since() time.Time {
	if s.Len() == 0 {
		s.since = time.Time{}
	} else if s.since.IsZero() {
		s.since = s.Now()
	}
	return s.since
}

// Relieve writes the oldest entries to disk while memory is under pressure. What
// the disk does not take it returns as a batch; nil for none.
func (s *Spill[N]) Relieve() (kept *buffer.Batch[N]) {
	for s.queue.Pressed(Above) && !s.Now().Before(s.resting) {
		if s.Open(); s.spool == nil {
			return nil
		}
		if s.putBack() {
			continue
		}
		victims := s.backlog.TakeOldest(Above, atOnce)
		if len(victims) == 0 {
			return nil
		}
		if left := s.Write(victims); len(left) > 0 {
			buffer.SortBySeq(left)
			return buffer.NewBatch[N](s.queue, left) // the disk rests now
		}
	}
	return nil
}

// putBack leaves to the spool what was read back and waits; false when there is no
// such thing, or some of it is in a round.
func (s *Spill[N]) putBack() bool {
	n := 0
	for _, held := range s.backlog.Held {
		if Spooled(held) {
			n += held.Size()
		}
	}
	if s.claim == nil || n < s.claimed {
		return false
	}
	s.backlog.Discard(Spooled)
	s.unclaim()
	return true
}

// Write puts entries on disk and returns those that it could not. The spool must
// be open. Written entries are released.
func (s *Spill[N]) Write(entries []*buffer.Entry) (kept []*buffer.Entry) {
	for len(entries) > 0 {
		some := entries[:min(len(entries), atOnce)] // there is a copy of each meanwhile
		written := s.write(some)
		entries = entries[written:]
		if written < len(some) {
			break
		}
	}
	return entries
}

func (s *Spill[N]) write(entries []*buffer.Entry) (written int) {
	records := make([]spool.Record, len(entries))
	for i, e := range entries {
		data := e.Whole()
		if e.Seq < firstSpooled { // otherwise it has been on disk before
			data = e.Format.Standalone(data)
		}
		records[i] = spool.Record{Protocol: e.Format.Protocol(), Urgent: e.Urgent, Data: data}
	}
	written, dropped, err := s.spool.Append(records)
	s.count.SpoolIn.Add(int64(written))
	for _, e := range entries[:written] {
		s.Release(e) // an entry read back is on disk twice now, but for this
	}
	s.countLost(int64(dropped))
	if err != nil {
		s.resting = s.Now().Add(rest)
		s.Tell("spool", slog.LevelError, "the spool takes no entries: they stay in memory", slog.String("error", err.Error()))
	}
	return written
}

// Read reads a batch of at most n entries back; nil when there are none, while an
// earlier one is not settled, and when memory is better left to new entries.
func (s *Spill[N]) Read(n int) *buffer.Batch[N] {
	if s.Len() == 0 || s.claim != nil || s.queue.Pressed(below) {
		return nil
	}
	mostEntries, mostBytes := s.queue.Budget()
	mostEntries, mostBytes = mostEntries/share, mostBytes/share
	n = min(n, max(mostEntries, 1), max(mostBytes/4/buffer.EntryOverhead, 1)) // the rest is for their data
	records, claim := s.spool.Read(n, min(s.BatchBytes, mostBytes/4*3))
	s.countUnreadable()
	if len(records) == 0 {
		return nil
	}
	entries := make([]*buffer.Entry, len(records))
	for i, r := range records {
		e := buffer.NewEntry(r.Data)
		e.Seq, e.Urgent, e.Format = firstSpooled+uint64(i), r.Urgent, s.Format(r.Protocol)
		entries[i] = e
	}
	s.claim, s.claimed = claim, len(entries)
	s.count.SpoolOut.Add(int64(len(entries)))
	return buffer.NewBatch[N](s.queue, entries)
}

// Release lets go of a settled entry: of its record on disk, if it has one, and of
// its memory.
func (s *Spill[N]) Release(e *buffer.Entry) {
	if e.Seq >= firstSpooled {
		s.spool.ReleaseOne(s.claim, int(e.Seq-firstSpooled))
		if s.claimed--; s.claimed == 0 {
			s.claim = nil
		}
	}
	e.Free()
}

// unclaim has the spool hand out again what of the claim is not settled.
func (s *Spill[N]) unclaim() {
	s.spool.Unclaim(s.claim)
	s.count.SpoolIn.Add(int64(s.claimed))
	s.claim, s.claimed = nil, 0
	s.countUnreadable() // their segment may be gone meanwhile
}

// Keep leaves what it can of the last entries to the spool, and returns the rest.
func (s *Spill[N]) Keep(left []*buffer.Entry) (kept []*buffer.Entry) {
	if s.open(); s.spool == nil {
		return left
	}
	var fresh []*buffer.Entry
	for _, e := range left {
		if e.Seq < firstSpooled {
			fresh = append(fresh, e)
		}
	}
	if s.claim != nil {
		s.unclaim()
	}
	return s.Write(fresh)
}

// Close gives the spool up.
func (s *Spill[N]) Close() {
	if s.spool == nil {
		return
	}
	if err := s.spool.Close(); err != nil {
		s.Tell("spool close", slog.LevelWarn, "the spool was not closed well", slog.String("error", fmt.Sprint(err)))
	}
}

// countLost counts entries that were on disk and are not any more.
func (s *Spill[N]) countLost(n int64) {
	if n == 0 {
		return
	}
	s.count.DropSpooled(n, s.Now())
	s.Tell("spool full", slog.LevelWarn, "the spool is full: its oldest entries are dropped")
}

// countUnreadable counts entries that the spool has found itself unable to give.
func (s *Spill[N]) countUnreadable() {
	lost := s.spool.Lost()
	s.countLost(lost - s.unreadable)
	s.unreadable = lost
}
