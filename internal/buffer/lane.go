package buffer

import (
	"runtime"
	"sync/atomic"
)

// A lane is where entries of one class queue: a linked list, which costs nothing while
// it is empty, and bounds nothing. Callers add to its end with one exchange, without a
// lock (Dmitry Vyukov's intrusive queue). One at a time takes out, which the queue sees
// to.
type lane struct {
	last atomic.Pointer[Entry]
	_    cacheLine

	first *Entry
	stub  Entry // in the list when nothing else is, so that it is never empty
	marks int   // marks in the list
	_     cacheLine
}

// A cacheLine between two words keeps processors that write the one from waiting for
// those that use the other.
type cacheLine [64]byte

func (l *lane) init() {
	l.first = &l.stub
	l.last.Store(&l.stub)
}

// push adds e to the end. From then on e belongs to others.
func (l *lane) push(e *Entry) {
	before := l.last.Swap(e)
	before.next.Store(e) // until then the list has a gap
}

// receive takes the oldest entry out; nil when there is none.
func (l *lane) receive() *Entry {
	for {
		if e := l.pop(); e == nil || !e.mark {
			return e
		}
	}
}

// pop takes the first of the list out, a mark too; nil when there is none.
func (l *lane) pop() *Entry {
	for {
		e := l.first
		next := e.next.Load()
		if next == nil && l.last.Load() == e {
			if e == &l.stub {
				return nil
			}
			l.push(&l.stub)
		}
		for ; next == nil; next = e.next.Load() {
			runtime.Gosched() // a caller is between the two steps of push
		}
		// From here on nobody else knows e.
		l.first = next
		e.next.Store(nil)
		switch {
		case e == &l.stub:
			continue
		case e.mark:
			l.marks--
		}
		return e
	}
}

// mark marks what is in the lane now.
func (l *lane) mark() {
	l.marks++
	l.push(&Entry{mark: true})
}

// take moves at most n entries, the oldest, to the end of entries, and no more
// once they have that many bytes, or none but those that were marked.
func (l *lane) take(entries []*Entry, n int, bytes int64, marked bool) []*Entry {
	for n > 0 && bytes > 0 && (!marked || l.marks > 0) {
		e := l.pop()
		if e == nil {
			break
		}
		if e.mark {
			continue
		}
		entries = append(entries, e)
		bytes -= int64(e.memory())
		n--
	}
	return entries
}
