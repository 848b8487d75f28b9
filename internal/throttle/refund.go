package throttle

import "time"

// Refund gives back n that Take spent at a time, or just after it, for a request
// that never reached the server.
func (l *Limiter) Refund(n int, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range []*window{l.minute, l.hour} {
		for i := range w.sends {
			if s := &w.sends[i]; !s.last.Before(at) {
				n := min(n, s.count)
				s.count -= n
				w.total -= n
				break
			}
		}
	}
}
