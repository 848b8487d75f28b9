package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgerview"
)

// A server is a viewer on a port of this machine. It can be stopped and started again on the same port.
type server struct {
	t      testing.TB
	addr   string
	viewer *ledgerview.Viewer
	http   *http.Server
}

func serve(t testing.TB) *server {
	t.Helper()
	s := &server{t: t, addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.t.Helper()
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	s.viewer = ledgerview.New(&ledgerview.Options{SourceDir: ".", Editor: "vscode://file/{file}:{line}"})
	s.http = &http.Server{Handler: s.viewer, ReadHeaderTimeout: patience}
	go s.http.Serve(listener)
}

func (s *server) stop() {
	s.viewer.Close()
	s.http.Close()
}

func (s *server) url(hash string) string { return "http://" + s.addr + "/" + hash }

// An entry is a record as the native protocol carries it.
type entry map[string]any

// send posts entries to the viewer, as a service would.
func (s *server) send(entries ...entry) {
	s.t.Helper()
	if status := s.post(entries...); status/100 != 2 {
		s.t.Fatalf("the viewer answered %d", status)
	}
}

// post posts entries and answers the status.
func (s *server) post(entries ...entry) int {
	s.t.Helper()
	now := time.Now()
	for i, e := range entries {
		if e["timestamp"] == nil {
			e["timestamp"] = now.Add(time.Duration(i) * time.Microsecond).UTC().Format("2006-01-02T15:04:05.000000Z")
		}
		if e["level"] == nil {
			e["level"] = "info"
		}
		if attributes, _ := e["attributes"].(map[string]any); attributes == nil {
			e["attributes"] = map[string]any{"service": "shop"}
		} else if attributes["service"] == nil {
			attributes["service"] = "shop"
		}
	}
	body, err := json.Marshal(map[string]any{"logs": entries})
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequest("POST", s.url("api/v1/ingest/batch"), strings.NewReader(string(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-API-Key", ledgerview.APIKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// sendMany posts n entries with numbered messages, 1000 at a time.
func (s *server) sendMany(n int, message string) {
	s.t.Helper()
	for sent := 0; sent < n; {
		var batch []entry
		for ; sent < n && len(batch) < 1000; sent++ {
			batch = append(batch, entry{"message": fmt.Sprintf("%s %d", message, sent+1), "attributes": map[string]any{"n": sent + 1, "user": map[string]any{"id": sent % 7, "tier": "plus"}}})
		}
		s.send(batch...)
	}
}

// endpoint is the record of one request, as httplog writes it.
func endpoint(method, path string, status int, duration float64, requestID string) entry {
	level := "info"
	if status >= 500 {
		level = "error"
	} else if status >= 400 {
		level = "warning"
	}
	return entry{"message": fmt.Sprintf("%s %s - %d (%.0fms)", method, path, status, duration), "level": level, "log_type": "endpoint", "attributes": map[string]any{
		"request_id": requestID, "endpoint": map[string]any{"method": method, "path": path, "status_code": status, "duration_ms": duration},
	}}
}

// mix sends a little of everything, so that no tab is empty.
func (s *server) mix() {
	s.t.Helper()
	for i := range 12 {
		id := fmt.Sprintf("req-%02d", i)
		s.send(entry{"message": "session loaded", "level": "debug", "attributes": map[string]any{"request_id": id, "duration_ms": 1.5}},
			entry{"message": "slow query", "level": "warning", "attributes": map[string]any{"request_id": id, "db": map[string]any{"rows": i, "name": "orders.get"}}},
			endpoint("GET", "/orders/{id}", []int{200, 200, 404, 500}[i%4], float64(5+i*i), id))
	}
	s.logErrors()
	s.send(entry{"message": "catalogue imported", "attributes": map[string]any{"password": "***", "preview": strings.Repeat("sku,name,price\n", 40)}})
	s.sendMany(40, "poll")
}

// logErrors logs errors with causes through the real handler.
func (s *server) logErrors() {
	s.t.Helper()
	handler, err := ledger.NewHandler(&ledger.Options{BaseURL: s.url(""), APIKey: ledgerview.APIKey, Service: "shop", Release: "v1.8.2"})
	if err != nil {
		s.t.Fatal(err)
	}
	log := slog.New(handler)
	for i := range 3 {
		log.Error("create order failed", "error", createOrder(), "order_id", i)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := handler.Shutdown(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func createOrder() error {
	if err := insertOrder(); err != nil {
		return fmt.Errorf("create order: %w", err) // this line is what the panel shows
	}
	return nil
}

func insertOrder() error {
	return fmt.Errorf("insert order: %w", &fs.PathError{Op: "write", Path: "orders.db", Err: fs.ErrPermission})
}
