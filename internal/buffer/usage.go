package buffer

import "sync/atomic"

// A usage is a number of entries and of their bytes, which change together and
// cost one atomic operation: entries in the low bits, bytes above.
type usage struct{ word atomic.Int64 }

const (
	entryBits = 27
	// MaxEntries is the largest MaxBufferSize: half of what a usage can count,
	// since those that push count before they make room.
	MaxEntries = 1 << (entryBits - 1)
	// MaxBytes, 32 GiB, is the largest budget of bytes, half of what is left.
	MaxBytes = 1 << (63 - entryBits - 1)
)

// add adds to both, or subtracts, and returns what they are then.
func (u *usage) add(entries, bytes int64) (int64, int64) {
	return unpack(u.word.Add(bytes<<entryBits + entries))
}

func (u *usage) get() (entries, bytes int64) { return unpack(u.word.Load()) }

func unpack(word int64) (entries, bytes int64) {
	return word & (1<<entryBits - 1), word >> entryBits
}

func (u *usage) entries() int64 {
	n, _ := u.get()
	return n
}

func (u *usage) bytes() int64 {
	_, n := u.get()
	return n
}
