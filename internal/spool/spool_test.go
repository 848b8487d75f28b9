package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

const testSpoolBytes = 64 << 20

func mustOpenSpool(t testing.TB, dir string, maxBytes int64) *Spool {
	t.Helper()
	s, err := Open(dir, maxBytes, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func mustCloseSpool(t testing.TB, s *Spool) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// mustAppend appends texts, of every kind of record in turn.
func mustAppend(t testing.TB, s *Spool, texts ...string) (dropped int) {
	t.Helper()
	records := spoolRecords(texts...)
	written, dropped, err := s.Append(records, nil)
	if err != nil || written != len(records) {
		t.Fatalf("append: %d of %d records written: %v", written, len(records), err)
	}
	return dropped
}

func spoolRecords(texts ...string) (records []Record) {
	for _, text := range texts {
		r := Record{Protocol: ledgerProtocol, Urgent: len(text)%2 == 1, Data: []byte(text)}
		if len(text)%3 == 0 {
			r.Protocol = otlpProtocol
		}
		records = append(records, r)
	}
	return records
}

// release settles all records of a claim.
func (s *Spool) release(claim []Ticket) {
	for _, t := range claim {
		s.Release(t)
	}
}

// unclaim takes them back, and returns how many of them the spool does not have.
func (s *Spool) unclaim(claim []Ticket) (lost int) {
	for _, t := range claim {
		if !s.Unclaim(t) {
			lost++
		}
	}
	return lost
}

func (s *Spool) bytes() int64 { return s.total.Load() }

// compareRecords compares data as a whole: by bytes, cmp takes minutes.
var compareRecords = cmp.Options{cmp.AllowUnexported(Record{}), cmp.Comparer(bytes.Equal)}

// spoolTexts are the data of records, which must be as spoolRecords made them.
func spoolTexts(t testing.TB, records []Record) (texts []string) {
	t.Helper()
	for _, r := range records {
		texts = append(texts, string(r.Data))
	}
	if diff := cmp.Diff(spoolRecords(texts...), records, compareRecords); diff != "" {
		t.Errorf("records have changed (-want +got):\n%s", diff)
	}
	return texts
}

// readAllSpool claims everything that waits.
func readAllSpool(t testing.TB, s *Spool) (texts []string, claims [][]Ticket) {
	t.Helper()
	for s.Len() > 0 {
		before := s.Len()
		records, claim := s.Read(100, 64<<10)
		if records == nil && s.Len() > 0 || s.Len() >= before {
			t.Fatalf("read hands out nothing while %d records wait", s.Len())
		}
		if records != nil {
			texts = append(texts, spoolTexts(t, records)...)
			claims = append(claims, claim)
		}
	}
	if records, claim := s.Read(1, 1); records != nil || claim != nil {
		t.Errorf("read hands out %d records of none", len(records))
	}
	return texts, claims
}

func wantTexts(t testing.TB, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// spoolFiles are the names in dir but for the lock, which not every system keeps.
func spoolFiles(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	return names
}

// spoolDirBytes is what a directory's segments weigh.
func spoolDirBytes(t testing.TB, dir string) (total int64) {
	t.Helper()
	for _, name := range spoolFiles(t, dir) {
		if info, err := os.Lstat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
	}
	return total
}

// spoolSegmentOf is the bytes of an intact segment.
func spoolSegmentOf(texts ...string) []byte {
	b := newHeader(version)
	for _, r := range spoolRecords(texts...) {
		b = appendRecord(b, r)
	}
	return b
}

func TestSpoolKeepsRecordsAndTheirOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "a", "bb", "ccc", "", "five!", "six...")
	records, claim := s.Read(2, 1<<20)
	wantTexts(t, []string{"a", "bb"}, spoolTexts(t, records))
	mustAppend(t, s, "late")
	if got := s.Len(); got != 5 {
		t.Errorf("len is %d with 2 of 7 records handed out, want 5", got)
	}
	if got, want := s.bytes(), spoolDirBytes(t, dir); got != want {
		t.Errorf("bytes is %d, the files have %d", got, want)
	}
	s.release(claim)
	mustCloseSpool(t, s)

	s = mustOpenSpool(t, dir, testSpoolBytes)
	if got := s.Len(); got != 5 {
		t.Errorf("len is %d after a restart, want 5", got)
	}
	mustAppend(t, s, "later")
	if files := spoolFiles(t, dir); len(files) != 1 {
		t.Errorf("a restart began another segment: %q", files)
	}
	texts, claims := readAllSpool(t, s)
	wantTexts(t, []string{"ccc", "", "five!", "six...", "late", "later"}, texts)
	for _, claim := range claims {
		s.release(claim)
		s.release(claim) // a second time is nothing
	}
	if s.bytes() != 0 || s.Len() != 0 || s.Skipped() != 0 || s.Lost() != 0 {
		t.Errorf("empty spool: %d bytes, %d records, %d skipped, %d lost", s.bytes(), s.Len(), s.Skipped(), s.Lost())
	}
	wantTexts(t, nil, spoolFiles(t, dir))
	mustAppend(t, s, "again")
	texts, _ = readAllSpool(t, s)
	wantTexts(t, []string{"again"}, texts)
}

func TestSpoolIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	dir := filepath.Join(t.TempDir(), "spool")
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "a")
	for name, want := range map[string]fs.FileMode{".": 0o700 | fs.ModeDir, lockName: 0o600, segmentName(1): 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("mode of %s is %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestSpoolReadsNoMoreThanAsked(t *testing.T) {
	s := mustOpenSpool(t, t.TempDir(), testSpoolBytes)
	mustAppend(t, s, "0123456789", "1123456789", "2123456789", "3", "4", "5")
	for _, step := range []struct {
		n, size int
		want    []string
	}{
		{0, 100, nil},
		{10, 1, []string{"0123456789"}}, // one at least
		{10, 20, []string{"1123456789", "2123456789"}},
		{2, 100, []string{"3", "4"}},
		{10, 100, []string{"5"}},
		{10, 100, nil},
	} {
		records, claim := s.Read(step.n, step.size)
		wantTexts(t, step.want, spoolTexts(t, records))
		if (claim == nil) != (step.want == nil) {
			t.Errorf("read(%d, %d): claim %v", step.n, step.size, claim)
		}
	}
}

func TestSpoolClaims(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "a", "b", "c", "d", "e", "f", "g")
	_, first := s.Read(2, 100)
	_, second := s.Read(3, 100)
	s.unclaim(first)
	records, first := s.Read(1, 100)
	wantTexts(t, []string{"a"}, spoolTexts(t, records))
	s.Release(second[1]) // "d"
	s.unclaim(second)
	records, third := s.Read(9, 100)
	wantTexts(t, []string{"b", "c", "e", "f", "g"}, spoolTexts(t, records))
	s.Release(third[2]) // "e"
	s.Release(third[2])
	s.Release(third[4]) // "g"
	_ = first
	mustCloseSpool(t, s) // "a", "b", "c", "f" are still out
	s.release(first)     // too late, and harmless
	s.unclaim(third)

	s = mustOpenSpool(t, dir, testSpoolBytes)
	texts, claims := readAllSpool(t, s)
	wantTexts(t, []string{"a", "b", "c", "f"}, texts)
	s.release(claims[0])
	mustCloseSpool(t, s)
	wantTexts(t, nil, spoolFiles(t, dir))
}

