package ledger

import (
	"log/slog"
	"maps"
	"slices"
)

// LevelCritical is the level of records that become critical entries.
const LevelCritical = slog.Level(12)

// Version is the SDK's own semantic version.
const Version = "0.1.0"

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
