package throttle

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// No window of a minute or an hour, wherever it begins, may hold the share.
func TestLimiterKeepsTheLawInEveryWindow(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 59, 0, time.UTC)
	l := NewLimiter(Limits{40, 600}, Limits{}, 0.9, nothingLogged, func() time.Time { return now })
	random := rand.New(rand.NewPCG(1, 2))
	var sent []time.Time
	for now.Before(time.Date(2026, 1, 1, 5, 0, 0, 0, time.UTC)) {
		for l.Take(1) == 0 {
			sent = append(sent, now)
			if random.IntN(3) == 0 {
				now = now.Add(time.Duration(random.Int64N(int64(2 * time.Second))))
			}
		}
		wait := l.Take(1)
		if wait <= 0 {
			sent = append(sent, now)
			continue
		}
		if random.IntN(2) == 0 {
			wait = time.Duration(random.Int64N(int64(wait)) + 1)
		}
		now = now.Add(wait)
	}
	most := func(span time.Duration) (most int) {
		from := 0
		for to, at := range sent {
			for at.Sub(sent[from]) > span { // both ends belong to the window
				from++
			}
			most = max(most, to-from+1)
		}
		return most
	}
	if n := most(time.Minute); n >= 36 || n < 30 {
		t.Errorf("%d in a minute, want nearly 36 and fewer", n)
	}
	if n := most(time.Hour); n >= 540 || n < 530 {
		t.Errorf("%d in an hour, want nearly 540 and fewer", n)
	}
	rates := l.Rates()
	if rates.MinuteShare != 36 || rates.HourShare != 540 {
		t.Errorf("rates %+v", rates)
	}
}

func TestLimiterAlwaysLetsOneThrough(t *testing.T) {
	now := time.Unix(0, 0)
	l := NewLimiter(Limits{1, 1}, Limits{}, 0.1, nothingLogged, func() time.Time { return now })
	if l.Take(1) != 0 {
		t.Fatal("nothing passes at all")
	}
	if wait := l.Take(1); wait < time.Hour {
		t.Errorf("the next after %v", wait)
	}
}

// An hour later all is as in the beginning, whoever asks first.
func TestLimiterForgets(t *testing.T) {
	for name, fresh := range map[string]func(*Limiter) bool{
		"portions": func(l *Limiter) bool { return wholeOf(l) == 899 },
		"rates":    func(l *Limiter) bool { return l.Rates() == Rates{0, 900, 0, 900} },
		"take":     func(l *Limiter) bool { return l.Take(899) == 0 },
	} {
		now := time.Unix(0, 0)
		l := NewLimiter(Limits{1000, 1000}, Limits{}, 0.9, nothingLogged, func() time.Time { return now })
		if l.Take(899) != 0 || fresh(l) {
			t.Errorf("%s: nothing is used up", name)
		}
		if now = now.Add(time.Hour + slack); !fresh(l) {
			t.Errorf("%s: something is used up an hour later", name)
		}
	}
}

func TestLimiterBudgetsRecords(t *testing.T) {
	now := time.Unix(0, 0)
	l := NewLimiter(Limits{1000, 50_000}, Limits{}, 0.9, nothingLogged, func() time.Time { return now })
	if n := wholeOf(l); n != 899 {
		t.Errorf("at most %d at once", n)
	}
	if l.Take(600) != 0 || l.Take(300) == 0 || wholeOf(l) != 299 || l.Take(280) != 0 || l.Take(19) != 0 || l.Take(1) == 0 {
		t.Error("899 records do not fit, or 900 do")
	}
	if n := wholeOf(l); n != 224 {
		t.Errorf("%d at once where nothing fits, want a quarter", n)
	}
	now = now.Add(61 * time.Second)
	if wait := l.Take(5000); wait != 0 {
		t.Errorf("more than ever fits must pass an empty window, waits %v", wait)
	}
	l.Learn(Limits{PerMinute: 10}, false)
	if wholeOf(l) != 2 || l.Rates().MinuteShare != 9 {
		t.Errorf("after learning: %d, %+v", wholeOf(l), l.Rates())
	}
}

// What the options ask for beside the server's word is only ever less.
func TestLimiterKeepsToTheLowerLimit(t *testing.T) {
	l := NewLimiter(Limits{100, 50_000}, Limits{PerMinute: 100}, 0.9, nothingLogged, time.Now)
	for _, test := range []struct{ told, minute, hour int }{{1000, 90, 900}, {50, 45, 45}, {200, 90, 180}, {100_000, 90, 90_000}} {
		l.Learn(Limits{test.told, test.told}, true)
		if r := l.Rates(); r.MinuteShare != test.minute || r.HourShare != test.hour {
			t.Errorf("told %d: %+v", test.told, r)
		}
	}
}

func TestLimiterMemoryIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	l := NewLimiter(Limits{1e9, 1e9}, Limits{}, 1, nothingLogged, func() time.Time { return now })
	for range 200_000 {
		if l.Take(1) != 0 {
			t.Fatal("limited")
		}
		now = now.Add(40 * time.Millisecond)
	}
	if n := len(l.minute.sends) + len(l.hour.sends); n > 2100 {
		t.Errorf("%d records of sends", n)
	}
}

// A server that says nothing of limits has none.
func TestLimiterWithoutLimits(t *testing.T) {
	now := time.Unix(0, 0)
	for _, test := range []struct {
		given, told Limits
		all         bool
		minute      int
		portion     int
	}{
		{Limits{}, Limits{}, false, 900, 899},
		{Limits{}, Limits{}, true, 0, math.MaxInt},
		{Limits{PerMinute: 100}, Limits{}, true, 90, 89},
		{Limits{}, Limits{PerMinute: 100}, true, 90, 89},
		{Limits{}, Limits{PerHour: 100}, true, 0, 89},
	} {
		limits := Limits{1000, 50_000}
		if test.given.PerMinute > 0 {
			limits.PerMinute = test.given.PerMinute
		}
		l := NewLimiter(limits, test.given, 0.9, nothingLogged, func() time.Time { return now })
		l.Learn(test.told, test.all)
		if n, share := wholeOf(l), l.Rates().MinuteShare; n != test.portion || share != test.minute {
			t.Errorf("given %v, told %v: a portion of %d, a share of %d; want %d and %d", test.given, test.told, n, share, test.portion, test.minute)
		}
		for range 2 {
			if test.portion == math.MaxInt && l.Take(1e6) != 0 {
				t.Error("two million do not pass although there is no limit")
			}
		}
	}
}

func nothingLogged() int64 { return 0 }

func wholeOf(l *Limiter) int {
	whole, _ := l.Portions()
	return whole
}
