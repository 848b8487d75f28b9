// Package ledgerview shows on a web page what a program logs: live, searched, errors grouped, requests with their
// percentiles. It takes what the Ledger SDKs send, in both protocols, what any OTLP logger sends, and lines of text.
//
// It is for development and small machines. Records are in memory, bounded by bytes, and gone when the program ends.
// Command ledgerview is this package on an address; a program can also show its own records:
//
//	viewer := ledgerview.New(nil)
//	defer viewer.Close()
//	mux.Handle("/debug/ledger/", http.StripPrefix("/debug/ledger", viewer))
//	handler, err := ledger.NewHandler(&ledger.Options{HTTPTransport: viewer, APIKey: ledgerview.APIKey})
//
// The package does not import package ledger, and knows nothing of handlers: it sees only what they send.
package ledgerview

import (
	"context"
	"embed"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// APIKey is a key that a viewer takes. It takes every other that begins with "ledger_" or "ldg_", too, and keeps none.
const APIKey = "ledger_ViewerKey-0123456789_abcdefghijklmnopqrstuv"

// Options say how a viewer behaves. The zero value is a good one.
type Options struct {
	// MaxBytes bounds the memory that records take. The oldest go when it is reached. Zero means 256 MiB; less than
	// 256 KiB is 256 KiB.
	MaxBytes int64

	// SourceDir is where the sources of the program that logs are, to show the lines around the frames of a stack.
	// Files outside it are never read. Empty means that no lines are shown.
	SourceDir string

	// Editor is the address that opens a file in an editor, with {file} and {line} in it. Empty means no link.
	// The file begins with a slash: vscode://file{file}:{line}
	Editor string

	// Forward is the base URL of a real server. Requests of the ingest API go on to it, and its answers go back.
	// Nil means that the viewer answers itself.
	Forward *url.URL

	// Hosts are names by which the viewer may be called, beside localhost and the address it listens on.
	// Requests with another Host header are refused, so that no page on the internet can reach the viewer by a name
	// of its own (DNS rebinding).
	Hosts []string
}

// A Viewer takes log records and shows them. It is an http.Handler, for a server, and an http.RoundTripper, for a
// client in the same process. Its methods are safe for concurrent use. Close it when it is no longer needed.
type Viewer struct {
	options Options
	started time.Time
	ring    *ring
	runs    *runs
	faults  faults
	sources *sources
	forward *forward // nil without Options.Forward
	handler http.Handler
	streams atomic.Int64

	life context.Context // ends with Close
	end  context.CancelFunc
}

var (
	_ http.Handler      = (*Viewer)(nil)
	_ http.RoundTripper = (*Viewer)(nil)
)

// New returns a viewer. Nil options are the zero ones. It starts nothing, and opens no file.
func New(opts *Options) *Viewer {
	if opts == nil {
		opts = &Options{}
	}
	v := &Viewer{options: *opts, started: time.Now(), runs: newRuns()}
	v.ring = newRing(v.options.MaxBytes)
	v.sources = newSources(v.options.SourceDir, v.options.Editor)
	v.life, v.end = context.WithCancel(context.Background())
	if v.options.Forward != nil {
		v.forward = newForward(v, v.options.Forward)
	}
	v.handler = v.guard(v.routes())
	return v
}

// ServeHTTP serves the page, its API, and the ingest API of both protocols.
func (v *Viewer) ServeHTTP(w http.ResponseWriter, r *http.Request) { v.handler.ServeHTTP(w, r) }

// Close ends all streams and all requests that a fault lets hang. What comes after is refused. Records are forgotten.
// It may be called more than once.
func (v *Viewer) Close() error {
	v.end()
	v.ring.forget()
	if v.forward != nil {
		v.forward.close()
	}
	return v.sources.close()
}

//go:embed web
var webFiles embed.FS

func (v *Viewer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", servePage)
	for path, methods := range map[string]methods{
		"/api/records":   {http.MethodGet: v.getRecords, http.MethodDelete: v.deleteRecords},
		"/api/stream":    {http.MethodGet: v.stream},
		"/api/histogram": {http.MethodGet: v.getHistogram},
		"/api/errors":    {http.MethodGet: v.getErrors},
		"/api/routes":    {http.MethodGet: v.getRoutes},
		"/api/latency":   {http.MethodGet: v.getLatency},
		"/api/traces":    {http.MethodGet: v.getTraces},
		"/api/runs":      {http.MethodGet: v.getRuns},
		"/api/stats":     {http.MethodGet: v.getStats},
		"/api/config":    {http.MethodGet: v.getConfig},
		"/api/suggest":   {http.MethodGet: v.getSuggestions},
		"/api/source":    {http.MethodGet: v.getSource},
		"/api/export":    {http.MethodGet: v.export},
		"/api/import":    {http.MethodPost: v.importRecords},
		"/api/fault":     {http.MethodPut: v.putFault, http.MethodDelete: v.deleteFault},
	} {
		mux.Handle(path, methods)
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		answerError(w, http.StatusNotFound, "the API has no such path")
	})
	ingest := http.HandlerFunc(v.ingest)
	for _, path := range []string{"/api/v1/", "/v1/", "/health", "/health/"} {
		mux.Handle(path, ingest)
	}
	return mux
}

// methods are the handlers of one path.
type methods map[string]http.HandlerFunc

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h, ok := m[method]; ok {
		h(w, r)
		return
	}
	w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
	answerError(w, http.StatusMethodNotAllowed, "this path does not take "+r.Method)
}
