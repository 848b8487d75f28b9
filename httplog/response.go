package httplog

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
)

// statusClientClosed is the status of a request whose client left before the
// first byte of the response. It is nginx's; no RFC has one.
const statusClientClosed = 499

// A response watches what a handler writes. It is an [http.ResponseWriter];
// wrap gives it the optional interfaces. Like any ResponseWriter it must not be
// used by several goroutines at once.
type response struct {
	writer http.ResponseWriter
	client context.Context // ends when the client leaves
	body   *errorBody      // nil: no body is kept
	status int             // the final one, 0 before the header
	bytes  int64           // of the body

	head     bool // to a HEAD request: there is no body
	left     bool // the client left before the header
	aborted  bool // the client left
	hijacked bool
}

// Header implements [http.ResponseWriter].
func (rw *response) Header() http.Header { return rw.writer.Header() }

// WriteHeader implements [http.ResponseWriter]. An informational header goes
// out without being the final one.
func (rw *response) WriteHeader(code int) {
	rw.writer.WriteHeader(code) // panics when code is invalid
	if code >= 200 || code == http.StatusSwitchingProtocols {
		rw.commit(code)
	}
}

// Write implements [http.ResponseWriter].
func (rw *response) Write(p []byte) (int, error) {
	rw.commit(http.StatusOK)
	n, err := rw.writer.Write(p)
	rw.wrote(int64(n))
	if rw.keeping() > 0 {
		rw.body.keep(rw.Header(), p[:min(max(n, 0), len(p))])
	}
	return n, err
}

// WriteString implements [io.StringWriter], as [io.WriteString] does for a
// writer without it.
func (rw *response) WriteString(s string) (int, error) {
	rw.commit(http.StatusOK)
	n, err := io.WriteString(rw.writer, s)
	rw.wrote(int64(n))
	if limit := rw.keeping(); limit > 0 {
		rw.body.keep(rw.Header(), []byte(s[:min(max(n, 0), len(s), max(limit, sniffLen))]))
	}
	return n, err
}

// Unwrap is for [http.ResponseController], which finds the deadlines and the
// full duplex mode of the writer inside.
func (rw *response) Unwrap() http.ResponseWriter { return rw.writer }

// commit notes the status of the final header. Only the first one counts.
func (rw *response) commit(code int) {
	if rw.status != 0 || rw.hijacked {
		return
	}
	rw.status = code
	rw.left = clientLeft(rw.client)
}

// wrote counts bytes of the body.
func (rw *response) wrote(n int64) {
	if n > 0 && !rw.head && !rw.hijacked {
		rw.bytes += n
	}
}

// abort ends a response whose handler gave up on purpose.
func (rw *response) abort() {
	if rw.status == 0 && !rw.hijacked {
		rw.status, rw.left = statusClientClosed, true
	}
}

// fail ends a response whose handler did not get to its end. That is the news
// then, not that the client has left.
func (rw *response) fail() {
	rw.left = false
	if rw.status == 0 && !rw.hijacked {
		rw.status = http.StatusInternalServerError
	}
}

// finalStatus ends the response and returns its status.
func (rw *response) finalStatus() int {
	if rw.hijacked {
		// Those who write the response to the connection switch protocols.
		if rw.status == 0 {
			rw.status = http.StatusSwitchingProtocols
		}
		return rw.status
	}
	rw.commit(http.StatusOK)
	rw.aborted = clientLeft(rw.client)
	if rw.left {
		rw.status = statusClientClosed
	}
	return rw.status
}

// clientLeft reports whether the context of a request ended because its client
// left: the server cancels it without a cause then. Deadlines and
// cancellations with a cause are the doing of someone on this side.
func clientLeft(ctx context.Context) bool {
	return ctx.Err() == context.Canceled && context.Cause(ctx) == context.Canceled
}

// appendAttrs appends what is known of the response.
func (rw *response) appendAttrs(attrs []slog.Attr) []slog.Attr {
	if text := rw.body.String(); text != "" {
		attrs = append(attrs, slog.String("response_body", text))
	}
	if !rw.hijacked {
		attrs = append(attrs, slog.Int64("bytes", rw.bytes))
	}
	if rw.aborted {
		attrs = append(attrs, slog.Bool("client_aborted", true))
	}
	return attrs
}

// keeping returns how many bytes more of the body are to be kept.
func (rw *response) keeping() int {
	if rw.body == nil || rw.status < 400 || rw.head {
		return 0
	}
	return rw.body.wanted()
}

// The optional interfaces. Each type adds one to a response; a struct of several
// has the methods of all of them, and those of the response, which is embedded
// less deep, only once.
type (
	flusher       struct{ *response }
	hijacker      struct{ *response }
	readerFrom    struct{ *response }
	pusher        struct{ *response }
	closeNotifier struct{ *response }
)

// Flush implements [http.Flusher].
func (f flusher) Flush() { _ = f.FlushError() }

// FlushError is what [http.ResponseController] calls to flush.
func (f flusher) FlushError() error {
	f.commit(http.StatusOK)
	return http.NewResponseController(f.writer).Flush()
}

// Hijack implements [http.Hijacker].
func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(h.writer).Hijack()
	if err == nil {
		h.hijacked = true
	}
	return conn, buffer, err
}

// ReadFrom implements [io.ReaderFrom]. The reader goes to the writer as it is,
// so that sendfile works; of the body of an error what is to be kept is written
// first.
func (f readerFrom) ReadFrom(src io.Reader) (int64, error) {
	var kept int64
	if want := int64(f.keeping()); want > 0 {
		n, err := io.Copy(writerOnly{f.response}, io.LimitReader(src, want))
		if err != nil || n < want {
			return n, err
		}
		kept = n
	}
	left := clientLeft(f.client)
	n, err := f.writer.(io.ReaderFrom).ReadFrom(src)
	if n > 0 && f.status == 0 && !f.hijacked { // a reader that fails at once leaves the header open
		f.status, f.left = http.StatusOK, left
	}
	f.wrote(n)
	return kept + n, err
}

// writerOnly hides all methods but Write.
type writerOnly struct{ io.Writer }

// Push implements [http.Pusher].
func (p pusher) Push(target string, opts *http.PushOptions) error {
	return p.writer.(http.Pusher).Push(target, opts)
}

// CloseNotify implements http.CloseNotifier, which is deprecated, but which gin
// takes for granted.
func (c closeNotifier) CloseNotify() <-chan bool {
	return c.writer.(interface{ CloseNotify() <-chan bool }).CloseNotify()
}

// The optional interfaces of a writer, as bits.
const (
	canFlush = 1 << iota
	canHijack
	canReadFrom
	canPush
	canCloseNotify
)

// optional returns the optional interfaces that w implements, or what it unwraps
// to where a [http.ResponseController] finds those.
func optional(w http.ResponseWriter) int {
	set := 0
	if implements[http.Flusher](w) || implements[interface{ FlushError() error }](w) {
		set |= canFlush
	}
	if implements[http.Hijacker](w) {
		set |= canHijack
	}
	if _, ok := w.(io.ReaderFrom); ok {
		set |= canReadFrom
	}
	if _, ok := w.(http.Pusher); ok {
		set |= canPush
	}
	if _, ok := w.(interface{ CloseNotify() <-chan bool }); ok {
		set |= canCloseNotify
	}
	return set
}

// implements reports whether w is a T, or unwraps to one.
func implements[T any](w http.ResponseWriter) bool {
	for {
		if _, ok := w.(T); ok {
			return true
		}
		inside, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = inside.Unwrap()
	}
}
