package ledgerview

import (
	"context"
	"math/bits"
)

// A timeline cuts a window of time into buckets of one width.
type timeline struct {
	from, to int64 // microseconds
	buckets  int
}

// bucket returns where a time belongs, or -1 when it is outside.
func (t *timeline) bucket(at int64) int {
	if at < t.from || at >= t.to {
		return -1
	}
	high, low := bits.Mul64(uint64(at)-uint64(t.from), uint64(t.buckets))
	n, _ := bits.Div64(high, low, uint64(t.to)-uint64(t.from))
	return int(n)
}

// start returns the time at which a bucket begins.
func (t *timeline) start(bucket int) int64 {
	high, low := bits.Mul64(uint64(t.to)-uint64(t.from), uint64(bucket))
	n, _ := bits.Div64(high, low, uint64(t.buckets))
	return t.from + int64(n)
}

type levelCounts [levelCount]int

// histogram counts records by time and level.
func histogram(ctx context.Context, snap *snapshot, f *filter, line *timeline) []levelCounts {
	total := make([]levelCounts, line.buckets)
	aggregate(ctx, snap, f,
		func() []levelCounts { return make([]levelCounts, line.buckets) },
		func(mine []levelCounts, c *cursor) {
			if i := line.bucket(c.row.time); i >= 0 {
				mine[i][c.row.level]++
			}
		},
		func(mine []levelCounts) {
			for i := range mine {
				for l, n := range mine[i] {
					total[i][l] += n
				}
			}
		})
	return total
}
