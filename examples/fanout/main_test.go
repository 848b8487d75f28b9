package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func TestFileTakesOverWhileTheServerIsDown(t *testing.T) {
	srv := ledgertest.NewServer()
	defer srv.Close()
	var stdout, file bytes.Buffer
	if err := demonstrate(srv, &stdout, &file); err != nil {
		t.Fatal(err)
	}
	var arrived []string
	for _, e := range srv.Entries() {
		arrived = append(arrived, e.Message)
	}
	slices.Sort(arrived) // what was held during the outage comes in any order
	all := []string{"all is well", "the first record of the outage", "logged while the server is down", "all is well again"}
	if diff := cmp.Diff(slices.Sorted(slices.Values(all)), arrived); diff != "" {
		t.Errorf("the server has (-want +got):\n%s", diff)
	}
	for _, message := range all {
		if !strings.Contains(stdout.String(), message) {
			t.Errorf("standard output lacks %q", message)
		}
		if got, want := strings.Contains(file.String(), `"`+message+`"`), message == all[2]; got != want {
			t.Errorf("the file has %q: %t, want %t", message, got, want)
		}
	}
}
