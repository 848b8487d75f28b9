// Package chaos is a TCP proxy that does to connections what bad networks do: it is slow, narrow or silent, and cuts
// them in the middle. It promises that every byte it hands on is one that was sent, in order, and that nothing runs
// any more once a proxy is closed.
//
// Only tests and the soak program call it: they put it between a client and a server, and change its mood while they
// run. It must never know what passes through it: no HTTP, no Ledger.
package chaos

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Mood is how a proxy treats its connections. The zero Mood passes everything
// on at once.
type Mood struct {
	Name string

	// Latency and up to Jitter more pass before anything is handed on, in
	// either direction.
	Latency, Jitter time.Duration
	// Bandwidth is in bytes a second, for each connection and direction; 0 means
	// no limit.
	Bandwidth int
	// CutRequest and CutAnswer are how likely it is, in [0, 1], that a piece of
	// a request or an answer is handed on in part or not at all, and both
	// connections are reset then. A cut answer is one that the server gave and
	// the client may not have seen.
	CutRequest, CutAnswer float64
	// HalfOpen is for connections that begin in this mood: they are accepted,
	// nothing is ever handed on, and they never end by themselves.
	HalfOpen bool
	// Blackhole is for connections that are there already: what is sent on them
	// vanishes, and they never end by themselves.
	Blackhole bool
	// Down resets all connections and refuses new ones.
	Down bool
}

// Stats count what a proxy has done.
type Stats struct {
	Connections int64 // accepted
	CutRequests int64 // connections reset in the middle of a request
	CutAnswers  int64 // connections reset in the middle of an answer, or before it
	Silenced    int64 // connections that fell silent for good
	Unreached   int64 // connections whose server could not be reached
	Moods       int64 // changes of mood
}

// Faults is how many connections came to harm.
func (s Stats) Faults() int64 { return s.CutRequests + s.CutAnswers + s.Silenced + s.Unreached }

// A Proxy listens on loopback and passes connections on to a server, as its mood
// has it. It is safe for concurrent use.
type Proxy struct {
	target, addr string
	ctx          context.Context // ends with Close
	cancel       context.CancelFunc
	running      sync.WaitGroup

	connections, cutRequests, cutAnswers, silenced, unreached, moods atomic.Int64

	life     sync.Mutex // held while the listener comes and goes
	listener net.Listener

	mu     sync.Mutex
	mood   Mood
	random *rand.Rand // for what happens to connections
	moody  *rand.Rand // for Wander, so that traffic does not change its course
	links  map[*link]struct{}
	closed bool
}

// New starts a proxy for the server at target, a host and port. Seed decides all
// that is left to chance. The caller must Close it.
func New(target string, seed uint64) (*Proxy, error) {
	p := &Proxy{
		target: target,
		addr:   "127.0.0.1:0",
		random: rand.New(rand.NewPCG(seed, 1)),
		moody:  rand.New(rand.NewPCG(seed, 2)),
		links:  make(map[*link]struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.listen(); err != nil {
		p.cancel()
		return nil, err
	}
	p.addr = p.listener.Addr().String() // for good
	return p, nil
}

// Addr is the host and port to connect to; it stays the same when the proxy is
// down for a while.
func (p *Proxy) Addr() string { return p.addr }

// URL is the proxy's address as the base URL of an HTTP server.
func (p *Proxy) URL() string { return "http://" + p.addr }

// Stats returns what was done so far.
func (p *Proxy) Stats() Stats {
	return Stats{
		Connections: p.connections.Load(), CutRequests: p.cutRequests.Load(), CutAnswers: p.cutAnswers.Load(),
		Silenced: p.silenced.Load(), Unreached: p.unreached.Load(), Moods: p.moods.Load(),
	}
}

// Set changes the mood, for the connections there are and for those to come. The
// error is about a port that cannot be had again after [Mood.Down].
func (p *Proxy) Set(m Mood) error {
	p.life.Lock()
	defer p.life.Unlock()
	p.mu.Lock()
	p.mood = m
	links := slices.Collect(maps.Keys(p.links))
	p.mu.Unlock()
	p.moods.Add(1)
	if m.Down {
		p.deafen()
		for _, l := range links {
			l.reset()
		}
		return nil
	}
	if m.Blackhole {
		for _, l := range links {
			l.silence()
		}
	}
	if p.listener == nil && p.ctx.Err() == nil {
		return p.listen()
	}
	return nil
}

// Close resets all connections and returns when nothing runs any more.
func (p *Proxy) Close() {
	p.life.Lock()
	defer p.life.Unlock()
	p.cancel()
	p.deafen()
	p.mu.Lock()
	p.closed = true
	for l := range p.links {
		l.reset()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// listen accepts connections from now on. life is held, but by New.
func (p *Proxy) listen() error {
	listener, err := net.Listen("tcp", p.addr)
	if err != nil {
		return err
	}
	p.listener = listener
	p.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				if errors.Is(err, net.ErrClosed) {
					return
				}
				continue // out of descriptors, or the client has left
			}
			p.connections.Add(1)
			p.running.Go(func() { p.serve(conn.(*net.TCPConn)) })
		}
	})
	return nil
}

// deafen closes the listener. life is held.
func (p *Proxy) deafen() {
	if p.listener != nil {
		_ = p.listener.Close() // it is gone either way
		p.listener = nil
	}
}

// Wander changes the mood at random until ctx ends or the proxy is closed, and
// leaves a calm proxy behind. Each mood lasts between least and most.
func (p *Proxy) Wander(ctx context.Context, moods []Mood, least, most time.Duration) {
	for {
		m, wait := p.next(moods, least, most)
		_ = p.Set(m) // a port that is taken is one more way to be down
		select {
		case <-time.After(wait):
		case <-p.ctx.Done():
			return
		case <-ctx.Done():
			for p.Set(Mood{Name: "calm"}) != nil && p.ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			return
		}
	}
}

// next draws a mood and how long it lasts.
func (p *Proxy) next(moods []Mood, least, most time.Duration) (Mood, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return moods[p.moody.IntN(len(moods))], least + time.Duration(p.moody.Int64N(int64(most-least)+1))
}

// Moods are one of each kind, in proportions that let some traffic through.
func Moods() []Mood {
	return []Mood{
		{Name: "calm"},
		{Name: "slow", Latency: 5 * time.Millisecond, Jitter: 20 * time.Millisecond},
		{Name: "narrow", Bandwidth: 100_000},
		{Name: "cuts requests", CutRequest: 0.5},
		{Name: "cuts answers", CutAnswer: 0.5},
		{Name: "loses every answer", CutAnswer: 1},
		{Name: "cuts both, slowly", CutRequest: 0.1, CutAnswer: 0.1, Latency: time.Millisecond, Jitter: 5 * time.Millisecond},
		{Name: "half-open", HalfOpen: true},
		{Name: "blackhole", Blackhole: true},
		{Name: "down", Down: true},
		{Name: "calm"},
	}
}
