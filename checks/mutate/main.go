// Mutate breaks the code on purpose, in one small place at a time, and counts how
// many of the breaks the tests find. A break that no test finds is either no
// break at all or a promise that nobody checks.
//
//	go run ./checks/mutate -packages ./internal/encode,./httplog -n 40 -seed 1
//
// The same seed on the same code breaks the same places. Nothing in the working
// tree changes: each mutant is an overlay of one file. Run it from the root.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"time"
)

func main() {
	var s sample
	packages := flag.String("packages", "./internal/encode,.,./internal/spool,./httplog,./ledgertest", "what to break, separated by commas")
	files := flag.String("files", "", "a regular expression: break only files whose name matches")
	at := flag.String("at", "", "break everything at this file:line of one package instead of a sample, for example fit.go:42")
	flag.IntVar(&s.n, "n", 30, "mutants of each package")
	flag.Uint64Var(&s.seed, "seed", rand.Uint64(), "which ones")
	flag.DurationVar(&s.timeout, "timeout", 20*time.Second, "of one package's tests, at least; five times what they take unbroken, if that is longer")
	flag.Float64Var(&s.bar, "bar", 0, "fail when fewer than this percentage of a package's mutants is killed")
	flag.StringVar(&s.skip, "skip", `^(TestChaos|TestMemory|TestShutdownOfALarge)|LetsNoTimePass|CompilesFewModules`, "tests to leave out, for they are slow and find little")
	flag.BoolVar(&s.own, "own", false, "judge by the package's own tests alone: a quick first look")
	flag.BoolVar(&s.list, "list", false, "print the mutants, run nothing")
	flag.Parse()
	s.files, s.at = regexp.MustCompile(*files), *at

	fmt.Printf("again with: -packages %s -n %d -seed %d\n", *packages, s.n, s.seed)
	ok := true
	for name := range strings.SplitSeq(*packages, ",") {
		reached, err := s.run(name)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mutate:", err)
			os.Exit(1)
		}
		ok = ok && reached
	}
	if !ok {
		os.Exit(1)
	}
}

// A sample is what is to be broken, and how it is judged.
type sample struct {
	n       int
	seed    uint64
	timeout time.Duration
	bar     float64
	skip    string
	files   *regexp.Regexp
	at      string
	own     bool
	list    bool
}

// run breaks one package, and tells whether the bar was reached.
func (s *sample) run(name string) (reached bool, err error) {
	pkg, err := load(name)
	if err != nil {
		return false, err
	}
	all, err := pkg.mutants(s.files)
	if err != nil {
		return false, err
	}
	n := s.n
	if s.at == "" {
		random := rand.New(rand.NewPCG(s.seed, 1))
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	} else {
		n = len(all)
	}
	b := bench{pkg: pkg, timeout: s.timeout, skip: s.skip, own: s.own}
	defer b.close()
	if !s.list {
		if err := b.open(); err != nil {
			return false, err
		}
	}
	killed, judged := 0, 0
	for _, m := range all {
		if judged == n {
			break
		}
		if s.at != "" && m.place() != s.at {
			continue
		}
		if s.list {
			judged++
			fmt.Printf("%s %s\n%s", m.where(), m.kind, m.diff())
			continue
		}
		began := time.Now()
		verdict, by, err := b.judge(m)
		if err != nil {
			return false, err
		}
		if verdict == noMutant {
			continue
		}
		judged++
		if verdict != survived {
			killed++
		}
		fmt.Printf("%-8s %s: %s %s (%.0fs)\n%s", verdict, m.where(), m.kind, by, time.Since(began).Seconds(), m.diff())
	}
	if judged == 0 || s.list {
		return true, nil
	}
	share := 100 * float64(killed) / float64(judged)
	fmt.Printf("\n%s: %d of %d killed, %.0f %%\n\n", name, killed, judged, share)
	return share >= s.bar, nil
}
