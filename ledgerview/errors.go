package ledgerview

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
)

// A group is what the errors of one fingerprint have in common.
type group struct {
	fingerprint string
	kind        string
	message     string
	level       level
	count       int
	first, last int64
	example     uint64
	services    map[string]bool
	releases    map[string]bool
	sparkline   []int
}

// maxGroups is how many groups are told, the newest.
const maxGroups = 2000

// groupErrors groups the records by fingerprint, the group that was seen last first.
func groupErrors(ctx context.Context, snap *snapshot, f *filter, line *timeline) []*group {
	all := map[string]*group{}
	aggregate(ctx, snap, f,
		func() map[string]*group { return map[string]*group{} },
		func(mine map[string]*group, c *cursor) {
			if e := c.failure(); e != nil && e.fingerprint != "" {
				g := mine[e.fingerprint]
				if g == nil {
					g = &group{
						fingerprint: e.fingerprint, first: c.row.time, last: minTime, sparkline: make([]int, line.buckets),
						services: map[string]bool{}, releases: map[string]bool{},
					}
					mine[e.fingerprint] = g
				}
				g.add(c, e, line)
			}
		},
		func(mine map[string]*group) {
			for key, g := range mine {
				if have := all[key]; have != nil {
					have.merge(g)
				} else {
					all[key] = g
				}
			}
		})
	groups := make([]*group, 0, len(all))
	for _, g := range all {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.last, a.last), cmp.Compare(b.example, a.example))
	})
	return groups[:min(len(groups), maxGroups)]
}

func (g *group) add(c *cursor, e *failure, line *timeline) {
	at, l := c.row.time, c.labels()
	g.count++
	g.first = min(g.first, at)
	if at > g.last || at == g.last && c.id > g.example {
		g.last, g.example, g.kind, g.level = at, c.id, e.kind, c.row.level
		g.message = string(c.texts().errorMessage)
	}
	if l.service != "" {
		g.services[l.service] = true
	}
	if l.release != "" {
		g.releases[l.release] = true
	}
	if i := line.bucket(at); i >= 0 {
		g.sparkline[i]++
	}
}

func (g *group) merge(other *group) {
	g.count += other.count
	g.first = min(g.first, other.first)
	if other.last > g.last || other.last == g.last && other.example > g.example {
		g.last, g.example, g.kind, g.level, g.message = other.last, other.example, other.kind, other.level, other.message
	}
	for s := range other.services {
		g.services[s] = true
	}
	for r := range other.releases {
		g.releases[r] = true
	}
	for i, n := range other.sparkline {
		g.sparkline[i] += n
	}
}

// MarshalJSON writes the group as the API shows it.
func (g *group) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Fingerprint string    `json:"fingerprint"`
		Type        string    `json:"type"`
		Message     string    `json:"message"`
		Level       string    `json:"level"`
		Count       int       `json:"count"`
		FirstSeen   timestamp `json:"first_seen"`
		LastSeen    timestamp `json:"last_seen"`
		Services    []string  `json:"services"`
		Releases    []string  `json:"releases"`
		Sparkline   []int     `json:"sparkline"`
		Example     uint64    `json:"example"`
	}{
		g.fingerprint, g.kind, g.message, g.level.String(), g.count, timestamp(g.first), timestamp(g.last),
		sortedKeys(g.services), sortedKeys(g.releases), g.sparkline, g.example,
	})
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// A timestamp is microseconds since 1970 that JSON shows as a time.
type timestamp int64

// MarshalJSON implements json.Marshaler.
func (t timestamp) MarshalJSON() ([]byte, error) {
	return append(appendTime([]byte{'"'}, int64(t)), '"'), nil
}