func TestSpoolClosed(t *testing.T) {
	s := mustOpenSpool(t, t.TempDir(), testSpoolBytes)
	mustAppend(t, s, "a")
	mustCloseSpool(t, s)
	mustCloseSpool(t, s)
	if n, _, err := s.Append(spoolRecords("b"), nil); n != 0 || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("append after close: %d, %v", n, err)
	}
	if err := s.sync(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("sync after close: %v", err)
	}
	if records, _ := s.Read(1, 1); records != nil {
		t.Error("read after close hands out records")
	}
}

func TestSpoolHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, testSpoolBytes)
	_, err := Open(dir, testSpoolBytes, "")
	if !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second open: %v, want %v and the path", err, ErrOwned)
	}
	mustAppend(t, s, "still works")
	mustCloseSpool(t, s)
	s = mustOpenSpool(t, dir, testSpoolBytes)
	if got := s.Len(); got != 1 {
		t.Errorf("len is %d, want 1", got)
	}
}

func TestSpoolOpenErrors(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(base, "locked")
	if err := os.MkdirAll(filepath.Join(locked, lockName), 0o700); err != nil {
		t.Fatal(err)
	}
	escape := filepath.Join(base, "escape")
	if err := os.Mkdir(escape, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(base, "elsewhere"), filepath.Join(escape, lockName)); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"no parent":                  filepath.Join(base, "none", "spool"),
		"a file":                     file,
		"below a file":               filepath.Join(file, "spool"),
		"lock is a directory":        locked,
		"lock is a symlink to there": escape,
		"no name":                    "",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(dir, testSpoolBytes, "")
			if err == nil {
				mustCloseSpool(t, s)
				t.Fatal("opened")
			}
			if !strings.HasPrefix(err.Error(), "ledger: open spool "+dir+": ") {
				t.Errorf("%q does not say what of which path", err)
			}
		})
	}
	if _, err := os.Lstat(filepath.Join(base, "elsewhere")); err == nil {
		t.Error("the lock's symlink was followed")
	}
}

