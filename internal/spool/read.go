package spool

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
)

// Read hands out the oldest records that wait, at most n, and of size bytes
// together unless the first alone is larger. They stay in the spool until they
// are released: after a crash they come again, with the same bytes. It returns
// nil when nothing waits. Records that cannot be read any more are counted as
// lost, so that read never returns nil while len is more than 0.
func (s *Spool) Read(n, size int) ([]Record, *Claim) {
	var records []Record
	claim := &Claim{}
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
				return records, claim
			}
			r, ok := s.record(segment, slot)
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
			claim.tickets = append(claim.tickets, ticket{segment, segment.next})
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

// record reads and checks one record; its data is the caller's.
func (s *Spool) record(segment *diskSegment, slot *slot) (r Record, ok bool) {
	s.buffer = slices.Grow(s.buffer[:0], int(slot.size))[:slot.size]
	file, err := s.use(segment)
	if err != nil {
		return r, false
	}
	if _, err := file.ReadAt(s.buffer, int64(slot.at)); err != nil {
		return r, false
	}
	r, _, ok = parseRecord(s.buffer)
	r.Data = bytes.Clone(r.Data)
	return r, ok
}

// ReleaseOne settles the i-th record of a claim: delivered, or dropped for good.
// It does not come again, unless the machine itself goes down. A segment in which
// nothing is left is removed. A second time is nothing.
func (s *Spool) ReleaseOne(c *Claim, i int) { s.settle(c, i, slotReleased) }

// Unclaim takes back the records of a claim that are not settled, to hand them
// out again, still oldest first. Those whose segment went meanwhile to make room
// are lost, and counted as such.
func (s *Spool) Unclaim(c *Claim) {
	for i := range c.tickets {
		s.settle(c, i, slotWaiting)
	}
}

func (s *Spool) settle(c *Claim, i int, state slotState) {
	segment, at := c.tickets[i].segment, c.tickets[i].slot
	c.tickets[i].segment = nil
	switch {
	case segment == nil || s.root == nil: // settled already, or closed
	case segment.removed:
		if state == slotWaiting {
			s.gone.Add(1)
		}
	case state == slotWaiting:
		segment.slots[at].state = slotWaiting
		segment.next = min(segment.next, at)
		segment.out--
		segment.waiting++
		s.waiting.Add(1)
	default:
		segment.slots[at].state = slotReleased
		segment.out--
		// If this fails the record comes once more, after a restart.
		if file, err := s.use(segment); err == nil {
			mark := int64(segment.slots[at].at) + int64(len(marker))
			_, _ = file.WriteAt([]byte{releasedByte}, mark)
		}
		if segment.waiting+segment.out == 0 {
			_ = s.remove(segment)
		}
	}
}
