package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contents are the files of a directory, and when they were written.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		info, errInfo := f.Info()
		if err := errors.Join(err, errInfo); err != nil {
			t.Fatal(err)
		}
		all[f.Name()] = info.ModTime().String() + string(b)
	}
	return all
}

// look returns what Look shows.
func look(t *testing.T, dir string) (texts []string, skipped int, err error) {
	t.Helper()
	skipped, err = Look(dir, func(r Record) { texts = append(texts, strings.TrimSpace(r.Protocol+" "+string(r.Data)+" "+r.Label)) })
	return texts, skipped, err
}

func TestLookChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s, err := Open(dir, 1<<20, "of one")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Append([]Record{{Data: []byte("one")}, {Protocol: otlpProtocol, Data: []byte("two")}, {Data: []byte("three"), Urgent: true}}, nil); err != nil {
		t.Fatal(err)
	}
	_, claim := s.Read(3, 1000)
	s.Release(claim[0])
	before := contents(t, dir)
	got, skipped, err := look(t, dir) // while the owner has it
	if diff := cmp.Diff([]string{"otlp two of one", "ledger three of one"}, got); diff != "" || err != nil || skipped != 0 {
		t.Errorf("%d skipped, %v (-want +got):\n%s", skipped, err, diff)
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestLookAtWhatIsNoSpool(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := look(t, filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if _, _, err := look(t, dir); !errors.Is(err, ErrNoSpool) {
		t.Errorf("an empty directory: %v", err)
	}
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(lockName, nil)
	if got, _, err := look(t, dir); err != nil || got != nil {
		t.Errorf("an empty spool: %v %v", got, err)
	}
	write(segmentName(1), append(newHeader(version+1), "what comes next"...))
	good := appendRecord(append(newHeader(version), "garbage"...), Record{Data: []byte("good")})
	name := segmentName(7)
	write(name, good)
	got, skipped, err := look(t, dir)
	if len(got) != 1 || got[0] != "ledger good" || skipped != 1 || !errors.Is(err, ErrLaterVersion) {
		t.Errorf("%q, %d skipped, %v", got, skipped, err)
	}
}
