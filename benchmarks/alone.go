package main

import (
	jsontext "encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// A work is what one process measures: deliveries or bursts of one peer.
type work struct {
	Peer            int // of peers
	Shape           int // of shapes, for bursts
	Deliver, Decode bool
}

// A sample is what came of it: nanoseconds of processor time a record, records a
// second, and the share of them that was lost.
type sample struct{ CPU, Rate, Lost float64 }

// alone has work done by another process of this program.
func (s size) alone(w work) (result sample) {
	text, err := jsontext.Marshal(w)
	if err != nil {
		fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-alone", string(text), fmt.Sprintf("-quick=%t", s == quick))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = jsontext.Unmarshal(out, &result)
	}
	if err != nil {
		fatal(fmt.Errorf("%s: %w: %s", text, err, out))
	}
	return result
}

// do does the work that alone asked for.
func (s size) do(text string) {
	var w work
	if err := jsontext.Unmarshal([]byte(text), &w); err != nil {
		fatal(err)
	}
	var result sample
	if p := peers()[w.Peer]; w.Deliver {
		deliver(s, p, w.Decode) // warms up: the heap has been as large as it gets
		result = deliver(s, p, w.Decode)
	} else {
		result = logBursts(s, p, shapes()[w.Shape])
	}
	if err := jsontext.NewEncoder(os.Stdout).Encode(result); err != nil {
		fatal(err)
	}
}
