package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const batchSize = 1000

// A server is the command in a process of its own.
type server struct {
	cmd    *exec.Cmd
	url    string
	client *http.Client
	sent   int // records, so that each has an id of its own
}

// start starts the command, and returns once it serves the page.
func start(ctx context.Context, binary string, args ...string) (*server, error) {
	s := &server{
		cmd:    exec.CommandContext(ctx, binary, append([]string{"-addr", "127.0.0.1:18000"}, args...)...),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
	}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("read the address: %w", err)
	}
	go io.Copy(io.Discard, out)
	s.url = strings.TrimSpace(strings.TrimPrefix(line, "ledgerview: "))
	return s, s.get(ctx, "/", io.Discard)
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait()
	s.client.CloseIdleConnections()
}

func (s *server) get(ctx context.Context, path string, into io.Writer) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	_, err = io.Copy(into, resp.Body)
	return err
}

// ask asks n times, and returns how long each took.
func (s *server) ask(ctx context.Context, path string, n int) (took []time.Duration, err error) {
	for range n {
		began := time.Now()
		if err := s.get(ctx, path, io.Discard); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

type stats struct {
	Received, Kept, Evicted, Bytes int
}

func (s *server) stats() (st stats, err error) {
	var b bytes.Buffer
	if err := s.get(context.Background(), "/api/stats", &b); err != nil {
		return st, err
	}
	return st, json.Unmarshal(b.Bytes(), &st)
}

// resident is the memory of the process, as Linux tells it.
func (s *server) resident() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("no VmRSS")
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib * 1024, err
}

// processor is the processor time that the process has taken, as Linux tells it.
func (s *server) processor() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("no times in /proc/pid/stat")
	}
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	const tick = 10 * time.Millisecond
	return time.Duration(user+system) * tick, errors.Join(errUser, errSystem)
}

// send sends n records in requests of 1000, rate a second, or as fast as they are answered when it is 0. It returns how
// long each answer took.
func (s *server) send(ctx context.Context, n, rate int) (took []time.Duration, err error) {
	const workers = 4
	bodies := make(chan []byte, workers)
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for body := range bodies {
				began := time.Now()
				failure := s.post(ctx, body)
				mu.Lock()
				took = append(took, time.Since(began))
				err = errors.Join(err, failure)
				mu.Unlock()
			}
		})
	}
	begin := time.Now()
	for i := range n / batchSize {
		body := s.body()
		if rate > 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * batchSize * time.Second / time.Duration(rate))))
		}
		bodies <- body
	}
	close(bodies)
	wait.Wait()
	return took, err
}

func (s *server) post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/ingest/batch", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", "ledger_benchmark")
	resp, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusAccepted || !bytes.HasPrefix(answer, []byte(`{"accepted":1000,`))) {
		err = fmt.Errorf("%s: %.300s", resp.Status, answer)
	}
	return err
}

var (
	words    = strings.Fields("created loaded refused sent received cached expired updated removed retried")
	services = []string{"shop-api", "web", "notifier"}
	tiers    = []string{"free", "plus", "pro", "free", "plus", "pro", "free", "plus", "pro", "gold"}
	levels   = []string{"info", "info", "info", "debug", "info", "warning", "info", "info", "debug", "error"}
)

// body is a request of 1000 records, each of about 300 bytes.
func (s *server) body() []byte {
	b := append(make([]byte, 0, 330*batchSize), `{"logs":[`...)
	now := time.Now().UTC()
	for i := range batchSize {
		n := s.sent + i
		if i > 0 {
			b = append(b, ',')
		}
		word := words[n%len(words)]
		if n%10_000 == 0 {
			word = "needle"
		}
		b = fmt.Appendf(b, `{"timestamp":"%s","level":"%s","message":"order %s in warehouse %d","environment":"bench","log_id":"abcdefghijklmnop-%016x","attributes":{"service":"%s","user":{"id":%d,"tier":"%s"},`,
			now.Add(time.Duration(i)*time.Microsecond).Format("2006-01-02T15:04:05.000000Z"), levels[n%len(levels)], word, n%97, n, services[n%len(services)], n%5000, tiers[n/7%len(tiers)])
		if n%4 == 0 {
			b = fmt.Appendf(b, `"endpoint":{"method":"GET","path":"/orders/{id}","status_code":200,"duration_ms":%d.5},"request_id":"%032x"}}`, n%300, n/4)
		} else {
			b = fmt.Appendf(b, `"sku":"TEE-BLK-%d","items":%d,"cache":true,"request_id":"%032x"}}`, n%1000, n%9, n/4)
		}
	}
	s.sent += batchSize
	return append(b, `]}`...)
}

// pages are browsers' streams and the questions that go with them.
type pages struct {
	end  context.CancelFunc
	wait sync.WaitGroup
}

// openPages opens n pages: each reads its stream, and asks for the histogram and the figures once a second.
func (s *server) openPages(ctx context.Context, n int) *pages {
	ctx, cancel := context.WithCancel(ctx)
	p := &pages{end: cancel}
	for range n {
		p.wait.Go(func() { _ = s.get(ctx, "/api/stream", io.Discard) })
		p.wait.Go(func() {
			for ctx.Err() == nil {
				_ = s.get(ctx, "/api/histogram", io.Discard)
				_ = s.get(ctx, "/api/stats", io.Discard)
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
		})
	}
	return p
}

func (p *pages) close() {
	p.end()
	p.wait.Wait()
}

func percentile(took []time.Duration, p int) time.Duration {
	slices.Sort(took)
	return took[max(1, (len(took)*p+99)/100)-1]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
