//go:build race

package ledger

// RaceEnabled skips what the race detector changes: it allocates.
const RaceEnabled = true
