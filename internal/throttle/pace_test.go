package throttle

import (
	"testing"
	"time"
)

// A pacedServer takes so long for a request beside others.
type pacedServer struct {
	pace
	now  time.Time
	took func(beside int) time.Duration
}

// round makes as many attempts as there may be, all at once, and returns how many
// there may be then.
func (s *pacedServer) round() (width int) {
	n := s.width
	var loads []time.Duration
	began := s.now
	for i := range n {
		s.reckon(s.now, i)
		loads = append(loads, s.load)
	}
	s.now = s.now.Add(s.took(n))
	for i, load := range loads {
		s.reckon(s.now, n-i)
		s.answer(began, load, 100)
	}
	return s.width
}

func TestPaceFollowsTheServer(t *testing.T) {
	const delay = 200 * time.Millisecond
	far := constant(delay)
	busy := func(beside int) time.Duration { return time.Duration(beside) * delay }
	for name, test := range map[string]struct {
		most   int
		took   func(beside int) time.Duration
		then   func(beside int) time.Duration // after four rounds
		widths []int
	}{
		"far away":         {8, far, far, []int{3, 5, 8, 8, 8, 8}},
		"at its limit":     {8, busy, busy, []int{3, 2, 2, 2, 2, 2}},
		"one alone":        {1, far, far, []int{1, 1, 1, 1}},
		"a pool of three":  {3, far, far, []int{3, 3, 3, 3, 3}},
		"becomes slow":     {3, far, constant(3 * delay), []int{3, 3, 3, 3, 2, 3, 3}},
		"a little slower":  {3, far, constant(2*delay - 1), []int{3, 3, 3, 3, 3, 3, 3}},
		"answers at once":  {8, constant(0), constant(0), []int{2, 2, 2}},
		"half as well":     {8, func(n int) time.Duration { return delay + time.Duration(n)*delay }, nil, []int{3, 2, 2}}, // 2/3 and 3/4
		"better than half": {8, func(n int) time.Duration { return 4*delay + time.Duration(n)*delay }, nil, []int{3, 5}},  // 2/6, 3/7
	} {
		s := &pacedServer{newPace(test.most), noon, test.took}
		for i, want := range test.widths {
			if i == 4 {
				s.took = test.then
			}
			if got := s.round(); got != want {
				t.Errorf("%s: %d side by side after round %d, want %d", name, got, i, want)
			}
		}
	}

	// What brought nothing is tried again after a minute.
	s := &pacedServer{newPace(8), noon, busy}
	s.round()
	s.round()
	failed := s.now
	for s.round() == 2 {
	}
	if again := s.now.Sub(failed); again < time.Minute || again > time.Minute+2*delay {
		t.Errorf("tried again after %v", again)
	}

	// Attempts that had nobody beside them say nothing about two.
	s = &pacedServer{newPace(8), noon, far}
	for range 10 {
		s.reckon(s.now, 0)
		began, load := s.now, s.load
		s.now = s.now.Add(delay)
		s.reckon(s.now, 1)
		s.answer(began, load, 100)
	}
	if s.width != 2 {
		t.Errorf("%d side by side of one", s.width)
	}
}
