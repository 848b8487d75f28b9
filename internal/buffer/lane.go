package buffer

import "sync/atomic"

// A lane is where entries of one class queue. It has two channels: callers send
// to the one that is open, while the batcher empties the other. The two ends of a
// channel share a lock, and with one channel they would fight over it at every
// entry: who finds it locked spins for a microsecond, or is put to sleep.
type lane struct {
	channels [2]chan *Entry
	open     atomic.Uint32 // which of them is; the batcher turns it
	marked   [2]int        // what takeMarked may still take of each; the batcher's own
}

func newLane(size int) lane {
	return lane{channels: [2]chan *Entry{make(chan *Entry, size), make(chan *Entry, size)}}
}

// receive takes the oldest entry out; nil when there is none. Anybody may.
func (l *lane) receive() *Entry {
	open := l.open.Load()
	for _, channel := range [...]chan *Entry{l.channels[1-open], l.channels[open]} {
		select {
		case e := <-channel:
			return e
		default:
		}
	}
	return nil
}

// take moves at most n entries, the oldest, to the end of entries, and no more
// once they have that many bytes. It is for the batcher.
func (l *lane) take(entries []*Entry, n int, bytes int64) []*Entry {
	l.turn()
	return l.takeFrom(1-l.open.Load(), entries, n, bytes)
}

// turn has the channels change places once the one that is not open is empty.
func (l *lane) turn() {
	if open := l.open.Load(); len(l.channels[1-open]) == 0 && len(l.channels[open]) > 0 {
		l.open.Store(1 - open)
	}
}

// mark marks what is in the lane now.
func (l *lane) mark() {
	l.turn()
	for i, channel := range l.channels {
		l.marked[i] = len(channel)
	}
}

// takeMarked is take for as many entries as were marked, and the marked ones
// unless they were dropped: of what comes in meanwhile it takes no more than has
// gone.
func (l *lane) takeMarked(entries []*Entry, n int, bytes int64) []*Entry {
	open := l.open.Load()
	for _, channel := range [...]uint32{1 - open, open} {
		before := len(entries)
		entries = l.takeFrom(channel, entries, min(n, l.marked[channel]), bytes)
		if taken := len(entries) - before; taken > 0 {
			l.marked[channel] -= taken
			break
		}
		l.marked[channel] = 0
	}
	return entries
}

// takeFrom is take from one channel.
func (l *lane) takeFrom(channel uint32, entries []*Entry, n int, bytes int64) []*Entry {
	for ; n > 0 && bytes > 0; n-- {
		select {
		case e := <-l.channels[channel]:
			entries = append(entries, e)
			bytes -= int64(e.memory())
		default:
			return entries
		}
	}
	return entries
}
