package throttle

import (
	"testing"
	"testing/synctest"
	"time"
)

// A permit that is given back without a word on the server's health lets another
// attempt decide, and decides nothing itself.
func TestBreakerGivesAPermitBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBreaker(2, time.Minute)
		for range 2 {
			if !b.Enter() || b.Open() {
				t.Fatal("open before its threshold")
			}
			b.Neither()
			if !b.Enter() {
				t.Fatal("a closed breaker holds something up")
			}
			b.Fail()
		}
		if b.Enter() || !b.Open() || !b.Tripped() || b.Wait() != time.Minute {
			t.Fatal("not open after two failures")
		}
		time.Sleep(time.Minute)
		for range 3 {
			if !b.Enter() {
				t.Fatal("the permit is lost")
			}
			if b.Enter() {
				t.Fatal("two probes at once")
			}
			b.Neither()
			if !b.Tripped() {
				t.Fatal("closed without a success")
			}
		}
		b.Enter()
		b.Fail()
		if !b.Open() {
			t.Fatal("a failed probe does not open it again")
		}
		b.Resume()
		if !b.Enter() {
			t.Fatal("Resume lets no probe through")
		}
		b.Succeed()
		if b.Tripped() {
			t.Fatal("a success does not close it")
		}
	})
}
