//go:build linux

package spool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These tests run this test binary again, as another process that uses the spool.

const (
	spoolChildVariable = "LEDGER_TEST_SPOOL_CHILD" // what the child does
	spoolChildDir      = "LEDGER_TEST_SPOOL_DIR"
	spoolKillsVariable = "LEDGER_TEST_SPOOL_KILLS" // how often TestSpoolSurvivesKill kills
)

var spoolChildren = map[string]func(dir string) error{
	"own":       spoolChildOwns,
	"append":    spoolChildAppends,
	"disk full": spoolChildOnFullDisk,
	"read only": spoolChildWithoutRights,
}

// startSpoolChild starts a child, whose lines come from the returned reader.
func startSpoolChild(t *testing.T, what, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestSpoolChild$", "-test.timeout=1m")
	child.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", spoolChildVariable+"="+what, spoolChildDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	return child, bufio.NewReader(out)
}

func TestSpoolChild(t *testing.T) {
	what := os.Getenv(spoolChildVariable)
	if what == "" {
		t.Skip("runs in the child processes of other tests")
	}
	if err := spoolChildren[what](os.Getenv(spoolChildDir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runSpoolChild runs a child to its end.
func runSpoolChild(t *testing.T, what, dir string) {
	t.Helper()
	child, out := startSpoolChild(t, what, dir)
	said, _ := io.ReadAll(out)
	if err := child.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
}

func spoolChildOwns(dir string) error {
	s, err := Open(dir, testSpoolBytes, "")
	if err != nil {
		return err
	}
	if _, _, err := s.Append(spoolRecords("from the child"), nil); err != nil {
		return err
	}
	fmt.Println("owned")
	_, _ = io.Copy(io.Discard, os.Stdin)
	time.Sleep(time.Minute)
	return nil
}

func TestSpoolHasOneOwnerAmongProcesses(t *testing.T) {
	dir := t.TempDir()
	child, out := startSpoolChild(t, "own", dir)
	if line, err := out.ReadString('\n'); line != "owned\n" {
		t.Fatalf("child: %q, %v", line, err)
	}
	if _, err := Open(dir, testSpoolBytes, ""); !errors.Is(err, ErrOwned) {
		t.Errorf("open beside the child: %v, want %v", err, ErrOwned)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	s := mustOpenSpool(t, dir, testSpoolBytes)
	texts, _ := readAllSpool(t, s)
	wantTexts(t, []string{"from the child"}, texts)
}

// spoolChildOnFullDisk runs where no file may grow over a limit, which is to a
// writer what a full disk is: part of the write, then an error.
func spoolChildOnFullDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	limit := func(bytes uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: 1 << 40})
	}
	s, err := Open(dir, testSpoolBytes, "")
	if err != nil {
		return err
	}
	var texts []string
	for i := range 100 {
		texts = append(texts, fmt.Sprintf("%03d%s", i, strings.Repeat("x", 97)))
	}
	const size = 100 + int64(recordHead)
	steps := []struct {
		limit int64 // of the file
		want  int   // records written of 10
	}{
		{0, 0},                               // not even a segment
		{int64(headerSize) - 1, 0},           // half a header
		{int64(headerSize), 0},               // a header alone
		{int64(headerSize) + size*4 + 50, 4}, // four and a half
		{int64(headerSize) + size*4 + 50, 0}, // half a one
		{int64(headerSize) + size*4 + 5, 0},
		{int64(headerSize) + size*5, 1},
		{1 << 30, 10},
	}
	var want []string
	for i, step := range steps {
		if err := limit(uint64(step.limit)); err != nil {
			return err
		}
		batch := texts[i*10:][:10]
		n, dropped, err := s.Append(spoolRecords(batch...), nil)
		if n != step.want || dropped != 0 || (err == nil) != (n == 10) {
			return fmt.Errorf("step %d: %d written, want %d; %d dropped: %v", i, n, step.want, dropped, err)
		}
		if err != nil && !errors.Is(err, syscall.EFBIG) {
			return err
		}
		want = append(want, batch[:n]...)
		if s.Len() != int64(len(want)) {
			return fmt.Errorf("step %d: len is %d, want %d", i, s.Len(), len(want))
		}
		size := int64(0)
		if info, err := os.Stat(filepath.Join(dir, segmentName(s.number))); err == nil {
			size = info.Size()
		}
		if size != s.bytes() {
			return fmt.Errorf("step %d: bytes is %d, the file has %d", i, s.bytes(), size)
		}
	}
	for range 2 {
		records, claim := s.Read(1000, 1<<20)
		if len(records) != len(want) || s.Skipped() != 0 {
			return fmt.Errorf("%d records, want %d; %d skipped", len(records), len(want), s.Skipped())
		}
		for i, r := range records {
			if string(r.Data) != want[i] {
				return fmt.Errorf("record %d is %q, want %q", i, r.Data, want[i])
			}
		}
		s.unclaim(claim)
		if err := s.Close(); err != nil {
			return err
		}
		if s, err = Open(dir, testSpoolBytes, ""); err != nil {
			return err
		}
	}
	return s.Close()
}

func TestSpoolOnFullDisk(t *testing.T) { runSpoolChild(t, "disk full", t.TempDir()) }

// spoolChildWithoutRights finds dir with a spool in it, and must not write there.
func spoolChildWithoutRights(dir string) error {
	if os.Getuid() == 0 {
		if err := syscall.Setuid(65534); err != nil { // nobody
			return err
		}
	}
	_, err := Open(filepath.Join(dir, "no lock yet"), testSpoolBytes, "")
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), dir) {
		return fmt.Errorf("open without rights: %w", err)
	}
	_, err = Open(filepath.Join(dir, "no lock yet", "new"), testSpoolBytes, "")
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), dir) {
		return fmt.Errorf("create without rights: %w", err)
	}
	// Whoever may write the files, but not their directory, can send what is
	// there, though not remove it.
	s, err := Open(filepath.Join(dir, "spool"), testSpoolBytes, "")
	if err != nil {
		return err
	}
	records, claim := s.Read(10, 1000)
	if len(records) != 1 || string(records[0].Data) != "a" {
		return fmt.Errorf("read %d records", len(records))
	}
	s.release(claim)
	if s.Len() != 0 || s.bytes() == 0 {
		return fmt.Errorf("%d records, %d bytes after release", s.Len(), s.bytes())
	}
	s.segmentBytes = 1 // the next append begins a segment
	n, _, err := s.Append(spoolRecords("b"), nil)
	if n != 0 || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), dir) {
		return fmt.Errorf("append without rights: %d, %w", n, err)
	}
	if records, _ := s.Read(10, 1000); records != nil {
		return fmt.Errorf("a released record comes again: %q", records[0].Data)
	}
	return s.Close()
}

