package main

import (
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func TestStacksBeginWhereTheErrorDid(t *testing.T) {
	entries, err := demo.RunJob(run)
	if err != nil {
		t.Fatal(err)
	}
	byMessage := make(map[string]ledgertest.Entry)
	for _, e := range entries {
		byMessage[e.Message] = e
	}
	tests := []struct {
		message   string
		errorType string // "" for any
		text      string
		first     string   // function of the first frame
		causes    []string // "Caused by:" lines
	}{
		{"standard", "*fs.PathError", "read settings: open /does/not/exist: no such file or directory", "run", []string{"*fs.PathError", "syscall.Errno"}},
		{"pkg/errors", "*errors.errorString", "read settings: file does not exist", "readWithPkgErrors", []string{"file does not exist"}},
		{"cockroachdb/errors", "", "read settings: file does not exist", "readWithCockroach", []string{"file does not exist"}},
		{"errors.Join", "*errors.errorString", "read settings: file does not exist\nquota exceeded", "run", []string{"readWithPkgErrors", "quota exceeded"}},
	}
	for _, test := range tests {
		t.Run(test.message, func(t *testing.T) {
			e := byMessage[test.message]
			if e.LogType != "exception" || test.errorType != "" && e.ErrorType != test.errorType || e.ErrorMessage != test.text {
				t.Errorf("got %s %s: %q, want exception %s: %q", e.LogType, e.ErrorType, e.ErrorMessage, test.errorType, test.text)
			}
			if first, _, _ := strings.Cut(e.StackTrace, "\n"); !strings.HasSuffix(first, "."+test.first) {
				t.Errorf("the stack begins %q, want %s", first, test.first)
			}
			_, causes, _ := strings.Cut(e.StackTrace, "Caused by:")
			for _, cause := range test.causes {
				if !strings.Contains(causes, cause) {
					t.Errorf("no cause %q in\n%s", cause, e.StackTrace)
				}
			}
		})
	}
	if e := byMessage["only a warning"]; e.LogType != "logger" || e.StackTrace != "" {
		t.Errorf("the warning is a %s with stack %q", e.LogType, e.StackTrace)
	}
}
