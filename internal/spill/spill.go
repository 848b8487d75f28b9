// Package spill keeps entries on disk that memory cannot keep, or the process might not
// live to deliver: copies of those that are not delivered soon, the oldest while memory
// is under pressure, and what is left at the end. What is only on disk comes back a
// portion at a time.
//
// The batcher of package ledger calls it, from its one goroutine. It must never know
// why entries wait, nor what is written beside them in the directory.
package spill

import (
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
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
	// Such entries are not in the order of logging any more.
	firstSpooled = 1 << 63
)

// A Spill keeps entries in a spool. An entry is in memory, on disk, or on disk with a
// copy in memory; the last counts as in memory. While the spool cannot be used, entries
// stay in memory. The goroutine that owns the backlog owns it too.
type Spill[N any] struct {
	Config
	backlog *buffer.Backlog[N]
	queue   *buffer.Queue
	count   *stats.Counters

	spool      *spool.Spool // nil until it was opened
	tickets    tickets      // of the entries in memory that are on disk too
	came       uint64       // how many entries came back
	resting    time.Time    // nothing is written before
	since      time.Time    // see Since
	unreadable int64        // how many of the spool's lost entries are counted
	trouble    atomic.Pointer[string]
	copying
	syncing
}

// Config is what a Spill is given.
type Config struct {
	Dir      string // "" for no spool
	MaxBytes int64
	// After is how old an entry is at most when a copy of it is made; negative for
	// none before CopyAll. Sync is how long what was written may wait for fsync.
	After, Sync time.Duration
	// BatchBytes is how much a batch may hold.
	BatchBytes int
	// Tell reports a trouble, of which it may keep repetitions back, and whether it did.
	Tell func(topic string, level slog.Level, message string, attrs ...slog.Attr) bool
	// Format is the format of a protocol's entries.
	Format func(protocol string) wire.Format
	// Opened is called when the spool was opened while the handler runs.
	Opened func()
	Now    func() time.Time
}

// New makes a spill for the entries of a backlog, which come out of q. It does
// no I/O.
func New[N any](c Config, backlog *buffer.Backlog[N], q *buffer.Queue, count *stats.Counters) *Spill[N] {
	if dir, err := filepath.Abs(c.Dir); c.Dir != "" && err == nil {
		c.Dir = dir // wherever the process goes
	}
	return &Spill[N]{Config: c, backlog: backlog, queue: q, count: count, syncing: syncing{done: make(chan error, 1)}}
}

// Spooled reports whether a batch was read back from disk.
func Spooled[N any](b *buffer.Batch[N]) bool {
	first, ok := b.First()
	return ok && first >= firstSpooled
}

// Len is how many entries wait on disk alone.
func (s *Spill[N]) Len() int64 {
	if s.spool == nil {
		return 0
	}
	return s.spool.Len()
}

// Since is when entries began to wait on disk alone without a pause; the zero time
// while none does.
func (s *Spill[N]) Since() time.Time {
	if s.Len() == 0 {
		s.since = time.Time{}
	} else if s.since.IsZero() {
		s.since = s.Now()
	}
	return s.since
}

// Relieve leaves the oldest entries to the disk while memory is under pressure, but
// first of all what came back from it. What the disk does not take it returns as a
// batch; nil for none.
func (s *Spill[N]) Relieve() (kept *buffer.Batch[N]) {
	var left []*buffer.Entry
	for s.queue.Pressed(Above) && s.Dir != "" && s.ready() {
		victims := s.backlog.TakeBatches(Spooled)
		if len(victims) == 0 {
			victims = s.backlog.TakeOldest(Above, atOnce)
		}
		if len(victims) == 0 {
			break
		}
		left = append(left, s.Write(victims)...)
	}
	if len(left) == 0 {
		return nil
	}
	buffer.SortBySeq(left)
	return buffer.NewBatch[N](s.queue, left)
}

// Spare leaves an entry to the disk that has a copy there, instead of dropping it.
func (s *Spill[N]) Spare(e *buffer.Entry) bool {
	if e.Copy == 0 {
		return false
	}
	ticket := s.tickets.take(e.Copy)
	e.Copy = 0
	if !s.spool.Unclaim(ticket) {
		return false
	}
	s.count.SpoolIn.Add(1)
	e.Free()
	return true
}

// Write leaves entries to the disk and returns those that it does not take. The spool
// must be open. Entries that it takes are released.
func (s *Spill[N]) Write(entries []*buffer.Entry) (kept []*buffer.Entry) {
	fresh := slices.DeleteFunc(slices.Clone(entries), s.Spare)
	return s.put(fresh, false, func(e *buffer.Entry, _ spool.Ticket) {
		s.count.SpoolIn.Add(1)
		e.Free()
	})
}

