// Package spool keeps encoded entries in the files of a directory: first in, first
// out, bounded in bytes, through crashes.
//
// Package spill of this module calls it, from one goroutine. It must never know
// what a record's bytes mean, why it is written, or where it goes next.
package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// A Spool keeps encoded entries in a directory: first in, first out, bounded in
// bytes, through crashes. What Append has taken survives the death of the
// process, and after a Sync or Close that of the machine.
//
// The directory holds a lock, ledger.lock, and segments, ledger-<number>.spool,
// in the order they were written. Files of those names are the spool's own: it
// removes those in which nothing is left, or nothing can be read. It touches no
// other file. Segments are written at their end only, but for one byte in each
// record, which says that the record is released; so no state has to be kept
// beside them, and a torn write spoils nothing but what was being written.
//
// One goroutine uses a spool; Len, Skipped and Lost are for any.
type Spool struct {
	dir          string
	root         *os.Root    // through which no symlink leads out of the directory
	info         fs.FileInfo // of the directory, to see that it is still dir
	lock         io.Closer
	label        string // of the segments that this spool begins
	head         []byte // what they begin with
	maxBytes     int64
	segmentBytes int64          // where a segment is full
	number       uint64         // of the newest segment
	segments     []*diskSegment // oldest first
	tail         *diskSegment   // the last of them, when it takes records
	unsynced     bool           // the directory has names that were not synced
	buffer       []byte         // of Append

	waiting, garbled, gone atomic.Int64 // records, runs of garbage, records
	total                  atomic.Int64 // bytes of all segments, those left alone included
}

// A Ticket is for one record that is handed out: it is in the spool, and somebody
// has its bytes. The zero Ticket is for none.
type Ticket struct {
	segment *diskSegment
	slot    int
}

// Live reports whether the record is still in the spool: its segment may have gone
// to make room.
func (t Ticket) Live() bool { return t.segment != nil && !t.segment.removed }

// A diskSegment is one file. Where its records are is known only from the time
// that they are first read, so that a large spool costs little memory.
type diskSegment struct {
	number  uint64
	label   string
	size    int64
	waiting int      // neither handed out nor released
	out     int      // handed out
	slots   []slot   // nil until the segment is read
	next    int      // no slot before it waits
	file    *os.File // nil when not in use
	dirty   bool     // has records that were not synced
	removed bool
}

type slot struct {
	at, size uint32 // of the whole record, in the file
	state    slotState
}

type slotState uint8

const (
	slotWaiting slotState = iota
	slotOut
	slotReleased
)

const (
	lockName   = "ledger.lock"
	namePrefix = "ledger-"
	nameSuffix = ".spool"

	// mostSegment bounds any segment, and so what is in memory at a time.
	// A record of its size does not occur: a request would not hold it.
	mostSegment = 4 << 20
	// leastSegment keeps small spools from being all files and no content.
	leastSegment = 64 << 10
	// writeAtOnce is how much is written at once, so that an append of
	// thousands of records costs a handful of calls.
	writeAtOnce = 256 << 10
	// mostNumber is more segments than a machine writes in its life, and
	// far from where counting on would overflow.
	mostNumber = 1 << 48
)

var (
	// ErrOwned means that another process or handler uses the directory.
	ErrOwned = errors.New("in use by another process or handler")
	// ErrRecordTooLarge means that the first record not written fits no
	// segment, and never will.
	ErrRecordTooLarge = errors.New("record too large")
	// ErrFull means that the cap is used up by what must not be removed.
	ErrFull = errors.New("full of segments that this version cannot read")
	// ErrMoved means that the directory is not at its place any more. Whoever makes
	// it again needs another spool.
	ErrMoved = errors.New("the directory was removed or replaced")
)

func (s *Spool) fault(doing string, err error) error {
	return fmt.Errorf("ledger: %s spool %s: %w", doing, s.dir, err)
}

// content reads a segment, no further than a segment reaches.
func (s *Spool) content(segment *diskSegment, buffer []byte) ([]byte, error) {
	file, err := s.use(segment)
	if err != nil {
		return nil, err
	}
	size := min(segment.size, mostSegment)
	buffer = slices.Grow(buffer[:0], int(size))[:size]
	n, err := file.ReadAt(buffer, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return buffer[:n], nil
}

// setAside leaves a segment alone that cannot be read, by this version or at this
// time: its bytes count, its records do not any more. The next owner may have
// better luck.
func (s *Spool) setAside(segment *diskSegment) {
	s.garbled.Add(1)
	s.discard(segment)
}

// discard forgets a segment and the records in it that wait.
func (s *Spool) discard(segment *diskSegment) {
	s.waiting.Add(-int64(segment.waiting))
	segment.waiting = 0
	segment.removed = true
	segment.slots = nil
	s.unuse(segment)
	s.segments = slices.DeleteFunc(s.segments, func(other *diskSegment) bool { return other == segment })
	if s.tail == segment {
		s.tail = nil
	}
}

// remove deletes a segment's file. When that fails nothing has changed, except
// that the file is closed; it is tried again when room is needed, and at the
// next start.
func (s *Spool) remove(segment *diskSegment) error {
	segment.closeFile() // some systems remove no open file
	if err := s.root.Remove(segmentName(segment.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.total.Add(-segment.size)
	s.discard(segment)
	return nil
}

// Root is the directory, for other files that belong in it; nil once closed.
func (s *Spool) Root() *os.Root { return s.root }

// Len is how many records wait to be handed out.
func (s *Spool) Len() int64 { return s.waiting.Load() }

// Skipped counts what was found and could not be used: runs of garbage, whole
// segments, and files that no spool made.
func (s *Spool) Skipped() int64 { return s.garbled.Load() }

// Lost counts the records that were once in Len and could not be read when they were
// to be handed out.
func (s *Spool) Lost() int64 { return s.gone.Load() }

// use opens a segment's file, if it is not open.
func (s *Spool) use(segment *diskSegment) (*os.File, error) {
	if segment.file != nil {
		return segment.file, nil
	}
	file, err := s.root.OpenFile(segmentName(segment.number), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	segment.file = file
	return file, nil
}

// unuse closes a segment's file, unless records of it are being read.
func (s *Spool) unuse(segment *diskSegment) {
	if segment.slots == nil {
		segment.closeFile()
	}
}

func (segment *diskSegment) closeFile() {
	if segment.file != nil {
		_ = segment.file.Close() // everything was written, or its error told
		segment.file = nil
	}
}

func segmentName(number uint64) string {
	return fmt.Sprintf("%s%016x%s", namePrefix, number, nameSuffix)
}

// segmentNumber reads a segment's name; false for any that segmentName never gave.
func segmentNumber(name string) (number uint64, ok bool) {
	digits := strings.TrimSuffix(strings.TrimPrefix(name, namePrefix), nameSuffix)
	number, err := strconv.ParseUint(digits, 16, 64)
	return number, err == nil && number < mostNumber && name == segmentName(number)
}
