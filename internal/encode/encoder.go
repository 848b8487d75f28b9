// Package encode turns a slog record into an encoded entry: it reads the values
// of attrs, With attrs and groups, masks secrets, and finds the entry's log type,
// error, endpoint and trace ids. An [Encoder] never panics and never waits,
// whatever a record holds.
//
// The handler calls it on the goroutine that logs. This package must never know
// which formats there are, what happens to an entry afterwards, or where options
// come from.
package encode

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/rawslog"
	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// maxAhead is how far in the future a record's time may be. The server refuses
// an entry more than five minutes ahead of its own clock (ledger-wire 2.3); one
// minute is left for clocks that differ.
const maxAhead = 4 * 60 // seconds

// setBack is how much older than the newest time a record may be before the clock is
// looked at: it may have been set back.
const setBack = 30 // seconds

// A Config is what an Encoder needs. The first three fields are those of the
// handler's options.
type Config struct {
	AddSource    bool
	ReplaceAttr  func([]string, slog.Attr) slog.Attr
	ContextAttrs func(context.Context) []slog.Attr
	StackLevel   slog.Leveler       // errors have stacks from this level on; nil is slog.LevelError
	Secrets      *redact.Keys       // nil masks nothing
	Formats      [MaxFormats]Format // the first writes JSON
	First        int                // the index of the format that the first records will be in
	Now          func() time.Time

	// Cut is called for each entry whose attributes were cut, and Unknown once for
	// each value of a steering attr that the server does not know. Both are called
	// on the goroutine that logs, must not wait, and may be nil.
	Cut     func()
	Unknown func(key, value string)
}

// An Encoder turns records into entries. It is safe for concurrent use.
type Encoder struct {
	config   Config
	secret   *redact.Keys
	keys     *wire.KeyTable
	formats  [MaxFormats]Format
	asWire   [MaxFormats]wire.Format // the formats again, to compare with
	limits   [MaxFormats]wire.Limits // of the formats
	current  atomic.Int32            // the format of the last entry; With attrs are encoded in it
	knownNow atomic.Int64            // Unix seconds; ahead of the clock only after it was set back
	kinds    errstack.Kinds
	unknown  unknownValues
}

// New returns an encoder.
func New(c Config) *Encoder {
	enc := &Encoder{config: c, secret: c.Secrets, keys: &wire.KeyTable{}, formats: c.Formats}
	if enc.secret == nil {
		enc.secret = &redact.Keys{}
	}
	if c.StackLevel == nil {
		enc.config.StackLevel = slog.LevelError
	}
	for i, f := range c.Formats {
		enc.asWire[i], enc.limits[i] = f, f.Limits()
	}
	enc.current.Store(int32(c.First))
	return enc
}

// indexOf returns a format's index.
func (enc *Encoder) indexOf(format wire.Format) int {
	if format == enc.asWire[0] {
		return 0
	}
	return 1
}

// Append appends an entry for r to b and returns it with its ending, which is not
// part of it. The ending has no kinds if the entry is whole already. Append never
// panics and never waits, whatever the record holds. It takes a lock only for an
// error of a new cause. format is one of the encoder's; seq must be unique within
// the process.
func (enc *Encoder) Append(b []byte, format wire.Format, s *Scope, ctx context.Context, r *slog.Record, seq uint64) (entry []byte, e wire.Ending) {
	start := len(b)
	whole := b
	defer func() {
		if p := recover(); p != nil {
			entry, e = enc.AppendLastResort(whole, format, r, seq, errstack.PanicText(nil, p))
		}
	}()

	index := enc.indexOf(format)
	f, limits := enc.formats[index], &enc.limits[index]
	if enc.current.Load() != int32(index) {
		enc.current.Store(int32(index))
	}
	bound := s.bound[index].Load()
	if bound == nil {
		bound = enc.boundIn(s, index)
	}
	sec, nsec := r.Time.Unix(), r.Time.Nanosecond()
	timely := true
	if known := enc.knownNow.Load(); sec <= 0 || sec >= known+maxAhead || sec < known-setBack {
		sec, nsec, timely = enc.timeOf(r.Time, limits.Earliest)
	}

	var w walk // a literal would be built elsewhere and copied
	w.enc, w.f, w.limits, w.replace, w.budget = enc, f, limits, enc.config.ReplaceAttr, maxVisits
	w.b = f.Begin(b, r.Level, r.Message)
	attrs := len(w.b)

	w.attributes(ctx, s, bound, r, timely)
	return w.end(start, attrs, s, r, wire.Ending{Sec: sec, Nsec: int32(nsec), Seq: seq})
}

