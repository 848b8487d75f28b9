package throttle

import "time"

// A Rush tells when a pause costs too much: so much comes in that more than there is
// room for would come before the next attempt. It is for one goroutine.
type Rush struct {
	since  time.Time // since when what comes is counted
	before int64     // what had come until then
	rate   float64   // in the span counted before, a second
}

// rushEvery is how often at most an attempt is made for a rush.
const rushEvery = time.Second

// Look reports whether the attempt that is due at next should be made now: whether
// more than spare would find no room until then, as it came in two spans in a row. last is when the last attempt began,
// came is how many there were so far, and room how many more there is room for. Later
// is when to look again; the zero time means when something else happens.
func (r *Rush) Look(now, last, next time.Time, came, room, spare int64) (press bool, later time.Time) {
	counted := now.Sub(r.since)
	if counted < rushEvery {
		return false, r.since.Add(rushEvery)
	}
	rate := float64(came-r.before) / counted.Seconds()
	least := min(rate, r.rate)
	r.before, r.since, r.rate = came, now, rate
	if rate == 0 {
		return false, time.Time{}
	}
	if wait := rushEvery - now.Sub(last); wait > 0 {
		return false, now.Add(wait)
	}
	return least*next.Sub(now).Seconds() > float64(room+spare), now.Add(rushEvery)
}
