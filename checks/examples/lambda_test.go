package examples

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// TestLambda speaks to the function as the Lambda service does. When it answers
// an invocation, what that one logged has arrived.
func TestLambda(t *testing.T) {
	t.Parallel()
	srv := ledgertest.NewServer()
	defer srv.Close()

	events := make(chan string, 2)
	type result struct {
		path, body string
		entries    int
	}
	results := make(chan result, 2)
	mux := http.NewServeMux()
	invocation := 0
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case event := <-events:
			invocation++
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprint("aws-", invocation))
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(patience).UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-north-1:0:function:orders")
			_, _ = io.WriteString(w, event)
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

	function := start(t, srv, build(t, "lambda"),
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(runtime.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=orders")
	for _, step := range []struct {
		event string
		want  result
	}{
		{`{"id": 1, "amount": 10}`, result{"aws-1 response", "order 1 accepted", 1}},
		{`{"id": 2, "amount": -10}`, result{"aws-2 error", "negative amount", 3}},
	} {
		events <- step.event
		select {
		case got := <-results:
			if got.path != step.want.path || !strings.Contains(got.body, step.want.body) || got.entries != step.want.entries {
				t.Errorf("got %+v, want %+v", got, step.want)
			}
		case <-time.After(patience):
			t.Fatal("the function did not answer")
		}
	}
	for _, e := range srv.Entries() {
		if id, _ := e.Attributes["request_id"].(string); !strings.HasPrefix(id, "aws-") {
			t.Errorf("%q has request_id %v", e.Message, e.Attributes["request_id"])
		}
		if !strings.Contains(function.stdout.String(), `"msg":"`+e.Message+`"`) {
			t.Errorf("standard output, which CloudWatch keeps, has no %q", e.Message)
		}
	}
}
