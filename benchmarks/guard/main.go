// Command guard counts what the main paths allocate, the stack they need and, where the
// machine can count them, the instructions they take, and compares all with
// recorded.json. None depends on how busy the machine is, so a run fails only when the
// code has become slower: by more than tolerance, by an allocation, or by a larger stack.
//
//	go build -o /tmp/guard ./guard && /tmp/guard          compare
//	go build -o /tmp/guard ./guard && /tmp/guard -record  write down what is counted now
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tolerance is how much more than recorded a path may take. Counts differ by 2 % from
// run to run, also on a busy machine.
const tolerance = 0.10

// recorded is what recorded.json has of a path; Instructions is 0 where nobody has
// counted them. Stack is in bytes.
type recorded struct {
	Allocs       float64 `json:"allocs"`
	Stack        int64   `json:"stack"`
	Instructions int64   `json:"instructions,omitempty"`
}

// file is recorded.json. Stacks and instructions are compared only on the architecture,
// and with the release of Go, that they were counted with: a compiler changes them all.
type file struct {
	Go    string              `json:"go"`
	Arch  string              `json:"arch"`
	Paths map[string]recorded `json:"paths"`
}

func main() {
	record := flag.Bool("record", false, "write what is counted to the file, instead of comparing")
	name := flag.String("file", "guard/recorded.json", "the recorded figures")
	path := flag.String("path", "", "used by the program itself: take this path")
	turns := flag.Int("turns", 0, "used by the program itself: so many times")
	stacks := flag.Bool("stacks", false, "used by the program itself: print the stack that the path needs")
	flag.Parse()
	if *path != "" && *stacks {
		fmt.Print(stack(paths()[*path]()))
		os.Exit(0)
	}
	if *path != "" {
		p := paths()[*path]()
		for range *turns {
			p.call()
		}
		os.Exit(0) // what the handlers still do is not part of the path
	}

	now := file{Go: release(), Arch: runtime.GOARCH, Paths: map[string]recorded{}}
	valgrind, _ := exec.LookPath("valgrind")
	for _, name := range slices.Sorted(maps.Keys(paths())) {
		r := recorded{Allocs: allocations(paths()[name])}
		said, err := exec.Command(os.Args[0], "-path", name, "-stacks").Output() // stacks that are free there count too
		if err == nil {
			r.Stack, err = strconv.ParseInt(string(said), 10, 64)
		}
		if err != nil {
			fatal(fmt.Errorf("the stack of %q: %w", name, err))
		}
		if valgrind != "" {
			n, err := perTurn(valgrind, name)
			if err != nil {
				fatal(err)
			}
			r.Instructions = n
		}
		now.Paths[name] = r
	}
	if *record {
		if valgrind == "" {
			fatal(errors.New("instructions cannot be counted here: install valgrind"))
		}
		text, err := json.MarshalIndent(now, "", "\t")
		if err == nil {
			err = os.WriteFile(*name, append(text, '\n'), 0o644)
		}
		if err != nil {
			fatal(err)
		}
		return
	}
	text, err := os.ReadFile(*name)
	var before file
	if err == nil {
		err = json.Unmarshal(text, &before)
	}
	if err != nil {
		fatal(err)
	}
	if before.Go != now.Go || before.Arch != now.Arch {
		fmt.Printf("SKIPPED: stacks and instructions; those recorded are of %s on %s\n", before.Go, before.Arch)
	} else if valgrind == "" {
		fmt.Println("SKIPPED: instructions; valgrind is not here to count them")
	}
	faults := compare(before, now)
	for _, fault := range faults {
		fmt.Println(fault)
	}
	if len(faults) > 0 {
		fmt.Println("where that is worth it, write the new figures down with -record")
		os.Exit(1)
	}
}