// attributes appends all attributes of the entry. It is apart from end because what end
// needs would lie on the stack while values are encoded, where the stack is deepest.
func (w *walk) attributes(ctx context.Context, s *Scope, bound *bound, r *slog.Record, timely bool) {
	// The SDK's own attributes come first. Of two with the same key the last one
	// counts, and that must be the program's.
	if !timely && !r.Time.IsZero() {
		w.b = w.f.AppendAttr(w.b, "time", slog.TimeValue(r.Time), true)
	}
	if w.enc.config.AddSource {
		w.appendSource(r)
	}
	var fromContext *facts
	if w.enc.config.ContextAttrs != nil {
		w.appendContext(ctx, s, r)
		found := w.facts
		fromContext = &found
		w.facts = facts{}
	}
	w.masked = s.masked
	if bound.hasFacts {
		w.facts = s.facts
		w.Fields = bound.Fields
		w.err, w.errMessage = nil, "" // the record's own error comes first
	}

	prefix := len(w.b)
	w.b = append(w.b, bound.prefix...)
	if rawslog.HasAttrs(r) {
		w.recordAttrs(s, r)
	}
	for i := len(bound.marks) - 1; i >= 0; i-- {
		w.b = w.f.CloseGroup(w.b, prefix+bound.marks[i])
	}
	if fromContext != nil || s.err != nil {
		w.facts.complete(&s.facts, fromContext)
	}
}

// end appends what comes after the attributes, which begin at attrs in the entry that
// begins at start, and returns the entry and e with its kinds.
func (w *walk) end(start, attrs int, s *Scope, r *slog.Record, e wire.Ending) ([]byte, wire.Ending) {
	cut := w.cuts.Len() > 0
	if cut {
		w.b = w.f.AppendJSON(w.b, wire.CutsKey, w.cuts.AppendJSON(nil), true)
	}
	var failure wire.Failure
	if w.err != nil {
		failure = w.enc.failureOf(&w.facts, r)
	}
	if mayExceedIndex(r) {
		attrs = w.indexMessage(start, attrs, r, failure.Type)
	}
	b := appendTail(w.f.EndAttrs(w.b, attrs), w.f, &w.facts, &failure)
	e.Kinds = w.facts.kinds(wire.LevelOf(r.Level))
	if wire.MayExceed(b[start:], w.facts.hasEndpoint, w.limits) {
		whole, more := wire.Fit(wire.Whole(w.f, b[start:], e), w.f)
		b, e, cut = append(b[:start], whole...), wire.Ending{Seq: e.Seq}, cut || more
	}
	if (cut || s.cut) && w.enc.config.Cut != nil {
		w.enc.config.Cut()
	}
	return b, e
}

// recordAttrs appends the record's own attrs, in the groups that no With attr has
// opened yet. A group that stays empty leaves nothing.
func (w *walk) recordAttrs(s *Scope, r *slog.Record) {
	w.enterScope(s)
	switch {
	case s.opened == len(s.groups):
		w.attrsIn(r)
		return
	case len(s.groups) == 1 && s.groups[0] == wire.EndpointKey:
		w.endpointRecord(r)
		return
	}
	var few [8]int
	marks := few[:0]
	before := len(w.b)
	for i := s.opened; i < min(len(s.groups), w.limits.Depth-1); i++ {
		marks = append(marks, len(w.b))
		w.b = w.f.OpenGroup(w.b, s.groups[i], i == 0)
	}
	if !w.attrsIn(r) {
		w.b = w.b[:before]
		return
	}
	if s.opened == 0 && s.groups[0] == wire.EndpointKey {
		w.hideEndpoint()
	}
	for i := len(marks) - 1; i >= 0; i-- {
		w.b = w.f.CloseGroup(w.b, marks[i])
	}
}

