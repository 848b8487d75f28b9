package ledgerview

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// spreadBuckets is how many counts tell how a route's durations are spread, on a scale of logarithms from 0.1 ms to 10 s.
const spreadBuckets = 40

// A routeStats is a row of the table of requests.
type routeStats struct {
	Method       string             `json:"method"`
	Path         string             `json:"path"`
	Count        int                `json:"count"`
	OK           int                `json:"ok"`
	ClientErrors int                `json:"client_errors"` // 4xx
	Errors       int                `json:"errors"`        // 5xx
	P50          float64            `json:"p50_ms"`
	P95          float64            `json:"p95_ms"`
	P99          float64            `json:"p99_ms"`
	Max          float64            `json:"max_ms"`
	Spread       [spreadBuckets]int `json:"spread"`

	durations []float32
}

// maxRoutes is how many routes are told, the busiest.
const maxRoutes = 2000

// summarizeRoutes returns a row for each route, the busiest first.
func summarizeRoutes(ctx context.Context, snap *snapshot, f *filter) []*routeStats {
	all := map[route]*routeStats{}
	aggregate(ctx, snap, f,
		func() map[route]*routeStats { return map[route]*routeStats{} },
		func(mine map[route]*routeStats, c *cursor) {
			if r := c.route(); r != nil {
				s := mine[*r]
				if s == nil {
					s = &routeStats{Method: r.method, Path: r.path}
					mine[*r] = s
				}
				s.add(c.row)
			}
		},
		func(mine map[route]*routeStats) {
			for key, s := range mine {
				if have := all[key]; have != nil {
					have.merge(s)
				} else {
					all[key] = s
				}
			}
		})
	routes := make([]*routeStats, 0, len(all))
	for _, s := range all {
		slices.Sort(s.durations)
		s.P50, s.P95, s.P99 = percentile(s.durations, 50), percentile(s.durations, 95), percentile(s.durations, 99)
		s.Max = percentile(s.durations, 100)
		routes = append(routes, s)
	}
	slices.SortFunc(routes, func(a, b *routeStats) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return routes[:min(len(routes), maxRoutes)]
}

func (s *routeStats) add(r *row) {
	s.Count++
	switch {
	case r.status >= 500:
		s.Errors++
	case r.status >= 400:
		s.ClientErrors++
	default:
		s.OK++
	}
	s.durations = append(s.durations, r.duration)
	at := int((math.Log10(max(float64(r.duration), 1e-9)) + 1) / 5 * spreadBuckets)
	s.Spread[min(max(at, 0), spreadBuckets-1)]++
}

func (s *routeStats) merge(other *routeStats) {
	s.Count += other.Count
	s.OK += other.OK
	s.ClientErrors += other.ClientErrors
	s.Errors += other.Errors
	s.durations = append(s.durations, other.durations...)
	for i, n := range other.Spread {
		s.Spread[i] += n
	}
}

// percentile is the nearest rank: the least value that p percent of the sorted ones do not exceed.
func percentile(sorted []float32, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return roundMillis(sorted[max(rank, 1)-1])
}

// roundMillis takes away what a float32 adds to a number of few decimals.
func roundMillis(ms float32) float64 { return math.Round(float64(ms)*1000) / 1000 }

// A latencyBucket is a moment of the charts of requests.
type latencyBucket struct {
	Time         timestamp `json:"time"`
	OK           int       `json:"ok"`
	ClientErrors int       `json:"client_errors"`
	ServerErrors int       `json:"server_errors"`
	P50          *float64  `json:"p50_ms"` // nil without a request
	P95          *float64  `json:"p95_ms"`
	P99          *float64  `json:"p99_ms"`
}

// A latencyPoint is one request.
type latencyPoint struct {
	ID       uint64    `json:"id"`
	Time     timestamp `json:"time"`
	Duration float64   `json:"duration_ms"`
	Status   int       `json:"status"`
}

// latency returns how requests went over time, and the newest of them, newest first.
func latency(ctx context.Context, snap *snapshot, f *filter, line *timeline, points int) ([]latencyBucket, []latencyPoint) {
	total := make([]routeStats, line.buckets)
	newest := make([]latencyPoint, 0)
	type part struct {
		buckets []routeStats
		points  []latencyPoint
	}
	aggregate(ctx, snap, f,
		func() *part { return &part{buckets: make([]routeStats, line.buckets)} },
		func(mine *part, c *cursor) {
			i := line.bucket(c.row.time)
			if c.row.route == 0 || i < 0 {
				return
			}
			mine.buckets[i].add(c.row)
			if points > 0 {
				mine.points = append(mine.points, latencyPoint{c.id, timestamp(c.row.time), roundMillis(c.row.duration), int(c.row.status)})
				if len(mine.points) > 8*points {
					mine.points = newestPoints(mine.points, points)
				}
			}
		},
		func(mine *part) {
			for i := range mine.buckets {
				total[i].merge(&mine.buckets[i])
			}
			newest = append(newest, mine.points...)
		})
	buckets := make([]latencyBucket, line.buckets)
	for i := range total {
		s := &total[i]
		b := latencyBucket{Time: timestamp(line.start(i)), OK: s.OK, ClientErrors: s.ClientErrors, ServerErrors: s.Errors}
		if s.Count > 0 {
			slices.Sort(s.durations)
			p50, p95, p99 := percentile(s.durations, 50), percentile(s.durations, 95), percentile(s.durations, 99)
			b.P50, b.P95, b.P99 = &p50, &p95, &p99
		}
		buckets[i] = b
	}
	return buckets, newestPoints(newest, points)
}

// newestPoints returns the n newest, newest first.
func newestPoints(points []latencyPoint, n int) []latencyPoint {
	slices.SortFunc(points, func(a, b latencyPoint) int { return cmp.Compare(b.ID, a.ID) })
	return points[:min(len(points), n)]
}
