package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
)

func TestMetricsTellOfEntries(t *testing.T) {
	var metrics string
	entries, err := demo.RunJob(func(ctx context.Context) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(ctx)
		served := make(chan error, 1)
		go func() { served <- serve(ctx, l) }()
		err = func() error {
			for _, path := range []string{"/roll/6", "/roll/none", "/metrics"} {
				resp, err := http.Get("http://" + l.Addr().String() + path)
				if err != nil {
					return err
				}
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				metrics = string(body)
			}
			return nil
		}()
		cancel()
		return errors.Join(err, <-served)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 { // one of the handler, two requests
		t.Errorf("%d entries arrived, want 3", len(entries))
	}
	for _, want := range []string{"ledger_entries_logged_total 3\n", "ledger_breaker_open 0\n", `ledger_status{status="healthy"} 1`, "go_goroutines "} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in /metrics", want)
		}
	}
}
