package ledgerview

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	defaultFault = 30 * time.Second
	maxFault     = time.Hour
	slowAnswer   = 3 * time.Second
	maxFaultBody = 4 << 10
)

// faultAnswers are the faults that answer something; hang and slow do not.
var faultAnswers = map[string]struct {
	status     int
	detail     string
	retryAfter string
}{
	"429": {http.StatusTooManyRequests, "Per-minute rate limit exceeded. Current: 1001, Limit: 1000", "5"},
	"503": {http.StatusServiceUnavailable, "Service temporarily unavailable - queue full", ""},
	"401": {http.StatusUnauthorized, "Invalid or expired API key", ""},
}

// A faultState is a fault that is on.
type faultState struct {
	Kind  string    `json:"kind"`
	Until timestamp `json:"until"`

	until time.Time
	over  chan struct{} // closed when the fault ends before its time
}

// faults make the ingest API misbehave for a while.
type faults struct {
	mu sync.Mutex
	on *faultState
}

// current returns the fault that is on, or nil.
func (f *faults) current(now time.Time) *faultState {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on != nil && !now.Before(f.on.until) {
		f.on = nil
	}
	return f.on
}

// set replaces the fault that is on. Nil ends it.
func (f *faults) set(next *faultState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on != nil {
		close(f.on.over)
	}
	f.on = next
}

// putFault serves PUT /api/fault.
func (v *Viewer) putFault(w http.ResponseWriter, r *http.Request) {
	var want struct {
		Kind string `json:"kind"`
		For  string `json:"for"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxFaultBody)).Decode(&want); err != nil {
		answerFault(w, &paramError{"body", `{"kind":"503","for":"30s"} is needed`})
		return
	}
	if _, ok := faultAnswers[want.Kind]; !ok && want.Kind != "hang" && want.Kind != "slow" {
		answerFault(w, &paramError{"kind", "429, 503, 401, hang or slow is needed"})
		return
	}
	last := defaultFault
	if want.For != "" {
		d, err := time.ParseDuration(want.For)
		if err != nil || d <= 0 || d > maxFault {
			answerFault(w, &paramError{"for", "a duration such as 30s is needed, at most 1h"})
			return
		}
		last = d
	}
	until := time.Now().Add(last)
	state := &faultState{Kind: want.Kind, Until: timestamp(until.UnixMicro()), until: until, over: make(chan struct{})}
	v.faults.set(state)
	answerJSON(w, http.StatusOK, state)
}

// deleteFault serves DELETE /api/fault.
func (v *Viewer) deleteFault(w http.ResponseWriter, _ *http.Request) {
	v.faults.set(nil)
	w.WriteHeader(http.StatusNoContent)
}

// meet lets a request to the ingest API meet the fault that is on. It reports whether the request is done with.
func (v *Viewer) meet(w http.ResponseWriter, r *http.Request) (done bool) {
	fault := v.faults.current(time.Now())
	if fault == nil {
		return false
	}
	switch fault.Kind {
	case "hang":
		// A request that hangs is never answered, not even when the fault is over: the client has to give up.
		select {
		case <-r.Context().Done():
		case <-v.life.Done():
		}
		panic(http.ErrAbortHandler)
	case "slow":
		timer := time.NewTimer(slowAnswer)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-fault.over:
		case <-r.Context().Done():
		case <-v.life.Done():
		}
		return false
	default:
		a := faultAnswers[fault.Kind]
		if a.retryAfter != "" {
			w.Header().Set("Retry-After", a.retryAfter)
		}
		answerJSON(w, a.status, map[string]string{"detail": a.detail})
		return true
	}
}
