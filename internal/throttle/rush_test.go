package throttle

import (
	"testing"
	"time"
)

// A pause costs too much where more comes until its end than there is room for, for two
// spans in a row, and no sooner than a second after the last attempt.
func TestRush(t *testing.T) {
	var r Rush
	at := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	for _, step := range []struct {
		now, last, next float64
		came, room      int64
		press           bool
		later           float64 // 0 for none
	}{
		{0, 0, 100, 0, 0, false, 0},
		{0.5, 0, 100, 100, 0, false, 1},
		{2, 0, 100, 2000, 0, false, 3}, // there was nothing before
		{4, 3.5, 100, 6000, 0, false, 4.5},
		{5, 4, 15, 8000, 19500, false, 6},
		{7, 4, 17, 12000, 19499, true, 8},
		{9, 4, 19, 14000, 9500, false, 10}, // half as much comes
		{11, 4, 21, 18000, 9499, true, 12}, // as little as in one of the spans
		{13, 4, 23, 18000, 0, false, 0},
	} {
		press, later := r.Look(at(step.now), at(step.last), at(step.next), step.came, step.room, 500)
		want := time.Time{}
		if step.later > 0 {
			want = at(step.later)
		}
		if press != step.press || !later.Equal(want) {
			t.Errorf("at %v: %v, later %v, want %v", step.now, press, later, want)
		}
	}
}
