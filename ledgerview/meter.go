package ledgerview

import "time"

// meterSeconds is over how long a rate is taken.
const meterSeconds = 5

// A meter counts events by the second. The zero meter is ready.
type meter struct {
	second int64
	counts [meterSeconds + 1]int // the current second's, and those before it
}

func (m *meter) add(now time.Time, n int) {
	m.turn(now)
	m.counts[m.second%int64(len(m.counts))] += n
}

func (m *meter) turn(now time.Time) {
	second := now.Unix()
	for at := max(m.second+1, second-int64(len(m.counts))+1); at <= second; at++ {
		m.counts[at%int64(len(m.counts))] = 0
	}
	m.second = max(m.second, second)
}

// rate is events a second over the last full seconds.
func (m *meter) rate(now time.Time) float64 {
	second, sum := now.Unix(), 0
	for at := second - meterSeconds; at < second; at++ {
		if at > m.second-int64(len(m.counts)) && at <= m.second && at >= 0 {
			sum += m.counts[at%int64(len(m.counts))]
		}
	}
	return float64(sum) / meterSeconds
}
