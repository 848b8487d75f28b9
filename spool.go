package ledger

import (
	"bytes"
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

// A spool keeps encoded entries in a directory: first in, first out, bounded in
// bytes, through crashes. What append has taken survives the death of the
// process, and after sync that of the machine.
//
// The directory holds a lock, ledger.lock, and segments, ledger-<number>.spool,
// in the order they were written. Files of those names are the spool's own: it
// removes those in which nothing is left, or nothing can be read. It touches no
// other file. Segments are written at their end only, but for one byte in each
// record, which says that the record is released; so no state has to be kept
// beside them, and a torn write spoils nothing but what was being written.
//
// One goroutine uses a spool; len, skipped and lost are for any.
type spool struct {
	dir          string   // for errors
	root         *os.Root // through which no symlink leads out of the directory
	lock         io.Closer
	maxBytes     int64
	segmentBytes int64           // where a segment is full
	number       uint64          // of the newest segment
	segments     []*spoolSegment // oldest first
	tail         *spoolSegment   // the last of them, when it takes records
	unsynced     bool            // the directory has names that were not synced
	buffer       []byte          // of append and read

	waiting, garbled, gone atomic.Int64 // records, runs of garbage, records
	total                  atomic.Int64 // bytes of all segments, those left alone included
}

// A spoolClaim is what one read handed out: its i-th ticket is for the i-th
// record, and nil once that is settled.
type spoolClaim struct{ tickets []spoolTicket }

type spoolTicket struct {
	segment *spoolSegment
	slot    int
}

// A spoolSegment is one file. Where its records are is known only from the time
// that they are first read, so that a large spool costs little memory.
type spoolSegment struct {
	number  uint64
	size    int64
	waiting int         // neither handed out nor released
	out     int         // handed out
	slots   []spoolSlot // nil until the segment is read
	next    int         // no slot before it waits
	file    *os.File    // nil when not in use
	dirty   bool        // has records that were not synced
	removed bool
}

type spoolSlot struct {
	at, size uint32 // of the whole record, in the file
	state    spoolState
}

type spoolState uint8

const (
	spoolWaiting spoolState = iota
	spoolOut
	spoolReleased
)

const (
	spoolLockName = "ledger.lock"
	spoolPrefix   = "ledger-"
	spoolSuffix   = ".spool"

	// spoolMostSegment bounds any segment, and so what is in memory at a time.
	// A record of its size does not occur: a request would not hold it.
	spoolMostSegment = 4 << 20
	// spoolLeastSegment keeps small spools from being all files and no content.
	spoolLeastSegment = 64 << 10
	// spoolWrite is how much is written at once, so that an append of
	// thousands of records costs a handful of calls.
	spoolWrite = 256 << 10
	// spoolMostNumber is more segments than a machine writes in its life, and
	// far from where counting on would overflow.
	spoolMostNumber = 1 << 48
)

var (
	// errSpoolOwned means that another process or handler uses the directory.
	errSpoolOwned = errors.New("in use by another process or handler")
	// errSpoolRecordTooLarge means that the first record not written fits no
	// segment, and never will.
	errSpoolRecordTooLarge = errors.New("record too large")
	// errSpoolFull means that the cap is used up by what must not be removed.
	errSpoolFull = errors.New("full of segments that this version cannot read")
)

func (s *spool) fault(doing string, err error) error {
	return fmt.Errorf("ledger: %s spool %s: %w", doing, s.dir, err)
}

// content reads a segment, no further than a segment reaches.
func (s *spool) content(segment *spoolSegment, buffer []byte) ([]byte, error) {
	file, err := s.use(segment)
	if err != nil {
		return nil, err
	}
	size := min(segment.size, spoolMostSegment)
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
func (s *spool) setAside(segment *spoolSegment) {
	s.garbled.Add(1)
	s.discard(segment)
}

// discard forgets a segment and the records in it that wait.
func (s *spool) discard(segment *spoolSegment) {
	s.waiting.Add(-int64(segment.waiting))
	segment.waiting = 0
	segment.removed = true
	segment.slots = nil
	s.unuse(segment)
	s.segments = slices.DeleteFunc(s.segments, func(other *spoolSegment) bool { return other == segment })
	if s.tail == segment {
		s.tail = nil
	}
}

// remove deletes a segment's file. When that fails nothing has changed, except
// that the file is closed; it is tried again when room is needed, and at the
// next start.
func (s *spool) remove(segment *spoolSegment) error {
	segment.closeFile() // some systems remove no open file
	if err := s.root.Remove(spoolName(segment.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.total.Add(-segment.size)
	s.discard(segment)
	return nil
}

// append writes records at the end and returns how many it wrote; when that is
// not all of them, err says why, and the spool is as usable as before. A record
// that was half written is cut off again. Where the cap would be passed, the
// oldest segment goes, and dropped counts its records that were not handed out.
func (s *spool) append(records []spoolRecord) (written, dropped int, err error) {
	for written < len(records) {
		n, lost, err := s.appendSome(records[written:])
		written += n
		dropped += lost
		if err != nil {
			return written, dropped, s.fault("write", err)
		}
	}
	return written, dropped, nil
}

// appendSome writes what fits into the last segment and into one call.
func (s *spool) appendSome(records []spoolRecord) (written, dropped int, err error) {
	if s.root == nil {
		return 0, 0, fs.ErrClosed
	}
	least := int64(spoolRecordHead + len(records[0].data))
	if most := min(s.maxBytes, spoolMostSegment); least > most-int64(spoolHeader) {
		return 0, 0, fmt.Errorf("%w: %d bytes, at most %d", errSpoolRecordTooLarge, least, most-int64(spoolHeader))
	}
	if s.tail != nil && s.tail.size+least > s.segmentBytes {
		s.unuse(s.tail)
		s.tail = nil
	}
	if s.tail != nil {
		if _, err := s.root.Lstat(spoolName(s.tail.number)); errors.Is(err, fs.ErrNotExist) {
			s.tail = nil // what would be written to it now would be gone with it
		}
	}
	used := int64(spoolHeader)
	if s.tail != nil {
		used = s.tail.size
	}
	batch := s.buffer[:0]
	fitting := 0
	for _, r := range records {
		size := spoolRecordHead + len(r.data)
		if fitting > 0 && (len(batch)+size > spoolWrite || used+int64(len(batch)+size) > s.segmentBytes) {
			break
		}
		batch = appendSpoolRecord(batch, r)
		fitting++
	}
	if s.buffer = batch; cap(batch) > 2*spoolWrite {
		s.buffer = nil
	}

	// make room
	need := func() int64 {
		if s.tail == nil {
			return int64(spoolHeader + len(batch))
		}
		return int64(len(batch))
	}
	for s.total.Load()+need() > s.maxBytes {
		if len(s.segments) == 0 {
			return 0, dropped, errSpoolFull
		}
		oldest := s.segments[0]
		waiting := oldest.waiting
		if err := s.remove(oldest); err != nil {
			return 0, dropped, err
		}
		dropped += waiting
	}

	if s.tail == nil {
		if err := s.create(); err != nil {
			return 0, dropped, err
		}
	}
	tail := s.tail
	file, err := s.use(tail)
	if err != nil {
		return 0, dropped, err
	}
	// WriteAt would not tell how much it wrote before an error.
	n := 0
	if _, err = file.Seek(tail.size, io.SeekStart); err == nil {
		n, err = file.Write(batch)
	}
	end := 0
	for written < fitting && end+spoolRecordHead+len(records[written].data) <= n {
		size := spoolRecordHead + len(records[written].data)
		if tail.slots != nil {
			tail.slots = append(tail.slots, spoolSlot{at: uint32(tail.size) + uint32(end), size: uint32(size)})
		}
		end += size
		written++
	}
	tail.dirty = tail.dirty || written > 0
	tail.size += int64(end)
	tail.waiting += written
	s.total.Add(int64(end))
	s.waiting.Add(int64(written))
	if err != nil {
		// If this fails too, the next write goes over the torn record.
		_ = file.Truncate(tail.size)
		if tail.waiting+tail.out == 0 {
			_ = s.remove(tail)
		}
	}
	return written, dropped, err
}

// create begins a segment.
func (s *spool) create() error {
	if s.number+1 >= spoolMostNumber {
		return errors.New("no segment number is left")
	}
	segment := &spoolSegment{number: s.number + 1, size: int64(spoolHeader)}
	name := spoolName(segment.number)
	file, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		s.number++ // somebody else's; the next append tries the next name
	}
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(newSpoolHeader(spoolVersion), 0); err != nil {
		_ = file.Close()
		_ = s.root.Remove(name)
		return err
	}
	s.number++
	s.unsynced = true
	segment.file = file
	s.total.Add(segment.size)
	s.segments = append(s.segments, segment)
	s.tail = segment
	return nil
}

// read hands out the oldest records that wait, at most n, and of size bytes
// together unless the first alone is larger. They stay in the spool until they
// are released: after a crash they come again, with the same bytes. It returns
// nil when nothing waits. Records that cannot be read any more are counted as
// lost, so that read never returns nil while len is more than 0.
func (s *spool) read(n, size int) ([]spoolRecord, *spoolClaim) {
	var records []spoolRecord
	claim := &spoolClaim{}
	for i := 0; i < len(s.segments) && len(records) < n; {
		segment := s.segments[i]
		if segment.waiting > 0 {
			if err := s.load(segment); err != nil {
				s.gone.Add(int64(segment.waiting))
				if !errors.Is(err, fs.ErrNotExist) || s.remove(segment) != nil {
					s.setAside(segment)
				}
				continue
			}
		}
		for segment.waiting > 0 && len(records) < n {
			for segment.slots[segment.next].state != spoolWaiting {
				segment.next++
			}
			slot := &segment.slots[segment.next]
			if size -= int(slot.size) - spoolRecordHead; size < 0 && len(records) > 0 {
				return records, claim
			}
			r, ok := s.record(segment, slot)
			segment.waiting--
			s.waiting.Add(-1)
			if !ok {
				s.gone.Add(1)
				slot.state = spoolReleased
				size += int(slot.size) - spoolRecordHead
				continue
			}
			slot.state = spoolOut
			segment.out++
			records = append(records, r)
			claim.tickets = append(claim.tickets, spoolTicket{segment, segment.next})
		}
		if segment.waiting+segment.out > 0 || s.remove(segment) != nil {
			i++
		}
	}
	if len(records) == 0 {
		return nil, nil
	}
	return records, claim
}

// load finds out where a segment's records are.
func (s *spool) load(segment *spoolSegment) error {
	if segment.slots != nil {
		return nil
	}
	content, err := s.content(segment, nil)
	if err != nil {
		return err
	}
	waiting := 0
	segment.slots = make([]spoolSlot, 0, segment.waiting)
	segment.next = 0
	scanSpool(content, func(at, size int, released bool) {
		slot := spoolSlot{at: uint32(at), size: uint32(size), state: spoolReleased}
		if !released {
			slot.state = spoolWaiting
			waiting++
		}
		segment.slots = append(segment.slots, slot)
	})
	s.waiting.Add(int64(waiting - segment.waiting)) // when the disk lost some meanwhile
	s.gone.Add(int64(max(segment.waiting-waiting, 0)))
	segment.waiting = waiting
	return nil
}

// record reads and checks one record; its data is the caller's.
func (s *spool) record(segment *spoolSegment, slot *spoolSlot) (r spoolRecord, ok bool) {
	s.buffer = slices.Grow(s.buffer[:0], int(slot.size))[:slot.size]
	file, err := s.use(segment)
	if err != nil {
		return r, false
	}
	if _, err := file.ReadAt(s.buffer, int64(slot.at)); err != nil {
		return r, false
	}
	r, _, ok = parseSpoolRecord(s.buffer)
	r.data = bytes.Clone(r.data)
	return r, ok
}

// releaseOne settles the i-th record of a claim: delivered, or dropped for good.
// It does not come again, unless the machine itself goes down. A segment in which
// nothing is left is removed. A second time is nothing.
func (s *spool) releaseOne(c *spoolClaim, i int) { s.settle(c, i, spoolReleased) }

// unclaim takes back the records of a claim that are not settled, to hand them
// out again, still oldest first. Those whose segment went meanwhile to make room
// are lost, and counted as such.
func (s *spool) unclaim(c *spoolClaim) {
	for i := range c.tickets {
		s.settle(c, i, spoolWaiting)
	}
}

func (s *spool) settle(c *spoolClaim, i int, state spoolState) {
	segment, at := c.tickets[i].segment, c.tickets[i].slot
	c.tickets[i].segment = nil
	switch {
	case segment == nil || s.root == nil: // settled already, or closed
	case segment.removed:
		if state == spoolWaiting {
			s.gone.Add(1)
		}
	case state == spoolWaiting:
		segment.slots[at].state = spoolWaiting
		segment.next = min(segment.next, at)
		segment.out--
		segment.waiting++
		s.waiting.Add(1)
	default:
		segment.slots[at].state = spoolReleased
		segment.out--
		// If this fails the record comes once more, after a restart.
		if file, err := s.use(segment); err == nil {
			mark := int64(segment.slots[at].at) + int64(len(spoolMarker))
			_, _ = file.WriteAt([]byte{spoolReleasedByte}, mark)
		}
		if segment.waiting+segment.out == 0 {
			_ = s.remove(segment)
		}
	}
}

// len is how many records wait to be handed out.
func (s *spool) len() int64 { return s.waiting.Load() }

// skipped counts what was found and could not be used: runs of garbage, whole
// segments, and files that no spool made.
func (s *spool) skipped() int64 { return s.garbled.Load() }

// lost counts the records that were once in len and are neither there nor to be
// had any more, although they were not released nor reported by append.
func (s *spool) lost() int64 { return s.gone.Load() }

// sync returns when everything appended is on the disk, as far as the disk
// tells. Releases are not waited for: their loss costs a duplicate, no entry.
func (s *spool) sync() error {
	if s.root == nil {
		return s.fault("sync", fs.ErrClosed)
	}
	var faults []error
	for _, segment := range s.segments {
		if !segment.dirty {
			continue
		}
		file, err := s.use(segment)
		if err == nil {
			err = file.Sync()
		}
		segment.dirty = err != nil
		if segment != s.tail {
			s.unuse(segment)
		}
		faults = append(faults, err)
	}
	if s.unsynced {
		err := syncSpoolNames(s.root)
		s.unsynced = err != nil
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return s.fault("sync", err)
	}
	return nil
}

// close syncs and gives the directory up. What is handed out and not released
// is there for the next owner. A second close does nothing.
func (s *spool) close() error {
	if s.root == nil {
		return nil
	}
	err := s.sync()
	for _, segment := range s.segments {
		segment.closeFile()
	}
	_ = s.lock.Close()
	_ = s.root.Close()
	s.root, s.segments, s.tail = nil, nil, nil
	return err
}

// use opens a segment's file, if it is not open.
func (s *spool) use(segment *spoolSegment) (*os.File, error) {
	if segment.file != nil {
		return segment.file, nil
	}
	file, err := s.root.OpenFile(spoolName(segment.number), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	segment.file = file
	return file, nil
}

// unuse closes a segment's file, unless records of it are being read.
func (s *spool) unuse(segment *spoolSegment) {
	if segment.slots == nil {
		segment.closeFile()
	}
}

func (segment *spoolSegment) closeFile() {
	if segment.file != nil {
		_ = segment.file.Close() // everything was written, or its error told
		segment.file = nil
	}
}

func spoolName(number uint64) string {
	return fmt.Sprintf("%s%016x%s", spoolPrefix, number, spoolSuffix)
}

// spoolNumber reads a segment's name; false for any that spoolName never gave.
func spoolNumber(name string) (number uint64, ok bool) {
	digits := strings.TrimSuffix(strings.TrimPrefix(name, spoolPrefix), spoolSuffix)
	number, err := strconv.ParseUint(digits, 16, 64)
	return number, err == nil && number < spoolMostNumber && name == spoolName(number)
}
