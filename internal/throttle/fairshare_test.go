package throttle

import (
	"net/http"
	"testing"
	"time"
)

// A shared limiter is one under a clock of its own, which has logged some entries.
type sharedLimiter struct {
	*Limiter
	now    time.Time
	logged int64
}

func newSharedLimiter(at time.Time) *sharedLimiter {
	s := &sharedLimiter{now: at}
	s.Limiter = NewLimiter(Limits{1000, 50_000}, Limits{}, 0.9, func() int64 { return s.logged }, func() time.Time { return s.now })
	return s
}

// send logs and sends n units each second for d, as the server's clock goes, which is
// ahead, and returns how many went.
func (s *sharedLimiter) send(d time.Duration, n int, ahead time.Duration) (sent int) {
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(time.Second) {
		s.logged += int64(n)
		_, portion := s.Portions()
		if portion = min(portion, n); s.Take(portion) == 0 {
			sent += portion
			s.Accepted(portion, portion, told(s.now.Add(ahead), ""))
		}
	}
	return sent
}

func told(date time.Time, retryAfter string) Told {
	h := http.Header{"X-Ratelimit-Limit-Minute": {"1000"}, "X-Ratelimit-Limit-Hour": {"50000"}}
	h.Set("Date", date.UTC().Format(http.TimeFormat))
	if retryAfter != "" {
		h.Set("Retry-After", retryAfter)
	}
	return ReadTold(h)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Who is alone is not slowed.
func TestAloneNothingIsHeldBack(t *testing.T) {
	s := newSharedLimiter(noon)
	if sent := s.send(10*time.Minute, 10, 0); sent != 6000 || s.Shared() {
		t.Errorf("%d of 6000 sent, shared %v", sent, s.Shared())
	}
	if width, next := s.Narrow(10, time.Time{}); width != 10 || !next.IsZero() {
		t.Errorf("width %d, next %v", width, next)
	}
}

// The wait after a refusal ends when the server's minute, or hour, does, whatever our
// own clock says, and not before what a Retry-After asks for that is no constant.
func TestARefusalLastsAsLongAsTheServersWindow(t *testing.T) {
	hour := func(h http.Header) { h.Set("X-RateLimit-Remaining-Hour", "0") }
	for name, test := range map[string]struct {
		date          time.Time
		retryAfter    string
		change        func(http.Header)
		asked         time.Duration
		least, atMost time.Duration
	}{
		"minute":           {noon.Add(40 * time.Second), "60", nil, time.Minute, 20 * time.Second, 20 * time.Second},
		"another clock":    {noon.Add(time.Hour + 10*time.Second), "60", nil, time.Minute, 50 * time.Second, 50 * time.Second},
		"hour":             {noon.Add(50 * time.Minute), "3600", nil, time.Hour, 10 * time.Minute, 10*time.Minute + 30*time.Second},
		"hour, remaining":  {noon.Add(50 * time.Minute), "60", hour, time.Hour, 10 * time.Minute, 10*time.Minute + 30*time.Second},
		"hour, but capped": {noon, "3600", nil, 10 * time.Minute, 10 * time.Minute, 10 * time.Minute},
		"a promise":        {noon.Add(40 * time.Second), "45", nil, 45 * time.Second, 45 * time.Second, 45 * time.Second},
		"no promise":       {noon.Add(40 * time.Second), "", nil, 0, 20 * time.Second, 20 * time.Second},
		"no limits":        {noon.Add(40 * time.Second), "60", func(h http.Header) { h.Del("X-RateLimit-Limit-Minute"); h.Del("X-RateLimit-Limit-Hour") }, time.Minute, time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSharedLimiter(noon.Add(17 * time.Second))
			h := http.Header{"X-Ratelimit-Limit-Minute": {"1000"}, "X-Ratelimit-Limit-Hour": {"50000"}}
			h.Set("Date", test.date.Format(http.TimeFormat))
			h.Set("Retry-After", test.retryAfter)
			if test.change != nil {
				test.change(h)
			}
			if wait := s.Refused(ReadTold(h), test.asked); wait < test.least || wait > test.atMost {
				t.Errorf("waits %v, want %v to %v", wait, test.least, test.atMost)
			}
		})
	}
}

// After a refusal two thirds into the minute two thirds are sent, evenly; the clocks
// of server and client differ.
func TestARefusalShowsThePartThatFits(t *testing.T) {
	const ahead = 25 * time.Second
	s := newSharedLimiter(noon.Add(-ahead)) // the server's minute begins
	s.send(3*time.Minute+40*time.Second, 10, ahead)
	wait := s.Refused(told(s.now.Add(ahead), "60"), time.Minute)
	s.now = s.now.Add(wait)
	s.logged += int64(10 * wait.Seconds()) // goes on meanwhile
	if _, phase := s.others.at(s.now); phase > 0.02 {
		t.Fatalf("goes on when %.2f of the minute are over", phase)
	}
	s.now = s.now.Add(3 * time.Second) // return is spread
	sent, most := 0, 0
	for range 5 {
		n := s.send(12*time.Second, 10, ahead)
		sent += n
		most = max(most, n)
	}
	if sent < 360 || sent > 440 {
		t.Errorf("%d of 600 sent in the next minute, want about 400", sent)
	}
	if most > sent/4 {
		t.Errorf("%d of %d within a fifth of the minute", most, sent)
	}
}

