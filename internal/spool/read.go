package spool

import (
	"errors"
	"io/fs"
)

// readAtOnce is how much is read at once: records lie one behind the other.
const readAtOnce = 128 << 10

// Read hands out the oldest records that wait, at most n, and of size bytes
// together unless the first alone is larger, with a ticket for each. They stay in the
// spool until they are released: after a crash they come again, with the same bytes. It
// returns nil when nothing waits. Records that cannot be read any more are counted as
// lost, so that Read never returns nil while Len is more than 0. Neighbours' data lie
// in the same memory: whoever keeps one of them for long copies it.
func (s *Spool) Read(n, size int) (records []Record, tickets []Ticket) {
	var w window
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
			for segment.slots[segment.next].state != slotWaiting {
				segment.next++
			}
			slot := &segment.slots[segment.next]
			if size -= int(slot.size) - recordHead; size < 0 && len(records) > 0 {
				return records, tickets
			}
			r, ok := s.record(&w, segment, slot)
			segment.waiting--
			s.waiting.Add(-1)
			if !ok {
				s.gone.Add(1)
				slot.state = slotReleased
				size += int(slot.size) - recordHead
				continue
			}
			slot.state = slotOut
			segment.out++
			records = append(records, r)
			tickets = append(tickets, Ticket{segment, segment.next})
		}
		if segment.waiting+segment.out > 0 || s.remove(segment) != nil {
			i++
		}
	}
	return records, tickets
}

// load finds out where a segment's records are.
func (s *Spool) load(segment *diskSegment) error {
	if segment.slots != nil {
		return nil
	}
	content, err := s.content(segment, nil)
	if err != nil {
		return err
	}
	waiting := 0
	segment.slots = make([]slot, 0, segment.waiting)
	segment.next = 0
	scan(content, func(at, size int, released bool) {
		slot := slot{at: uint32(at), size: uint32(size), state: slotReleased}
		if !released {
			slot.state = slotWaiting
			waiting++
		}
		segment.slots = append(segment.slots, slot)
	})
	s.waiting.Add(int64(waiting - segment.waiting)) // when the disk lost some meanwhile
	s.gone.Add(int64(max(segment.waiting-waiting, 0)))
	segment.waiting = waiting
	return nil
}

// forget undoes load, so that a large spool costs little memory, unless records of the
// segment are handed out, or are the next to be, or it is still written to.
func (s *Spool) forget(segment *diskSegment) {
	if segment.out == 0 && segment != s.tail && segment != s.segments[0] {
		segment.slots = nil
		segment.closeFile()
	}
}

// A window is a part of a segment that was read at once.
type window struct {
	segment *diskSegment
	at      int64
	data    []byte
}

// record reads and checks one record; its data are a part of the window's.
func (s *Spool) record(w *window, segment *diskSegment, slot *slot) (r Record, ok bool) {
	at, size := int64(slot.at), int64(slot.size)
	if w.segment != segment || at+size > w.at+int64(len(w.data)) {
		file, err := s.use(segment)
		if err != nil {
			return r, false
		}
		data := make([]byte, max(size, min(readAtOnce, segment.size-at)))
		n, _ := file.ReadAt(data, at)
		*w = window{segment, at, data[:n]}
		if int64(n) < size {
			return r, false
		}
	}
	r, _, _, ok = parseRecord(w.data[at-w.at:][:size])
	r.Label = segment.label
	return r, ok
}

// Release settles a record: delivered, or dropped for good. It does not come again,
// unless the machine itself goes down. A segment in which nothing is left is removed. A
// second time is nothing.
func (s *Spool) Release(t Ticket) { s.settle(t, slotReleased) }

// Unclaim takes a record back, to hand it out again, still oldest first. It returns
// false when the record is not in the spool any more.
func (s *Spool) Unclaim(t Ticket) bool { return s.settle(t, slotWaiting) }

func (s *Spool) settle(t Ticket, state slotState) bool {
	segment := t.segment
	if !t.Live() || t.slot >= len(segment.slots) || segment.slots[t.slot].state != slotOut {
		return false
	}
	at := &segment.slots[t.slot]
	at.state = state
	segment.out--
	if state == slotWaiting {
		segment.next = min(segment.next, t.slot)
		segment.waiting++
		s.waiting.Add(1)
	} else if file, err := s.use(segment); err == nil { // otherwise it comes once more, after a restart
		_, _ = file.WriteAt([]byte{releasedByte}, int64(at.at)+int64(len(marker)))
	}
	if segment.waiting+segment.out == 0 {
		_ = s.remove(segment)
		return true
	}
	s.forget(segment)
	return true
}
