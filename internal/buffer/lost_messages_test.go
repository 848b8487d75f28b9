package buffer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

func said(level wire.Level, message string) *Entry {
	return &Entry{Data: append([]byte{byte(level)}, message...), Format: plainFormat{}}
}

// What is commonest is found among a hundred thousand that are not, with a count that
// is never too high, and everything is forgotten afterwards.
func TestSketchFindsTheCommonest(t *testing.T) {
	var s sketch
	for i := range 100_000 {
		s.add(said(wire.Info, fmt.Sprint("user ", i)))
		if i%5 == 0 {
			s.add(said(wire.Warning, "cache missed"))
		}
		if i%10 == 0 {
			s.add(said(wire.Error, "cache missed"))
			s.add(said(wire.Info, "request served"))
		}
	}
	if len(s.kept) > lostKept || len(s.at) > lostKept {
		t.Errorf("%d and %d are kept", len(s.kept), len(s.at))
	}
	told := s.take()
	if len(told) != lostTold {
		t.Fatalf("%d are told", len(told))
	}
	for i, want := range []Lost{{"cache missed", "warning", 20_000}, {"cache missed", "error", 10_000}, {"request served", "info", 10_000}} {
		got := told[i]
		if i > 0 && got.Level != want.Level { // of the same count
			want = Lost{"request served", "info", 10_000}
			if got.Level == "error" {
				want = Lost{"cache missed", "error", 10_000}
			}
		}
		if got.Message != want.Message || got.Level != want.Level || got.Count > want.Count || got.Count < want.Count*9/10 {
			t.Errorf("%+v, want nearly %+v", got, want)
		}
	}
	if again := s.take(); len(again) != 0 {
		t.Errorf("%+v are left", again)
	}
}

func TestSketchCountsFewExactlyAndCutsLongOnes(t *testing.T) {
	var s sketch
	for range 3 {
		s.add(said(wire.Critical, strings.Repeat("é", 100)))
		s.add(said(wire.Info, strings.Repeat("x", 99)+"é"))
	}
	s.add(said(wire.Info, ""))
	want := []Lost{
		{strings.Repeat("é", 50), "critical", 3},
		{strings.Repeat("x", 99), "info", 3},
		{"", "info", 1},
	}
	if diff := cmp.Diff(want, s.take()); diff != "" {
		t.Error(diff)
	}
}
