package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/baseurl"
	"github.com/ledger-sdk/ledger-go/internal/body"
	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/throttle"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// What an attempt may cost, whatever the server does.
const (
	// maxBody is where a batch is full, in bytes before compression. The
	// server's oldest generation refuses 4 MiB for good (ledger-wire 2.2).
	maxBody = 1 << 20
	// maxAnswer bounds what is read of an answer that reports one trouble, and
	// maxRefusal of one that may report each entry: a 422 quotes them, and a
	// success gives the reason for each that was rejected.
	maxAnswer  = 64 << 10
	maxRefusal = 4 << 20
	// maxTimeout is where an attempt's timeout stops doubling: the server may
	// take 30s to say what became of a batch (ledger-wire 6.4).
	maxTimeout = 35 * time.Second
	// writeBuffer is a connection's. A usual batch of 1000 entries, compressed,
	// fits with its headers, and goes out in one write; net/http would make
	// a buffer for each request otherwise.
	writeBuffer = 32 << 10
	// idleTimeout closes idle connections before the server does, after 5s.
	idleTimeout = 4 * time.Second
	// pingAfter is how long an HTTP/2 connection may be silent before it is asked
	// whether it is alive, and how long it may take to say so.
	pingAfter = 5 * time.Second
)

// An outcomeKind is what an attempt came to, from the sender's point of view.
type outcomeKind int

const (
	outcomeNone         outcomeKind = iota // no attempt was made: held, cancelled or nothing left to send
	outcomeTaken                           // 2xx: the server has the entries, but for those it rejected
	outcomeRefused                         // 400, 422: something in the body is wrong
	outcomeTooLarge                        // 413
	outcomeServerError                     // 5xx, 408, 425, 101
	outcomeNetworkError                    // no answer: refused, reset, timeout
	outcomeThrottled                       // 429
	outcomeQuota                           // 402, and OTLP's partial success that says so
	outcomeUnauthorized                    // 401, 403
	outcomeMisdirected                     // 404, 405, redirects, answers that no ingest endpoint gives
)

// An outcome is what came of one attempt: a plain value, so that policies can
// pass it around after the response is closed.
type outcome struct {
	kind       outcomeKind
	format     wire.Format   // what was sent
	status     int           // 0 without an answer
	retryAfter time.Duration // what the server asked for; 0 when nothing usable
	queueFull  bool          // 503 that told why
	timedOut   bool
	plain      bool   // the body was not compressed
	again      bool   // refused for its form: the same entries go again
	wrong      string // what is likely wrong with the URL; "" where an ingest endpoint answered
	stranger   bool   // a 2xx of a server that answers so whatever it is asked
	answer     wire.Answer
	told       throttle.Told
	unheard    bool // no request reached the server
	once       bool // it failed, and is not to be tried again in this round
	took       time.Duration
	delay      time.Duration   // before the next attempt; set by the sender
	lesson     throttle.Lesson // for the gate; set by the sender
	err        error           // set unless taken
}

// A transport makes single attempts: body, gzip, headers, and the answer read
// into an outcome. It never sleeps and never tries again.
type transport struct {
	client http.RoundTripper
	owned  *http.Transport // client, when it is ours to close
	base   *url.URL
	key    redact.Secret
	plain  atomic.Bool // send without compression
	now    func() time.Time
	doubt  atomic.Bool // an attempt timed out: its connection may be dead

	strays     atomic.Int32 // attempts that were given up and have not returned
	mostStrays int32        // no further attempt is made beside so many

	bodies body.Maker
}

func newTransport(c *config, now func() time.Time) *transport {
	t := &transport{client: c.HTTPTransport, base: c.baseURL, key: c.apiKey, now: now, mostStrays: int32(min(c.HTTPPoolSize, math.MaxInt32))}
	t.plain.Store(c.DisableCompression)
	if t.client == nil {
		t.owned = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: maxTimeout, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    maxTimeout,
			MaxIdleConns:           c.HTTPPoolSize,
			MaxIdleConnsPerHost:    c.HTTPPoolSize,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxAnswer,
			WriteBufferSize:        writeBuffer,
			DisableCompression:     true, // no answer is worth a bomb
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
		}
		t.client = t.owned
	}
	return t
}

// close lets idle connections go; those of a caller's RoundTripper are theirs.
func (t *transport) close() {
	if t.owned != nil {
		t.owned.CloseIdleConnections()
	}
}

