package ledger

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/spool"
)

// What the batcher does with a spool. Entries go to disk, oldest first, while
// memory is under pressure and at the end; they come back one batch at a time,
// beside new ones. Entries that came back are not in the order of logging any
// more: their seq is above all others, and tells which record they are.
const (
	spooledSeq = 1 << 63

	// Entries go to disk above three quarters of the budget, in time before it
	// is used up, and come back below a half, in portions of a quarter at most,
	// so that what comes back does not have to go at once.
	spillAbove   = 0.75
	unspoolBelow = 0.5
	unspoolShare = 4

	// spillAtOnce bounds how long the batcher is busy with the disk.
	spillAtOnce = 512

	// spoolRest is how long a disk that failed is left alone.
	spoolRest = 10 * time.Second
)

// openSpool opens Options.SpoolDir and takes over what is in it, crashes
// included. Without it entries stay in memory, and the diagnostics say why. It is
// tried again when entries should go there: the process that had it may be gone
// by then.
func (b *batcher) openSpool() {
	if b.spool == nil && b.openSpoolOnly() {
		b.inheritCrash()
	}
}

// openSpoolOnly is openSpool without a look at crashes; it reports success.
func (b *batcher) openSpoolOnly() bool {
	if b.config.SpoolDir == "" {
		return false
	}
	s, err := spool.Open(b.config.SpoolDir, b.config.SpoolMaxBytes)
	if err != nil {
		b.resting = b.now().Add(spoolRest)
		b.report.tell("spool", slog.LevelError, "no spool: entries stay in memory", slog.String("error", err.Error()))
		return false
	}
	b.spool = s
	if n := s.Skipped(); n > 0 {
		b.report.tell("spool garbled", slog.LevelWarn, "parts of the spool could not be read", slog.Int64("parts", n))
	}
	inherited := s.Len()
	b.count.Logged.Add(inherited)
	b.count.Taken.Add(inherited)
	b.count.SpoolIn.Add(inherited)
	return true
}

// spooled is how many entries wait on disk.
func (b *batcher) spooled() int64 {
	if b.spool == nil {
		return 0
	}
	return b.spool.Len()
}

// spill writes the oldest entries to disk while memory is under pressure.
func (b *batcher) spill() {
	for b.queue.pressed(spillAbove) && !b.now().Before(b.resting) {
		if b.openSpool(); b.spool == nil {
			return
		}
		if b.putBack() {
			continue
		}
		victims := b.takeOldest(b.queue.excess(spillAbove), spillAtOnce)
		if len(victims) == 0 {
			return
		}
		if kept := b.write(victims); len(kept) > 0 {
			sortBySeq(kept)
			again := newBatch(b.queue, kept)
			again.tried = b.rounds
			b.hold(again)
		}
	}
}

// write puts entries on disk and returns those that it could not.
func (b *batcher) write(entries []*entry) (kept []*entry) {
	for len(entries) > 0 {
		some := entries[:min(len(entries), spillAtOnce)]
		written := b.writeSome(some)
		entries = entries[written:]
		if written < len(some) {
			break
		}
	}
	return entries
}

// writeSome is write for few enough that there may be a copy of each, and returns
// how many it could.
func (b *batcher) writeSome(entries []*entry) (written int) {
	records := make([]spool.Record, len(entries))
	for i, e := range entries {
		data := e.whole()
		if e.Seq < spooledSeq { // else it has been on disk before
			data = e.format.Standalone(data)
		}
		records[i] = spool.Record{Protocol: e.format.Protocol(), Urgent: e.urgent, Data: data}
	}
	written, dropped, err := b.spool.Append(records)
	b.count.SpoolIn.Add(int64(written))
	for _, e := range entries[:written] {
		b.release(e) // an entry read back is on disk twice now, but for this
	}
	b.countLost(int64(dropped))
	if err != nil {
		b.resting = b.now().Add(spoolRest)
		b.report.tell("spool", slog.LevelError, "the spool takes no entries: they stay in memory", slog.String("error", err.Error()))
	}
	return written
}

