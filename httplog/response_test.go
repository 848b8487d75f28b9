package httplog_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// The optional interfaces, as a writer has them or not.
type (
	canFlush       struct{}
	canFlushError  struct{}
	canHijack      struct{}
	canReadFrom    struct{}
	canPush        struct{}
	canCloseNotify struct{}
)

func (canFlush) Flush()                                             {}
func (canFlushError) FlushError() error                             { return errFlush }
func (canHijack) Hijack() (net.Conn, *bufio.ReadWriter, error)      { return nil, nil, errHijack }
func (canReadFrom) ReadFrom(r io.Reader) (int64, error)             { return io.Copy(io.Discard, r) }
func (canPush) Push(string, *http.PushOptions) error                { return http.ErrNotSupported }
func (canCloseNotify) CloseNotify() <-chan bool                     { return nil }

var (
	errFlush  = errors.New("flush")
	errHijack = errors.New("hijack")
)

// interfacesOf names the optional interfaces of a writer.
func interfacesOf(w http.ResponseWriter) string {
	var names []string
	if _, ok := w.(http.Flusher); ok {
		names = append(names, "Flusher")
	}
	if _, ok := w.(http.Hijacker); ok {
		names = append(names, "Hijacker")
	}
	if _, ok := w.(io.ReaderFrom); ok {
		names = append(names, "ReaderFrom")
	}
	if _, ok := w.(http.Pusher); ok {
		names = append(names, "Pusher")
	}
	if _, ok := w.(interface{ CloseNotify() <-chan bool }); ok {
		names = append(names, "CloseNotifier")
	}
	return strings.Join(names, " ")
}

func TestOptionalInterfacesAreKeptExactly(t *testing.T) {
	type writer = http.ResponseWriter
	base := &discardWriter{http.Header{}}
	writers := []writer{base}
	// Every combination, without reflection, by doubling.
	type f struct {
		writer
		canFlush
	}
	writers = []writer{
		base,
		f{base, canFlush{}},
		struct {
			writer
			canHijack
		}{base, canHijack{}},
		struct {
			writer
			canFlush
			canHijack
		}{base, canFlush{}, canHijack{}},
		struct {
			writer
			canReadFrom
		}{base, canReadFrom{}},
		struct {
			writer
			canFlush
			canReadFrom
		}{base, canFlush{}, canReadFrom{}},
		struct {
			writer
			canHijack
			canReadFrom
		}{base, canHijack{}, canReadFrom{}},
		struct {
			writer
			canFlush
			canHijack
			canReadFrom
		}{base, canFlush{}, canHijack{}, canReadFrom{}},
	}
	for _, w := range writers {
		w := w
		writers = append(writers, withPush(w), withCloseNotify(w), withPush(withCloseNotify(w)))
	}
	seen := map[string]bool{}
	for _, w := range writers {
		want := interfacesOf(w)
		seen[want] = true
		var got string
		var inner http.ResponseWriter
		httplog.Middleware(newLogbook(nil).logger(), nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			got = interfacesOf(w)
			inner = w.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if got != want {
			t.Errorf("handler got %q, want %q", got, want)
		}
		if inner == nil {
			t.Error("Unwrap returns nil")
		}
	}
	if len(seen) != 32 {
		t.Errorf("%d combinations tested, want 32", len(seen))
	}
}

// withPush and withCloseNotify add an interface to one of the eight writers
// above, which have none of the two yet, or only the other one.
func withPush(w http.ResponseWriter) http.ResponseWriter { return combine(w, true, false) }

func withCloseNotify(w http.ResponseWriter) http.ResponseWriter { return combine(w, false, true) }

func combine(w http.ResponseWriter, push, notify bool) http.ResponseWriter {
	if _, has := w.(http.Pusher); has {
		push = true
	}
	if _, has := w.(interface{ CloseNotify() <-chan bool }); has {
		notify = true
	}
	_, flush := w.(http.Flusher)
	_, hijack := w.(http.Hijacker)
	_, readFrom := w.(io.ReaderFrom)
	return combinations[key{flush, hijack, readFrom, push, notify}]
}