// send makes one attempt to deliver entries, all encoded in format. It returns
// by the timeout and when ctx ends, or, where the RoundTripper ignores its
// context, after patience beyond that.
func (t *transport) send(ctx context.Context, format wire.Format, entries []*buffer.Entry, timeout time.Duration) (out outcome) {
	defer func() {
		out.format = format
		if out.err != nil {
			out.err = fmt.Errorf("ledger: send batch of %d entries: %w", len(entries), out.err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if t.strays.Load() >= t.mostStrays { // their bodies would fill the memory
		return outcome{kind: outcomeNetworkError, err: errors.New("HTTP transport has not returned from attempts whose time was up")}
	}
	if t.doubt.Swap(false) { // under HTTP/2 the next attempt would go the same way
		t.close()
	}
	plain := t.plain.Load()
	payload := t.bodies.Make(format, entries, plain)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base.String()+format.Path(), bytes.NewReader(payload))
	if err != nil {
		return outcome{kind: outcomeMisdirected, err: errors.New("the URL makes no request")}
	}
	req.Header.Set("Content-Type", format.ContentType())
	req.Header.Set("User-Agent", "ledger-sdk-go/"+Version)
	// Servers before 2025-11-17 know only the first, later ones prefer the second.
	req.Header.Set("Authorization", "Bearer "+t.key.Reveal())
	req.Header.Set("X-API-Key", t.key.Reveal())
	if !plain {
		req.Header.Set("Content-Encoding", "gzip")
	}
	answered := make(chan outcome, 1)
	go func() {
		// What stands when the RoundTripper ends the goroutine.
		out := outcome{kind: outcomeNetworkError, err: errors.New("HTTP transport ended its goroutine")}
		defer func() { answered <- out }()
		out = t.exchange(req, format, len(entries))
	}()
	select {
	case out = <-answered:
	case <-ctx.Done():
		out = t.overdue(answered)
	}
	out.plain = plain
	if out.timedOut {
		t.doubt.Store(true)
	}
	return out
}

// patience is how long a RoundTripper may take to return once its context has
// ended.
const patience = 5 * time.Second

// overdue returns the answer of an attempt whose time is up, or gives it up as
// lost.
func (t *transport) overdue(answered <-chan outcome) outcome {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case out := <-answered:
		return out
	case <-timer.C:
	}
	t.strays.Add(1)
	go func() {
		<-answered
		t.strays.Add(-1)
	}()
	return outcome{kind: outcomeNetworkError, timedOut: true, err: errors.New("HTTP transport ignores its context")}
}

// exchange makes the request, and reads the answer to it.
func (t *transport) exchange(req *http.Request, format wire.Format, n int) (out outcome) {
	defer func() {
		if p := recover(); p != nil && out.kind == outcomeNone { // where there is an answer, it stands
			out = outcome{kind: outcomeNetworkError, err: t.clean(errors.New("HTTP transport panicked: " + errstack.PanicValue(p)))}
		}
	}()
	ctx := req.Context()
	resp, err := t.client.RoundTrip(req)
	if err == nil && resp == nil {
		err = errors.New("HTTP transport returned no response")
	}
	if err != nil {
		return outcome{
			kind:     outcomeNetworkError,
			timedOut: errors.Is(ctx.Err(), context.DeadlineExceeded),
			unheard:  notReached(err),
			err:      t.clean(err),
		}
	}
	if resp.Body == nil { // http.Client takes that too
		resp.Body = http.NoBody
	}
	defer resp.Body.Close()
	if resp.StatusCode < http.StatusOK { // 101: what follows is no body, and may never end
		resp.Body = http.NoBody
	}
	resp.Body = untilDone{resp.Body, ctx}
	out = t.classify(resp, format, n)
	// What little is left is read so that the connection can be used again; an
	// endless body costs the connection.
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	return out
}

// notReached reports whether no connection to the server, or to a proxy, was made.
func notReached(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// untilDone ends a body that ignores its context, such as one of which each read
// returns nothing.
type untilDone struct {
	io.ReadCloser
	ctx context.Context
}

func (b untilDone) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.ReadCloser.Read(p)
}

// clean words a transport's error without what must not be told. The text may
// quote what a server or a proxy said, so it is bounded like its other words.
func (t *transport) clean(err error) error {
	text := err.Error()
	if words := t.key.Quote(text); words != text {
		return errors.New(words)
	}
	return err
}

// classify reads an answer. The status decides; the body adds detail.
func (t *transport) classify(resp *http.Response, format wire.Format, n int) outcome {
	out := outcome{status: resp.StatusCode, told: throttle.ReadTold(resp.Header)}
	bound := int64(maxAnswer)
	if resp.StatusCode == http.StatusUnprocessableEntity || resp.StatusCode/100 == 2 {
		bound = maxRefusal
	}
	out.answer = format.ReadAnswer(resp.StatusCode, io.LimitReader(resp.Body, bound), n)
	out.answer.Message = t.key.Quote(out.answer.Message)

	switch status := resp.StatusCode; {
	case status >= 200 && status < 300:
		out.kind = outcomeTaken
		switch {
		case out.answer.Quota:
			out.kind = outcomeQuota
		case out.answer.Readable || status == http.StatusAccepted:
		case baseurl.IsWebPage(resp): // somebody else's page, not an ingest endpoint
			out.kind = outcomeMisdirected
		case out.answer.Foreign:
			out.kind, out.stranger = outcomeMisdirected, true
		}
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		out.kind = outcomeRefused
	case status == http.StatusRequestEntityTooLarge:
		out.kind = outcomeTooLarge
	case status == http.StatusTooManyRequests:
		out.kind = outcomeThrottled
		out.retryAfter = throttle.ParseRetryAfter(resp.Header, t.now())
	case status == http.StatusPaymentRequired:
		out.kind = outcomeQuota
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		out.kind = outcomeUnauthorized
	case status < 200, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		out.kind = outcomeServerError
	case status >= 500:
		out.kind = outcomeServerError
		if status == http.StatusServiceUnavailable {
			out.retryAfter = throttle.ParseRetryAfter(resp.Header, t.now())
			out.queueFull = out.retryAfter > 0 || strings.Contains(out.answer.Message, "queue full")
		}
	default: // 404, 405, 415, redirects and what no ingest endpoint answers
		out.kind = outcomeMisdirected
	}
	if out.kind != outcomeTaken {
		if out.kind == outcomeMisdirected || out.status == http.StatusNotImplemented {
			out.wrong = baseurl.Mistake(t.base, resp)
		}
		out.err = errors.New(describe(out, t.base.String()+format.Path(), resp, t.key))
	}
	return out
}
