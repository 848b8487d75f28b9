package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ledger-sdk/ledger-go"
	"github.com/ledger-sdk/ledger-go/ledgertest"
)

// These tests run this test binary again, as a program that logs and dies.

// spooling are programs with a spool, whose server is away. Each runs in a process of
// its own.
var spooling = map[string]func(*testing.T, *ledger.Handler){
	"logs until it is killed": func(_ *testing.T, h *ledger.Handler) {
		log := slog.New(h)
		for i := range 200 * 60 {
			log.Info("request served", "i", i)
			fmt.Println("logged", i)
			time.Sleep(5 * time.Millisecond)
		}
	},
	"logs much and ends": func(_ *testing.T, h *ledger.Handler) {
		log := slog.New(h)
		for i := range 70_000 {
			log.Info("request served for a customer with a name of some length", "i", i, "path", "/users/{id}/orders", "elapsed", 45*time.Millisecond, "text", strings.Repeat("x", 80))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := h.Shutdown(ctx)
		took := time.Since(began)
		m := h.Metrics()
		fmt.Println("ended", m.Buffer.InFlight, m.Buffer.CurrentSize, m.Buffer.TotalDropped, m.Buffer.Spooled, took.Milliseconds(), err)
		os.Exit(0)
	},
}

// TestSpoolingProcess is the process that dies; it does nothing in a test run.
func TestSpoolingProcess(t *testing.T) {
	program := spooling[os.Getenv("TEST_SPOOLING")]
	if program == nil {
		return
	}
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: ledgertest.APIKey, BaseURL: os.Getenv("TEST_URL"), SpoolDir: os.Getenv("TEST_DIR"), Protocol: ledger.Protocol(os.Getenv("TEST_PROTOCOL")),
		MaxBufferSize: 100_000, MaxBufferBytes: 1 << 30, SpoolMaxBytes: 1 << 30, Diagnostics: slog.DiscardHandler,
	})
	if err != nil {
		t.Fatal(err)
	}
	program(t, h)
}

// startSpooling starts such a process, with a server that answers nothing. What it
// prints comes from the reader.
func startSpooling(t *testing.T, what, dir string, protocol ledger.Protocol) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSpoolingProcess$")
	child.Env = append(os.Environ(), "TEST_SPOOLING="+what, "TEST_URL=http://"+listener.Addr().String(), "TEST_DIR="+dir, "TEST_PROTOCOL="+string(protocol), "GORACE=atexit_sleep_ms=0")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	return child, bufio.NewScanner(out)
}

// deliveredFrom starts a handler on what is in dir, and returns how often each i arrives.
func deliveredFrom(t *testing.T, dir string, protocol ledger.Protocol) map[string]int {
	t.Helper()
	served := ledgertest.Native
	if protocol == ledger.ProtocolOTLP {
		served = ledgertest.OTLP
	}
	server := ledgertest.NewServer(ledgertest.WithProtocol(served), ledgertest.WithRateLimits(0, 0), ledgertest.WithDailyQuota(0))
	defer server.Close()
	connections := &http.Transport{MaxIdleConnsPerHost: 10}
	defer connections.CloseIdleConnections()
	h, err := ledger.NewHandler(&ledger.Options{
		APIKey: ledgertest.APIKey, BaseURL: server.URL, SpoolDir: dir, Protocol: protocol, HTTPTransport: connections,
		Diagnostics: slog.DiscardHandler, RequestsPerMinute: 1e7, RequestsPerHour: 1e8, SpoolMaxBytes: 1 << 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	// Shutdown delivers what is on disk, too, while the server takes it.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if m := h.Metrics(); m.Buffer.Spooled != 0 || lawBroken(m) {
		t.Errorf("%+v", m)
	}
	times := make(map[string]int)
	for _, e := range server.Entries() {
		times[fmt.Sprint(e.Attributes["i"])]++
	}
	return times
}

// A process that is killed loses what it logged in the last second, and no more.
func TestKillCostsTheLastSecond(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		t.Parallel()
		dir := t.TempDir()
		child, out := startSpooling(t, "logs until it is killed", dir, protocol)
		var logged []time.Time // when we read of it
		began := time.Now()
		for out.Scan() {
			if _, number, ok := strings.Cut(out.Text(), "logged "); ok {
				if n, err := strconv.Atoi(number); err != nil || n != len(logged) {
					t.Fatalf("%q after %d", out.Text(), len(logged))
				}
				logged = append(logged, time.Now())
				if time.Since(began) > 4*time.Second {
					break
				}
			}
		}
		killed := time.Now()
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait()
		arrived := deliveredFrom(t, dir, protocol)
		lost := 0
		var oldest time.Duration
		for i, at := range logged {
			if arrived[fmt.Sprint(i)] == 0 {
				lost++
				oldest = max(oldest, killed.Sub(at))
			}
		}
		t.Logf("%d logged, %d lost, the oldest of them logged %v before", len(logged), lost, oldest.Round(time.Millisecond))
		if len(logged) < 100 || lost == 0 || oldest > 1500*time.Millisecond { // 500 of them for a busy machine
			t.Errorf("%d logged, %d lost, the oldest of them logged %v before", len(logged), lost, oldest)
		}
	})
}

// After Shutdown everything is delivered, dropped and counted, or on disk, however much
// there was and however short its deadline: the program may exit then.
func TestShutdownLeavesAllOnDiskByItsDeadline(t *testing.T) {
	forProtocols(t, func(t *testing.T, protocol ledger.Protocol) {
		dir := t.TempDir()
		child, out := startSpooling(t, "logs much and ends", dir, protocol)
		ended := ""
		for out.Scan() {
			if text, ok := strings.CutPrefix(out.Text(), "ended "); ok {
				ended = text
			}
		}
		if err := child.Wait(); err != nil {
			t.Fatal(err)
		}
		t.Logf("in flight, queued, dropped, on disk, ms: %s", ended)
		if !strings.HasPrefix(ended, "0 0 0 70000 ") {
			t.Errorf("ended with %s", ended)
		}
		arrived := deliveredFrom(t, dir, protocol)
		if len(arrived) != 70_000 {
			t.Errorf("%d of 70000 arrived", len(arrived))
		}
		for i, n := range arrived {
			if n != 1 {
				t.Errorf("%s arrived %d times", i, n)
			}
		}
	})
}
