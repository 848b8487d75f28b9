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

// maxAhead is how far in the future a record's time is believed. The server
// refuses an entry more than five minutes ahead of its own clock (ledger-wire
// 2.3); the minute between leaves room for clocks that differ.
const maxAhead = 4 * 60 // seconds

// An Format writes entries of one format. The calls for an entry are
// Begin, any number of members, EndAttrs, and what the entry has of AppendTrace,
// AppendEndpoint and AppendError. It is immutable.
//
// An entry's ending stays out of the queue: most of it is the same in all
// entries, and the rest, which differs in each, compresses best side by side. It
// is appended, and a heading put before the entry, when a body is written.
type Format interface {
	wire.Format
	// Begin appends what stands between heading and attributes.
	Begin(b []byte, level slog.Level, message string) []byte
	// AppendAttr appends one member, whose key Clean leaves as it is, and
	// whose value is no group, no LogValuer, and of the kind Any only for nil.
	AppendAttr(b []byte, key string, v slog.Value, root bool) []byte
	// AppendKnown is AppendAttr for a key that the [wire.KeyTable] knows, and a value
	// whose kind isScalar.
	AppendKnown(b []byte, k *wire.KnownKey, kind slog.Kind, v slog.Value, root bool) []byte
	// AppendJSON appends a member whose value is sanitized JSON.
	AppendJSON(b []byte, key string, json []byte, root bool) []byte
	// OpenGroup begins a group; CloseGroup ends the innermost one, of which
	// OpenGroup was called when b had the length mark.
	OpenGroup(b []byte, key string, root bool) []byte
	CloseGroup(b []byte, mark int) []byte
	// EndAttrs ends the attributes, which began at the length mark.
	EndAttrs(b []byte, mark int) []byte
	AppendFields(b []byte, own wire.Fields) []byte
	AppendFailure(b []byte, e wire.Failure) []byte
	// ToJSON appends members of this format as JSON members, each with a comma
	// after it. At the root it adds what the format sets apart.
	ToJSON(b, members []byte, root bool, a *wire.Fields) ([]byte, error)
	// FromJSON appends such JSON members, which stand within level groups, as
	// members of this format. At the root, which is level 0, it takes out of them
	// what the format sets apart; HasEndpoint tells whether that includes the
	// member "endpoint".
	FromJSON(b, members []byte, level int, hasEndpoint bool, a *wire.Fields) []byte
}

// MaxFormats is how many formats there are: Ledger's own, and OTLP.
const MaxFormats = 2

// An Config is what a recorder is made of.
type Config struct {
	AddSource    bool
	ReplaceAttr  func([]string, slog.Attr) slog.Attr
	ContextAttrs func(context.Context) []slog.Attr
	Secrets      *redact.Keys       // nil for none
	Formats      [MaxFormats]Format // the first writes JSON
	First        int                // the format that is likely to come first
	Now          func() time.Time
}

// A Encoder turns records into entries. It is safe for concurrent use.
type Encoder struct {
	config   Config
	secret   *redact.Keys
	keys     *wire.KeyTable
	formats  [MaxFormats]Format
	known    [MaxFormats]wire.Format // Formats, to compare with
	limits   [MaxFormats]wire.Limits // of formats
	current  atomic.Int32            // the format of the last entry; With attrs are encoded in it
	knownNow atomic.Int64            // Unix seconds; never ahead of the clock
}

// New makes a recorder.
func New(c Config) *Encoder {
	rec := &Encoder{config: c, secret: c.Secrets, keys: &wire.KeyTable{}, formats: c.Formats}
	if rec.secret == nil {
		rec.secret = &redact.Keys{}
	}
	for i, f := range c.Formats {
		rec.known[i], rec.limits[i] = f, f.Limits()
	}
	rec.current.Store(int32(c.First))
	return rec
}

// indexOf returns the place of a format.
func (rec *Encoder) indexOf(format wire.Format) int {
	if format == rec.known[0] {
		return 0
	}
	return 1
}

