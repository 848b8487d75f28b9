package buffer

import "sync/atomic"

// A load is a number of entries and of their bytes, which change together and
// cost one atomic operation: entries in the low bits, bytes above.
type load struct{ word atomic.Int64 }

const (
	loadEntryBits = 27
	// MaxEntries is the largest MaxBufferSize: half of what a load can count,
	// since those that push count before they make room.
	MaxEntries = 1 << (loadEntryBits - 1)
	// MaxBytes, 32 GiB, is the largest budget of bytes, half of what is left.
	MaxBytes = 1 << (63 - loadEntryBits - 1)
)

// add adds to both, or subtracts, and returns what they are then.
func (l *load) add(entries, bytes int64) (int64, int64) {
	return unpack(l.word.Add(bytes<<loadEntryBits + entries))
}

func (l *load) get() (entries, bytes int64) { return unpack(l.word.Load()) }

func unpack(word int64) (entries, bytes int64) {
	return word & (1<<loadEntryBits - 1), word >> loadEntryBits
}

func (l *load) entries() int64 {
	n, _ := l.get()
	return n
}

func (l *load) bytes() int64 {
	_, n := l.get()
	return n
}
