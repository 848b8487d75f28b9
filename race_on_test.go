//go:build race

package ledger

// raceEnabled skips what the race detector changes: it allocates.
const raceEnabled = true
