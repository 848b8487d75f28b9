package main

import (
	jsontext "encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// A work is what one process measures of one peer: deliveries, a point of a curve,
// or bursts.
type work struct {
	Peer                int // of peers, and plain behind them
	Deliver, Decode     bool
	Goroutines, Records int  // where the point is; the other is 0
	Handlers, Bytes     int  // of a point by goroutines; 0 for one, and for five attrs
	Shape               int  // of shapes, for bursts
	Beside              int  // goroutines that log at the same time as one that is measured
	Full                bool // into a buffer that is full, while no answer comes
}

// A sample is what came of it: nanoseconds a record, of processor time unless others
// log beside it, records a second, and the share of them that was lost.
type sample struct{ Cost, Rate, Lost float64 }

// alone has work done by another process of this program.
func (s size) alone(w work) (result sample) {
	text, err := jsontext.Marshal(w)
	if err != nil {
		fatal(err)
	}
	s.another(&result, "-alone", string(text))
	return result
}

// another runs this program again, with these arguments, and reads what it prints.
func (s size) another(result any, args ...string) {
	cmd := exec.Command(os.Args[0], append(args, fmt.Sprintf("-quick=%t", s == quick))...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = jsontext.Unmarshal(out, result)
	}
	if err != nil {
		fatal(fmt.Errorf("%s: %w: %s", args, err, out))
	}
}

// do does the work that alone asked for.
func (s size) do(text string) {
	var w work
	if err := jsontext.Unmarshal([]byte(text), &w); err != nil {
		fatal(err)
	}
	var result sample
	switch p := append(peers(), plain()...)[w.Peer]; {
	case w.Deliver:
		result = second(func() sample { return deliver(s, p, w.Decode) })
	case w.Goroutines > 0:
		result = second(func() sample { return delivered(s, p, w) })
	case w.Records > 0:
		result = second(func() sample { return byRecords(p, w.Records) })
	default:
		result = logBursts(s, p, shapes()[w.Shape], w) // which warms up itself
	}
	if err := jsontext.NewEncoder(os.Stdout).Encode(result); err != nil {
		fatal(err)
	}
}

// second measures twice: the first time leaves the heap as large as it gets.
func second(measure func() sample) sample {
	measure()
	return measure()
}
