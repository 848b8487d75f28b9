// Package selflog writes what a library says of its own trouble, where the program's
// logger cannot be used: it may lead back to the library. Nobody waits for a message to be
// written. When the writer falls behind, messages are lost.
//
// Package ledger calls it, and decides what is said and when. This package must never know
// what a message is about.
package selflog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// mostWaiting is how many messages wait for the writer; the next is lost.
	mostWaiting = 16
	// moment is how long Close waits: somebody may not read what is written.
	moment = 50 * time.Millisecond
)

// A Log writes messages through a handler, in a goroutine of its own, so that a stderr
// that nobody reads holds up nothing. It is safe for concurrent use.
type Log struct {
	handler  slog.Handler
	messages chan slog.Record
	done     chan struct{}

	mu     sync.Mutex
	topics map[string]*rate.Sometimes
	closed bool
}

// New starts a Log that writes through handler. End it with [Log.Close].
func New(handler slog.Handler) *Log {
	l := &Log{
		handler:  handler,
		messages: make(chan slog.Record, mostWaiting),
		done:     make(chan struct{}),
		topics:   make(map[string]*rate.Sometimes),
	}
	go l.run()
	return l
}

func (l *Log) run() {
	defer close(l.done)
	for r := range l.messages {
		l.handle(r)
	}
}

func (l *Log) handle(r slog.Record) {
	defer func() { _ = recover() }() // a handler of the caller's
	ctx := context.Background()
	if l.handler.Enabled(ctx, r.Level) {
		_ = l.handler.Handle(ctx, r)
	}
}

// Close takes no more messages, and lets those it has be written, until ctx ends and for
// 50 ms at most. It may be called again.
func (l *Log) Close(ctx context.Context) {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.messages)
	}
	l.mu.Unlock()
	timer := time.NewTimer(moment)
	defer timer.Stop()
	select {
	case <-l.done:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Tell writes a message, unless there was one on the same topic within a minute; "" is no
// topic. It reports whether the message will be written.
func (l *Log) Tell(topic string, level slog.Level, message string, attrs ...slog.Attr) (written bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if topic == "" {
		return l.write(level, message, attrs)
	}
	sometimes := l.topics[topic]
	if sometimes == nil {
		sometimes = &rate.Sometimes{First: 1, Interval: time.Minute}
		l.topics[topic] = sometimes
	}
	sometimes.Do(func() { written = l.write(level, message, attrs) })
	return written
}

// write hands a message to the goroutine. The caller holds the lock.
func (l *Log) write(level slog.Level, message string, attrs []slog.Attr) bool {
	if l.closed {
		return false
	}
	r := slog.NewRecord(time.Now(), level, "ledger: "+message, 0)
	r.AddAttrs(attrs...)
	select {
	case l.messages <- r:
		return true
	default:
		return false
	}
}
