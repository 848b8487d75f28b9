package ledgerview

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A paramError is a fault in a parameter: 400.
type paramError struct {
	name string
	text string
}

func (e *paramError) Error() string { return e.name + ": " + e.text }

// params reads the parameters of a request. The first fault stays in err.
type params struct {
	values url.Values
	err    error
}

func readParams(r *http.Request) *params {
	values, err := url.ParseQuery(r.URL.RawQuery)
	p := &params{values: values}
	if err != nil {
		p.err = &paramError{"query string", "not well formed"}
	}
	return p
}

func (p *params) fail(name, format string, args ...any) {
	if p.err == nil {
		p.err = &paramError{name, fmt.Sprintf(format, args...)}
	}
}

// number reads a number from low to high; fallback when the parameter is absent. What is larger than high is high.
func (p *params) number(name string, fallback, low, high uint64) uint64 {
	text := p.values.Get(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n < low {
		p.fail(name, "a number from %d on is needed, not %.40q", low, text)
		return fallback
	}
	return min(n, high)
}

// time reads a time in RFC 3339, or in milliseconds since 1970.
func (p *params) time(name string, fallback int64) int64 {
	text := p.values.Get(name)
	if text == "" {
		return fallback
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > minTime/1000 && ms < maxTime/1000 {
		return ms * 1000
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		p.fail(name, "a time such as 2026-01-02T15:04:05Z is needed, not %.40q", text)
	}
	return at.UnixMicro()
}

// filter reads q, from, to and run.
func (p *params) filter() filter {
	f := filter{from: p.time("from", minTime), to: p.time("to", maxTime)}
	f.run = uint32(p.number("run", 0, 1, 1<<32-1))
	match, err := parseQuery(p.values.Get("q"))
	if err != nil && p.err == nil {
		p.err = err
	}
	f.match = match
	return f
}

// window is the time that charts span: the filter's, and where it is open the records'.
func (f *filter) window(snap *snapshot) (from, to int64, ok bool) {
	from, to, ok = snap.span()
	to++ // the newest record belongs to it
	if f.from != minTime {
		from = f.from
	}
	if f.to != maxTime {
		to = f.to
	}
	if ok = ok && from < to; !ok {
		return from, max(from, to), false
	}
	return from, to, true
}
