package chaos

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A link is one client's connection and the one to the server that belongs to it.
type link struct {
	proxy  *Proxy
	client *net.TCPConn
	silent atomic.Bool     // nothing is handed on any more
	gone   context.Context // ends when both ends are reset
	end    func()          // ends gone

	mu     sync.Mutex
	server *net.TCPConn // nil until there is one
}

// serve treats one connection to its end.
func (p *Proxy) serve(client *net.TCPConn) {
	l := &link{proxy: p, client: client}
	l.gone, l.end = context.WithCancel(context.Background())
	p.mu.Lock()
	m := p.mood
	refused := p.closed || m.Down
	if !refused {
		p.links[l] = struct{}{}
	}
	p.mu.Unlock()
	if refused {
		l.reset()
		return
	}
	defer func() {
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
		l.reset()
	}()
	if m.HalfOpen {
		l.silence()
		_, _ = io.Copy(io.Discard, client) // until the peer leaves or the link is reset
		return
	}
	server, err := (&net.Dialer{}).DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		p.unreached.Add(1)
		return
	}
	if !l.join(server.(*net.TCPConn)) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pass(client, l.server, true) })
	both.Go(func() { l.pass(l.server, client, false) })
	both.Wait()
}

// join gives the link its other end; false when it has been reset meanwhile.
func (l *link) join(server *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = server
	if l.gone.Err() != nil {
		abort(server)
	}
	return l.gone.Err() == nil
}

// silence lets what is sent from now on vanish.
func (l *link) silence() {
	if l.silent.CompareAndSwap(false, true) {
		l.proxy.silenced.Add(1)
	}
}

// reset ends both connections, without the bytes still on their way.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
	abort(l.client)
	if l.server != nil {
		abort(l.server)
	}
}

func abort(c *net.TCPConn) {
	_ = c.SetLinger(0) // a reset instead of an orderly end
	_ = c.Close()      // it is gone either way
}

// pass hands on what comes from one end to the other, as the mood of the moment
// has it, until one of them ends.
func (l *link) pass(from, to *net.TCPConn, request bool) {
	p := l.proxy
	var buffer [16 << 10]byte
	for {
		n, err := from.Read(buffer[:])
		if n > 0 && !l.handOn(to, buffer[:n], request, p.current()) {
			return
		}
		switch {
		case err == nil:
			continue
		case request:
			l.reset() // a client that leaves takes the connection with it
		case !l.silent.Load(): // otherwise the client is not told, and leaves when it is tired of waiting
			_ = to.CloseWrite() // what was sent so far may still be read
		}
		return
	}
}

// handOn writes a piece to one end; false when the link has come to its end.
func (l *link) handOn(to *net.TCPConn, piece []byte, request bool, m Mood) bool {
	p := l.proxy
	wait := m.Latency
	if m.Jitter > 0 {
		wait += time.Duration(p.intN(int(m.Jitter)))
	}
	if m.Bandwidth > 0 {
		wait += time.Duration(float64(len(piece)) / float64(m.Bandwidth) * float64(time.Second))
	}
	if wait > 0 {
		l.sleep(wait)
	}
	if l.gone.Err() != nil {
		return false
	}
	if l.silent.Load() {
		return true // it has vanished
	}
	likely, count := m.CutAnswer, &p.cutAnswers
	if request {
		likely, count = m.CutRequest, &p.cutRequests
	}
	if p.chance(likely) {
		_, _ = to.Write(piece[:p.intN(len(piece))]) // as far as it gets
		count.Add(1)
		// A reset overtakes what was written; let some of it be read first. A
		// server must not take a part for the whole, and answer it.
		if p.chance(0.5) {
			if !request {
				_ = to.CloseWrite()
			}
			l.sleep(time.Millisecond)
		}
		l.reset()
		return false
	}
	_, err := to.Write(piece)
	return err == nil
}

func (l *link) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-l.gone.Done():
	}
}

func (p *Proxy) intN(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.random.IntN(n)
}

func (p *Proxy) current() Mood {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mood
}

// chance is true with the given likelihood.
func (p *Proxy) chance(likely float64) bool {
	if likely <= 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.random.Float64() < likely
}
