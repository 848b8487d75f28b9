package throttle

import (
	"math"
	"math/rand/v2"
	"time"
)

// A fairShare finds the part of a limit that is this client's, where others share the
// limit who do not know of each other. The server counts what all of them send in
// minutes of its own clock. Once the limit is reached it refuses the rest of the minute.
//
// Until something is refused, nothing is held back. The first refusal shows that there
// are others. When it came shows by how much all together are over the limit: after
// two thirds of the minute, two thirds of what they send fits. From then on the client
// spreads that part of what it has to send evenly over time. A refusal lowers the part,
// once a minute. A minute without one raises it: little at first, and four times as much
// each time that a refusal was to be expected and none came. A part below what is usual is
// lowered less, and most of what it lacks comes back at once, so that bad luck does not
// last.
//
// The limiter guards it.
type fairShare struct {
	part  float64       // of the demand; 0 while there seem to be no others
	usual float64       // what the part is on the whole
	next  time.Time     // nothing goes before
	ahead time.Duration // of the server's clock, at least

	minute   int64   // of the server's clock, which the following is about
	low      float64 // how much of it was over when something was accepted last
	accepted int     // requests
	refused  bool
	skipped  int64 // minutes to wait after it
	held     bool  // something had to wait

	clean        int // requests accepted since the last refusal
	cleanMinutes int
	unheld       int // minutes in a row in which nothing had to wait
	shut         int // minutes in a row that were used up from their beginning

	demand  float64   // units a minute, the mean of the last few
	means   float64   // how many minutes that is of
	since   time.Time // when it was last measured
	counted int64     // entries there had been
	logged  int64     // entries there have been
	units   int       // what was accepted while there seemed to be no others,
	entries int       // and how many entries that was
	synced  bool      // ahead is known
	ending  bool      // the client is about to end
}

const (
	// growth is what each accepted request adds after a minute without a refusal, as
	// a part of the usual part; all of them add leastGrowth to usualGrowth, and, where
	// refusals are overdue, mostGrowth at most. recovery is how much of what the part
	// lacks of the usual one comes back beside that.
	growth, leastGrowth, usualGrowth, mostGrowth, recovery = 0.001, 0.002, 0.02, 0.25, 0.6
	// A refusal is to be expected after so many requests, and after so many minutes.
	expectedRequests, expectedMinutes = 14, 2
	// slots is how many requests a minute's budget is spent in, where it is enough.
	slots = 20
	// sideBySide is the time whose requests may be on their way at once.
	sideBySide = 2 * time.Second
	// atTheEnd is the time whose budget may go at once when the client ends.
	atTheEnd = 15 * time.Second
)

// budget is how many units the client may send in a minute.
func (f *fairShare) budget() float64 { return max(f.part*f.demand, 0.2) }

// interval is how long the budget takes to have n units.
func (f *fairShare) interval(n int) time.Duration {
	return time.Duration(float64(n) / f.budget() * float64(time.Minute))
}

// portion is how many units a request may have.
func (f *fairShare) portion() int {
	if f.part == 0 {
		return math.MaxInt
	}
	return max(1, int(math.Round(f.budget()/slots)))
}

// wait is how long nothing may go.
func (f *fairShare) wait(now time.Time, logged int64) time.Duration {
	f.roll(now, time.Time{}, logged)
	if f.part == 0 {
		return 0
	}
	wait := f.next.Sub(now)
	f.held = f.held || wait > 0
	return max(wait, 0)
}

// spend notes that n units go. A client that is a little late catches up.
func (f *fairShare) spend(now time.Time, n int) {
	if f.part == 0 {
		return
	}
	if now.Sub(f.next) < 100*time.Millisecond {
		f.held = true // until now
	}
	late := min(f.interval(f.portion()), time.Second)
	if f.ending {
		late = atTheEnd
	}
	if f.next.Before(now.Add(-late)) {
		f.next = now.Add(-late)
	}
	f.next = f.next.Add(f.interval(n))
}

// end lets what fits some seconds go at once: after that there is a client less.
func (f *fairShare) end(now time.Time) {
	f.ending = true
	f.next = now.Add(-atTheEnd)
}

// room reports how many requests may be under way, and when to ask again; the zero
// time means that there is no need to.
func (f *fairShare) room(now time.Time) (width int, next time.Time) {
	if f.part == 0 {
		return math.MaxInt, time.Time{}
	}
	every := max(f.interval(f.portion()), time.Millisecond)
	if wait := f.next.Sub(now); wait > 0 && every > sideBySide/2 {
		return 0, f.next
	}
	return 1 + int(sideBySide/every), time.Time{}
}

// at is the server's minute, and how much of it is over.
func (f *fairShare) at(now time.Time) (minute int64, phase float64) {
	at := now.Add(f.ahead)
	minute = at.Unix() / 60
	return minute, at.Sub(time.Unix(minute*60, 0)).Minutes()
}

// synchronize learns the server's clock from the Date of an answer that has just come.
// That is cut to seconds, so the clock is ahead by at least the difference.
func (f *fairShare) synchronize(now, date time.Time) {
	if date.IsZero() {
		return
	}
	if ahead := date.Sub(now); ahead > f.ahead || ahead < f.ahead-3*time.Second || !f.synced {
		f.ahead, f.synced = ahead, true
	}
}