// Whatever an earlier owner, a disk or a stranger left there, the spool opens at
// once, hands out what is intact, and can be used.
func TestSpoolCorruption(t *testing.T) {
	good := spoolSegmentOf("first", "second", "third")
	at := func(text string) int { return bytes.Index(good, []byte(text)) }
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	set := func(i int, with ...byte) []byte {
		return change(func(b []byte) []byte { copy(b[i:], with); return b })
	}
	all := []string{"first", "second", "third"}
	length := func(text string) int { return at(text) - 8 }
	tests := []struct {
		name    string
		content []byte
		want    []string
		skipped int64
		left    bool // the file is left alone
	}{
		{name: "intact", content: good, want: all},
		{name: "empty", content: nil},
		{name: "header only", content: good[:headerSize]},
		{name: "half a header", content: good[:5], skipped: 1},
		{name: "half a record head", content: good[:at("third")-5], want: all[:2], skipped: 1},
		{name: "half a record", content: good[:at("third")+2], want: all[:2], skipped: 1},
		{name: "zero-filled tail", content: append(bytes.Clone(good), make([]byte, 100_000)...), want: all, skipped: 1},
		{name: "only zeros", content: make([]byte, 100_000), skipped: 1},
		{name: "only ones", content: bytes.Repeat([]byte{0xff}, 100_000), skipped: 1},
		{name: "only markers", content: bytes.Repeat([]byte(marker), 25_000), skipped: 1},
		{name: "garbage in front", content: append([]byte("garbage"), good...), want: all, skipped: 1},
		{name: "garbage behind", content: append(bytes.Clone(good), "garbage"...), want: all, skipped: 1},
		{name: "a text", content: []byte("Dear diary,\n"), skipped: 1},
		{name: "wrong magic", content: set(0, 'L'), want: all, skipped: 1},
		{name: "garbled version", content: set(len(magic), 7), want: all, skipped: 1},
		{name: "garbled data", content: set(at("second"), 'S'), want: []string{"first", "third"}, skipped: 1},
		{name: "garbled marker", content: set(at("second")-recordHead, 0), want: []string{"first", "third"}, skipped: 1},
		{name: "garbled flags", content: set(length("second")-1, 1, 0), want: []string{"first", "third"}, skipped: 1},
		{name: "garbled checksum", content: set(length("second")+4, 1, 2, 3, 4), want: []string{"first", "third"}, skipped: 1},
		{name: "garbled state", content: set(length("second")-2, 0x55), want: all},
		{name: "released", content: set(length("second")-2, releasedByte), want: []string{"first", "third"}},
		{name: "length over the next record", content: set(length("first"), 12), want: all[1:], skipped: 1},
		{name: "length beyond the file", content: set(length("first"), 0xff, 0xff, 0xff, 0x7f), want: all[1:], skipped: 1},
		{name: "length of all bits", content: set(length("first"), 0xff, 0xff, 0xff, 0xff), want: all[1:], skipped: 1},
		{name: "length of zero", content: set(length("first"), 0), want: all[1:], skipped: 1},
		{name: "two gaps", content: change(func(b []byte) []byte {
			b[at("first")], b[at("third")] = 0, 0
			return b
		}), want: all[1:2], skipped: 2},
		{name: "unknown flags, with checksum", content: change(func(b []byte) []byte {
			record := appendRecord(nil, Record{Data: []byte("new")})
			record[5] = 8
			binary.LittleEndian.PutUint32(record[10:], crc32.Checksum(append(record[5:10:10], "new"...), crc32c))
			return append(b, record...)
		}), want: all, skipped: 1},
		{name: "a later version", content: change(func(b []byte) []byte {
			return append(newHeader(version+1), b[headerSize:]...)
		}), skipped: 1, left: true},
		{name: "larger than a segment", content: append(bytes.Clone(good), make([]byte, mostSegment)...), want: all, skipped: 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, segmentName(5)), test.content, 0o600); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			s := mustOpenSpool(t, dir, testSpoolBytes)
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("open took %v", took)
			}
			if got := s.Len(); got != int64(len(test.want)) {
				t.Errorf("len is %d, want %d", got, len(test.want))
			}
			if got := s.Skipped(); got != test.skipped {
				t.Errorf("skipped %d parts, want %d", got, test.skipped)
			}
			mustAppend(t, s, "newest")
			texts, claims := readAllSpool(t, s)
			wantTexts(t, append(slices.Clone(test.want), "newest"), texts)
			for _, claim := range claims {
				s.release(claim)
			}
			var want []string
			if test.left {
				want = []string{segmentName(5)}
			}
			wantTexts(t, want, spoolFiles(t, dir))
			if got, want := s.bytes(), spoolDirBytes(t, dir); got != want {
				t.Errorf("bytes is %d, the files have %d", got, want)
			}
		})
	}
}

