package ledgertest

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// A Speed says how long the server works on a request for entries that has passed its checks. The zero Speed answers
// at once. A client that leaves changes nothing: the server works on and stores the entries.
type Speed struct {
	// PerEntry is the work on one entry when the server has nothing else to do. Requests side by side share the
	// server: with ten of them each takes ten times as long, and all together bring no more than one does.
	PerEntry time.Duration

	// Latency is added to every request, whatever the load.
	Latency time.Duration
}

// Speeds for [WithSpeed].
var (
	// SpeedV1 is that of a server before 2.0 as measured: one batch of 1000 entries takes about half a second, and
	// ten side by side take 4.8 seconds each. More requests side by side bring only longer waits. Work that takes
	// longer than the server's own limit of 10 seconds, 5 for a single entry, ends with 500 and a part stored.
	SpeedV1 = Speed{PerEntry: 480 * time.Microsecond}

	// SpeedV2 is that of a server from 2.0 on, which puts up to 200 entries into its queue at a time: every answer
	// takes 200 milliseconds whatever the load. The figure is an assumption, not a measurement.
	SpeedV2 = Speed{Latency: 200 * time.Millisecond}
)

// WithSpeed makes the server take its time over requests for entries. It works by time.Now and timers, not by the
// clock of [WithClock], and so in a testing/synctest bubble.
func WithSpeed(speed Speed) Option { return func(s *Server) { s.works.speed = speed } }

// works is where requests side by side share the server.
type works struct {
	speed Speed

	mu      sync.Mutex
	jobs    int           // side by side
	served  time.Duration // the work that one job would have got that was always there
	at      time.Time     // up to which served is counted
	changed chan struct{} // closed when the number of jobs changes
}

// do works for as long as total takes beside the other jobs, but no longer than limit. It returns the part of the
// work that was done, from 0 to 1, and false when up ended meanwhile.
func (w *works) do(up context.Context, total, limit time.Duration) (part float64, ok bool) {
	if total <= 0 {
		return 1, true
	}
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.change(1)
	defer w.change(-1)
	end := w.served + total
	for {
		w.progress()
		if w.served >= end {
			return 1, true
		}
		changed, finished := w.changed, time.NewTimer((end-w.served)*time.Duration(w.jobs))
		w.mu.Unlock()
		over := false
		select {
		case <-changed:
		case <-finished.C:
		case <-deadline.C:
			over, ok = true, true
		case <-up.Done():
			over = true
		}
		finished.Stop()
		w.mu.Lock()
		if over {
			w.progress()
			return 1 - float64(max(0, end-w.served))/float64(total), ok
		}
	}
}

// progress gives every job its share of the time that has passed. w.mu is held.
func (w *works) progress() {
	now := time.Now()
	if w.jobs > 0 {
		w.served += now.Sub(w.at) / time.Duration(w.jobs)
	}
	w.at = now
}

// change changes the number of jobs and lets those there are reckon again. w.mu is held.
func (w *works) change(by int) {
	w.progress()
	w.jobs += by
	if w.changed != nil {
		close(w.changed)
	}
	w.changed = make(chan struct{})
}

// work spends the time that the server's [Speed] wants. When that is more than the server grants itself, it returns
// the answer and how many entries are stored.
func (x *exchange) work() (late *answer, stored int) {
	n := len(x.batch.Entries)
	limit, text := 10*time.Second, "Failed to ingest batch"
	switch x.r.URL.Path {
	case ingest.PathSingle:
		limit, text = 5*time.Second, "Failed to ingest log"
	case ingest.PathLogs:
		limit, text = 30*time.Second, "Failed to ingest logs"
	}
	w := &x.s.works
	part, ok := w.do(x.up, time.Duration(n)*w.speed.PerEntry, limit)
	if !ok || w.speed.Latency > 0 && !sleep(x.up, w.speed.Latency) {
		panic(http.ErrAbortHandler) // the server went down
	}
	if part < 1 {
		return detail(http.StatusInternalServerError, text), int(part * float64(n))
	}
	return nil, n
}
