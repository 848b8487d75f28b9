package httplog

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"syscall"
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
	body   *keptBody       // nil: no body is kept
	status int             // the final one, 0 before the header
	bytes  int64           // of the body

	head     bool // to a HEAD request: there is no body
	left     bool // the client left before the header
	aborted  bool // the client left
	hijacked bool
}

// watch makes a response of the writer that r is answered with. Of the body of
// an error up to bodyLimit bytes are kept.
func (rw *response) watch(w http.ResponseWriter, r *http.Request, bodyLimit int) {
	rw.writer, rw.client, rw.head = w, r.Context(), r.Method == http.MethodHead
	if bodyLimit > 0 {
		rw.body = &keptBody{limit: bodyLimit}
	}
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
		attrs = appendString(attrs, "response_body", text)
	}
	if !rw.hijacked {
		attrs = appendInt64(attrs, "bytes", rw.bytes)
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

// The methods of the optional interfaces. The types of writers_gen.go export
// those that their combination has.

// flushError is what [http.ResponseController] calls to flush.
func (rw *response) flushError() error {
	rw.commit(http.StatusOK)
	return http.NewResponseController(rw.writer).Flush()
}

func (rw *response) flush() { _ = rw.flushError() }

func (rw *response) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(rw.writer).Hijack()
	if err == nil {
		rw.hijacked = true
	}
	return conn, buffer, err
}

// readFrom gives the reader to the writer as it is when it is a file or a
// connection, so that sendfile works; of the body of an error what is to be kept
// is written first. Another reader is counted, because it may panic, and what it
// has given before that was sent.
func (rw *response) readFrom(src io.Reader) (n int64, err error) {
	var kept int64
	if want := int64(rw.keeping()); want > 0 {
		n, err := io.Copy(writerOnly{rw}, io.LimitReader(src, want))
		if err != nil || n < want {
			return n, err
		}
		kept = n
	}
	left := clientLeft(rw.client)
	counted := countingReader{Reader: src}
	if !isFile(src) {
		src = &counted
	}
	panics := true
	defer func() {
		if panics {
			n = counted.n
		}
		if n > 0 && rw.status == 0 && !rw.hijacked { // a reader that fails at once leaves the header open
			rw.status, rw.left = http.StatusOK, left
		}
		rw.wrote(n)
		n += kept
	}()
	n, err = rw.writer.(io.ReaderFrom).ReadFrom(src)
	panics = false
	return n, err
}

// writerOnly hides all methods but Write.
type writerOnly struct{ io.Writer }

// A countingReader counts what it has read.
type countingReader struct {
	io.Reader
	n int64
}

// Read implements [io.Reader].
func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	return n, err
}

// isFile reports whether the kernel can send what r reads: a file, a connection,
// or a part of one.
func isFile(r io.Reader) bool {
	if limited, ok := r.(*io.LimitedReader); ok {
		r = limited.R
	}
	_, ok := r.(syscall.Conn)
	return ok
}

func (rw *response) push(target string, opts *http.PushOptions) error {
	return rw.writer.(http.Pusher).Push(target, opts)
}

// closeNotify is deprecated, but gin takes it for granted.
func (rw *response) closeNotify() <-chan bool {
	return rw.writer.(closeNotifier).CloseNotify()
}

// closeNotifier is http.CloseNotifier without the deprecation.
type closeNotifier interface{ CloseNotify() <-chan bool }

// The optional interfaces of a writer, as bits.
const (
	canFlush = 1 << iota
	canHijack
	canReadFrom
	canPush
	canCloseNotify
)

// A writerKind is a type of response writers and the optional interfaces that
// its values implement.
type writerKind struct {
	writer reflect.Type
	set    int
}

// optional returns the optional interfaces of w. It remembers those of the first
// type of writer that unwraps to nothing, which is that of the server.
func (m *middleware) optional(w http.ResponseWriter) int {
	kind := m.writers.Load()
	if kind != nil && kind.writer == reflect.TypeOf(w) {
		return kind.set
	}
	set := optional(w)
	if _, unwraps := w.(interface{ Unwrap() http.ResponseWriter }); kind == nil && !unwraps {
		m.writers.CompareAndSwap(nil, &writerKind{reflect.TypeOf(w), set})
	}
	return set
}

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
	if _, ok := w.(closeNotifier); ok {
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