// compare tells what has become slower, and what is gone from one of both.
func compare(before, now file) (faults []string) {
	if diff := slices.Compare(slices.Sorted(maps.Keys(before.Paths)), slices.Sorted(maps.Keys(now.Paths))); diff != 0 {
		faults = append(faults, "the recorded paths are others than those that are measured")
	}
	comparable := before.Go == now.Go && before.Arch == now.Arch
	for _, name := range slices.Sorted(maps.Keys(now.Paths)) {
		was, is := before.Paths[name], now.Paths[name]
		if is.Allocs > was.Allocs*(1+tolerance)+0.5 {
			faults = append(faults, fmt.Sprintf("%s: %.0f allocations, recorded %.0f", name, is.Allocs, was.Allocs))
		}
		if comparable && is.Stack > was.Stack {
			faults = append(faults, fmt.Sprintf("%s: %d bytes of stack, recorded %d", name, is.Stack, was.Stack))
		}
		if comparable && was.Instructions > 0 && is.Instructions > 0 && float64(is.Instructions) > float64(was.Instructions)*(1+tolerance) {
			faults = append(faults, fmt.Sprintf("%s: %d instructions, recorded %d", name, is.Instructions, was.Instructions))
		}
	}
	return faults
}

// allocations is the least of three counts: what runs in the background may add to
// one of them.
func allocations(open func() path) float64 {
	p := open()
	least := testing.AllocsPerRun(p.turns, p.call)
	for range 2 {
		least = min(least, testing.AllocsPerRun(p.turns, p.call))
	}
	return least
}

// stack is how much of it a goroutine has after a turn, in bytes. Go doubles one that is
// too small, which copies it, and halves it again at a collection, so what needs a
// little more than 8 KiB pays for that over and over.
func stack(p path) int64 {
	const goroutines = 256
	p.call() // what comes first may need more
	debug.SetGCPercent(-1)
	runtime.GC() // one that was running would make stacks smaller
	done, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range goroutines {
		go func() {
			below(p.call)
			done <- struct{}{}
			<-end
		}()
		<-done
	}
	runtime.ReadMemStats(&after)
	size := int64(2 << 10) // the least that Go gives
	for each := int64(after.StackInuse-before.StackInuse) / goroutines; size*3/2 < each; {
		size *= 2
	}
	return size
}

// below has on the stack what net/http has there: (*conn).serve, mostly.
//
//go:noinline
func below(call func()) {
	var frames [1200]byte
	call()
	runtime.KeepAlive(&frames)
}

// perTurn is how many instructions one turn of a path takes: the difference between
// many turns and half of them, so that what comes before is in neither.
func perTurn(valgrind, name string) (int64, error) {
	turns := paths()[name]().turns
	var taken [2]int64
	for i := range taken {
		n, err := instructions(valgrind, "-path", name, "-turns", strconv.Itoa((i+1)*turns))
		if err != nil {
			return 0, err
		}
		taken[i] = n
	}
	if taken[1] <= taken[0] {
		return 0, fmt.Errorf("valgrind counted nothing for %q: this program needs the names of its functions, which go run leaves out", name)
	}
	return (taken[1] - taken[0]) / int64(turns), nil
}

// instructions runs this program and counts its instructions outside Go's runtime:
// what the scheduler and its monitor do depends on the clock.
func instructions(valgrind string, args ...string) (n int64, err error) {
	out, err := os.CreateTemp("", "guard")
	if err != nil {
		return 0, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := exec.Command(valgrind, append([]string{"--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=" + out.Name(), os.Args[0]}, args...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off")
	if said, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("valgrind: %w: %s", err, said)
	}
	ours := false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if name, is := strings.CutPrefix(lines.Text(), "fn="); is {
			ours = !strings.HasPrefix(name, "runtime.") && !strings.HasPrefix(name, "internal/runtime/") && name != "???"
		} else if line, count, is := strings.Cut(lines.Text(), " "); is && ours && !strings.HasSuffix(line, ":") {
			k, err := strconv.ParseInt(count, 10, 64)
			if err != nil {
				return 0, err
			}
			n += k
		}
	}
	return n, lines.Err()
}

// release is Go's minor release, such as go1.26.
func release() string {
	parts := strings.SplitN(runtime.Version(), ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "guard:", err)
	os.Exit(1)
}
