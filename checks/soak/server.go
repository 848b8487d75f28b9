package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// A server takes batches as Ledger's does and keeps of each entry one bit, so
// that its memory does not blur what is measured. Now and then it fails: before
// it takes a batch, or after.
type server struct {
	addr               string
	requests, failures atomic.Int64

	life   sync.Mutex
	http   *http.Server
	served chan struct{}

	mu      sync.Mutex
	random  *rand.Rand
	seen    []uint64 // a bit for each number
	arrived int64    // different entries
	again   int64    // entries that had arrived before
	notices map[string]bool
}

func newServer(seed uint64) (*server, error) {
	s := &server{addr: "127.0.0.1:0", random: rand.New(rand.NewPCG(seed, 7)), seen: make([]uint64, 1<<20), notices: make(map[string]bool)}
	return s, s.start()
}

func (s *server) start() error {
	s.life.Lock()
	defer s.life.Unlock()
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("soak: listen: %w", err)
	}
	s.addr = listener.Addr().String()
	srv, served := &http.Server{Handler: s}, make(chan struct{})
	s.http, s.served = srv, served
	go func() {
		defer close(served)
		_ = srv.Serve(listener) // always an error: the server was stopped
	}()
	return nil
}

func (s *server) stop() {
	s.life.Lock()
	defer s.life.Unlock()
	if s.http == nil {
		return
	}
	_ = s.http.Close() // it is gone either way
	<-s.served
	s.http = nil
}

func (s *server) counts() (arrived, again int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived, s.again
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	unzipped, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, "no gzip", http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(unzipped)
	if err != nil {
		panic(http.ErrAbortHandler) // the client did not send it all
	}
	s.mu.Lock()
	fate := s.random.IntN(100)
	s.mu.Unlock()
	if fate < 3 {
		s.fail(w, fate)
		return
	}
	n, err := s.take(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if fate < 5 {
		s.fail(w, 1)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(w, `{"accepted":%d,"rejected":0}`, n)
}

func (s *server) fail(w http.ResponseWriter, fate int) {
	s.failures.Add(1)
	switch fate {
	case 0:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case 1:
		w.WriteHeader(http.StatusInternalServerError)
	default:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// take notes the entries of a body.
func (s *server) take(body []byte) (n int, err error) {
	var batch struct {
		Logs []struct {
			ID         string `json:"log_id"`
			Attributes struct{ N *uint64 }
		}
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, entry := range batch.Logs {
		if entry.Attributes.N != nil {
			s.note(*entry.Attributes.N)
		} else {
			s.notice(entry.ID)
		}
	}
	return len(batch.Logs), nil
}

// notice notes an entry of the handler's own.
func (s *server) notice(id string) {
	if s.notices[id] {
		s.again++
		return
	}
	s.notices[id] = true
	s.arrived++
}

// note notes the entry of a record.
func (s *server) note(number uint64) {
	for number/64 >= uint64(len(s.seen)) {
		s.seen = append(s.seen, make([]uint64, len(s.seen))...)
	}
	if bit := uint64(1) << (number % 64); s.seen[number/64]&bit != 0 {
		s.again++
	} else {
		s.seen[number/64] |= bit
		s.arrived++
	}
}
