package ledger

import (
	"math/rand/v2"
	"testing"
	"time"
)

// No window of a minute or an hour, wherever it begins, may hold the share.
func TestLimiterKeepsTheLawInEveryWindow(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 59, 0, time.UTC)
	c := &config{Options: Options{RequestsPerMinute: 40, RequestsPerHour: 600, RateLimitBuffer: 0.9}}
	l := newLimiter(c, func() time.Time { return now })
	random := rand.New(rand.NewPCG(1, 2))
	var sent []time.Time
	for now.Before(time.Date(2026, 1, 1, 5, 0, 0, 0, time.UTC)) {
		for l.take(1) == 0 {
			sent = append(sent, now)
			if random.IntN(3) == 0 {
				now = now.Add(time.Duration(random.Int64N(int64(2 * time.Second))))
			}
		}
		wait := l.take(1)
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
	rates := l.rates()
	if rates.LimitPerMinute != 36 || rates.LimitPerHour != 540 {
		t.Errorf("rates %+v", rates)
	}
}

func TestLimiterAlwaysLetsOneThrough(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(&config{Options: Options{RequestsPerMinute: 1, RequestsPerHour: 1, RateLimitBuffer: 0.1}}, func() time.Time { return now })
	if l.take(1) != 0 {
		t.Fatal("nothing passes at all")
	}
	if wait := l.take(1); wait < time.Hour {
		t.Errorf("the next after %v", wait)
	}
}

func TestLimiterBudgetsRecords(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(&config{Options: Options{RequestsPerMinute: 1000, RequestsPerHour: 50_000, RateLimitBuffer: 0.9}}, func() time.Time { return now })
	if n := l.portion(); n != 899 {
		t.Errorf("at most %d at once", n)
	}
	if l.take(600) != 0 || l.take(300) == 0 || l.portion() != 299 || l.take(280) != 0 || l.take(19) != 0 || l.take(1) == 0 {
		t.Error("899 records do not fit, or 900 do")
	}
	if n := l.portion(); n != 224 {
		t.Errorf("%d at once where nothing fits, want a quarter", n)
	}
	now = now.Add(61 * time.Second)
	if wait := l.take(5000); wait != 0 {
		t.Errorf("more than ever fits must pass an empty window, waits %v", wait)
	}
	l.learn(serverLimits{perMinute: 10})
	if l.portion() != 2 || l.rates().LimitPerMinute != 9 {
		t.Errorf("after learning: %d, %+v", l.portion(), l.rates())
	}
}

// What the options ask for beside the server's word is only ever less.
func TestLimiterKeepsToTheLowerLimit(t *testing.T) {
	c, err := newConfig(&Options{APIKey: testKey, RequestsPerMinute: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := newLimiter(c, time.Now)
	for _, test := range []struct{ told, minute, hour int }{{1000, 90, 900}, {50, 45, 45}, {200, 90, 180}, {100_000, 90, 90_000}} {
		l.learn(serverLimits{test.told, test.told})
		if r := l.rates(); r.LimitPerMinute != test.minute || r.LimitPerHour != test.hour {
			t.Errorf("told %d: %+v", test.told, r)
		}
	}
}

func TestLimiterMemoryIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(&config{Options: Options{RequestsPerMinute: 1e9, RequestsPerHour: 1e9, RateLimitBuffer: 1}}, func() time.Time { return now })
	for range 200_000 {
		if l.take(1) != 0 {
			t.Fatal("limited")
		}
		now = now.Add(40 * time.Millisecond)
	}
	if n := len(l.minute.sends) + len(l.hour.sends); n > 2100 {
		t.Errorf("%d records of sends", n)
	}
}
