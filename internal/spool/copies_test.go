package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A copy is in the spool from the beginning, and handed out to nobody but who has the
// entry, until it is taken back.
func TestSpoolCopies(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "before")
	tickets := make([]Ticket, 4)
	if n, dropped, err := s.Append(spoolRecords("a", "b", "c", "d"), tickets); n != 4 || dropped != 0 || err != nil {
		t.Fatalf("%d written, %d dropped, %v", n, dropped, err)
	}
	mustAppend(t, s, "after")
	if s.Len() != 2 {
		t.Errorf("len is %d with copies of four", s.Len())
	}
	s.Release(tickets[1])
	s.Release(tickets[1])
	if !s.Unclaim(tickets[2]) || s.Unclaim(tickets[2]) || s.Unclaim(tickets[1]) || s.Unclaim(Ticket{}) {
		t.Error("what was taken back is not what was out")
	}
	texts, _ := readAllSpool(t, s)
	wantTexts(t, []string{"before", "c", "after"}, texts)
	mustCloseSpool(t, s)
	s = mustOpenSpool(t, dir, testSpoolBytes)
	texts, _ = readAllSpool(t, s)
	wantTexts(t, []string{"before", "a", "c", "d", "after"}, texts)
}

// Where a copy is goes out of memory once nothing of its segment is handed out.
func TestSpoolForgetsWhereManyRecordsAre(t *testing.T) {
	s := mustOpenSpool(t, t.TempDir(), 1<<20)
	text := make([]byte, 10_000)
	var tickets []Ticket
	for range 30 { // 6 to a segment
		one := make([]Ticket, 1)
		if n, _, err := s.Append([]Record{{Data: text}}, one); n != 1 {
			t.Fatal(err)
		}
		tickets = append(tickets, one...)
	}
	if lost := s.unclaim(tickets); lost != 0 {
		t.Errorf("%d are lost", lost)
	}
	for i, segment := range s.segments {
		if known := segment.slots != nil; known != (i == 0 || segment == s.tail) {
			t.Errorf("segment %d: places known: %v", i, known)
		}
	}
	s.Release(tickets[20]) // too late, and harmless
	if texts, _ := s.Read(100, 1<<20); len(texts) != 30 {
		t.Errorf("%d records of 30", len(texts))
	}
}

