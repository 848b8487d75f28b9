package main

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is the processor time this thread has used. What other programs on
// the machine, or this one's other goroutines, do meanwhile is not in it.
func threadCPU() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		fatal(err)
	}
	return time.Duration(t.Nano())
}

// processCPU is the user and system time of the whole process.
func processCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A series is one figure's values, one per round.
type series []float64

func (s series) median() float64 { return s.percentile(0.5) }

func (s series) percentile(p float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(float64(len(sorted))*p), len(sorted)-1)]
}

// over is the median of the ratios to other, round by round: both of a pair
// were measured a moment apart, so a machine that is busy slows both.
func (s series) over(other series) float64 {
	var ratios series
	for i := range min(len(s), len(other)) {
		ratios = append(ratios, s[i]/other[i])
	}
	return ratios.median()
}
