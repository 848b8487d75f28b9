package ledgertest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// service stands for the code under test. A real one would give url and key to ledger.Options, as BaseURL and APIKey,
// and log through slog.
type service struct {
	url, key string
	client   *http.Client
}

func (s *service) placeOrder(ctx context.Context, id int) error {
	entry := fmt.Sprintf(`{"logs":[{"timestamp":%q,"level":"info","message":"order placed","attributes":{"order":%d},"log_id":"order-%[2]d"}]}`,
		time.Now().UTC().Format(time.RFC3339Nano), id)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/ingest/batch", bytes.NewReader([]byte(entry)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return errors.New(resp.Status)
	}
	return nil
}

// A test of a service that logs to Ledger.
func Example() {
	srv := ledgertest.NewServer()
	defer srv.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	orders := &service{url: srv.URL, key: ledgertest.APIKey, client: &http.Client{Transport: transport}}
	if err := orders.placeOrder(ctx, 17); err != nil {
		fmt.Println(err)
	}

	if err := srv.Wait(ctx, 1); err != nil {
		fmt.Println(err)
	}
	for _, e := range srv.Entries() {
		fmt.Println(e.Level, e.Message, e.Attributes["order"])
	}
	// Output: info order placed 17
}

// The server refuses one request and loses the answer to the next: the entry was stored, but the client cannot know.
func ExampleServer_Script() {
	srv := ledgertest.NewInMemory()
	defer srv.Close()
	orders := &service{url: srv.URL, key: ledgertest.APIKey, client: &http.Client{Transport: srv.Transport()}}

	srv.Script(ledgertest.RetryAfter(503, "5"), ledgertest.ResetAfterBody())
	fmt.Println(orders.placeOrder(context.Background(), 18))
	fmt.Println(orders.placeOrder(context.Background(), 18) != nil)
	fmt.Println(orders.placeOrder(context.Background(), 18))
	fmt.Println(len(srv.Requests()), "requests,", len(srv.Entries()), "entry,", srv.Duplicates(), "duplicate")
	// Output:
	// 503 Service Unavailable
	// true
	// <nil>
	// 3 requests, 1 entry, 1 duplicate
}
