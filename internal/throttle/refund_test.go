package throttle

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What is given back may be spent again, and the requests that did reach the server
// keep the law in every window nevertheless, whatever comes between a request's
// beginning and the news that it reached nobody.
func TestRefundKeepsTheLaw(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(Limits{100, 3000}, Limits{}, 0.9, nothingLogged, func() time.Time { return now })
	random := rand.New(rand.NewPCG(3, 4))
	type attempt struct{ at, ends time.Time }
	var dialing []attempt
	var reached []time.Time
	refunds := 0
	for now.Before(time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)) {
		for len(dialing) > 0 && !dialing[0].ends.After(now) {
			l.Refund(1, dialing[0].at)
			dialing = dialing[1:]
			refunds++
		}
		if l.Take(1) == 0 {
			if random.IntN(2) == 0 {
				dialing = append(dialing, attempt{now, now.Add(10 * time.Second)})
			} else {
				reached = append(reached, now)
			}
		}
		now = now.Add(time.Duration(random.Int64N(int64(time.Second))))
	}
	for span, share := range map[time.Duration]int{time.Minute: 90, time.Hour: 2700} {
		most, from := 0, 0
		for to, at := range reached {
			for at.Sub(reached[from]) > span {
				from++
			}
			most = max(most, to-from+1)
		}
		if most >= share || span == time.Hour && most < share*3/4 {
			t.Errorf("%d reached the server within %v, want nearly %d", most, span, share)
		}
	}
	if refunds < 1000 {
		t.Errorf("only %d refunds", refunds)
	}
}
