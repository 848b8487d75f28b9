package throttle

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
)

// A clockedGate is one under a clock of its own.
type clockedGate struct {
	*Gate
	t   *testing.T
	now time.Time
}

func newClockedGate(t *testing.T, pool int) *clockedGate {
	g := &clockedGate{t: t, now: noon}
	g.Gate = NewGate(pool, func() time.Time { return g.now })
	return g
}

func (g *clockedGate) enter() Place {
	g.t.Helper()
	p, ok := g.Enter(g.t.Context())
	if !ok {
		g.t.Fatal("nothing may go")
	}
	return p
}

// attempt makes one that takes no time.
func (g *clockedGate) attempt(learnt Lesson) {
	g.t.Helper()
	g.Leave(g.enter(), learnt)
}

// want checks how many may go, in how long that may change (negative: it does not), and why.
func (g *clockedGate) want(width int, next time.Duration, why Cause) {
	g.t.Helper()
	at := time.Time{}
	if next >= 0 {
		at = g.now.Add(next)
	}
	w, n := g.Room()
	if w != width || !n.Equal(at) || g.Holding() != why || g.Paused() != (width == 0) {
		g.t.Errorf("room for %d until %v because of %d, paused %v; want %d until %v because of %d", w, n, g.Holding(), g.Paused(), width, at, why)
	}
}

const never = -1

func constant(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

func TestTheFirstAttemptGoesAlone(t *testing.T) {
	g := newClockedGate(t, 10)
	g.want(1, never, NoCause)
	p := g.enter()
	g.want(1, Trial, NoCause)
	g.now = g.now.Add(Trial - 1)
	g.want(1, 1, NoCause)
	g.now = g.now.Add(1)
	g.want(2, never, NoCause)
	g.Leave(p, nil)

	g.attempt(Doubt)
	g.want(1, never, NoCause)
	g.attempt(Clear(1))
	g.want(2, never, NoCause)
	g.attempt(Fail(time.Minute))
	g.want(1, never, Failing)
	g.now = g.now.Add(time.Hour)
	g.want(1, never, Failing)
	g.attempt(Clear(1))
	g.want(2, never, NoCause)

	g = newClockedGate(t, 1)
	g.attempt(Clear(1))
	g.want(1, never, NoCause)
}

func TestWhoeverFindsNoRoomWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newClockedGate(t, 10)
		enter := func(ctx context.Context) chan bool {
			done := make(chan bool, 1)
			go func() {
				_, ok := g.Enter(ctx)
				done <- ok
			}()
			synctest.Wait()
			return done
		}
		p := g.enter()
		ctx, cancel := context.WithCancel(t.Context())
		given, waits := enter(ctx), enter(t.Context())
		cancel()
		if <-given {
			t.Error("who has given up may go")
		}
		if len(waits) != 0 {
			t.Error("nobody waits for the first")
		}
		g.Leave(p, nil)
		if !<-waits {
			t.Error("nobody comes after the first")
		}
		g.Leave(Place{}, Pause(Throttled, time.Second))
		if <-enter(t.Context()) {
			t.Error("one goes in a pause")
		}
	})
}

// The longer of two pauses counts, and the graver cause.
func TestPauses(t *testing.T) {
	g := newClockedGate(t, 10)
	late := g.enter()
	g.now = g.now.Add(Trial)
	later := g.enter()
	g.Leave(late, Pause(QuotaUsedUp, time.Minute))
	g.Leave(later, Pause(Throttled, time.Second))
	g.want(0, time.Minute, QuotaUsedUp)
	if g.Press(); !g.Firm() {
		t.Error("a firm pause can be pressed away")
	}
	g.want(0, time.Minute, QuotaUsedUp)
	g.now = g.now.Add(time.Minute)
	if g.Firm() {
		t.Error("a pause that is over is firm")
	}
	g.want(1, never, QuotaUsedUp)
	g.attempt(Clear(1))
	g.attempt(Pause(Throttled, time.Minute))
	g.want(0, time.Minute, Throttled)
	g.Resume()
	g.want(1, never, Throttled)
	if g.Firm() {
		t.Error("what was resumed is firm")
	}
	g.attempt(Clear(1))
	g.want(2, never, NoCause)

	// What was taken before the server said that it is too much ends nothing.
	p := g.enter()
	g.attempt(Pause(Throttled, time.Minute))
	g.Leave(p, Clear(1))
	g.want(0, time.Minute, Throttled)
}

