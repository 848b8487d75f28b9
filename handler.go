package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/encode"
	"github.com/ledger-sdk/ledger-go/internal/native"
	"github.com/ledger-sdk/ledger-go/internal/otlp"
	"github.com/ledger-sdk/ledger-go/internal/protocol"
	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/spill"
	"github.com/ledger-sdk/ledger-go/internal/stats"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// Version is the SDK's semantic version, at most 20 characters (the server's
// column).
const Version = "0.1.0"

// ErrClosed is returned by [Handler.Handle] after [Handler.Shutdown].
var ErrClosed = errors.New("ledger: handler is shut down")

// A Handler is a [slog.Handler] that delivers records to a Ledger server in the
// background. All its methods are safe for concurrent use; handlers made by
// WithAttrs and WithGroup share its queue and its goroutine.
type Handler struct {
	*core
	scope *encode.Scope
}

// A core is what a handler shares with those derived from it.
type core struct {
	config    *config
	encoder   *encode.Encoder
	protocols *protocol.Chooser
	queue     *buffer.Queue
	count     *stats.Counters
	sender    *sender
	batcher   *batcher
	report    *diagnostics
	now       func() time.Time

	closed   atomic.Bool
	shutdown sync.Once
	decides  context.Context // of the first Shutdown; set in shutdown
	counted  chan struct{}   // closed when Shutdown's result is known
	downErr  error           // it; read after counted
	down     chan struct{}   // closed when Shutdown is through
}

var _ slog.Handler = (*Handler)(nil)

// NewHandler returns a handler that is ready to log, and starts its goroutines;
// end them with [Handler.Shutdown]. It sends nothing: whether the server can be
// reached is seen in [Handler.Status]. Its only I/O is to open SpoolDir, so that a
// crash of the process is captured from now on. nil means the environment and the
// defaults. The error joins every fault of the options, each with its field and
// its variable.
func NewHandler(opts *Options) (*Handler, error) {
	config, err := newConfig(opts, os.Environ())
	if err != nil {
		return nil, err
	}
	return newHandler(config, encodingOf(config, newIDPrefix(), time.Now)), nil
}

func newHandler(config *config, encoding encode.Config) *Handler {
	now := encoding.Now
	count := &stats.Counters{Started: now()}
	report := newDiagnostics(config)
	encoding.Cut = func() { report.attributesCut(count.Truncated.Add(1)) }
	encoding.Unknown = report.unknownSteering
	c := &core{
		config:    config,
		encoder:   encode.New(encoding),
		protocols: protocol.New(string(config.Protocol), encoding.Formats[0], encoding.Formats[1]),
		queue:     buffer.NewQueue(queueLimitsOf(config), count),
		count:     count,
		report:    report,
		now:       now,
		counted:   make(chan struct{}),
		down:      make(chan struct{}),
	}
	c.sender = newSender(config, c.protocols, count, c.report, now)
	c.batcher = newBatcher(config, c.queue, count, c.sender, c.report, c.inheritCrash, now)
	c.batcher.encode = c.encode
	for _, text := range config.warnings {
		c.report.Tell(text, slog.LevelWarn, text)
	}
	c.batcher.disk.Open()
	go c.batcher.run()
	return &Handler{core: c, scope: c.encoder.Root()}
}

// encodingOf is what the encoder needs of config.
func encodingOf(config *config, idPrefix string, now func() time.Time) encode.Config {
	of := wire.Program{
		Service: config.Service, Environment: config.Environment, Release: config.Release,
		SDKVersion: Version, IDPrefix: idPrefix,
	}
	c := encode.Config{
		AddSource: config.AddSource, ReplaceAttr: config.ReplaceAttr, ContextAttrs: config.ContextAttrs,
		StackLevel: config.StackLevel,
		Formats:    [encode.MaxFormats]encode.Format{native.New(of), otlp.New(of)}, Now: now,
	}
	if !config.DisableRedaction {
		c.Secrets = redact.NewKeys(config.RedactKeys)
	}
	if config.Protocol == ProtocolOTLP {
		c.First = 1
	}
	return c
}

