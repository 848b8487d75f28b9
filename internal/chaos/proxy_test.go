package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An echo is a server that says back what it is told, and counts.
type echo struct {
	addr     string
	listener net.Listener
	running  sync.WaitGroup
	heard    atomic.Int64 // bytes
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{addr: listener.Addr().String(), listener: listener}
	e.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.running.Go(func() {
				defer conn.Close()
				var buffer [4096]byte
				for {
					n, err := conn.Read(buffer[:])
					e.heard.Add(int64(n))
					if err != nil {
						return
					}
					if _, err := conn.Write(buffer[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { listener.Close(); e.running.Wait() })
	return e
}

func newProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	p, err := New(target, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// say sends text and reads as much back within d.
func say(conn net.Conn, text string, d time.Duration) (string, error) {
	_ = conn.SetDeadline(time.Now().Add(d))
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	back := make([]byte, len(text))
	n, err := io.ReadFull(conn, back)
	return string(back[:n]), err
}

func mustSet(t *testing.T, p *Proxy, m Mood) {
	t.Helper()
	if err := p.Set(m); err != nil {
		t.Fatal(err)
	}
}

func TestCalmPassesEverythingOn(t *testing.T) {
	p := newProxy(t, newEcho(t).addr)
	var all sync.WaitGroup
	for i := range 20 {
		conn := dial(t, p)
		all.Go(func() {
			text := string(bytes.Repeat([]byte{byte('a' + i)}, 200_000))
			// A reader beside the writer, or both would fill their buffers.
			go func() { _, _ = io.WriteString(conn, text) }()
			back := make([]byte, len(text))
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			if n, err := io.ReadFull(conn, back); err != nil || string(back) != text {
				t.Errorf("connection %d: %d bytes back, %v", i, n, err)
			}
		})
	}
	all.Wait()
	if s := p.Stats(); s.Connections != 20 || s.Faults() != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestLatencyAndBandwidthTakeTheirTime(t *testing.T) {
	p := newProxy(t, newEcho(t).addr)
	conn := dial(t, p)
	mustSet(t, p, Mood{Latency: 30 * time.Millisecond, Jitter: 5 * time.Millisecond})
	began := time.Now()
	if back, err := say(conn, "hello", 5*time.Second); err != nil || back != "hello" {
		t.Fatalf("%q, %v", back, err)
	}
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("there and back in %v, want 60ms at least", took)
	}
	mustSet(t, p, Mood{Bandwidth: 10_000})
	began = time.Now()
	if _, err := say(conn, string(make([]byte, 500)), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("500 bytes there and back in %v, want 100ms at least", took)
	}
}

func TestCutRequestNeverArrivesInFull(t *testing.T) {
	e := newEcho(t)
	p := newProxy(t, e.addr)
	mustSet(t, p, Mood{CutRequest: 1})
	for range 20 {
		before := e.heard.Load()
		if back, err := say(dial(t, p), "hello", 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%q, %v; want a reset", back, err)
		}
		if n := e.heard.Load() - before; n >= 5 {
			t.Errorf("%d bytes arrived", n)
		}
	}
	if s := p.Stats(); s.CutRequests != 20 {
		t.Errorf("stats %+v", s)
	}
}

func TestCutAnswerWasGivenByTheServer(t *testing.T) {
	e := newEcho(t)
	p := newProxy(t, e.addr)
	mustSet(t, p, Mood{CutAnswer: 1})
	for range 20 {
		if back, err := say(dial(t, p), "hello", 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%q, %v; want a reset", back, err)
		}
	}
	if n := e.heard.Load(); n != 100 {
		t.Errorf("%d bytes arrived, want 100", n)
	}
	if s := p.Stats(); s.CutAnswers != 20 {
		t.Errorf("stats %+v", s)
	}
}

func TestHalfOpenIsForNewConnectionsAndLasts(t *testing.T) {
	e := newEcho(t)
	p := newProxy(t, e.addr)
	old := dial(t, p)
	if _, err := say(old, "old", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	mustSet(t, p, Mood{HalfOpen: true})
	conn := dial(t, p)
	if _, err := say(conn, "new", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("new connection: %v", err)
	}
	if _, err := say(old, "old", 5*time.Second); err != nil {
		t.Errorf("old connection: %v", err)
	}
	mustSet(t, p, Mood{})
	if _, err := say(conn, "again", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it came back: %v", err)
	}
	if n := e.heard.Load(); n != 6 {
		t.Errorf("%d bytes arrived, want 6", n)
	}
}

func TestBlackholeIsForConnectionsThatAreThere(t *testing.T) {
	e := newEcho(t)
	p := newProxy(t, e.addr)
	conn := dial(t, p)
	if _, err := say(conn, "hello", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	mustSet(t, p, Mood{Blackhole: true})
	if _, err := say(conn, "anybody?", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	mustSet(t, p, Mood{})
	if _, err := say(conn, "hello?", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it came back: %v", err)
	}
	if n := e.heard.Load(); n != 5 {
		t.Errorf("%d bytes arrived, want 5", n)
	}
	if _, err := say(dial(t, p), "hello", 5*time.Second); err != nil {
		t.Errorf("new connection: %v", err)
	}
}

func TestDownRefusesAndComesBackOnItsPort(t *testing.T) {
	p := newProxy(t, newEcho(t).addr)
	conn, addr := dial(t, p), p.Addr()
	if _, err := say(conn, "hello", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	mustSet(t, p, Mood{Down: true})
	if _, err := say(conn, "hello", 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("old connection: %v", err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("a proxy that is down takes connections")
	}
	mustSet(t, p, Mood{})
	if _, err := say(dial(t, p), "hello", 5*time.Second); err != nil || p.Addr() != addr {
		t.Errorf("%s, was %s: %v", p.Addr(), addr, err)
	}
}

func TestServerThatCannotBeReachedEndsTheConnection(t *testing.T) {
	e := newEcho(t)
	e.listener.Close()
	p := newProxy(t, e.addr)
	if conn, err := net.Dial("tcp", p.Addr()); err == nil { // else it was ended already
		defer conn.Close()
		if _, err := say(conn, "hello", 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v", err)
		}
	}
	if s := p.Stats(); s.Unreached != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestCloseEndsConnectionsInEveryMood(t *testing.T) {
	e := newEcho(t)
	for _, m := range append(Moods(), Mood{Name: "an hour of latency", Latency: time.Hour}) {
		p, err := New(e.addr, 1)
		if err != nil {
			t.Fatal(err)
		}
		before := dial(t, p)
		if _, err := say(before, "hello", 5*time.Second); err != nil {
			t.Fatal(err)
		}
		mustSet(t, p, m)
		after, err := net.Dial("tcp", p.Addr())
		if err == nil {
			defer after.Close()
			_, _ = io.WriteString(after, "hello")
		}
		_, _ = io.WriteString(before, "hello")
		p.Close()
		p.Close()
	}
}

func TestMoodsWanderAndEndCalm(t *testing.T) {
	p := newProxy(t, newEcho(t).addr)
	ctx, cancel := context.WithCancel(t.Context())
	var wandering sync.WaitGroup
	wandering.Go(func() { p.Wander(ctx, Moods(), time.Millisecond, 2*time.Millisecond) })
	for p.Stats().Moods < 50 {
		if conn, err := net.Dial("tcp", p.Addr()); err == nil {
			_, _ = say(conn, "hello", 10*time.Millisecond)
			conn.Close()
		}
	}
	cancel()
	wandering.Wait()
	if back, err := say(dial(t, p), "hello", 5*time.Second); err != nil || back != "hello" {
		t.Errorf("%q, %v", back, err)
	}
}

func TestSeedDecidesTheMoods(t *testing.T) {
	schedule := func(seed uint64) (names []string) {
		p, err := New("127.0.0.1:1", seed)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for i := range 30 {
			m, d := p.next(Moods(), time.Second, time.Minute)
			names = append(names, fmt.Sprint(m.Name, d))
			for range i + int(seed) {
				p.chance(0.5) // traffic has no say
			}
		}
		return names
	}
	if a, b := schedule(7), schedule(7); !slices.Equal(a, b) {
		t.Errorf("%q\n%q", a, b)
	}
	if a, b := schedule(7), schedule(8); slices.Equal(a, b) {
		t.Error(fmt.Sprint("two seeds, one schedule: ", a))
	}
}
