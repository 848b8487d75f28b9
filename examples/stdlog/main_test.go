package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
)

func TestLinesOfPackageLogArrive(t *testing.T) {
	entries, err := demo.RunJob(run)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		line := e.Level + " " + e.Message
		if from, ok := e.Attributes["logger"].(string); ok {
			line += " [" + from + "]"
		}
		got = append(got, line)
	}
	want := []string{
		"info told by slog",
		"info told by log.Print",
		"warning told by log.Print, as a warning",
		"error http: TLS handshake error from 192.0.2.1: EOF [net/http]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
}
