//go:build race

package encode

// raceEnabled skips what the race detector changes: it allocates.
const raceEnabled = true
