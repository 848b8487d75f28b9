package fiberlog

import (
	"bytes"
	"io"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// newRequest returns Fiber's request as one of net/http. It shares no memory with
// Fiber, which reuses its own for the next request, but for the body. That is
// left out unless it is asked for.
func newRequest(c fiber.Ctx, withBody bool) *http.Request {
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
	if !from.IsBodyStream() {
		r.ContentLength = int64(len(from.Body())) // chunks have arrived, too
		if withBody {
			r.Body = io.NopCloser(bytes.NewReader(from.Body()))
		}
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
	status := response.StatusCode()
	w.WriteHeader(status)
	if !response.IsBodyStream() {
		_, _ = w.Write(response.Body())
		return
	}
	// A stream is not in memory. Its length, where it is known, is all that httplog
	// needs, unless it keeps the body.
	if status < http.StatusBadRequest {
		_, _ = io.CopyN(w, zeros{}, int64(response.Header.ContentLength()))
	}
}

// zeros is a reader without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// A writer is what httplog writes to in place of a connection: Fiber sends the
// response itself, later.
type writer struct{ header http.Header }

func (w writer) Header() http.Header         { return w.header }
func (w writer) WriteHeader(int)             {}
func (w writer) Write(p []byte) (int, error) { return len(p), nil }