// Strangers in the directory are left alone.
func TestSpoolForeignFiles(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(elsewhere, spoolSegmentOf("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	foreign := []string{ // counted
		"README", "ledger-1.spool", "ledger-000000000000000A.spool", "ledger-ffffffffffffffff.spool",
		"ledger-0000000000000001.spool.bak", "ledger--000000000000001.spool", "ledger-+000000000000001.spool",
	}
	for _, name := range foreign {
		write(name, spoolSegmentOf("not ours"))
	}
	write(".gitkeep", nil)
	write("crash.log", []byte("fatal error"))
	for _, name := range []string{"lost+found", segmentName(3)} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, segmentName(2))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(segmentName(4), filepath.Join(dir, segmentName(9))); err != nil {
		t.Fatal(err)
	}
	write(segmentName(4), spoolSegmentOf("ours"))
	before := spoolFiles(t, dir)

	s := mustOpenSpool(t, dir, testSpoolBytes)
	if got, want := s.Skipped(), int64(len(foreign)+3); got != want {
		t.Errorf("skipped %d, want %d", got, want)
	}
	texts, claims := readAllSpool(t, s)
	wantTexts(t, []string{"ours"}, texts)
	mustAppend(t, s, "new") // to the same segment
	s.release(claims[0])
	texts, claims = readAllSpool(t, s)
	wantTexts(t, []string{"new"}, texts)
	s.release(claims[0])
	mustAppend(t, s, "newer") // to a segment that comes after all names taken
	want := append(slices.DeleteFunc(before, func(name string) bool { return name == segmentName(4) }), segmentName(10))
	slices.Sort(want)
	wantTexts(t, want, spoolFiles(t, dir))
	if content, err := os.ReadFile(elsewhere); err != nil || !bytes.Equal(content, spoolSegmentOf("not ours")) {
		t.Errorf("the symlink's target has changed: %v", err)
	}
}

// A hostile segment, in which every record head claims all that follows, would
// take hours without a bound.
func TestSpoolScanIsBounded(t *testing.T) {
	b := newHeader(version)
	for len(b) < mostSegment-recordHead {
		b = append(append(b, marker...), 0, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(mostSegment-recordHead-len(b)-8))
		b = append(b, 0, 0, 0, 0)
	}
	begin := time.Now()
	if skipped := scan(b, func(int, int, bool) { t.Error("found a record") }); skipped != 1 {
		t.Errorf("skipped %d parts, want 1", skipped)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("scan took %v", took)
	}
}

func TestSpoolCapDropsTheOldestSegment(t *testing.T) {
	dir := t.TempDir()
	const most = 1 << 20 // 16 segments of 64 KiB
	s := mustOpenSpool(t, dir, most)
	text := func(i int) string { return fmt.Sprintf("%06d%s", i, strings.Repeat("x", 994)) }
	appended, dropped := 0, 0
	for range 500 {
		var texts []string
		for range 7 {
			texts = append(texts, text(appended))
			appended++
		}
		dropped += mustAppend(t, s, texts...)
		if got := s.bytes(); got > most {
			t.Fatalf("%d bytes, over the cap of %d", got, most)
		}
	}
	if got, want := s.bytes(), spoolDirBytes(t, dir); got != want || got < most*9/10 {
		t.Errorf("bytes is %d, the files have %d, the cap is %d", got, want, most)
	}
	if got := s.Len(); got != int64(appended-dropped) {
		t.Errorf("len is %d after %d appended and %d dropped", got, appended, dropped)
	}
	texts, _ := readAllSpool(t, s)
	var want []string
	for i := dropped; i < appended; i++ {
		want = append(want, text(i))
	}
	wantTexts(t, want, texts)
	mustCloseSpool(t, s)

	// A lower cap holds when something is appended, and what goes then is counted.
	s = mustOpenSpool(t, dir, most/4)
	if s.Skipped() != 0 || s.Len() != int64(len(want)) {
		t.Errorf("%d skipped, %d of %d records there", s.Skipped(), s.Len(), len(want))
	}
	dropped = mustAppend(t, s, "newest")
	if got := s.bytes(); got > most/4 || got < most/8 {
		t.Errorf("%d bytes under a cap of %d", got, most/4)
	}
	texts, _ = readAllSpool(t, s)
	wantTexts(t, append(want[dropped:], "newest"), texts)
}