// attrsIn appends r's attrs and reports whether it appended something.
func (w *walk) attrsIn(r *slog.Record) (some bool) {
	if rawslog.LayoutKnown {
		front, back := rawslog.Attrs(r)
		some = w.attrs(front)
		return len(back) > 0 && w.attrs(back) || some
	}
	return w.attrsAsked(r)
}

// attrsAsked is attrsIn for a layout that is not known.
func (w *walk) attrsAsked(r *slog.Record) (some bool) {
	r.Attrs(func(a slog.Attr) bool {
		some = w.attr(a) || some
		return true
	})
	return some
}

// appendTail appends what comes between the attributes and the ending.
func appendTail(b []byte, f Format, facts *facts, e *wire.Failure) []byte {
	if facts.TraceID != "" || facts.SpanID != "" || facts.Endpoint != nil {
		if !facts.hasEndpoint {
			facts.Endpoint = nil
		}
		b = f.AppendFields(b, facts.Fields)
	}
	if facts.err == nil {
		return b
	}
	return f.AppendFailure(b, *e)
}

// failureOf describes the entry's error.
func (enc *Encoder) failureOf(facts *facts, r *slog.Record) (e wire.Failure) {
	e.Type, e.Message = enc.kinds.TypeOf(facts.err, facts.errMessage, r.PC), facts.errMessage
	if e.Message == "" || e.Message[0] == 0 && jsontext.Clean(e.Message) == "" {
		e.Message = e.Type
	}
	if r.Level >= enc.config.StackLevel.Level() {
		e.Stack = jsontext.Cut(errstack.Stack(facts.err, r.PC), wire.MaxStackTrace)
	}
	e.Type, e.Message = jsontext.Cut(e.Type, wire.MaxErrorType), jsontext.Cut(e.Message, wire.MaxErrorMessage)
	return e
}

// AppendLastResort appends an entry for a record whose attrs cannot be encoded, and
// returns it with its ending, as Append does. The message still arrives, and the
// attribute "_error" says why.
func (enc *Encoder) AppendLastResort(b []byte, format wire.Format, r *slog.Record, seq uint64, why string) ([]byte, wire.Ending) {
	start := len(b)
	index := enc.indexOf(format)
	f, limits := enc.formats[index], &enc.limits[index]
	sec, nsec, _ := enc.timeOf(time.Time{}, limits.Earliest)
	w := walk{enc: enc, f: f, limits: limits, b: f.Begin(b, r.Level, r.Message)}
	attrs := len(w.b)
	w.b = f.AppendAttr(w.b, "_error", slog.StringValue(why), true)
	if mayExceedIndex(r) {
		attrs = w.indexMessage(start, attrs, r, "")
	}
	w.b = f.EndAttrs(w.b, attrs)
	var none facts
	e := wire.Ending{Sec: sec, Nsec: int32(nsec), Kinds: none.kinds(wire.LevelOf(r.Level)), Seq: seq}
	fitting, _ := wire.Fit(wire.Whole(f, w.b[start:], e), f)
	return append(b, fitting...), wire.Ending{Seq: seq}
}

// timeOf returns the time to log for t: t itself, or the current time if t is
// zero, too far ahead, or a time that the format or the server cannot express. If
// the clock shows such a time, it takes the nearest second that they can. timeOf
// is called only for times that may not be fine: the usual record needs no look
// at the clock.
func (enc *Encoder) timeOf(t time.Time, earliest int64) (sec int64, nsec int, timely bool) {
	now := enc.config.Now()
	sec, nsec = min(max(now.Unix(), earliest), wire.Latest-maxAhead), now.Nanosecond()
	enc.knownNow.Store(sec)
	jsontext.NoteToday(sec)
	if t.IsZero() || t.Unix() < earliest || t.After(time.Unix(sec, int64(nsec)).Add(maxAhead*time.Second)) {
		return sec, nsec, false
	}
	return t.Unix(), t.Nanosecond(), true
}
