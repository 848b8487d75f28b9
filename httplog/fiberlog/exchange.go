package fiberlog

import (
	"io"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// newRequest returns Fiber's request as one of net/http. It shares no memory with
// Fiber, which reuses its own for the next request. It has no body.
func newRequest(c fiber.Ctx) *http.Request {
	from := c.Request()
	r := &http.Request{
		Method:        string(from.Header.Method()),
		RequestURI:    string(from.Header.RequestURI()),
		Host:          string(from.Header.Host()),
		Proto:         string(from.Header.Protocol()),
		Header:        make(http.Header, from.Header.Len()),
		ContentLength: int64(from.Header.ContentLength()),
		Body:          http.NoBody,
		RemoteAddr:    c.RequestCtx().RemoteAddr().String(),
		TLS:           c.RequestCtx().TLSConnectionState(),
	}
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(r.Proto)
	if r.ContentLength < 0 && !from.IsBodyStream() { // sent in chunks, all of them here
		r.ContentLength = int64(len(from.Body()))
	}
	for key, value := range from.Header.All() {
		name := http.CanonicalHeaderKey(string(key))
		r.Header[name] = append(r.Header[name], string(value))
	}
	delete(r.Header, "Host") // as net/http does
	var err error
	if r.URL, err = url.ParseRequestURI(r.RequestURI); err != nil {
		r.URL = &url.URL{Path: string(from.URI().Path()), RawQuery: string(from.URI().QueryString())}
	}
	return r.WithContext(c.Context())
}

// copyHeader adds the header of a response to the one that httplog looks at.
func copyHeader(to http.Header, from *fasthttp.ResponseHeader) {
	for key, value := range from.All() {
		name := http.CanonicalHeaderKey(string(key))
		to[name] = append(to[name], string(value))
	}
}

// report tells httplog's writer what goes out.
func report(c fiber.Ctx, w http.ResponseWriter) {
	response := c.Response()
	w.WriteHeader(response.StatusCode())
	if !response.IsBodyStream() {
		_, _ = w.Write(response.Body())
	} else if n := response.Header.ContentLength(); n > 0 { // not in memory; its length will do
		_, _ = w.(io.ReaderFrom).ReadFrom(bytesToCome(n))
	}
}

// A writer is what httplog writes to in place of a connection: Fiber sends the
// response itself, later.
type writer struct{ header http.Header }

func newWriter() *writer { return &writer{make(http.Header)} }

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) WriteHeader(int)             {}
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }

// ReadFrom counts what it need not read.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	if n, ok := r.(bytesToCome); ok {
		return int64(n), nil
	}
	return io.Copy(struct{ io.Writer }{w}, r)
}

// bytesToCome is a stream of that length, whose bytes nobody can see.
type bytesToCome int

func (bytesToCome) Read([]byte) (int, error) { return 0, io.EOF }