// What was handed out when its segment went to make room can still be settled,
// and whoever gives it back is told that it is gone.
func TestSpoolCapTakesClaimedRecords(t *testing.T) {
	s := mustOpenSpool(t, t.TempDir(), 2000)
	mustAppend(t, s, "a", "b", "c", "d")
	_, released := s.Read(1, 100)
	_, unclaimed := s.Read(2, 100)
	if dropped := mustAppend(t, s, strings.Repeat("x", 950), strings.Repeat("y", 950)); dropped != 1 {
		t.Errorf("dropped %d, want 1: the others were handed out", dropped)
	}
	s.release(released)
	if got := s.unclaim(unclaimed); got != 2 {
		t.Errorf("lost %d, want 2", got)
	}
	if got := s.Len(); got != 2 {
		t.Errorf("len is %d, want 2", got)
	}
}

func TestSpoolCapWithLaterVersions(t *testing.T) {
	dir := t.TempDir()
	later := append(newHeader(version+1), make([]byte, 3000)...)
	if err := os.WriteFile(filepath.Join(dir, segmentName(1)), later, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpenSpool(t, dir, 4000)
	mustAppend(t, s, strings.Repeat("x", 500))
	if dropped := mustAppend(t, s, strings.Repeat("y", 700)); dropped != 1 {
		t.Errorf("dropped %d, want 1", dropped)
	}
	if n, _, err := s.Append(spoolRecords(strings.Repeat("z", 1000)), nil); n != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("append: %d, %v; want %v", n, err, ErrFull)
	}
	mustCloseSpool(t, s)
	if content, err := os.ReadFile(filepath.Join(dir, segmentName(1))); err != nil || !bytes.Equal(content, later) {
		t.Errorf("the later version's segment has changed: %v", err)
	}
}

// A source is a Source of its text.
type source string

func (s source) Size() int                { return len(s) }
func (s source) AppendTo(b []byte) []byte { return append(b, s...) }

func TestSpoolRecordTooLarge(t *testing.T) {
	s := mustOpenSpool(t, t.TempDir(), testSpoolBytes)
	largest := strings.Repeat("x", 4<<20-headerSize-recordHead)
	n, _, err := s.Append(spoolRecords("a", largest+"x", "b"), nil)
	most := len(largest) + recordHead
	if want := fmt.Sprintf("record too large: %d bytes, at most %d", most+1, most); n != 1 || !errors.Is(err, ErrRecordTooLarge) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("append: %d written, %v; want 1, %v", n, err, ErrRecordTooLarge)
	}
	if n, _, err := s.Append([]Record{{From: source(largest + "x")}}, nil); n != 0 || !errors.Is(err, ErrRecordTooLarge) {
		t.Errorf("append from a source: %d written, %v; want %v", n, err, ErrRecordTooLarge)
	}
	mustAppend(t, s, "b", largest, "c")
	texts, _ := readAllSpool(t, s)
	wantTexts(t, []string{"a", "b", largest, "c"}, texts)
}

// A file that fails in every way leaves what was written before, and the next
// append works when the file does.
func TestSpoolWriteError(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "a")
	good := s.tail.file
	bad, err := os.Open(good.Name()) // read only: neither write nor truncate
	if err != nil {
		bad, err = os.Open(filepath.Join(dir, segmentName(1)))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.tail.file = bad
	n, _, err := s.Append(spoolRecords("b", "c"), nil)
	if n != 0 || err == nil || !strings.HasPrefix(err.Error(), "ledger: write spool "+dir+": ") {
		t.Errorf("append: %d, %v", n, err)
	}
	s.tail.file = good
	_ = bad.Close()
	mustAppend(t, s, "d")
	texts, _ := readAllSpool(t, s)
	wantTexts(t, []string{"a", "d"}, texts)
}

