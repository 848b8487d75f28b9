package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/baseurl"
	"github.com/ledger-sdk/ledger-go/internal/body"
	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/httpclient"
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
	certain    bool   // the URL itself shows it
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
	client *httpclient.Client
	base   *url.URL
	key    redact.Secret
	plain  atomic.Bool // send without compression
	now    func() time.Time
	bodies body.Maker
}

func newTransport(c *config, now func() time.Time) *transport {
	t := &transport{client: httpclient.New(c.HTTPTransport, c.HTTPPoolSize, maxTimeout), base: c.baseURL, key: c.apiKey, now: now}
	t.plain.Store(c.DisableCompression)
	return t
}

// send makes one attempt to deliver entries, all encoded in format. It returns
// by the timeout and when ctx ends, or a little later where the RoundTripper ignores its
// context.
func (t *transport) send(ctx context.Context, format wire.Format, entries []*buffer.Entry, timeout time.Duration) (out outcome) {
	defer func() {
		out.format = format
		if out.err != nil {
			out.err = fmt.Errorf("ledger: send batch of %d entries: %w", len(entries), out.err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := t.client.Ready(); err != nil {
		return outcome{kind: outcomeNetworkError, err: err}
	}
	plain := t.plain.Load()
	payload := t.bodies.Make(format, entries, plain)
	defer payload.Release()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base.String()+format.Path(), payload.Open())
	if err != nil {
		return outcome{kind: outcomeMisdirected, err: errors.New("the URL makes no request")}
	}
	req.ContentLength = payload.Size()
	req.GetBody = func() (io.ReadCloser, error) { return payload.Open(), nil }
	req.Header.Set("Content-Type", format.ContentType())
	req.Header.Set("User-Agent", "ledger-sdk-go/"+Version)
	// Servers before 2025-11-17 know only the first, later ones prefer the second.
	req.Header.Set("Authorization", "Bearer "+t.key.Reveal())
	req.Header.Set("X-API-Key", t.key.Reveal())
	if !plain {
		req.Header.Set("Content-Encoding", "gzip")
	}
	r := httpclient.Do(t.client, req, func(resp *http.Response) outcome { return t.classify(resp, format, len(entries)) })
	out = r.Answer
	if r.Err != nil {
		out = outcome{kind: outcomeNetworkError, timedOut: r.TimedOut, unheard: r.NotReached, err: t.clean(r.Err)}
	}
	out.plain = plain
	return out
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
			out.wrong, out.certain = baseurl.Mistake(t.base, resp)
		}
		out.err = errors.New(describe(out, t.base.String()+format.Path(), resp, t.key))
	}
	return out
}

// describe words an answer that took nothing: what came back, and from where when it
// may be the wrong server's.
func describe(out outcome, from string, resp *http.Response, key redact.Secret) string {
	text := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if out.wrong != "" {
		text += " from " + from
		if kind := resp.Header.Get("Content-Type"); kind != "" {
			text += ", Content-Type " + key.Quote(kind)
		}
		if to := resp.Header.Get("Location"); to != "" {
			text += ", Location " + key.Quote(to)
		}
	}
	if out.answer.Message != "" {
		text += ": " + out.answer.Message
	}
	return text
}

// suspectGzip has a refused body sent again without compression, once, as long
// as the server has taken no compressed one: its oldest generation does not
// know gzip (ledger-wire 0), and would cost every entry.
func (s *sender) suspectGzip(out *outcome) {
	switch {
	case out.status != http.StatusBadRequest || s.gzipTaken.Load() || s.config.DisableCompression:
	case !out.plain && s.gzipTried.CompareAndSwap(false, true):
		s.transport.plain.Store(true)
		out.again = true
	case out.plain:
		s.transport.plain.Store(false)
	}
}
