package ledger

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/stats"
)

// What becomes of a batch, and of its entries, after a round.

// drop settles an entry that was taken out of the queue as dropped.
func (b *batcher) drop(e *entry, why stats.DropReason) {
	b.count.DropInFlight(why, e.notice, b.now())
	b.release(e)
}

// release lets go of a settled entry: of its record on disk, and its memory.
func (b *batcher) release(e *entry) {
	b.releaseSpooled(e)
	e.free()
}

// settle decides what becomes of a batch after its round.
func (b *batcher) settle(r roundResult) {
	delete(b.active, r.batch)
	if b.aside == r.batch {
		b.aside = nil
	}
	switch last := r.last; last.kind {
	case outcomeTaken:
		b.taken(r.batch, last.answer.Rejected)
	case outcomeRefused, outcomeTooLarge:
		b.refused(r.batch, last)
	case outcomeServerError:
		r.batch.failedRounds++
		r.batch.lastFailed = b.count.Successes.Load()
		r.batch.notBefore = b.now().Add(r.delay)
		b.failed(r)
	case outcomeNone: // something held it up; ask again soon, but not in a spin
		r.batch.notBefore = b.now().Add(retryHeld)
		b.hold(r.batch)
	default:
		r.batch.notBefore = b.now().Add(r.delay)
		b.hold(r.batch)
	}
}

// hold keeps batches for a later round, before those that came after them.
func (b *batcher) hold(batches ...*batch) {
	for _, kept := range batches {
		kept.land()
		if first, ok := kept.first(); ok {
			i, _ := slices.BinarySearchFunc(b.held, first, func(other *batch, seq uint64) int {
				its, _ := other.first()
				return cmp.Compare(its, seq)
			})
			b.held = slices.Insert(b.held, i, kept)
		} else {
			b.done(kept)
		}
	}
}

// taken settles a batch that the server has, but for some that it rejected. It
// does not say reliably which.
func (b *batcher) taken(batch *batch, rejected int) {
	entries := batch.empty()
	rejected = min(rejected, len(entries))
	b.count.Sent.Add(int64(len(entries) - rejected))
	if batch.halving != nil {
		batch.halving.taken = true
	}
	for i, e := range entries {
		if i < rejected {
			b.drop(e, stats.Rejected)
		} else {
			b.release(e)
		}
	}
	b.done(batch)
}

// refused drops the entries that the server names, or halves the batch to find
// them. What is left goes again at once: nothing of it was taken.
func (b *batcher) refused(batch *batch, out outcome) {
	why := stats.Rejected
	if out.kind == outcomeTooLarge {
		why = stats.TooLarge
	}
	switch {
	case out.again:
		b.hold(batch)
	case out.kind == outcomeRefused && len(out.answer.Positions) > 0:
		b.dropAt(batch, out.answer.Positions)
		b.hold(batch)
	case batch.size() > 1:
		b.hold(batch, b.split(batch, batch.size()/2))
	case out.status == http.StatusBadRequest && !batch.doubted:
		batch.doubted = true // a body cut or garbled on its way gets a 400 too
		b.hold(batch)
	default:
		b.dropBatch(batch, why)
	}
}

// failed halves a batch that keeps failing, to find the entry that the server
// fails on, or drops that entry; but only as far as other requests show that it
// is the batch and not the server.
func (b *batcher) failed(r roundResult) {
	batch := r.batch
	if batch.halving == nil && b.search == nil && batch.failedRounds >= 2 {
		b.search = &halving{began: b.count.Successes.Load(), pieces: 1}
		batch.halving = b.search
		batch.born = -1 // the first cut needs no success
	}
	if batch.halving == nil {
		b.hold(batch)
		return
	}
	successes := b.count.Successes.Load()
	switch {
	case batch.size() > 1 && successes > batch.born:
		b.hold(batch, b.split(batch, batch.size()/2))
	case batch.size() == 1 && r.full && successes > batch.halving.began && (batch.halving.taken || r.beside && batch.accused):
		b.dropBatch(batch, stats.Rejected)
	case batch.size() == 1 && r.full && r.beside:
		batch.accused = true // no piece beside it was taken, so others must be in one more round
		b.hold(batch)
	default:
		b.hold(batch)
	}
}

// split leaves n entries in batch and returns the rest as another.
func (b *batcher) split(old *batch, n int) *batch {
	entries := old.empty()
	rest := newBatch(b.queue, slices.Clone(entries[n:]))
	old.keep(entries[:n:n])
	old.piece, rest.piece = true, true
	rest.halving, rest.notBefore = old.halving, old.notBefore
	rest.failures, rest.forbidden, rest.blames = old.failures, old.forbidden, old.blames
	rest.failedRounds, rest.lastFailed = old.failedRounds, old.lastFailed
	if old.halving != nil {
		old.halving.pieces++
		old.born = b.count.Successes.Load()
		rest.born = old.born
	}
	return rest
}

// dropAt drops the entries at positions as rejected.
func (b *batcher) dropAt(batch *batch, positions []int) {
	batch.land()
	batch.mu.Lock()
	guilty := make([]*entry, 0, len(positions))
	for _, i := range positions {
		guilty = append(guilty, batch.entries[i])
	}
	batch.mu.Unlock()
	for _, e := range guilty {
		if batch.remove(e) {
			b.drop(e, stats.Rejected)
		}
	}
}

// dropBatch settles a whole batch as dropped.
func (b *batcher) dropBatch(batch *batch, why stats.DropReason) {
	for _, e := range batch.empty() {
		b.drop(e, why)
	}
	b.done(batch)
}

// done notes that a batch is settled.
func (b *batcher) done(batch *batch) {
	if batch.halving == nil {
		return
	}
	batch.halving.pieces--
	if batch.halving.pieces == 0 && b.search == batch.halving {
		b.search = nil
	}
	batch.halving = nil
}
