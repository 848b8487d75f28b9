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
func (s *Spool) Append(records []Record) (written, dropped int, err error) {
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
func (s *Spool) appendSome(records []Record) (written, dropped int, err error) {
	if s.root == nil {
		return 0, 0, fs.ErrClosed
	}
	least := int64(recordHead + len(records[0].Data))
	if most := min(s.maxBytes, mostSegment); least > most-int64(headerSize) {
		return 0, 0, fmt.Errorf("%w: %d bytes, at most %d", ErrRecordTooLarge, least, most-int64(headerSize))
	}
	if s.tail != nil && s.tail.size+least > s.segmentBytes {
		s.unuse(s.tail)
		s.tail = nil
	}
	if s.tail != nil {
		if _, err := s.root.Lstat(segmentName(s.tail.number)); errors.Is(err, fs.ErrNotExist) {
			s.tail = nil // what would be written to it now would be gone with it
		}
	}
	used := int64(headerSize)
	if s.tail != nil {
		used = s.tail.size
	}
	batch := s.buffer[:0]
	fitting := 0
	for _, r := range records {
		size := recordHead + len(r.Data)
		if fitting > 0 && (len(batch)+size > writeAtOnce || used+int64(len(batch)+size) > s.segmentBytes) {
			break
		}
		batch = appendRecord(batch, r)
		fitting++
	}
	if s.buffer = batch; cap(batch) > 2*writeAtOnce {
		s.buffer = nil
	}

	// make room
	need := func() int64 {
		if s.tail == nil {
			return int64(headerSize + len(batch))
		}
		return int64(len(batch))
	}
	for s.total.Load()+need() > s.maxBytes {
		if len(s.segments) == 0 {
			return 0, dropped, ErrFull
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
	for written < fitting && end+recordHead+len(records[written].Data) <= n {
		size := recordHead + len(records[written].Data)
		if tail.slots != nil {
			tail.slots = append(tail.slots, slot{at: uint32(tail.size) + uint32(end), size: uint32(size)})
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
func (s *Spool) create() error {
	if s.number+1 >= mostNumber {
		return errors.New("no segment number is left")
	}
	segment := &diskSegment{number: s.number + 1, size: int64(headerSize)}
	name := segmentName(segment.number)
	file, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		s.number++ // somebody else's; the next append tries the next name
	}
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(newHeader(version), 0); err != nil {
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
