package main

import (
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
)

func TestEachJobIsToldOf(t *testing.T) {
	entries, err := demo.RunJob(run)
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for _, e := range entries {
		count[e.Message]++
		if e.Attributes["payment_id"] == nil {
			t.Errorf("%q has no payment_id", e.Message)
		}
		if strings.HasPrefix(e.ErrorMessage, "panic: ") {
			if first, _, _ := strings.Cut(e.StackTrace, "\n"); !strings.Contains(first, ".process") {
				t.Errorf("the panic's stack does not begin where it was:\n%s", e.StackTrace)
			}
		}
	}
	if count["job started"] != 4 || count["job done"] != 2 || count["job failed"] != 2 {
		t.Errorf("arrived %v", count)
	}
}