// queueLimitsOf is what the queue needs of config.
func queueLimitsOf(c *config) buffer.QueueLimits {
	l := buffer.QueueLimits{MaxEntries: c.MaxBufferSize, MaxBytes: c.MaxBufferBytes, BatchEntries: c.FlushSize, BatchBytes: maxBody}
	if c.SpoolDir != "" {
		l.WakeAbove = spill.Above
	}
	return l
}

// newIDPrefix returns what every log_id of a handler begins with: 80 random bits,
// so that ids are unique across processes without a random number a record.
func newIDPrefix() string {
	return strings.ToLower(rand.Text()[:16]) + "-"
}

// Flush returns when everything logged before the call is settled: taken by the
// server, dropped for a reason that is counted, or left to SpoolDir because memory is
// short. It returns by ctx's end, in every state; the error then says how many entries
// are left and why, and wraps ctx's. A ctx without an end waits as long as the server
// refuses.
//
// Where a pause of sending would last longer than ctx, it ends the pause once: it
// tries before it gives up.
func (h *Handler) Flush(ctx context.Context) error {
	if err := h.wait(ctx, false); err != nil {
		return h.leftError("flush", h.count.Tally().Unsettled(), err)
	}
	return nil
}

// wait waits until what was logged so far is settled; its error is ctx's. last is
// whether nothing will be sent afterwards.
func (c *core) wait(ctx context.Context, last bool) error {
	until, limited := ctx.Deadline()
	w := &waiter{
		ctx: ctx, mark: uint64(c.count.Logged.Load()),
		until: until, hurry: limited || last, last: last, done: make(chan struct{}),
	}
	select {
	case c.batcher.waits <- w:
	case <-c.batcher.stopped:
		return nil
	case <-ctx.Done():
		if c.count.Tally().Unsettled() == 0 {
			return nil
		}
		return ctx.Err()
	}
	select {
	case <-w.done:
	case <-c.batcher.stopped:
	case <-ctx.Done():
		select {
		case <-w.done:
		default:
			return ctx.Err()
		}
	}
	return nil
}

// Shutdown stops taking records, ends every pause of sending, flushes, and releases
// all that the handler holds. It gives up when ctx ends, in every state: what is left
// then is dropped and counted, or in SpoolDir, and the error says how many entries were
// dropped and why. It may be called again and at once from several goroutines: the
// first call's ctx counts, and the others return its error, or their own ctx's.
//
// Counting comes after ctx's end. Requests in progress get 50 ms to return; only a
// RoundTripper that ignores its context takes them. With a SpoolDir what is left is
// written there, without fsync. After 5 s, such as with a disk that hangs, Shutdown
// returns without the count, and its error says how many entries were not settled.
//
// With a SpoolDir it writes there at once what is in memory, and delivers meanwhile, also
// what is on disk as long as the server takes entries. It waits for the answers to what
// it has sent, so that the next start sends nothing again.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.shutdown.Do(func() {
		h.closed.Store(true)
		h.decides = ctx
		go h.end(ctx)
	})
	select {
	case <-h.down:
		return h.downErr
	case <-ctx.Done():
	}
	deadline, limited := h.decides.Deadline()
	if h.decides.Err() != nil || limited && !h.now().Before(deadline) { // what is left is being counted
		select {
		case <-h.counted:
		case <-time.After(5 * time.Second): // a disk that hangs; on a machine that is busy it takes less
		}
	}
	select {
	case <-h.counted:
		return h.downErr
	default:
		return h.leftError("shutdown", h.count.Tally().Unsettled(), ctx.Err())
	}
}

// end carries Shutdown out, within ctx and what it takes to count.
func (h *Handler) end(ctx context.Context) {
	defer close(h.down)
	h.sender.limiter.End()
	err := h.wait(ctx, true)
	why := h.trouble()
	close(h.batcher.quit)
	<-h.batcher.counted
	if h.batcher.left > 0 {
		if err == nil {
			err = errors.New("logged while shutting down")
		}
		h.downErr = fmt.Errorf("ledger: shutdown: %d entries dropped, %s: %w", h.batcher.left, why, err)
	}
	close(h.counted)
	<-h.batcher.stopped // a disk may take its time to sync
	h.sender.transport.client.Close()
	h.report.Close(ctx)
}

func (h *Handler) leftError(what string, left int64, err error) error {
	return fmt.Errorf("ledger: %s: %d entries left, %s: %w", what, left, h.trouble(), err)
}