// Attempts side by side are one trouble; the next one in a row is the second.
// What was taken before a pause began says nothing about what the pause is for; but that
// the server takes entries ends its failing.
func TestSuccessFromBeforeAPause(t *testing.T) {
	for _, why := range []Cause{Throttled, QuotaUsedUp, Unauthorized, Misdirected, Failing, Refusing} {
		g := newClockedGate(t, 2)
		g.attempt(Clear(1))
		early, late := g.enter(), g.enter()
		g.Leave(late, Spell(why, false, func(int) time.Duration { return time.Minute }))
		g.Leave(early, Clear(1))
		want := why
		if why == Failing || why == Refusing {
			want = NoCause
		}
		g.want(0, time.Minute, want)
	}
}

func TestSpells(t *testing.T) {
	g := newClockedGate(t, 10)
	g.attempt(Clear(1))
	var times []int
	delay := func(n int) time.Duration { times = append(times, n); return time.Duration(n) * time.Minute }
	trouble := Spell(Throttled, true, delay)
	a, b := g.enter(), g.enter()
	g.Leave(a, trouble)
	g.Leave(b, trouble)
	g.want(0, time.Minute, Throttled)
	if g.Press(); g.Firm() {
		t.Error("a soft pause is firm")
	}
	g.want(1, never, Throttled)
	g.attempt(trouble)
	g.want(0, 2*time.Minute, Throttled)
	g.Resume()
	g.attempt(Spell(Unauthorized, false, delay)) // another one begins with the first
	g.Press()
	g.want(0, time.Minute, Unauthorized)
	g.Resume()
	g.attempt(Spell(Unauthorized, false, delay))
	g.Resume()
	g.attempt(Clear(1))
	g.attempt(trouble)
	if want := []int{1, 2, 1, 2, 1}; !slices.Equal(times, want) {
		t.Errorf("%v, want %v", times, want)
	}
}

func TestRefusalsInARow(t *testing.T) {
	g := newClockedGate(t, 10)
	refused := Refuse(3, constant(time.Minute))
	for _, learnt := range []Lesson{refused, refused, Clear(1), refused, refused} {
		g.attempt(learnt)
		if g.Paused() {
			t.Fatal("paused after fewer than three")
		}
	}
	g.attempt(refused)
	g.want(0, time.Minute, Refusing)
	g.Press()
	g.want(1, never, Refusing)
}

// A server that read a request has nothing against the key and the URL, unless it read
// it before it said so.
func TestRecognized(t *testing.T) {
	for _, why := range []Cause{Unauthorized, Misdirected} {
		g := newClockedGate(t, 10)
		g.attempt(Clear(1))
		before := g.enter()
		g.attempt(Pause(why, time.Minute))
		g.Leave(before, Recognize(nil))
		g.want(0, time.Minute, why)
		g.Resume()
		g.attempt(Recognize(nil))
		g.want(1, never, Failing)
		g.attempt(Recognize(Clear(1)))
		g.want(2, never, NoCause)
	}
	g := newClockedGate(t, 10)
	g.attempt(Pause(QuotaUsedUp, 0))
	g.attempt(Recognize(nil))
	g.want(1, never, QuotaUsedUp)
}

// When the next attempt is due, and whether that can be hastened.
func TestDue(t *testing.T) {
	g := newClockedGate(t, 10)
	due := func(last, next time.Duration, want bool) {
		t.Helper()
		if l, n, ok := g.Due(); ok != want || ok && (!l.Equal(g.now.Add(-last)) || !n.Equal(g.now.Add(next))) {
			t.Errorf("the last at %v, the next at %v, %v", l, n, ok)
		}
	}
	due(0, 0, false)
	g.attempt(Fail(10 * time.Second))
	g.now = g.now.Add(time.Second)
	due(time.Second, 9*time.Second, true)
	g.Rest(30 * time.Second)
	g.want(0, 30*time.Second, Failing)
	due(time.Second, 30*time.Second, true)
	g.Press()
	due(time.Second, 9*time.Second, true)
	p := g.enter()
	due(0, 0, false)
	g.Leave(p, nil)
	g.now = g.now.Add(9 * time.Second)
	due(0, 0, false)
	g.attempt(Pause(Failing, time.Minute))
	due(0, 0, false)
	g.Resume()
	g.attempt(Clear(1))
	g.Rest(time.Minute)
	g.want(2, never, NoCause)
}

// A Guard sees what the attempt brought, and its word counts.
func TestGuard(t *testing.T) {
	more := Guard[int](func(_ context.Context, next func() int) int { return next() + 1 })
	if got, err := failsafe.With[int](more).Get(func() (int, error) { return 41, nil }); got != 42 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}
