package stats

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// While every stage counts, no snapshot sees an entry twice or loses one: nothing
// that is derived from the others is ever negative.
func TestSnapshotsAddUpWhileEverythingMoves(t *testing.T) {
	c := &Counters{Started: time.Now()}
	const writers, each = 4, 20_000
	var moving sync.WaitGroup
	for range writers {
		moving.Go(func() {
			for i := range each {
				c.Logged.Add(1)
				if i%7 == 0 {
					c.DropQueued(Overflow, false)
					continue
				}
				c.Taken.Add(1)
				switch i % 5 {
				case 0:
					c.DropInFlight(Rejected, false)
				case 1:
					c.SpoolIn.Add(1)
					c.SpoolOut.Add(1)
					c.Sent.Add(1)
				case 2:
					c.SpoolIn.Add(1)
					c.DropSpooled(1)
				default:
					c.Sent.Add(1)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { moving.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		got := c.Tally()
		if got.Queued < 0 || got.InFlight < 0 || got.Spooled < 0 {
			t.Fatalf("%+v", got)
		}
		if sum := got.Sent + got.TotalDropped + got.Queued + got.InFlight + got.Spooled; sum != got.Logged {
			t.Fatalf("%d logged, %d accounted for: %+v", got.Logged, sum, got)
		}
	}
	got := c.Tally()
	if got.Logged != writers*each || got.Unsettled() != 0 || got.Spooled != 0 {
		t.Errorf("at the end %+v", got)
	}
}

// What a notice is about is counted apart from the notice: its own drop is not
// announced, or notices would announce each other.
func TestDropsToAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Counters{Started: time.Now()}
		time.Sleep(time.Second)
		c.DropQueued(Overflow, true)
		c.DropInFlight(Rejected, false)
		if n := c.Lost.Load(); n != 0 {
			t.Errorf("%d to announce, want none", n)
		}
		time.Sleep(time.Second)
		c.DropQueued(Overflow, false)
		time.Sleep(time.Second)
		c.DropSpooled(2)
		time.Sleep(time.Second)
		now := time.Now()
		if n, first, last := c.Lost.Load(), c.Ago(now, c.LostFrom.Load()), c.Ago(now, c.LastDrop.Load()); n != 3 || first != 2*time.Second || last != time.Second {
			t.Errorf("%d to announce, the first %v ago, the last %v", n, first, last)
		}
	})
}
