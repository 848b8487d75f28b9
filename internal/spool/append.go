package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Append writes records at the end and returns how many it wrote; when that is
// not all of them, err says why, and the spool is as usable as before. A record
// that was half written is cut off again. Where the cap would be passed, the
// oldest segment goes, and dropped counts its records that were not handed out.
//
// Tickets, if not nil, is for records that somebody still has, and as long: they are
// handed out from the beginning, with tickets for those that were written.
func (s *Spool) Append(records []Record, tickets []Ticket) (written, dropped int, err error) {
	for written < len(records) {
		n, lost, err := s.appendSome(records[written:], tickets)
		written += n
		dropped += lost
		if err != nil {
			return written, dropped, s.fault("write", err)
		}
		if tickets != nil {
			tickets = tickets[n:]
		}
	}
	return written, dropped, nil
}

// appendSome writes what fits into the last segment and into one call. It fills
// tickets unless that is nil.
func (s *Spool) appendSome(records []Record, tickets []Ticket) (written, dropped int, err error) {
	if s.root == nil {
		return 0, 0, fs.ErrClosed
	}
	if s.moved() {
		return 0, 0, ErrMoved
	}
	begin := int64(len(s.head))
	least := int64(records[0].size())
	if most := min(s.maxBytes, mostSegment); least > most-begin {
		return 0, 0, fmt.Errorf("%w: %d bytes, at most %d", ErrRecordTooLarge, least, most-begin)
	}
	s.prepareTail(least, tickets != nil)
	used := begin
	if s.tail != nil {
		used = s.tail.size
	}
	batch := s.buffer[:0]
	ends := make([]uint32, 0, len(records)) // of the records in batch
	for i := range records {
		size := records[i].size()
		if i > 0 && (len(batch)+size > writeAtOnce || used+int64(len(batch)+size) > s.segmentBytes) {
			break
		}
		batch = appendRecord(batch, records[i])
		ends = append(ends, uint32(len(batch)))
	}
	if s.buffer = batch; cap(batch) > 2*writeAtOnce {
		s.buffer = nil
	}

	if dropped, err = s.makeRoom(int64(len(batch)), begin); err != nil {
		return 0, dropped, err
	}
	if s.tail == nil {
		if err := s.create(); err != nil {
			return 0, dropped, err
		}
		s.prepareTail(0, tickets != nil)
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
	end := uint32(0)
	for written < len(ends) && int(ends[written]) <= n {
		if tail.slots != nil {
			at := slot{at: uint32(tail.size) + end, size: ends[written] - end}
			if tickets != nil {
				at.state = slotOut
				tickets[written] = Ticket{tail, len(tail.slots)}
			}
			tail.slots = append(tail.slots, at)
		}
		end = ends[written]
		written++
	}
	tail.dirty = tail.dirty || written > 0
	tail.size += int64(end)
	s.total.Add(int64(end))
	if tickets != nil {
		tail.out += written
	} else {
		tail.waiting += written
		s.waiting.Add(int64(written))
	}
	if err != nil {
		// If this fails too, the next write goes over the torn record.
		_ = file.Truncate(tail.size)
		if tail.waiting+tail.out == 0 {
			_ = s.remove(tail)
		}
	}
	return written, dropped, err
}

// moved reports whether the directory is not at its place any more: what is written
// here would not be found there.
func (s *Spool) moved() bool {
	info, err := os.Stat(s.dir)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, s.info)
}

// prepareTail takes no tail that has no room for least bytes, or is not there, or whose
// records cannot be told apart where there are to be tickets for them.
func (s *Spool) prepareTail(least int64, slots bool) {
	tail := s.tail
	if tail == nil {
		return
	}
	if tail.size+least > s.segmentBytes && least > 0 {
		s.tail = nil
		s.forget(tail)
		s.unuse(tail)
		return
	}
	if _, err := s.root.Lstat(segmentName(tail.number)); errors.Is(err, fs.ErrNotExist) {
		s.tail = nil // what would be written to it now would be gone with it
		return
	}
	if slots && s.load(tail) != nil {
		s.tail = nil
	}
}

// makeRoom removes the oldest segments until there is room for size bytes, and for what
// a segment begins with.
func (s *Spool) makeRoom(size, begin int64) (dropped int, err error) {
	need := func() int64 {
		if s.tail == nil {
			return begin + size
		}
		return size
	}
	for s.total.Load()+need() > s.maxBytes {
		if len(s.segments) == 0 {
			return dropped, ErrFull
		}
		oldest := s.segments[0]
		waiting := oldest.waiting
		if err := s.remove(oldest); err != nil {
			return dropped, err
		}
		dropped += waiting
	}
	return dropped, nil
}

// create begins a segment.
func (s *Spool) create() error {
	if s.number+1 >= mostNumber {
		return errors.New("no segment number is left")
	}
	segment := &diskSegment{number: s.number + 1, size: int64(len(s.head)), label: s.label}
	name := segmentName(segment.number)
	file, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		s.number++ // somebody else's; the next append tries the next name
	}
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(s.head, 0); err != nil {
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