// Damage that comes while the spool is open is counted, and hides nothing else.
func TestSpoolDamageWhileOpen(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, 1<<20)
	text := func(i int) string { return fmt.Sprintf("%03d%s", i, strings.Repeat("x", 9997)) }
	var want []string
	for i := range 30 { // 6 to a segment
		mustAppend(t, s, text(i))
		want = append(want, text(i))
	}
	damage := func(number uint64, at int64) {
		t.Helper()
		file, err := os.OpenFile(filepath.Join(dir, segmentName(number)), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteAt([]byte("damaged"), at)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if _, claim := s.Read(1, 1); claim != nil { // the first segment's slots are known now
		s.unclaim(claim)
	}
	damage(1, 15_000) // record 1
	damage(2, 15_000) // record 7, not yet known
	if err := os.Remove(filepath.Join(dir, segmentName(3))); err != nil {
		t.Fatal(err)
	}
	texts, _ := readAllSpool(t, s)
	want = slices.Concat(want[:1], want[2:7], want[8:12], want[18:])
	wantTexts(t, want, texts)
	if got := s.Lost(); got != 8 {
		t.Errorf("lost %d, want 8", got)
	}
	if got := s.bytes(); got != spoolDirBytes(t, dir) {
		t.Errorf("bytes is %d, the files have %d", got, spoolDirBytes(t, dir))
	}
}

// A record that cannot be read any more takes no room from the next ones.
func TestSpoolReadsAsMuchAsAskedBesideDamage(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "0123456789", "1123456789", "2123456789", "3123456789")
	if _, claim := s.Read(1, 1); claim != nil {
		s.unclaim(claim)
	}
	name := filepath.Join(dir, spoolFiles(t, dir)[0])
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(content, []byte("112345"), []byte("damage"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	records, _ := s.Read(10, 30)
	wantTexts(t, []string{"0123456789", "2123456789", "3123456789"}, spoolTexts(t, records))
}

// A segment of which nothing can be read any more goes.
func TestSpoolLeavesNoFileOfDamage(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "0123456789")
	_, claim := s.Read(1, 1)
	s.unclaim(claim)
	if err := os.WriteFile(filepath.Join(dir, segmentName(1)), make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if records, _ := s.Read(1, 1); records != nil || s.Lost() != 1 {
		t.Errorf("read %d, %d lost", len(records), s.Lost())
	}
	wantTexts(t, nil, spoolFiles(t, dir))
}

// A segment that may not be read is left alone, and the spool goes on without it.
func TestSpoolLeavesAloneWhatItMayNotRead(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("whoever asks may read it")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, segmentName(1)), spoolSegmentOf("a"), 0); err != nil {
		t.Fatal(err)
	}
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "b")
	texts, _ := readAllSpool(t, s)
	wantTexts(t, []string{"b"}, texts)
}

// A small spool is not all files and no content.
func TestSmallSpoolHasFewFiles(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, 256<<10)
	for range 200 {
		mustAppend(t, s, strings.Repeat("x", 1000))
	}
	if files := spoolFiles(t, dir); len(files) != 4 {
		t.Errorf("%d files of 64 KiB for 200 kB", len(files))
	}
}

// However many segments there are, few of their files are open.
func TestSpoolHoldsFewFilesOpen(t *testing.T) {
	dir := t.TempDir()
	few := func(s *Spool, when string) {
		t.Helper()
		open := 0
		for _, segment := range s.segments {
			if segment.file != nil {
				open++
			}
		}
		if open > 2 {
			t.Errorf("%s: %d of %d files are open", when, open, len(s.segments))
		}
	}
	s := mustOpenSpool(t, dir, 1<<20)
	for i := range 60 { // 6 to a segment
		mustAppend(t, s, fmt.Sprintf("%03d%s", i, strings.Repeat("x", 9997)))
	}
	few(s, "written")
	mustCloseSpool(t, s)
	s = mustOpenSpool(t, dir, 1<<20)
	few(s, "opened again")
	for records, tickets := s.Read(5, 1<<20); records != nil; records, tickets = s.Read(5, 1<<20) {
		s.release(tickets)
		few(s, "while reading")
	}
}

// Random programs against a plain list: order, counts and contents agree, after
// every step, and after restarts with records handed out.
func TestSpoolProperty(t *testing.T) {
	base := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		dir := filepath.Join(base, fmt.Sprint(runs))
		maxBytes := rapid.SampledFrom([]int64{2000, 9000, 200_000, testSpoolBytes}).Draw(t, "cap")
		s, err := Open(dir, maxBytes, "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close(); _ = os.RemoveAll(dir) }()
		m := &spoolModel{t: t, spool: s, reopen: func(old *Spool) *Spool {
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(dir, maxBytes, ""); err != nil {
				t.Fatal(err)
			}
			return s
		}}
		t.Repeat(map[string]func(*rapid.T){
			"append":   m.append,
			"copies":   m.appendCopies,
			"read":     m.read,
			"settle":   m.settle,
			"reopen":   m.restart,
			"":         m.check,
			"sync":     func(t *rapid.T) { _ = m.spool.sync() },
			"read all": m.readAll,
		})
		m.restart(t)
		m.readAll(t)
	})
}

// A spoolModel says what a spool should do. Which records go to make room, only
// the spool knows; the model checks that they are the oldest, and counted.
type spoolModel struct {
	t       *rapid.T
	spool   *Spool
	reopen  func(*Spool) *Spool
	next    int
	waiting []string // sorted: texts begin with their number
	claims  []spoolModelClaim
	dropped int
	lost    int64
}

type spoolModelClaim struct {
	claim []Ticket
	texts []string // "" where settled
}

func (m *spoolModel) draw(t *rapid.T) (texts []string) {
	for range rapid.IntRange(1, 20).Draw(t, "records") {
		size := rapid.SampledFrom([]int{0, 1, 20, 300, 700}).Draw(t, "size")
		texts = append(texts, fmt.Sprintf("%06d", m.next)+strings.Repeat("x", size))
		m.next++
	}
	return texts
}

