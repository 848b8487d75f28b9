package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
)

func TestRoutesArriveAsTemplates(t *testing.T) {
	entries, err := demo.Run(serve, requests...)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if e.Attributes["request_id"] == nil {
			t.Errorf("%q has no request_id", e.Message)
		}
		endpoint, ok := e.Attributes["endpoint"].(map[string]any)
		if !ok {
			continue // logged by a handler
		}
		line, _, _ := strings.Cut(e.Message, " (")
		got = append(got, e.LogType+" "+line)
		if path := endpoint["path"].(string); !strings.Contains(line, " "+path+" ") {
			t.Errorf("path %q in %q", path, line)
		}
	}
	want := []string{
		"endpoint GET /users/:id - 200",
		"endpoint GET /users/:id - 404",
		"endpoint GET /api/v1/orders/:order/items/:item - 200",
		"endpoint GET /nowhere/:id - 404", // no route: numbers and ids are taken out
		"exception GET /panic - 500",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
}