// Append appends an entry for r to b, without heading and ending, and returns
// the ending; one without kinds when the entry is whole. It never panics, whatever
// the record holds, never waits and takes no lock. seq must be unique within the
// process.
func (rec *Encoder) Append(b []byte, format wire.Format, s *Scope, ctx context.Context, r *slog.Record, seq uint64) (entry []byte, e wire.Ending) {
	start := len(b)
	whole := b
	defer func() {
		if p := recover(); p != nil {
			entry, e = rec.appendLastResort(whole, rec.indexOf(format), *r, seq, p)
		}
	}()

	form := rec.indexOf(format)
	f, limits := rec.formats[form], &rec.limits[form]
	if rec.current.Load() != int32(form) {
		rec.current.Store(int32(form))
	}
	bound := s.forms[form].Load()
	if bound == nil {
		bound = rec.boundIn(s, form)
	}
	sec, nsec := r.Time.Unix(), r.Time.Nanosecond()
	timely := true
	if sec <= 0 || sec >= rec.knownNow.Load()+maxAhead {
		sec, nsec, timely = rec.timeOf(r.Time, limits.Earliest)
	}

	var w walk // a literal would be made elsewhere and copied
	w.rec, w.f, w.limits, w.replace, w.budget = rec, f, limits, rec.config.ReplaceAttr, maxVisits
	w.b = f.Begin(b, r.Level, r.Message)
	attrs := len(w.b)

	// What the SDK adds comes first: where a key occurs twice the last one
	// counts, and that shall be the program's own.
	if !timely && !r.Time.IsZero() {
		w.b = f.AppendAttr(w.b, "time", slog.TimeValue(r.Time), true)
	}
	if rec.config.AddSource {
		if src := r.Source(); src != nil {
			w.source(src)
		}
	}
	var fromContext *facts
	if rec.config.ContextAttrs != nil {
		w.contextAttrs(ctx, s, r)
		found := w.facts
		fromContext = &found
		w.facts = facts{}
	}
	w.masked = s.masked
	if bound.says {
		w.facts, w.Fields = s.facts, bound.Fields
		w.err, w.errMessage = nil, "" // after the record's own, if it has any
	}

	prefix := len(w.b)
	w.b = append(w.b, bound.prefix...)
	if rawslog.HasAttrs(r) {
		w.recordAttrs(s, r)
	}
	for i := len(bound.marks) - 1; i >= 0; i-- {
		w.b = f.CloseGroup(w.b, prefix+bound.marks[i])
	}
	if w.truncated {
		w.b = f.AppendAttr(w.b, "_truncated", slog.BoolValue(true), true)
	}
	w.b = f.EndAttrs(w.b, attrs)

	if fromContext != nil || s.err != nil {
		w.facts.complete(&s.facts, fromContext)
	}
	b = rec.appendTail(w.b, f, &w.facts, r.Level, r.PC)
	e = wire.Ending{Sec: sec, Nsec: int32(nsec), Kinds: w.facts.kinds(wire.LevelOf(r.Level)), Seq: seq}
	if wire.MayExceed(len(b)-start, w.facts.hasEndpoint, limits) {
		return append(b[:start], wire.Fit(wire.Whole(f, b[start:], e), f)...), wire.Ending{Seq: seq}
	}
	return b, e
}

// recordAttrs walks the record's own attrs, in the groups that no With attr has
// opened yet. Groups that stay empty leave nothing.
func (w *walk) recordAttrs(s *Scope, r *slog.Record) {
	w.open(s)
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
		w.hasEndpoint = false
	}
	for i := len(marks) - 1; i >= 0; i-- {
		w.b = w.f.CloseGroup(w.b, marks[i])
	}
}

// attrsIn appends r's own attrs and reports whether there was anything to append.
func (w *walk) attrsIn(r *slog.Record) (some bool) {
	if rawslog.LayoutKnown {
		front, back := rawslog.Attrs(r)
		some = w.attrs(front)
		return len(back) > 0 && w.attrs(back) || some
	}
	r.Attrs(func(a slog.Attr) bool {
		some = w.attr(a) || some
		return true
	})
	return some
}

// appendTail appends what stands between the attributes and the ending.
func (rec *Encoder) appendTail(b []byte, f Format, facts *facts, level slog.Level, pc uintptr) []byte {
	if !facts.hasEndpoint {
		facts.Endpoint = nil
	}
	if facts.Fields != (wire.Fields{}) {
		b = f.AppendFields(b, facts.Fields)
	}
	if facts.err == nil {
		return b
	}
	e := wire.Failure{Type: errstack.TypeOf(facts.err), Message: facts.errMessage}
	if e.Message == "" || e.Message[0] == 0 && jsontext.Clean(e.Message) == "" {
		e.Message = e.Type
	}
	if wire.LevelOf(level) >= wire.Error {
		e.Stack = jsontext.Cut(errstack.Stack(facts.err, pc), wire.MaxStackTrace)
	}
	e.Type, e.Message = jsontext.Cut(e.Type, wire.MaxErrorType), jsontext.Cut(e.Message, wire.MaxErrorMessage)
	return f.AppendFailure(b, e)
}

// appendLastResort appends an entry for a record that could not be encoded,
// which would be a fault of this package: the message still arrives.
func (rec *Encoder) appendLastResort(b []byte, form int, r slog.Record, seq uint64, panicked any) ([]byte, wire.Ending) {
	f := rec.formats[form]
	sec, nsec, _ := rec.timeOf(time.Time{}, rec.limits[form].Earliest)
	b = f.Begin(b, r.Level, r.Message)
	attrs := len(b)
	b = f.AppendAttr(b, "_error", slog.StringValue(errstack.PanicText(nil, panicked)), true)
	b = f.EndAttrs(b, attrs)
	var none facts
	return b, wire.Ending{Sec: sec, Nsec: int32(nsec), Kinds: none.kinds(wire.LevelOf(r.Level)), Seq: seq}
}

// timeOf returns the time to log for t: t itself, or the current time when t is
// zero, too far ahead, or nothing that the format and the server can express.
// It is asked only for times that are not evidently fine, which spares the
// usual record a look at the clock. Of a clock that is beyond what can be
// expressed it takes the nearest second that is not.
func (rec *Encoder) timeOf(t time.Time, earliest int64) (sec int64, nsec int, timely bool) {
	now := rec.config.Now()
	sec, nsec = min(max(now.Unix(), earliest), wire.Latest-maxAhead), now.Nanosecond()
	rec.knownNow.Store(sec)
	jsontext.NoteToday(sec)
	if t.IsZero() || t.Unix() < earliest || t.After(time.Unix(sec, int64(nsec)).Add(maxAhead*time.Second)) {
		return sec, nsec, false
	}
	return t.Unix(), t.Nanosecond(), true
}
