package ledgerview

import (
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// storeBatch keeps what a request brought.
func (v *Viewer) storeBatch(batch *ingest.Batch, path string, now time.Time) {
	records := make([]record, len(batch.Entries))
	blame := requestBlame(batch)
	for i := range batch.Entries {
		records[i] = fromEntry(&batch.Entries[i], path, now, blame)
	}
	v.store(records)
}

// store puts records into the ring, and returns how many of them it knew already.
func (v *Viewer) store(records []record) (known int) {
	if v.life.Err() != nil {
		return 0
	}
	batch := make([]packed, len(records))
	for i := range records {
		r := &records[i]
		if r.run == 0 {
			r.run = v.runs.number(r, instanceOf(r))
		}
		batch[i] = v.ring.pack(r)
	}
	known = v.ring.add(batch, time.Now())
	v.runs.stored(batch)
	return known
}
