//go:build !race

package ledger

const RaceEnabled = false
