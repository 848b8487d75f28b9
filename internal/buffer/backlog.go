package buffer

import (
	"cmp"
	"iter"
	"slices"
)

// A Backlog is all that is not settled: what is queued, what is being made into a
// batch, batches that wait, and batches that a sender has. One goroutine owns it.
type Backlog[N any] struct {
	Held   []*Batch[N]            // wait for a round; those that came back from one are before younger ones
	Active map[*Batch[N]]struct{} // in a round

	queue   *Queue
	emptied func(*Batch[N])
	forming [2][]*Entry         // the next batches' first entries, which are held; of each lane
	formed  [2][maxTaken]*Entry // where they are, unless they are more
}

// NewBacklog makes a backlog of what comes out of q. It calls emptied with each
// batch that it took the last entry of, or was given without one.
func NewBacklog[N any](q *Queue, emptied func(*Batch[N])) *Backlog[N] {
	return &Backlog[N]{queue: q, emptied: emptied, Active: make(map[*Batch[N]]struct{})}
}

// Waiting is how many entries wait to be made into a batch.
func (b *Backlog[N]) Waiting() int64 {
	return b.queue.queued.entries() + int64(len(b.forming[0])+len(b.forming[1]))
}

// Ready reports whether so many bytes wait that they make a batch.
func (b *Backlog[N]) Ready() bool {
	bytes := b.queue.queued.bytes()
	for _, forming := range b.forming {
		for _, e := range forming {
			bytes += int64(e.memory())
		}
	}
	return bytes >= b.queue.wakeBytes
}

// lanes are the queue's, in the order of forming: urgent entries come first.
func (b *Backlog[N]) lanes() [2]*lane { return [2]*lane{&b.queue.urgent, &b.queue.ordinary} }

// Cut makes a batch of the oldest queued entries, at most n of them and of
// bodyBytes; nil when there are none. Urgent ones come first when there are more
// than fit; within the batch the order is that of logging.
func (b *Backlog[N]) Cut(n, bodyBytes int) *Batch[N] { return b.cut(false, n, bodyBytes) }

// Mark marks what is queued now, for CutMarked.
func (b *Backlog[N]) Mark() {
	b.queue.taking.Lock()
	defer b.queue.taking.Unlock()
	b.queue.urgent.mark()
	b.queue.ordinary.mark()
}

// CutMarked is Cut for what was marked. What came since is left, or somebody who
// waits for the marked entries would wait for them too.
func (b *Backlog[N]) CutMarked(n, bodyBytes int) *Batch[N] {
	return b.cut(true, n, bodyBytes)
}

func (b *Backlog[N]) cut(marked bool, n, bodyBytes int) *Batch[N] {
	entries := make([]*Entry, 0, min(b.Waiting(), int64(n)))
	for size := 0; len(entries) < n; {
		from := b.form(marked, n-len(entries))
		if from == nil {
			break
		}
		forming := (*from)[:min(len(*from), n-len(entries))]
		fit := forming
		for i, e := range forming {
			if size += bodySize(e); size > bodyBytes && len(entries)+i > 0 {
				fit = forming[:i]
				break
			}
		}
		entries = append(entries, fit...)
		clear(fit)
		*from = (*from)[len(fit):]
		if len(fit) < len(forming) {
			break // the body is full
		}
	}
	if len(entries) == 0 {
		return nil
	}
	SortBySeq(entries)
	batch := &Batch[N]{queue: b.queue}
	batch.put(entries) // they are held already
	return batch
}

// form returns the entries that are forming and go next; nil for none. If none are, it
// takes out some, at most n.
func (b *Backlog[N]) form(marked bool, n int) *[]*Entry {
	for i, l := range b.lanes() {
		if len(b.forming[i]) == 0 {
			b.forming[i] = b.queue.take(l, marked, b.formed[i][:0], n)
			b.queue.count.Taken.Add(int64(len(b.forming[i])))
		}
		if len(b.forming[i]) > 0 {
			return &b.forming[i]
		}
	}
	return nil
}

// Gather takes out what is queued up to a sequence, and the few behind it that come
// along. It waits to be made into a batch as before.
func (b *Backlog[N]) Gather(upTo uint64) {
	for i, l := range b.lanes() {
		for {
			before := len(b.forming[i])
			b.forming[i] = b.queue.take(l, false, b.forming[i], maxTaken)
			taken := len(b.forming[i]) - before
			b.queue.count.Taken.Add(int64(taken))
			if taken == 0 || b.forming[i][before+taken-1].Seq > upTo {
				break
			}
		}
	}
}

