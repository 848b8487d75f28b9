package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/examples/internal/demo"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

func TestEachInvocationIsDeliveredWhenItEnds(t *testing.T) {
	entries, err := demo.RunJob(demonstrate)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprint(e.Attributes["request_id"], " ", e.Message))
	}
	want := []string{"invocation-1 order received", "invocation-2 order received", "invocation-2 order refused"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("arrived %q, want %q", got, want)
	}
}

// The program itself, spoken to as the Lambda service does: when it answers an
// invocation, what that one logged has arrived.
func TestUnderTheRuntimeAPI(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "function")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	srv := ledgertest.NewServer()
	defer srv.Close()

	payloads := make(chan order, 2)
	payloads <- order{ID: 1, Amount: 10}
	payloads <- order{ID: 2, Amount: -10}
	type result struct {
		path, body string
		entries    int
	}
	results := make(chan result, 2)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case o := <-payloads:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprint("aws-", o.ID))
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(5*time.Second).UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-north-1:0:function:orders")
			_ = json.NewEncoder(w).Encode(o)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{what}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		results <- result{r.PathValue("id") + " " + r.PathValue("what"), string(body), len(srv.Entries())}
		w.WriteHeader(http.StatusAccepted)
	})
	runtime := httptest.NewServer(mux)
	defer runtime.Close()

	function := exec.Command(binary)
	function.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(runtime.URL, "http://"),
		"AWS_LAMBDA_FUNCTION_NAME=orders", "LEDGER_API_KEY="+ledgertest.APIKey, "LEDGER_BASE_URL="+srv.URL)
	function.Stdout, function.Stderr = os.Stdout, os.Stderr
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = function.Process.Kill()
		_ = function.Wait()
	}()
	for _, want := range []result{{"aws-1 response", "order 1 accepted", 1}, {"aws-2 error", "negative amount", 3}} {
		select {
		case got := <-results:
			if got.path != want.path || !strings.Contains(got.body, want.body) || got.entries != want.entries {
				t.Errorf("got %+v, want %+v", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the function did not answer")
		}
	}
	for _, e := range srv.Entries() {
		if id, _ := e.Attributes["request_id"].(string); !strings.HasPrefix(id, "aws-") {
			t.Errorf("%q has request_id %v", e.Message, e.Attributes["request_id"])
		}
	}
}