// A label is said once for all of a segment's records; those with another one begin
// another segment.
func TestSpoolLabels(t *testing.T) {
	dir := t.TempDir()
	open := func(label string) *Spool {
		s, err := Open(dir, testSpoolBytes, label)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for i, label := range []string{"", "one", "one", "two", "one"} {
		s := open(label)
		mustAppend(t, s, string(rune('a'+i)))
		mustCloseSpool(t, s)
	}
	if n := len(spoolFiles(t, dir)); n != 4 {
		t.Errorf("%d segments, want 4", n)
	}
	s := open("three")
	defer mustCloseSpool(t, s)
	records, tickets := s.Read(10, 1000)
	got := ""
	for _, r := range records {
		got += string(r.Data) + "=" + r.Label + " "
	}
	if want := "a= b=one c=one d=two e=one "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.release(tickets)
	wantTexts(t, nil, spoolFiles(t, dir))

	// A label may be more than half of all that there is room for.
	small, err := Open(t.TempDir(), 150, strings.Repeat("l", 70))
	if err != nil {
		t.Fatal(err)
	}
	defer mustCloseSpool(t, small)
	mustAppend(t, small, "a")
}

// Segments outlive the program that wrote them: those of a release must be read by
// all later ones.
func TestSpoolFormatStaysAsItIs(t *testing.T) {
	const golden = "ldgspl\n\x02w\xfcp\xb2" +
		"\xffl\xfeg\x00\x04\x03\x00\x00\x00fi$\x9a1.0" +
		"\xffl\xfeg\x00\x00\x01\x00\x00\x00G\x03\x96\xfca" +
		"\xffl\xfeg\x00\x03\x02\x00\x00\x00\x88\xca\xf8\rbc"
	s, err := Open(t.TempDir(), testSpoolBytes, "1.0")
	if err != nil {
		t.Fatal(err)
	}
	records := []Record{{Protocol: ledgerProtocol, Data: []byte("a")}, {Protocol: otlpProtocol, Urgent: true, Data: []byte("bc")}}
	if _, _, err := s.Append(records, nil); err != nil {
		t.Fatal(err)
	}
	mustCloseSpool(t, s)
	written, err := os.ReadFile(filepath.Join(s.dir, segmentName(1)))
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != golden {
		t.Errorf("a segment is\n%q, was\n%q", written, golden)
	}
}

// A spool that its records fill to the last byte has dropped none.
func TestSpoolIsFullAtItsLastByte(t *testing.T) {
	texts := []string{"first", "second", "third"}
	for spare, want := range map[int64]int{0: 0, -1: 2} {
		s := mustOpenSpool(t, t.TempDir(), testSpoolBytes)
		s.maxBytes = int64(len(spoolSegmentOf(texts...))) + spare
		dropped := 0
		for _, text := range texts {
			dropped += mustAppend(t, s, text)
		}
		if dropped != want {
			t.Errorf("with %d bytes to spare: %d dropped, want %d", spare, dropped, want)
		}
	}
}

// A name that somebody else has taken costs one attempt.
func TestSpoolPassesOverANameThatIsTaken(t *testing.T) {
	dir := t.TempDir()
	s := mustOpenSpool(t, dir, testSpoolBytes)
	for _, number := range []uint64{1, 2} {
		if err := os.WriteFile(filepath.Join(dir, segmentName(number)), []byte("not ours"), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, _, err := s.Append(spoolRecords("a"), nil); n != 0 || !errors.Is(err, fs.ErrExist) {
			t.Errorf("segment %d: %d written, %v", number, n, err)
		}
	}
	mustAppend(t, s, "a")
	texts, _ := readAllSpool(t, s)
	wantTexts(t, []string{"a"}, texts)
}

// Segments of version 1 have no label, and nothing is added to them.
func TestSpoolReadsVersion1(t *testing.T) {
	dir := t.TempDir()
	old := append(newHeader(1), spoolSegmentOf("a", "b")[headerSize:]...)
	if err := os.WriteFile(filepath.Join(dir, segmentName(1)), old, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "c")
	if n := len(spoolFiles(t, dir)); n != 2 {
		t.Errorf("%d segments, want 2", n)
	}
	texts, _ := readAllSpool(t, s)
	wantTexts(t, []string{"a", "b", "c"}, texts)
}

// A spool whose directory is not at its place any more says so: what it wrote would
// not be found again.
func TestSpoolWhoseDirectoryWasRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "a")
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Skip(err)
	}
	for range 2 {
		if n, dropped, err := s.Append(spoolRecords("b"), nil); n != 0 || dropped != 0 || !errors.Is(err, ErrMoved) {
			t.Errorf("append: %d, %d dropped, %v; want %v", n, dropped, err, ErrMoved)
		}
		_ = os.Mkdir(dir, 0o700)
	}
	mustCloseSpool(t, s)
	s = mustOpenSpool(t, dir, testSpoolBytes)
	mustAppend(t, s, "b")
	texts, _ := readAllSpool(t, s)
	wantTexts(t, []string{"b"}, texts)
}

// A sync waits for all that was written before it, and for the names.
func TestSpoolSyncs(t *testing.T) {
	defer func(was func(*os.File) error) { fsync = was }(fsync)
	var synced []string
	var fault error
	fsync = func(file *os.File) error {
		synced = append(synced, filepath.Base(file.Name()))
		return fault
	}
	s := mustOpenSpool(t, t.TempDir(), testSpoolBytes)
	if s.Sync() != nil {
		t.Error("an empty spool is to be synced")
	}
	mustAppend(t, s, "a")
	wait := s.Sync()
	mustAppend(t, s, "b")
	if err := wait(); err != nil || len(synced) != 2 {
		t.Errorf("synced %q: %v", synced, err)
	}
	fault = fs.ErrInvalid
	if err := s.sync(); !errors.Is(err, fault) || len(synced) != 3 {
		t.Errorf("synced %q: %v", synced, err)
	}
	fault = nil
	if err := s.sync(); err != nil || len(synced) != 5 {
		t.Errorf("synced %q: %v", synced, err)
	}
	if s.Sync() != nil {
		t.Error("what was synced is to be synced again")
	}
}
