package ledgerview

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// idleServer is how long a connection to the real server may be idle: that one closes it after 5 s.
const idleServer = 4 * time.Second

// A forward sends the requests of the ingest API on to a real server, as they came, and its answers back. What is in
// them the viewer keeps, with what the server said.
type forward struct {
	viewer    *Viewer
	target    *url.URL
	proxy     *httputil.ReverseProxy
	transport *http.Transport
}

func newForward(v *Viewer, target *url.URL) *forward {
	f := &forward{viewer: v, target: target}
	f.transport = http.DefaultTransport.(*http.Transport).Clone()
	f.transport.DisableCompression = true // answers go back as they come
	f.transport.IdleConnTimeout = idleServer
	f.proxy = &httputil.ReverseProxy{
		Rewrite:   f.rewrite,
		Transport: f.transport,
		ErrorLog:  log.New(io.Discard, "", 0), // the record, and the client's answer, say it
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if c, ok := w.(*capture); ok {
				c.failure = err
			}
			ingest.Detail(http.StatusBadGateway, "ledgerview cannot reach the server it forwards to: "+err.Error()).Write(w)
		},
	}
	return f
}

func (f *forward) close() { f.transport.CloseIdleConnections() }

// rewrite aims a request at the real server. Headers that a proxy would leave out go on, too.
func (f *forward) rewrite(p *httputil.ProxyRequest) {
	p.SetURL(f.target)
	for name, values := range p.In.Header {
		if name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-") {
			p.Out.Header[name] = values
		}
	}
	p.Out.GetBody = p.In.GetBody
}

func (f *forward) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, ingest.MaxBody+1))
	if err != nil {
		return // the client left
	}
	c := &capture{ResponseWriter: w}
	if len(body) > ingest.MaxBody { // too large to be looked at; what the server says to it is its affair
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		f.proxy.ServeHTTP(c, r)
		return
	}
	reader := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = reader()
	r.GetBody, r.ContentLength = reader, int64(len(body))
	now := time.Now()
	// The proxy panics when an answer breaks off, and what was sent is kept all the same.
	defer f.keep(c, r, body, now)
	f.proxy.ServeHTTP(c, r)
}

// keep stores what a request brought, with what the server said to it.
func (f *forward) keep(c *capture, r *http.Request, body []byte, now time.Time) {
	path := strings.TrimSuffix(r.URL.Path, "/")
	if r.Method != http.MethodPost || path != ingest.PathBatch && path != ingest.PathSingle && path != ingest.PathLogs {
		return
	}
	batch := ingest.Decode(ingest.Request{
		Path: path, ContentType: r.Header.Get("Content-Type"), ContentEncoding: r.Header.Get("Content-Encoding"), Body: body,
	}, now)
	said := f.said(c)
	blame := requestBlame(batch)
	records := make([]record, len(batch.Entries))
	for i := range batch.Entries {
		records[i] = fromEntry(&batch.Entries[i], path, now, blame)
		records[i].refused = records[i].refused || c.status/100 != 2
		records[i].notes = append(records[i].notes, said)
	}
	f.viewer.store(records)
}

// said is a note of what the server answered.
func (f *forward) said(c *capture) note {
	n := note{Kind: noteForwarded}
	switch {
	case c.failure != nil:
		n.Text = fmt.Sprintf("%s could not be reached", f.target.Host)
	case c.status == 0:
		n.Text = fmt.Sprintf("%s gave no answer", f.target.Host)
	default:
		n.Text = fmt.Sprintf("%s answered %d %s", f.target.Host, c.status, http.StatusText(c.status))
		if text := strings.ToValidUTF8(string(c.head), ""); c.status/100 != 2 && text != "" {
			n.Text += ": " + text
		}
	}
	return n
}

// A capture notes the status of an answer, and how its body begins.
type capture struct {
	http.ResponseWriter
	status  int
	head    []byte
	failure error
}

const captured = 200 // bytes of an answer's body

func (c *capture) WriteHeader(status int) {
	if status >= 200 && c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *capture) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	c.head = append(c.head, b[:min(len(b), captured-len(c.head))]...)
	return c.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (c *capture) Unwrap() http.ResponseWriter { return c.ResponseWriter }