// appendCopies appends records that are handed out from the beginning.
func (m *spoolModel) appendCopies(t *rapid.T) {
	texts := m.draw(t)
	tickets := make([]Ticket, len(texts))
	n, dropped, err := m.spool.Append(spoolRecords(texts...), tickets)
	if n != len(texts) || err != nil {
		t.Fatalf("append: %d of %d: %v", n, len(texts), err)
	}
	m.waiting = m.waiting[dropped:]
	m.dropped += dropped
	m.claims = append(m.claims, spoolModelClaim{tickets, texts})
}

func (m *spoolModel) append(t *rapid.T) {
	texts := m.draw(t)
	records := spoolRecords(texts...)
	n, dropped, err := m.spool.Append(records, nil)
	if n != len(records) || err != nil {
		t.Fatalf("append: %d of %d: %v", n, len(records), err)
	}
	m.waiting = append(m.waiting, texts...)
	m.waiting = m.waiting[dropped:]
	m.dropped += dropped
}

func (m *spoolModel) read(t *rapid.T) {
	n, size := rapid.IntRange(0, 10).Draw(t, "n"), rapid.IntRange(0, 3000).Draw(t, "bytes")
	want, left := 0, size
	for want < min(n, len(m.waiting)) {
		if left -= len(m.waiting[want]); left < 0 && want > 0 {
			break
		}
		want++
	}
	records, claim := m.spool.Read(n, size)
	texts := m.texts(t, records)
	if diff := cmp.Diff(m.waiting[:want], texts, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("read(%d, %d) (-want +got):\n%s", n, size, diff)
	}
	m.waiting = m.waiting[want:]
	if claim != nil {
		m.claims = append(m.claims, spoolModelClaim{claim, texts})
	}
}

func (m *spoolModel) texts(t *rapid.T, records []Record) (texts []string) {
	for _, r := range records {
		texts = append(texts, string(r.Data))
	}
	if diff := cmp.Diff(spoolRecords(texts...), records, compareRecords); diff != "" {
		t.Fatalf("records have changed (-want +got):\n%s", diff)
	}
	return texts
}

func (m *spoolModel) settle(t *rapid.T) {
	if len(m.claims) == 0 {
		t.Skip("nothing is handed out")
	}
	i := rapid.IntRange(0, len(m.claims)-1).Draw(t, "claim")
	c := m.claims[i]
	switch rapid.SampledFrom([]string{"release", "one", "unclaim"}).Draw(t, "how") {
	case "release":
		m.spool.release(c.claim)
	case "one":
		k := rapid.IntRange(0, len(c.texts)-1).Draw(t, "record")
		m.spool.Release(c.claim[k])
		c.texts[k] = ""
		return
	case "unclaim":
		settled := len(slices.DeleteFunc(slices.Clone(c.texts), func(text string) bool { return text != "" }))
		m.back(t, c.texts, int64(m.spool.unclaim(c.claim)-settled))
	}
	m.claims = slices.Delete(m.claims, i, i+1)
}

// back puts texts back in line, except the oldest, of which gone went with
// their segments.
func (m *spoolModel) back(t *rapid.T, texts []string, gone int64) {
	texts = slices.DeleteFunc(texts, func(text string) bool { return text == "" })
	slices.Sort(texts)
	if gone < 0 || gone > int64(len(texts)) || gone > 0 && m.spool.maxBytes > 1<<20 {
		t.Fatalf("%d records lost, of %d that came back", gone, len(texts))
	}
	m.waiting = append(m.waiting, texts[gone:]...)
	slices.Sort(m.waiting)
}

func (m *spoolModel) restart(t *rapid.T) {
	var out []string
	for _, c := range m.claims {
		out = append(out, c.texts...)
	}
	out = slices.DeleteFunc(out, func(text string) bool { return text == "" })
	m.claims = nil
	m.spool = m.reopen(m.spool)
	m.lost = 0
	if m.spool.Skipped() != 0 {
		t.Fatalf("%d parts skipped", m.spool.Skipped())
	}
	m.back(t, out, int64(len(m.waiting)+len(out))-m.spool.Len())
}

func (m *spoolModel) readAll(t *rapid.T) {
	records, claim := m.spool.Read(1<<30, 1<<30)
	if diff := cmp.Diff(m.waiting, m.texts(t, records), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("read all (-want +got):\n%s", diff)
	}
	if claim != nil {
		m.spool.unclaim(claim)
	}
}

