package ledgerview

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	streamPause = 50 * time.Millisecond // between two looks; many records come in one event
	streamAlive = 15 * time.Second      // between signs of life
	writeTime   = 30 * time.Second      // for one event, or a piece of an answer; a client that takes longer is gone
	maxEvent    = 500                   // records in an event; with the pause, 10 000 a second
	maxEventLen = 1 << 20               // bytes, roughly, in an event
	maxBehind   = 20000                 // records that a page may lag behind before it misses some
	keepBehind  = 2000                  // of them, how many it still gets
)

// stream serves GET /api/stream. Ingest does not know of streams: each looks at the ring in its own time.
func (v *Viewer) stream(w http.ResponseWriter, r *http.Request) {
	p := readParams(r)
	f := p.filter()
	newest := v.ring.stats(time.Now()).last
	last := p.number("after", newest, 0, 1<<63)
	if id, err := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64); err == nil {
		last = id
	}
	if last > newest { // an id of a viewer before this one
		last = 0
	}
	if p.err != nil {
		answerFault(w, p.err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	v.streams.Add(1)
	defer v.streams.Add(-1)
	s := streamer{v: v, w: w, control: http.NewResponseController(w), filter: f, last: last}
	if !s.write([]byte(": connected\nretry: 1000\n\n")) {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := context.AfterFunc(v.life, cancel)
	defer stop()
	s.run(ctx)
}

// A streamer sends one page what comes in.
type streamer struct {
	v       *Viewer
	w       http.ResponseWriter
	control *http.ResponseController
	filter  filter
	last    uint64 // the id up to which all was sent, or told as missed
	buffer  []byte
}

func (s *streamer) run(ctx context.Context) {
	alive := time.NewTicker(streamAlive)
	defer alive.Stop()
	pause := time.NewTimer(streamPause)
	defer pause.Stop()
	for {
		select {
		case <-s.v.ring.wait(s.last + 1):
			if !s.catchUp(ctx) {
				return
			}
		case <-alive.C:
			if !s.write([]byte(": alive\n\n")) {
				return
			}
		case <-ctx.Done():
			return
		}
		pause.Reset(streamPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// catchUp sends one event of what came since last, and reports whether the page is still there. More waits for the next
// look, so a page gets no more than it can show, and ten pages leave the processor to what comes in.
func (s *streamer) catchUp(ctx context.Context) bool {
	snap := s.v.ring.snapshot(s.last + 1)
	if s.last+1 >= snap.next {
		return true
	}
	missed := 0
	if first := snap.first(); first > s.last+1 {
		missed = int(first - s.last - 1) // gone: whether they matched cannot be known
		s.last = first - 1
	}
	if behind := snap.next - 1 - s.last; behind > maxBehind {
		skip := snap.next - keepBehind
		missed += s.countMatching(ctx, &snap, skip)
		s.last = skip - 1
	}
	return (missed == 0 || s.missed(missed)) && s.send(ctx, &snap)
}

// countMatching counts what the page wants up to an id, which it does not get.
func (s *streamer) countMatching(ctx context.Context, snap *snapshot, before uint64) (n int) {
	hits, _ := search(ctx, snap, &s.filter, s.last, before, int(before-s.last), true)
	return len(hits)
}

func (s *streamer) missed(n int) bool {
	return s.write(fmt.Appendf(nil, "event: missed\nid: %d\ndata: {\"count\":%d}\n\n", s.last, n))
}

// send sends what snap holds after last, in one event. More stays for the next.
func (s *streamer) send(ctx context.Context, snap *snapshot) bool {
	var c cursor
	end := snap.next - 1
	hits, _ := search(ctx, snap, &s.filter, s.last, snap.next, maxEvent, true)
	if ctx.Err() != nil {
		return false
	}
	if len(hits) == maxEvent {
		end = hits[maxEvent-1].id()
	}
	b := append(s.buffer[:0], '[')
	for i, h := range hits {
		if i > 0 && len(b) > maxEventLen {
			end = hits[i-1].id()
			hits = hits[:i]
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		c.move(h.view, h.at)
		b = c.appendRecord(b, s.v.sources.own)
	}
	s.last = end
	if len(hits) == 0 {
		return true
	}
	s.buffer = append(b, "]\n\n"...)
	ok := s.write(fmt.Appendf(nil, "event: records\nid: %d\ndata: ", end), s.buffer)
	if cap(s.buffer) > 4*maxEventLen {
		s.buffer = nil
	}
	return ok
}

func (h *hit) id() uint64 { return h.view.first + uint64(h.at) }

func (s *streamer) write(pieces ...[]byte) bool {
	extendWrite(s.control)
	for _, b := range pieces {
		if _, err := s.w.Write(b); err != nil {
			return false
		}
	}
	return s.control.Flush() == nil
}

// extendWrite gives the client time for one more write. What it was promised stays in memory only so long.
func extendWrite(control *http.ResponseController) {
	_ = control.SetWriteDeadline(time.Now().Add(writeTime)) // in memory there is none
}