// countLost counts entries that were on disk and are not any more.
func (b *batcher) countLost(n int64) {
	if n == 0 {
		return
	}
	b.count.DropSpooled(n, b.now())
	b.report.tell("spool full", slog.LevelWarn, "the spool is full: its oldest entries are dropped")
}

// countUnreadable counts entries that the spool has found itself unable to give.
func (b *batcher) countUnreadable() {
	lost := b.spool.Lost()
	b.countLost(lost - b.unreadable)
	b.unreadable = lost
}

// unspool reads a batch back from disk; nil when there is none, when memory is
// better left to new entries, or when new entries need the one place in the air.
func (b *batcher) unspool(width int) *batch {
	if b.spooled() == 0 || b.claim != nil || b.queue.pressed(unspoolBelow) || width == 1 && (len(b.held) > 0 || b.due()) {
		return nil
	}
	most := min(b.config.FlushSize, b.sender.largest(), max(b.config.MaxBufferSize/unspoolShare, 1))
	budget := b.config.MaxBufferBytes / unspoolShare
	most = min(most, max(budget/4/entryOverhead, 1)) // the rest is for their data
	records, claim := b.spool.Read(most, min(maxBody, budget/4*3))
	b.countUnreadable()
	if len(records) == 0 {
		return nil
	}
	entries := make([]*entry, len(records))
	for i, r := range records {
		e := newEntry(r.Data)
		e.Seq, e.urgent, e.format = spooledSeq+uint64(i), r.Urgent, b.sender.protocols.named(Protocol(r.Protocol))
		entries[i] = e
	}
	b.claim, b.claimed = claim, len(entries)
	b.count.SpoolOut.Add(int64(len(entries)))
	return newBatch(b.queue, entries)
}

// releaseSpooled lets the record of a settled entry go, if it has one.
func (b *batcher) releaseSpooled(e *entry) {
	if e.Seq < spooledSeq {
		return
	}
	b.spool.ReleaseOne(b.claim, int(e.Seq-spooledSeq))
	if b.claimed--; b.claimed == 0 {
		b.claim = nil
	}
}

// putBack leaves to the spool what was read back and is not being sent; false
// when there is no such thing.
func (b *batcher) putBack() bool {
	if b.claim == nil {
		return false
	}
	var waiting []*batch
	n := 0
	for _, batch := range b.held {
		if first, ok := batch.first(); ok && first >= spooledSeq {
			waiting = append(waiting, batch)
			n += batch.size()
		}
	}
	if n < b.claimed {
		return false // some of it is in a round
	}
	kept := b.held[:0]
	for _, batch := range b.held {
		if first, ok := batch.first(); !ok || first < spooledSeq {
			kept = append(kept, batch)
		}
	}
	b.held = kept
	for _, batch := range waiting {
		for _, e := range batch.empty() {
			e.free()
		}
		b.done(batch)
	}
	b.unclaim()
	return true
}

// unclaim has the spool hand out again what of the claim is not settled.
func (b *batcher) unclaim() {
	b.spool.Unclaim(b.claim)
	b.count.SpoolIn.Add(int64(b.claimed))
	b.claim, b.claimed = nil, 0
	b.countUnreadable() // their segment may be gone meanwhile
}

// closeSpool leaves what it can of the last entries to the spool, and returns
// the rest.
func (b *batcher) closeSpool(left []*entry) (kept []*entry) {
	if b.spool == nil && !b.openSpoolOnly() {
		return left
	}
	var fresh []*entry
	for _, e := range left {
		if e.Seq < spooledSeq {
			fresh = append(fresh, e)
		}
	}
	if b.claim != nil {
		b.unclaim()
	}
	kept = b.write(fresh)
	b.crashes.Load().close()
	if err := b.spool.Close(); err != nil {
		b.report.tell("spool close", slog.LevelWarn, "the spool was not closed well", slog.String("error", fmt.Sprint(err)))
	}
	return kept
}