// All yields what was taken out of the queue and is not settled, roughly the oldest
// first. Whoever ranges over it may read entries, also when a sender has them, and
// must not change where they are.
func (b *Backlog[N]) All() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for batch := range b.Batches() {
			if !batch.each(yield) {
				return
			}
		}
		for _, forming := range b.forming {
			for _, e := range forming {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// Batches yields the batches that are not settled.
func (b *Backlog[N]) Batches() iter.Seq[*Batch[N]] {
	return func(yield func(*Batch[N]) bool) {
		for sending := range b.Active {
			if !yield(sending) {
				return
			}
		}
		for _, waiting := range b.Held {
			if !yield(waiting) {
				return
			}
		}
	}
}

// Hold keeps batches for a later round, before those that came after them.
func (b *Backlog[N]) Hold(batches ...*Batch[N]) {
	for _, kept := range batches {
		kept.EndAttempt()
		first, ok := kept.First()
		if !ok {
			b.emptied(kept)
			continue
		}
		i, _ := slices.BinarySearchFunc(b.Held, first, func(other *Batch[N], seq uint64) int {
			its, _ := other.First()
			return cmp.Compare(its, seq)
		})
		b.Held = slices.Insert(b.Held, i, kept)
	}
}

// Join adds fresh to a held batch that may take it, the newest such, when they fit
// n entries and bodyBytes together. Otherwise it holds fresh by itself.
func (b *Backlog[N]) Join(fresh *Batch[N], n, bodyBytes int, may func(*Batch[N]) bool) {
	for _, other := range slices.Backward(b.Held) {
		if other.Size() == 0 || !may(other) {
			continue
		}
		if other.Size()+fresh.Size() > n || other.BodySize()+fresh.BodySize() > bodyBytes {
			break
		}
		entries := slices.Concat(other.Empty(), fresh.Empty())
		SortBySeq(entries)
		other.Keep(entries)
		return
	}
	b.Held = append(b.Held, fresh)
}

// Take takes the i-th held batch out.
func (b *Backlog[N]) Take(i int) *Batch[N] {
	taken := b.Held[i]
	b.Held = slices.Delete(b.Held, i, i+1)
	return taken
}

// TakeBatches takes the entries of all held batches that match out.
func (b *Backlog[N]) TakeBatches(match func(*Batch[N]) bool) (taken []*Entry) {
	var matching []*Batch[N]
	b.Held = slices.DeleteFunc(b.Held, func(held *Batch[N]) bool {
		if match(held) {
			matching = append(matching, held)
			return true
		}
		return false
	})
	for _, batch := range matching {
		taken = append(taken, batch.Empty()...)
		b.emptied(batch)
	}
	return taken
}

// OldestTaken is the lowest sequence of what was taken out of the queue and is not
// settled; false when there is nothing.
func (b *Backlog[N]) OldestTaken() (oldest uint64, any bool) {
	consider := func(seq uint64, ok bool) {
		if ok && (!any || seq < oldest) {
			oldest, any = seq, true
		}
	}
	for batch := range b.Batches() {
		consider(batch.First())
	}
	for _, forming := range b.forming {
		for _, e := range forming {
			consider(e.Seq, true)
		}
	}
	return oldest, any
}

// Close takes everything out, oldest first; from now on the queue drops what comes.
// Of batches that a sender still has it returns copies, since that may read them.
func (b *Backlog[N]) Close() (left []*Entry) {
	q := b.queue
	q.sealed.Store(true)
	for _, forming := range b.forming {
		for _, e := range forming {
			q.held.add(-1, -int64(e.memory()))
			left = append(left, e)
		}
	}
	for _, waiting := range b.Held {
		left = append(left, waiting.Empty()...)
	}
	q.taking.Lock()
	for _, l := range b.lanes() {
		for e := q.pop(l); e != nil; e = q.pop(l) {
			q.count.Taken.Add(1)
			left = append(left, e)
		}
	}
	q.taking.Unlock()
	for abandoned := range b.Active {
		for _, e := range abandoned.Empty() {
			copied := &Entry{Data: slices.Clone(e.Data), Ending: e.Ending, Format: e.Format, Urgent: e.Urgent, Notice: e.Notice, Copy: e.Copy}
			left = append(left, copied)
		}
	}
	b.Held, b.Active, b.forming = nil, nil, [2][]*Entry{}
	clear(b.formed[:])
	SortBySeq(left)
	return left
}

// SortBySeq sorts entries in the order of logging.
func SortBySeq(entries []*Entry) {
	slices.SortFunc(entries, func(a, b *Entry) int { return cmp.Compare(a.Seq, b.Seq) })
}