// put writes entries, or copies of them, and calls done with each one that is on disk
// then, and the ticket of a copy. It returns the others.
func (s *Spill[N]) put(entries []*buffer.Entry, copies bool, done func(*buffer.Entry, spool.Ticket)) (kept []*buffer.Entry) {
	records := make([]spool.Record, 0, min(len(entries), atOnce))
	found := make([]spool.Ticket, cap(records))
	var tickets []spool.Ticket
	if copies {
		tickets = found
	}
	for moved := false; len(entries) > 0; {
		some := entries[:min(len(entries), atOnce)]
		records = records[:0]
		for _, e := range some {
			records = append(records, spool.Record{Protocol: e.Format.Protocol(), Urgent: e.Urgent, From: e})
		}
		written, dropped, err := s.spool.Append(records, tickets)
		for i, e := range some[:written] {
			done(e, found[i])
		}
		entries = entries[written:]
		if written > 0 {
			s.wrote(s.Now())
			s.trouble.Store(nil)
		}
		s.countLost(int64(dropped))
		switch {
		case err == nil:
		case errors.Is(err, spool.ErrRecordTooLarge): // others are not
			s.Tell("spool too large", slog.LevelWarn, "an entry is too large for the spool: it stays in memory", slog.String("error", err.Error()))
			kept, entries = append(kept, entries[0]), entries[1:]
		case errors.Is(err, spool.ErrMoved) && !moved:
			moved = true
			if s.reopen(); s.spool == nil {
				return append(kept, entries...)
			}
		default:
			s.fail("the spool takes no entries: they stay in memory", err)
			return append(kept, entries...)
		}
	}
	return kept
}

// Read reads a batch of at most n entries back; nil when there are none, and when
// memory is better left to new entries.
func (s *Spill[N]) Read(n int) *buffer.Batch[N] {
	if n == 0 || s.Len() == 0 || !s.MayRead() {
		return nil
	}
	mostEntries, mostBytes := s.queue.Budget()
	mostEntries, mostBytes = mostEntries/share, mostBytes/share
	n = min(n, max(mostEntries, 1), max(mostBytes/4/buffer.EntryOverhead, 1)) // the rest is for their data
	records, found := s.spool.Read(n, min(s.BatchBytes-n*originSize, mostBytes/4*3))
	s.countUnreadable()
	if len(records) == 0 {
		return nil
	}
	entries := make([]*buffer.Entry, len(records))
	var label string
	var from *wire.Origin
	for i, r := range records {
		format := s.Format(r.Protocol)
		if r.Label != label {
			if label, from = r.Label, nil; json.Unmarshal([]byte(label), &from) != nil {
				from = nil
			}
		}
		data := r.Data
		if from != nil {
			data = format.Standalone(data, *from)
		}
		s.came++
		e := buffer.NewEntry(data)
		e.Seq, e.Urgent, e.Format, e.Copy = firstSpooled+s.came, r.Urgent, format, s.tickets.add(found[i])
		entries[i] = e
	}
	s.count.SpoolOut.Add(int64(len(entries)))
	return buffer.NewBatch[N](s.queue, entries)
}

// originSize is about what the origin of another program takes in an entry.
const originSize = 100

// MayRead reports whether memory has room for what is on disk.
func (s *Spill[N]) MayRead() bool { return !s.queue.Pressed(below) }

// Sending is how many of the batches that are in a round came back from disk.
func (s *Spill[N]) Sending() (n int) {
	for batch := range s.backlog.Active {
		if Spooled(batch) {
			n++
		}
	}
	return n
}

// Release lets go of a settled entry: of its record on disk, if it has one, and of
// its memory.
func (s *Spill[N]) Release(e *buffer.Entry) {
	if e.Copy != 0 {
		s.spool.Release(s.tickets.take(e.Copy))
	}
	e.Free()
}

// Keep leaves what it can of the last entries to the spool, and returns the rest.
func (s *Spill[N]) Keep(left []*buffer.Entry) (kept []*buffer.Entry) {
	if s.open(); s.spool == nil {
		return left
	}
	return s.Write(left)
}

// countUnreadable counts entries that the spool has found itself unable to give.
func (s *Spill[N]) countUnreadable() {
	lost := s.spool.Lost()
	s.countLost(lost - s.unreadable)
	s.unreadable = lost
}

// tickets keeps those of entries, each under a number from 1 on.
type tickets struct {
	all  []spool.Ticket
	free []uint32
}

func (t *tickets) add(ticket spool.Ticket) uint32 {
	if last := len(t.free) - 1; last >= 0 {
		n := t.free[last]
		t.free = t.free[:last]
		t.all[n-1] = ticket
		return n
	}
	t.all = append(t.all, ticket)
	return uint32(len(t.all))
}

func (t *tickets) take(n uint32) spool.Ticket {
	ticket := t.all[n-1]
	t.all[n-1] = spool.Ticket{}
	t.free = append(t.free, n)
	return ticket
}
