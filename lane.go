package ledger

import "sync/atomic"

// A lane is where entries of one class queue. It has two channels: callers send
// to the one that is open, while the batcher empties the other. The two ends of a
// channel share a lock, and who finds it locked spins for a microsecond, or
// sleeps until the batcher, which goes through a thousand entries at a time, is
// done.
type lane struct {
	channels [2]chan *entry
	open     atomic.Uint32 // which of them is; the batcher turns it
	taken    [2]int        // out of each by the method take; the batcher's own
}

func newLane(size int) lane {
	return lane{channels: [2]chan *entry{make(chan *entry, size), make(chan *entry, size)}}
}

// receive takes the oldest entry out; nil when there is none.
func (l *lane) receive() *entry {
	open := l.open.Load()
	for _, channel := range [...]chan *entry{l.channels[1-open], l.channels[open]} {
		select {
		case e := <-channel:
			return e
		default:
		}
	}
	return nil
}

// take moves at most n entries, the oldest, to the end of entries, and no more
// once they have that many bytes. When the channel that is not open is empty they
// change places.
func (l *lane) take(entries []*entry, n int, bytes int64) []*entry {
	open := l.open.Load()
	before := len(entries)
	entries = l.takeFrom(1-open, entries, n, bytes)
	if len(entries) == before && len(l.channels[open]) > 0 {
		l.open.Store(1 - open)
		entries = l.takeFrom(open, entries, n, bytes)
	}
	return entries
}

// takeFrom is take from one channel.
func (l *lane) takeFrom(channel uint32, entries []*entry, n int, bytes int64) []*entry {
	before := len(entries)
	for more := true; more && len(entries)-before < n && bytes > 0; {
		select {
		case e := <-l.channels[channel]:
			entries = append(entries, e)
			bytes -= int64(e.memory())
		default:
			more = false
		}
	}
	l.taken[channel] += len(entries) - before
	return entries
}

// end returns what passed is to be asked about what is in the lane now.
func (l *lane) end() (mark [2]int) {
	for i, channel := range l.channels {
		mark[i] = l.taken[i] + len(channel)
	}
	return mark
}

// passed reports whether all that was in the lane at end has been taken.
func (l *lane) passed(end [2]int) bool { return l.taken[0] >= end[0] && l.taken[1] >= end[1] }