func TestSpoolWithoutRights(t *testing.T) {
	base := t.TempDir()
	s := mustOpenSpool(t, filepath.Join(base, "spool"), testSpoolBytes)
	mustAppend(t, s, "a")
	mustCloseSpool(t, s)
	if err := os.Mkdir(filepath.Join(base, "no lock yet"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{
		"..": 0o755, ".": 0o755, "no lock yet": 0o555, "spool": 0o555,
		"spool/" + lockName: 0o666, "spool/" + segmentName(1): 0o666,
	} {
		if err := os.Chmod(filepath.Join(base, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	runSpoolChild(t, "read only", base)
	if err := os.Chmod(filepath.Join(base, "spool"), 0o700); err != nil {
		t.Fatal(err)
	}
	s = mustOpenSpool(t, filepath.Join(base, "spool"), testSpoolBytes)
	if s.Len() != 0 || s.bytes() != 0 {
		t.Errorf("the released record is there again: %d records, %d bytes", s.Len(), s.bytes())
	}
}

// The kill test's records are "<id> <id> …", so that they show their damage; a
// few are large, so that a kill finds them half written.
func spoolKillText(id int) string {
	repeat := 1 + id%50
	if id%97 == 0 {
		repeat = 50_000
	}
	return strings.Repeat(strconv.Itoa(id)+" ", repeat)
}

func spoolKillID(text string) (int, error) {
	first, _, _ := strings.Cut(text, " ")
	id, err := strconv.Atoi(first)
	if err == nil && text != spoolKillText(id) {
		err = fmt.Errorf("garbled record %q", text)
	}
	return id, err
}

// spoolChildAppends appends, reads, releases and takes back until it is killed,
// and says so: "+ from to" after an append, "? ids" before a release, "- ids"
// after it.
func spoolChildAppends(dir string) error {
	s, err := Open(dir, testSpoolBytes, "")
	if err != nil {
		return err
	}
	s.segmentBytes = 4000 // many segments
	next, err := strconv.Atoi(os.Getenv("LEDGER_TEST_SPOOL_NEXT"))
	if err != nil {
		return err
	}
	fmt.Println("open")
	for {
		var texts []string
		first := next
		for range 1 + rand.IntN(20) {
			texts = append(texts, spoolKillText(next))
			next++
		}
		fmt.Println("!", first, next)
		if n, dropped, err := s.Append(spoolRecords(texts...), nil); n != len(texts) || dropped != 0 || err != nil {
			return fmt.Errorf("append: %d of %d, %d dropped: %w", n, len(texts), dropped, err)
		}
		fmt.Println("+", first, next)
		records, claim := s.Read(rand.IntN(25), 1<<20)
		switch {
		case claim == nil:
		case rand.IntN(4) == 0:
			s.unclaim(claim)
		case rand.IntN(4) > 0:
			ids := ""
			for _, r := range records {
				id, err := spoolKillID(string(r.Data))
				if err != nil {
					return err
				}
				ids += " " + strconv.Itoa(id)
			}
			fmt.Println("?" + ids)
			s.release(claim)
			fmt.Println("-" + ids)
		}
		if rand.IntN(50) == 0 {
			if err := s.sync(); err != nil {
				return err
			}
		}
	}
}

// However a process dies, the next one opens at once and finds every record
// that was appended and not released, in order, whole, and no other. What the
// child was about to append or release when it died may have happened or not.
func TestSpoolSurvivesKill(t *testing.T) {
	kills := 60
	if text := os.Getenv(spoolKillsVariable); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	next := 0
	there := make(map[int]bool) // false: may be there
	appended, torn := 0, int64(0)
	var slowest time.Duration
	for kill := range kills {
		t.Setenv("LEDGER_TEST_SPOOL_NEXT", strconv.Itoa(next))
		child, out := startSpoolChild(t, "append", dir)
		if line, err := out.ReadString('\n'); line != "open\n" {
			t.Fatalf("child: %q, %v", line, err)
		}
		timer := time.AfterFunc(time.Duration(rand.Int64N(int64(30*time.Millisecond))), func() { _ = child.Process.Kill() })
		for {
			line, err := out.ReadString('\n')
			if err != nil {
				break // what it did not say to the end, it did not do
			}
			fields := strings.Fields(line)
			var ids []int
			for _, field := range fields[1:] {
				id, err := strconv.Atoi(field)
				if err != nil {
					t.Fatalf("child: %q", line)
				}
				ids = append(ids, id)
			}
			switch fields[0] {
			case "!":
				for next = ids[0]; next < ids[1]; next++ {
					there[next] = false
				}
			case "+":
				for id := ids[0]; id < ids[1]; id++ {
					there[id] = true
					appended++
				}
			case "?":
				for _, id := range ids {
					there[id] = false
				}
			case "-":
				for _, id := range ids {
					delete(there, id)
				}
			default:
				t.Fatalf("child: %q", line)
			}
		}
		timer.Stop()
		_ = child.Wait()
		if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
			t.Fatalf("child ended by itself: %v", child.ProcessState)
		}

		begin := time.Now()
		s := mustOpenSpool(t, dir, testSpoolBytes)
		slowest = max(slowest, time.Since(begin))
		torn += s.Skipped()
		if s.Skipped() > int64(kill+1) {
			t.Errorf("%d parts skipped after %d kills", s.Skipped(), kill+1)
		}
		s.segmentBytes = 4000
		texts, claims := readAllSpool(t, s)
		last := -1
		found := make(map[int]bool)
		for _, text := range texts {
			id, err := spoolKillID(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := there[id]; !ok {
				t.Errorf("record %d comes after its release, or was never appended", id)
			}
			if id <= last {
				t.Errorf("record %d comes after %d", id, last)
			}
			last = id
			found[id] = true
		}
		for id, sure := range there {
			if sure && !found[id] {
				t.Errorf("record %d was appended, not released, and is gone", id)
			}
			if !found[id] {
				delete(there, id)
			} else {
				there[id] = true
			}
		}
		if s.Lost() != 0 {
			t.Errorf("%d records lost", s.Lost())
		}
		if kill%5 == 4 { // start anew, so that the test stays quick
			for _, claim := range claims {
				s.release(claim)
			}
			clear(there)
		}
		mustCloseSpool(t, s)
		if t.Failed() {
			t.Fatalf("after kill %d", kill)
		}
	}
	t.Logf("%d kills, %d records appended, %d torn parts skipped, slowest open %v", kills, appended, torn, slowest)
}

// Cleaners of temporary directories remove what nobody writes, such as a lock.
func TestSpoolWithoutItsLockFileHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, 1<<20)
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, 1<<20, ""); !errors.Is(err, ErrOwned) {
		t.Errorf("a second owner: %v", err)
	}
	mustCloseSpool(t, s)
	mustCloseSpool(t, mustOpenSpool(t, dir, 1<<20))
}

func TestSpoolWritesToNoRemovedSegment(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, 1<<20)
	mustAppend(t, s, "before")
	for _, file := range spoolFiles(t, dir) {
		if file != lockName {
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustAppend(t, s, "after")
	mustCloseSpool(t, s)
	s = mustOpenSpool(t, dir, 1<<20)
	defer mustCloseSpool(t, s)
	if texts, _ := readAllSpool(t, s); !slices.Equal(texts, []string{"after"}) {
		t.Errorf("on disk: %q", texts)
	}
}
