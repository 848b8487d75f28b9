package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// marker is in every record exactly once, so that a sink can count records
// whatever format they come in.
const marker = "request handled for customer"

// A sink is a loopback HTTP server that takes what any of the shippers sends
// and answers in its service's words.
type sink struct {
	URL string

	// decode has bodies decompressed and their records counted; without it they
	// are read and thrown away.
	decode bool
	delay  time.Duration // before each answer
	hang   chan struct{} // when set, no answer comes until it is closed

	records atomic.Int64
	bytes   atomic.Int64 // as sent
	now     atomic.Int32 // requests at this moment
	most    atomic.Int32 // requests side by side

	server *http.Server
}

func newSink(set func(*sink)) *sink {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fatal(err)
	}
	s := &sink{URL: "http://" + listener.Addr().String()}
	if set != nil {
		set(s)
	}
	s.server = &http.Server{Handler: s}
	go func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fatal(err)
		}
	}()
	return s
}

func (s *sink) close() {
	if s.hang != nil {
		close(s.hang)
	}
	_ = s.server.Close()
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.now.Add(-1)
	for n := s.now.Add(1); ; {
		most := s.most.Load()
		if n <= most || s.most.CompareAndSwap(most, n) {
			break
		}
	}
	s.read(r)
	if s.hang != nil {
		<-s.hang
	}
	time.Sleep(s.delay)
	answer(w, r.URL.Path)
}

// answer says that all was taken, in the words of the service asked.
func answer(w http.ResponseWriter, path string) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(path, "/v1/logs"):
		w.Header().Set("Content-Type", "application/x-protobuf")
	case strings.HasSuffix(path, "/ingest/batch"):
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"accepted":1,"rejected":0,"message":null,"errors":null}`)
	case strings.HasSuffix(path, "/push"):
		w.WriteHeader(http.StatusNoContent)
	default: // Axiom, Sentry
		_, _ = io.WriteString(w, `{"ingested":1,"failed":0,"processedBytes":1}`)
	}
}

func (s *sink) read(r *http.Request) {
	counted := &countingReader{Reader: r.Body}
	defer func() { s.bytes.Add(counted.n) }()
	if !s.decode {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, counted, *buf) // not by io.Discard's own ReadFrom
		return
	}
	var body io.Reader = counted
	switch {
	case r.Header.Get("Content-Encoding") == "gzip":
		zr, err := gzip.NewReader(counted)
		if err != nil {
			return
		}
		body = zr
	case r.Header.Get("Content-Encoding") == "zstd":
		zr, err := zstd.NewReader(counted, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return
		}
		defer zr.Close()
		body = zr
	case strings.HasSuffix(r.URL.Path, "/push"):
		packed, _ := io.ReadAll(counted)
		plain, err := snappy.Decode(nil, packed)
		if err != nil {
			return
		}
		body = bytes.NewReader(plain)
	}
	text, _ := io.ReadAll(body)
	s.records.Add(int64(bytes.Count(text, []byte(marker))))
}

// buffers are what bodies are read with that are thrown away: of 64 KiB, since servers
// read large pieces (asyncio, on which the real one runs, up to 256 KiB), and io.Discard
// only 8.
var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

type countingReader struct {
	io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