// Who asks when it may go, and goes then, has held back: that it never had to wait does
// not make the others go away.
func TestWhoKeepsToThePaceIsHeldBack(t *testing.T) {
	s := newSharedLimiter(noon)
	s.send(30*time.Second, 25, 0)
	if wait := s.Refused(told(s.now, "60"), time.Minute); wait != 30*time.Second {
		t.Errorf("waits %v", wait)
	}
	if _, portion := s.Portions(); portion < 34 || portion > 40 { // of half of 1500, in 20 requests
		t.Errorf("a portion is %d", portion)
	}
	for end := s.now.Add(6 * time.Minute); s.now.Before(end); {
		if width, next := s.Narrow(10, time.Time{}); width == 0 {
			s.logged += int64(25 * next.Sub(s.now).Seconds())
			s.now = next
		} else if width != 1 || !next.IsZero() {
			t.Fatalf("%d side by side until %v", width, next)
		}
		_, portion := s.Portions()
		if wait := s.Take(portion); wait > 0 { // by the window: the pace asks for more than there is
			s.now = s.now.Add(wait)
			continue
		}
		s.Accepted(portion, portion, told(s.now, ""))
		if !s.Shared() {
			t.Fatalf("nobody seems to share the limit at %v", s.now)
		}
	}
}

// Each minute's refusal lowers the part.
func TestASecondRefusalLowersThePart(t *testing.T) {
	s := newSharedLimiter(noon)
	s.send(150*time.Second, 10, 0)
	for part := 1.0; part > 0.1; part = s.others.part {
		s.now = s.now.Add(s.Refused(told(s.now, "60"), time.Minute))
		if s.others.part >= part {
			t.Fatalf("the part was %.3f and is %.3f", part, s.others.part)
		}
		s.send(30*time.Second, 10, 0)
	}
}

// Refusals side by side lower the part once.
func TestRefusalsSideBySideAreOne(t *testing.T) {
	s := newSharedLimiter(noon)
	s.send(150*time.Second, 10, 0)
	s.Refused(told(s.now, "60"), time.Minute)
	part := s.others.part
	for range 9 {
		s.Refused(told(s.now, "60"), time.Minute)
	}
	if s.others.part != part {
		t.Errorf("the part fell from %.2f to %.2f", part, s.others.part)
	}
}

// When the others are gone the part grows until nothing is held back.
func TestThePartGrowsWhenTheOthersAreGone(t *testing.T) {
	s := newSharedLimiter(noon)
	s.send(150*time.Second, 10, 0)
	s.now = s.now.Add(s.Refused(told(s.now, "60"), time.Minute))
	before := s.others.part
	for minute := 1; s.Shared(); minute++ {
		s.send(time.Minute, 10, 0)
		if minute > 30 {
			t.Fatalf("half an hour later the part is %.2f", s.others.part)
		}
	}
	if before > 0.8 {
		t.Errorf("the part was %.2f", before)
	}
}

// Where the hour is used up, although the server says 60 seconds, it is asked ever more
// seldom, and the part is as it was when the next hour begins.
func TestAnHourThatIsUsedUpIsNotHammered(t *testing.T) {
	s := newSharedLimiter(noon.Add(30 * time.Minute))
	s.send(150*time.Second, 10, 0)
	refusals := 0
	var part float64
	for s.now.Before(noon.Add(time.Hour)) {
		s.logged += 100
		refusals++
		if refusals == 3 {
			part = s.others.part
		}
		s.now = s.now.Add(s.Refused(told(s.now, "60"), time.Minute))
	}
	if refusals > 7 {
		t.Errorf("%d requests in half an hour", refusals)
	}
	if s.now.After(noon.Add(time.Hour + time.Second)) {
		t.Errorf("still waits %v into the next hour", s.now.Sub(noon.Add(time.Hour)))
	}
	if s.others.part != part {
		t.Errorf("the part fell from %.3f to %.3f", part, s.others.part)
	}
}

// Who had little to say until now, and then much, does not wait for minutes.
func TestABurstThatIsRefusedIsNotStarved(t *testing.T) {
	s := newSharedLimiter(noon)
	s.send(10*time.Second, 1, 0)
	s.now = s.now.Add(20 * time.Minute)
	s.send(time.Second, 0, 0)
	s.now = s.now.Add(30 * time.Second)
	s.logged += 100
	began := s.now
	s.now = s.now.Add(s.Refused(told(s.now, "60"), time.Minute))
	for sent := 0; sent < 30; s.now = s.now.Add(time.Second) {
		if _, portion := s.Portions(); s.Take(portion) == 0 {
			sent += portion
			s.Accepted(portion, portion, told(s.now, ""))
		}
		if s.now.Sub(began) > 4*time.Minute {
			t.Fatalf("%d of 100 sent within four minutes, demand %.1f, part %.2f", sent, s.others.demand, s.others.part)
		}
	}
}

// Who sends seldom cannot tell from a refusal how much fits: it begins with less than half
// of what it logs, and closes in on what is usual while nothing more is refused.
func TestWhoSendsSeldomClosesInFromBelow(t *testing.T) {
	s := newSharedLimiter(noon)
	waiting := 0
	minute := func(seconds int) (sent int) {
		for second := range seconds {
			if second%20 == 15 {
				s.logged++
				waiting++
			}
			if waiting > 0 && s.Take(1) == 0 {
				waiting--
				sent++
				s.Accepted(1, 1, told(s.now, ""))
			}
			s.now = s.now.Add(time.Second)
		}
		return sent
	}
	minute(55)
	s.now = s.now.Add(s.Refused(told(s.now, "60"), time.Minute)) // the third of the minute
	var sent []int
	for range 10 {
		sent = append(sent, minute(60))
	}
	if first := sent[0] + sent[1] + sent[2]; first > 5 {
		t.Errorf("%d of the first minutes' 9 entries are sent: %d", first, sent)
	}
	last := 0
	for _, n := range sent[5:] {
		last += n
	}
	if last < 8 || last > 12 {
		t.Errorf("%d of the last minutes' 15 entries are sent: %d", last, sent)
	}
}
