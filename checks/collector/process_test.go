package collector

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	apiKey  = "ledger_gateway-of-a-test"
	configs = "../../deploy/collector/"
)

// A process is a running gateway.
type process struct {
	t       *testing.T
	command *exec.Cmd
	args    []string
	env     []string
	log     *buffer
	url     string // where handlers send
	health  string
	metrics string
}

// newGateway prepares a gateway with one of the stores; env is NAME=value. Its
// queue is in a directory of the test, so that it outlives the process.
func newGateway(t *testing.T, store string, env ...string) *process {
	t.Helper()
	address, health, metrics := freeAddress(t), freeAddress(t), freeAddress(t)
	host, port, err := net.SplitHostPort(metrics)
	if err != nil {
		t.Fatal(err)
	}
	return &process{
		t: t, log: &buffer{}, url: "http://" + address, health: "http://" + health, metrics: "http://" + metrics + "/metrics",
		args: []string{"--config", configs + "gateway.yaml", "--config", configs + store + ".yaml"},
		env: append([]string{
			"BE_THE_GATEWAY=1", "LEDGER_API_KEY=" + apiKey, "GATEWAY_ENDPOINT=" + address, "GATEWAY_HEALTH=" + health,
			"GATEWAY_METRICS_HOST=" + host, "GATEWAY_METRICS_PORT=" + port, "GATEWAY_STORAGE=" + filepath.Join(t.TempDir(), "queue"),
		}, env...),
	}
}

// set adds a line of configuration, such as "a::b: 1".
func (p *process) set(line string) { p.args = append(p.args, "--config", "yaml:"+line) }

// start starts the gateway, and waits until it takes entries. more are further
// arguments, for this start only.
func (p *process) start(more ...string) {
	p.t.Helper()
	p.command = exec.Command(os.Args[0], append(p.args, more...)...)
	p.command.Env = append(os.Environ(), p.env...)
	p.command.Stdout, p.command.Stderr = p.log, p.log
	if err := p.command.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(p.kill)
	waitFor(p.t, "the gateway to start", func() bool {
		r, err := http.Get(p.health)
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// metric returns the sum of a metric's series, of the gateway's own metrics; −1
// where there is none.
func (p *process) metric(name string) float64 {
	p.t.Helper()
	r, err := http.Get(p.metrics)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	sum, found := 0.0, false
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil && strings.HasPrefix(series, name+"{") {
			sum, found = sum+n, true
		}
	}
	if !found {
		return -1
	}
	return sum
}

// kill ends the gateway as the loss of its machine would.
func (p *process) kill() { p.end(syscall.SIGKILL) }

// stop ends it as an operator would.
func (p *process) stop() { p.end(syscall.SIGTERM) }

func (p *process) end(signal os.Signal) {
	if p.command == nil {
		return
	}
	_ = p.command.Process.Signal(signal)
	_ = p.command.Wait()
	p.command = nil
	if p.t.Failed() {
		p.t.Logf("the gateway says:\n%s", p.log)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waitFor waits until a condition holds, for a minute at most.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for until := time.Now().Add(time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("waited a minute for ", what)
		}
	}
}

// A buffer is a bytes.Buffer for a process that writes while a test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var _ fmt.Stringer = (*buffer)(nil)
