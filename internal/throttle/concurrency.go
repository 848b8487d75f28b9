package throttle

import "time"

// A pace is how many attempts side by side the server has a use for. Beginning with
// a few it adds more as long as all together bring more for it, and otherwise goes
// back: a server that is at its limit only answers later the more it is asked at
// once, and one that merely is far away answers each just as soon.
//
// By Little's law n units in an attempt that took t, beside c-1 others, are a
// throughput of n·c/t. That needs no attempts of equal size, nor a server that is
// busy all the time.
type pace struct {
	most  int           // the pool
	width int           // attempts side by side
	at    time.Time     // up to when load is reckoned
	load  time.Duration // the attempts under way, summed over time

	answers int     // that count, since the width was set
	work    float64 // their units, times how many were under way
	took    time.Duration

	below     int       // the width that is compared with; 0 for none
	belowRate float64   // its throughput, in units a second
	good      float64   // the throughput when the width was found worth it
	tryAgain  time.Time // more are not tried before
}

const (
	// paceFloor is where a pace begins. Two keep a server busy while an answer is
	// on its way.
	paceFloor = 2
	// paceRetry is how long a width that brought nothing is not tried again.
	paceRetry = time.Minute
	// paceShare is the part of its width's worth that an answer must have had
	// beside it to count.
	paceShare = 0.7
)

func newPace(most int) pace { return pace{most: most, width: min(paceFloor, most)} }

// reckon is to be called before the number of attempts under way changes.
func (p *pace) reckon(now time.Time, underWay int) {
	p.load += now.Sub(p.at) * time.Duration(underWay)
	p.at = now
}

// answer notes that an attempt which began at a time, and with a load, brought n
// units.
func (p *pace) answer(began time.Time, load time.Duration, n int) {
	took := p.at.Sub(began)
	if took <= 0 {
		return
	}
	beside := float64(p.load-load) / float64(took)
	if beside < paceShare*float64(p.width) {
		return
	}
	p.answers++
	p.work += beside * float64(n)
	p.took += took
	if p.answers >= max(2, p.width/2) {
		p.judge(p.work / p.took.Seconds())
	}
}

// judge decides on a width whose throughput is rate.
func (p *pace) judge(rate float64) {
	p.answers, p.work, p.took = 0, 0, 0
	switch {
	case p.below > 0 && rate < p.belowRate*(1+float64(p.width-p.below)/float64(2*p.below)):
		p.width, p.below, p.good = p.below, 0, p.belowRate // not half of what it is wider by
		p.tryAgain = p.at.Add(paceRetry)
	case rate < p.good/2: // the server is not what it was
		p.width, p.below, p.good = min(paceFloor, p.most), 0, 0
	case p.width < p.most && !p.at.Before(p.tryAgain):
		p.below, p.belowRate, p.good = p.width, rate, 0
		p.width = min(p.width+(p.width+1)/2, p.most)
	default:
		p.below, p.good = 0, max(p.good, rate)
	}
}