// accept notes that a request of n units was accepted, with so many entries.
func (f *fairShare) accept(now time.Time, n, entries int) {
	_, f.low = f.at(now)
	f.accepted++
	f.clean++
	f.shut = 0
	if f.part == 0 {
		f.units += n
		f.entries += entries
	}
}

// refuse notes that a request was refused because the minute is used up, and returns
// how long to wait.
func (f *fairShare) refuse(now time.Time) (wait time.Duration) {
	_, phase := f.at(now)
	if !f.refused {
		f.refused = true
		f.skipped = f.skip(phase)
		f.lower(now, phase)
	}
	f.clean, f.cleanMinutes, f.unheld = 0, 0, 0
	wait = time.Duration((1 - phase + float64(f.skipped)) * float64(time.Minute))
	// Not all come back at once.
	f.next = now.Add(wait + rand.N(min(f.interval(f.portion()), time.Minute)+1))
	return wait
}

// untilHour is how long the server's hour lasts, and up to half a minute more, so that
// not all come back at once.
func (f *fairShare) untilHour(now time.Time) time.Duration {
	minute, phase := f.at(now)
	left := time.Duration((float64(60-minute%60) - phase) * float64(time.Minute))
	return left + rand.N(30*time.Second)
}

// skip is how many minutes more to wait where it seems to be the hour that is used up:
// nothing was accepted since this minute began, nor in those before.
func (f *fairShare) skip(phase float64) int64 {
	if f.accepted > 0 || phase > 0.5 {
		return 0
	}
	f.shut++
	more := int64(1)<<min(f.shut-1, 4) - 1
	return min(more, 59-f.minute%60) // until the next hour
}

// lower makes the part smaller, or is the first to make one.
func (f *fairShare) lower(now time.Time, phase float64) {
	switch {
	case f.part == 0:
		least := time.Minute
		if f.means == 0 { // there is no mean yet
			least = 10 * time.Second
		}
		f.demand = max(f.demand, f.rate(max(now.Sub(f.since), least)))
		f.estimate(phase)
	case f.shut < 2:
		// Others have lowered theirs too, so it is rather shortly before the refusal.
		cut := 1 - min(max(0.2*f.low+0.8*phase, 0.1), 0.99)
		relative := f.part / f.usual
		f.usual *= 1 - cut/7
		f.part *= 1 - min(cut*min(max(relative*relative*relative, 0.2), 1.5), 0.2)
	}
}

// estimate is the first part. The limit was reached after what was accepted last, and
// before what was refused. Who sends often knows well when that was. Who sends seldom
// does not: such a client begins with little, since others, who have lowered their parts
// before, pay for what is too much, and comes from below to what is usual in fleets. The
// numbers, here and in lower, are those that served simulated fleets of 2 to 500 best.
func (f *fairShare) estimate(phase float64) {
	fits := max((f.low+phase)/2, 0.1)
	unsure := min(max(3*(phase-f.low), 0), 1) // the clocks may have been set
	f.part = fits + unsure*(min(fits*0.65, 0.4)-fits)
	f.usual = fits + unsure*(min(fits*1.2, 0.62)-fits)
}

// roll begins a new minute when it is time. date is what the server's clock says, if it
// does; logged is how many entries there have been.
func (f *fairShare) roll(now, date time.Time, logged int64) {
	f.logged = logged
	f.synchronize(now, date)
	minute, phase := f.at(now)
	if f.since.IsZero() {
		f.since = now
		f.minute, f.low = minute, phase
	}
	if minute == f.minute {
		return
	}
	f.measure(now)
	if f.part > 0 {
		f.usual += (f.part - f.usual) / 40
		f.raise()
	}
	f.minute, f.low, f.accepted, f.refused, f.skipped, f.held = minute, 0, 0, false, 0, false
}

// raise makes the part larger after a minute without a refusal. Where the client had
// nothing to hold back for two minutes, the limit is enough for all.
func (f *fairShare) raise() {
	switch {
	case f.refused:
	case !f.held:
		if f.unheld++; f.unheld >= 2 {
			f.part = 0
		}
	case f.accepted > 0:
		f.unheld = 0
		f.cleanMinutes++
		missed := min(float64(f.clean)/expectedRequests, float64(f.cleanMinutes)/expectedMinutes)
		step := min(max(growth*float64(f.accepted), leastGrowth), usualGrowth)
		f.part += max(f.usual-f.part, 0)*recovery + f.usual*min(step*math.Exp2(2*missed), mostGrowth)
	}
}

// measure keeps the demand. It hardly falls while entries wait that were logged before.
func (f *fairShare) measure(now time.Time) {
	const most = 8
	passed := now.Sub(f.since)
	if passed < 20*time.Second {
		return
	}
	f.means = min(f.means+1, most)
	before := f.demand
	f.demand += (f.rate(passed) - before) / f.means
	if f.held {
		f.demand = max(f.demand, before*0.98)
	}
	f.since, f.counted = now, f.logged
}

// rate is the demand in the time since it was last measured. What an entry costs is
// known from when nothing was held back.
func (f *fairShare) rate(passed time.Duration) float64 {
	unit := 1.0
	if f.units > 0 {
		unit = float64(f.units) / float64(max(f.entries, 1))
	}
	return float64(f.logged-f.counted) * unit / passed.Minutes()
}
