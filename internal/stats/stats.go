// Package stats counts what becomes of entries and attempts, and gives one
// consistent snapshot of it. At every instant
//
//	logged = delivered + dropped + queued + in flight + spooled
//
// Every stage calls it, from any goroutine, without locks. It calls nobody, and
// must never know what an entry, a batch or an answer is.
package stats

import (
	"sync/atomic"
	"time"
)

// A DropReason is why an entry will never be delivered.
type DropReason int

// The reasons. DropReasons is how many there are.
const (
	Overflow DropReason = iota // made room for newer entries
	Rejected                   // the server's final word on the entry
	TooLarge                   // for the server, even alone
	Closed                     // logged after Shutdown, or left at its deadline
	DropReasons
)

var dropNames = [DropReasons]string{"overflow", "rejected", "too_large", "closed"}

// String is the reason's key in Metrics.
func (r DropReason) String() string { return dropNames[r] }

// An ErrorKind is a key of Metrics.Errors.
type ErrorKind int

// The kinds. NoError counts nothing; ErrorKinds is how many there are.
const (
	NoError ErrorKind = iota
	NetworkError
	RateLimit
	ServerError
	QueueFull
	AuthFailure
	ValidationError
	Quota
	NotFound
	ErrorKinds
)

var errorNames = [ErrorKinds]string{
	"", "network_error", "rate_limit", "server_error", "queue_full",
	"auth_failure", "validation_error", "quota", "not_found",
}

// String is the kind's key in Metrics.
func (k ErrorKind) String() string { return errorNames[k] }

// Counters is where every stage counts. Each counter only grows, and an entry
// moves from one sum to the next, so a snapshot that reads them from the end of
// an entry's way to its beginning never sees one twice:
//
//	logged = queued + dropped from the queue + taken
//	taken  = in flight + sent + dropped in flight + spooled
//	spooled = SpoolIn - SpoolOut
type Counters struct {
	_            [64]byte     // what changes at every record has a cache line of its own
	Logged       atomic.Int64 // records and notices, and entries found on disk; also the sequence
	_            [64]byte
	QueueDropped [DropReasons]atomic.Int64
	Taken        atomic.Int64 // out of the queue, by the batcher
	Sent         atomic.Int64
	dropped      [DropReasons]atomic.Int64 // in flight
	SpoolIn      atomic.Int64              // written to disk
	SpoolOut     atomic.Int64              // read back from disk

	// Times by the clock that nobody sets, in nanoseconds since started; 0 for
	// none.
	Started            time.Time
	LastDrop, LostFrom atomic.Int64 // LostFrom is when the first of lost was dropped
	Lost               atomic.Int64 // overflow that no notice has reported yet
	LastSuccess        atomic.Int64 // when the server last took entries
	Oldest             atomic.Int64 // when the oldest unsettled entry was logged, at the earliest

	Truncated atomic.Int64 // entries whose attributes were cut

	Flushes, FlushesOK, FlushesFailed atomic.Int64
	LastFlush                         atomic.Int64 // unix nanoseconds
	LastError                         atomic.Pointer[string]
	Errors                            [ErrorKinds]atomic.Int64
	Consecutive                       atomic.Int64
	Successes                         atomic.Int64
}

// At is a time as the counters keep it.
func (c *Counters) At(t time.Time) int64 { return max(int64(t.Sub(c.Started)), 1) }

// Now is the time as the counters keep it. It reads one clock; time.Now reads two.
func (c *Counters) Now() int64 { return max(int64(time.Since(c.Started)), 1) }

// Ago is how long before now such a time was.
func (c *Counters) Ago(now time.Time, at int64) time.Duration { return time.Duration(c.At(now) - at) }

// DropQueued counts an entry that leaves the queue for nowhere, and returns how many
// are lost then that no notice has reported; 0 where the entry is none of them.
func (c *Counters) DropQueued(why DropReason, notice bool) (lost int64) {
	c.QueueDropped[why].Add(1)
	return c.noteDrop(why, notice)
}

// DropInFlight counts an entry that had been taken out of the queue.
func (c *Counters) DropInFlight(why DropReason, notice bool) {
	c.dropped[why].Add(1)
	c.noteDrop(why, notice)
}

// DropSpooled counts entries that are lost from the disk: of what was written
// there the oldest makes room, as in memory.
func (c *Counters) DropSpooled(n int64) {
	c.SpoolOut.Add(n)
	c.dropped[Overflow].Add(n)
	c.noteLost(n, c.Now())
}

func (c *Counters) noteDrop(why DropReason, notice bool) (lost int64) {
	at := c.Now()
	if why == Overflow && !notice {
		return c.noteLost(1, at)
	}
	c.LastDrop.Store(at)
	return 0
}

func (c *Counters) noteLost(n, at int64) (lost int64) {
	c.LastDrop.Store(at)
	if c.LostFrom.Load() == 0 {
		c.LostFrom.CompareAndSwap(0, at) // before lost, which makes somebody read it
	}
	return c.Lost.Add(n)
}

// A Tally is where every entry is, at one instant.
type tally struct {
	Logged, Sent, Queued, InFlight, Spooled int64
	Dropped                                 [DropReasons]int64
	TotalDropped                            int64
}

// Tally reads the counters from the end of an entry's way to its beginning.
func (c *Counters) Tally() (t tally) {
	t.Sent = c.Sent.Load()
	left := t.Sent
	for why := range c.dropped {
		t.Dropped[why] = c.dropped[why].Load()
		left += t.Dropped[why]
	}
	out := c.SpoolOut.Load()
	t.Spooled = c.SpoolIn.Load() - out
	left += t.Spooled
	taken := c.Taken.Load()
	t.InFlight = taken - left
	for why := range c.QueueDropped {
		n := c.QueueDropped[why].Load()
		t.Dropped[why] += n
		taken += n
	}
	t.Logged = c.Logged.Load()
	t.Queued = t.Logged - taken
	for _, n := range t.Dropped {
		t.TotalDropped += n
	}
	return t
}

// Unsettled is how many entries are neither delivered, dropped nor on disk.
func (t tally) Unsettled() int64 { return t.Queued + t.InFlight }