func (m *spoolModel) check(t *rapid.T) {
	if got := m.spool.Len(); got != int64(len(m.waiting)) {
		t.Fatalf("len is %d, want %d", got, len(m.waiting))
	}
	if got := m.spool.bytes(); got > m.spool.maxBytes {
		t.Fatalf("%d bytes, over the cap of %d", got, m.spool.maxBytes)
	}
	var size int64
	entries, err := os.ReadDir(m.spool.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.Name() != lockName {
			size += info.Size()
		}
	}
	if got := m.spool.bytes(); got != size {
		t.Fatalf("bytes is %d, the files have %d", got, size)
	}
	if got := m.spool.Lost(); got != m.lost {
		t.Fatalf("%d records lost, want %d", got, m.lost)
	}
}

// Whatever bytes a segment has, only records with their checksum come out of it,
// once each, and the spool works on.
func FuzzSpoolSegment(f *testing.F) {
	good := spoolSegmentOf("first", "second", `{"message":"third"}`)
	f.Add([]byte{})
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(good[7:])
	f.Add(append(bytes.Clone(good), make([]byte, 50)...))
	f.Add(append(append(bytes.Clone(good[:40]), marker...), good[20:]...))
	f.Add(bytes.Repeat([]byte(marker), 20))
	f.Add(newHeader(1))
	f.Add(append(newHeader(1), good[headerSize:]...))
	f.Add(newHeader(version + 1))
	f.Add(append(newSegment("label"), good[headerSize:]...))
	f.Add(append(bytes.Clone(good), newSegment("label")[headerSize:]...))
	f.Add(append(newHeader(1), appendRecord(nil, Record{Data: good})...)) // a segment in a record
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		name := filepath.Join(dir, segmentName(1))
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s := mustOpenSpool(t, dir, testSpoolBytes)
		later := headerVersion(content) > version
		if s.Skipped() > int64(len(content)) {
			t.Errorf("%d parts skipped of %d bytes", s.Skipped(), len(content))
		}
		mustAppend(t, s, "newest")
		counted := s.Len()
		records, claim := s.Read(1<<30, 1<<30)
		if int64(len(records)) != counted || s.Lost() != 0 {
			t.Errorf("%d records of %d, %d lost", len(records), counted, s.Lost())
		}
		if later && len(records) != 1 {
			t.Errorf("%d records of a later version", len(records)-1)
		}
		from := 0 // where the next record must be, whatever its state byte
		for _, r := range records[:len(records)-1] {
			encoded := appendRecord(nil, r)
			state := len(marker)
			for ; ; from++ {
				if from+len(encoded) > len(content) {
					t.Fatalf("record %q is not in the segment", r.Data)
				}
				here := content[from:][:len(encoded)]
				if bytes.Equal(here[:state], encoded[:state]) && bytes.Equal(here[state+1:], encoded[state+1:]) {
					break
				}
			}
			from += len(encoded)
		}
		s.release(claim)
		if !later && (s.bytes() != 0 || len(spoolFiles(t, dir)) != 0) {
			t.Errorf("%d bytes in %q", s.bytes(), spoolFiles(t, dir))
		}
		mustCloseSpool(t, s)
		if now, err := os.ReadFile(name); later && (err != nil || !bytes.Equal(now, content)) {
			t.Errorf("a later version's segment has changed: %v", err)
		}
	})
}

func BenchmarkSpoolAppend(b *testing.B) {
	records := spoolRecords(slices.Repeat([]string{strings.Repeat("x", 300)}, 1000)...)
	s := mustOpenSpool(b, b.TempDir(), testSpoolBytes)
	b.SetBytes(1000 * 300)
	for b.Loop() {
		if _, _, err := s.Append(records, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "records/s")
}

// fillSpool returns a directory with 64 MiB of records of 300 bytes.
func fillSpool(b *testing.B) string {
	dir := b.TempDir()
	records := spoolRecords(slices.Repeat([]string{strings.Repeat("x", 300)}, 1000)...)
	s := mustOpenSpool(b, dir, testSpoolBytes)
	for s.bytes() < testSpoolBytes-400_000 {
		if _, _, err := s.Append(records, nil); err != nil {
			b.Fatal(err)
		}
	}
	mustCloseSpool(b, s)
	return dir
}

func BenchmarkSpoolOpen64MiB(b *testing.B) {
	dir := fillSpool(b)
	b.SetBytes(testSpoolBytes)
	b.ReportAllocs()
	for b.Loop() {
		mustCloseSpool(b, mustOpenSpool(b, dir, testSpoolBytes))
	}
}

func BenchmarkSpoolReadRelease(b *testing.B) {
	dir := fillSpool(b)
	s := mustOpenSpool(b, dir, testSpoolBytes)
	n := 0
	for b.Loop() {
		records, claim := s.Read(1000, 1<<20)
		if records == nil {
			b.StopTimer()
			mustCloseSpool(b, s)
			s = mustOpenSpool(b, fillSpool(b), testSpoolBytes)
			b.StartTimer()
			continue
		}
		n += len(records)
		s.release(claim)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
