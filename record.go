package ledger

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// maxAhead is how far in the future a record's time is believed. The server
// refuses an entry more than five minutes ahead of its own clock (ledger-wire
// 2.3); the minute between leaves room for clocks that differ.
const maxAhead = 4 * 60 // seconds

// An entryEncoder writes entries of one format. The calls for an entry are
// begin, any number of members, endAttrs, and what the entry has of appendTrace,
// appendEndpoint and appendError. It is immutable.
//
// An entry's ending stays out of the queue: most of it is the same in all
// entries, and the rest, which differs in each, compresses best side by side. It
// is appended, and a heading put before the entry, when a body is written.
type entryEncoder interface {
	wireFormat
	// begin appends what stands between heading and attributes.
	begin(b []byte, level slog.Level, message string) []byte
	// appendAttr appends one member, whose key cleanText leaves as it is, and
	// whose value is no group, no LogValuer, and of the kind Any only for nil.
	appendAttr(b []byte, key string, v slog.Value, root bool) []byte
	// appendKnown is appendAttr for a key that the [keyTable] knows, and a value
	// whose kind isScalar.
	appendKnown(b []byte, k *knownKey, kind slog.Kind, v slog.Value, root bool) []byte
	// appendJSONAttr appends a member whose value is sanitized JSON.
	appendJSONAttr(b []byte, key string, json []byte, root bool) []byte
	// openGroup begins a group; closeGroup ends the innermost one, of which
	// openGroup was called when b had the length mark.
	openGroup(b []byte, key string, root bool) []byte
	closeGroup(b []byte, mark int) []byte
	// endAttrs ends the attributes, which began at the length mark.
	endAttrs(b []byte, mark int) []byte
	appendTrace(b []byte, traceID, spanID string) []byte
	appendEndpoint(b []byte, e endpoint) []byte
	appendError(b []byte, errorType, message, stack string) []byte
	// toJSON appends members of this format as JSON members, each with a comma
	// after it. At the root it adds what the format sets apart.
	toJSON(b, members []byte, root bool, a *apart) ([]byte, error)
	// fromJSON appends such JSON members, which stand within level groups, as
	// members of this format. At the root, which is level 0, it takes out of them
	// what the format sets apart; hasEndpoint tells whether that includes the
	// member "endpoint".
	fromJSON(b, members []byte, level int, hasEndpoint bool, a *apart) []byte
}

// An ending is what an entry says of itself after all else. An entry without
// kinds is whole already; of its ending only seq counts.
type ending struct {
	sec  int64 // the entry's time
	nsec int32
	kinds
	seq uint64 // the order of logging, also within log_id
}

// maxFormats is how many formats there are: Ledger's own, and OTLP.
const maxFormats = 2

// An encodeConfig is what a recorder is made of.
type encodeConfig struct {
	addSource    bool
	replaceAttr  func([]string, slog.Attr) slog.Attr
	contextAttrs func(context.Context) []slog.Attr
	secrets      *redactor                // nil for none
	formats      [maxFormats]entryEncoder // the first writes JSON
	first        int                      // the format that is likely to come first
	now          func() time.Time
}

// A recorder turns records into entries. It is safe for concurrent use.
type recorder struct {
	config   encodeConfig
	secret   *redactor
	keys     *keyTable
	formats  [maxFormats]entryEncoder
	known    [maxFormats]wireFormat // formats, to compare with
	limits   [maxFormats]limits     // of formats
	current  atomic.Int32           // the format of the last entry; With attrs are encoded in it
	knownNow atomic.Int64           // Unix seconds; never ahead of the clock
}

// newRecorder makes a recorder.
func newRecorder(c encodeConfig) *recorder {
	rec := &recorder{config: c, secret: c.secrets, keys: &keyTable{}, formats: c.formats}
	if rec.secret == nil {
		rec.secret = &redactor{}
	}
	for i, f := range c.formats {
		rec.known[i], rec.limits[i] = f, f.limits()
	}
	rec.current.Store(int32(c.first))
	return rec
}

// indexOf returns the place of a format.
func (rec *recorder) indexOf(format wireFormat) int {
	if format == rec.known[0] {
		return 0
	}
	return 1
}

// appendEntry appends an entry for r to b, without heading and ending, and returns
// the ending; one without kinds when the entry is whole. It never panics, whatever
// the record holds, never waits and takes no lock. seq must be unique within the
// process.
func (rec *recorder) appendEntry(b []byte, format wireFormat, s *scope, ctx context.Context, r *slog.Record, seq uint64) (entry []byte, e ending) {
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
		sec, nsec, timely = rec.timeOf(r.Time, limits.earliest)
	}

	var w walk // a literal would be made elsewhere and copied
	w.rec, w.f, w.limits, w.replace, w.budget = rec, f, limits, rec.config.replaceAttr, maxVisits
	w.b = f.begin(b, r.Level, r.Message)
	attrs := len(w.b)

	// What the SDK adds comes first: where a key occurs twice the last one
	// counts, and that shall be the program's own.
	if !timely && !r.Time.IsZero() {
		w.b = f.appendAttr(w.b, "time", slog.TimeValue(r.Time), true)
	}
	if rec.config.addSource {
		if src := r.Source(); src != nil {
			w.source(src)
		}
	}
	var fromContext *facts
	if rec.config.contextAttrs != nil {
		w.contextAttrs(ctx, s, r)
		found := w.facts
		fromContext = &found
		w.facts = facts{}
	}
	w.masked = s.masked
	if bound.says {
		w.facts, w.apart = s.facts, bound.apart
		w.err, w.errMessage = nil, "" // after the record's own, if it has any
	}

	prefix := len(w.b)
	w.b = append(w.b, bound.prefix...)
	if hasAttrs(r) {
		w.recordAttrs(s, r)
	}
	for i := len(bound.marks) - 1; i >= 0; i-- {
		w.b = f.closeGroup(w.b, prefix+bound.marks[i])
	}
	if w.truncated {
		w.b = f.appendAttr(w.b, "_truncated", slog.BoolValue(true), true)
	}
	w.b = f.endAttrs(w.b, attrs)

	if fromContext != nil || s.err != nil {
		w.facts.complete(&s.facts, fromContext)
	}
	b = rec.appendTail(w.b, f, &w.facts, r.Level, r.PC)
	e = ending{sec, int32(nsec), w.facts.kinds(classOf(r.Level)), seq}
	if (len(b)-start)*growth(w.facts.hasEndpoint) > maxAttributes-limits.fixedSize {
		return append(b[:start], fit(wholeEntry(f, b[start:], e), f)...), ending{seq: seq}
	}
	return b, e
}

// recordAttrs walks the record's own attrs, in the groups that no With attr has
// opened yet. Groups that stay empty leave nothing.
func (w *walk) recordAttrs(s *scope, r *slog.Record) {
	w.open(s)
	switch {
	case s.opened == len(s.groups):
		w.attrsIn(r)
		return
	case len(s.groups) == 1 && s.groups[0] == endpointKey:
		w.endpointRecord(r)
		return
	}
	var few [8]int
	marks := few[:0]
	before := len(w.b)
	for i := s.opened; i < min(len(s.groups), w.limits.depth-1); i++ {
		marks = append(marks, len(w.b))
		w.b = w.f.openGroup(w.b, s.groups[i], i == 0)
	}
	if !w.attrsIn(r) {
		w.b = w.b[:before]
		return
	}
	if s.opened == 0 && s.groups[0] == endpointKey {
		w.hasEndpoint = false
	}
	for i := len(marks) - 1; i >= 0; i-- {
		w.b = w.f.closeGroup(w.b, marks[i])
	}
}

// attrsIn appends r's own attrs and reports whether there was anything to append.
func (w *walk) attrsIn(r *slog.Record) (some bool) {
	if layoutKnown {
		front, back := attrsOf(r)
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
func (rec *recorder) appendTail(b []byte, f entryEncoder, facts *facts, level slog.Level, pc uintptr) []byte {
	if facts.traceID != "" || facts.spanID != "" {
		b = f.appendTrace(b, facts.traceID, facts.spanID)
	}
	if facts.endpoint != nil && facts.hasEndpoint {
		b = f.appendEndpoint(b, *facts.endpoint)
	}
	if facts.err != nil {
		errorType := errorTypeOf(facts.err)
		message := facts.errMessage
		if message == "" || message[0] == 0 && cleanText(message) == "" {
			message = errorType
		}
		stack := ""
		if classOf(level) >= classError {
			stack = stackText(facts.err, pc)
		}
		b = f.appendError(b, cutText(errorType, maxErrorType), cutText(message, maxErrorMessage), cutText(stack, maxStackTrace))
	}
	return b
}

// appendLastResort appends an entry for a record that could not be encoded,
// which would be a fault of this package: the message still arrives.
func (rec *recorder) appendLastResort(b []byte, form int, r slog.Record, seq uint64, panicked any) ([]byte, ending) {
	f := rec.formats[form]
	sec, nsec, _ := rec.timeOf(time.Time{}, rec.limits[form].earliest)
	b = f.begin(b, r.Level, r.Message)
	attrs := len(b)
	b = f.appendAttr(b, "_error", slog.StringValue(panicText(nil, panicked)), true)
	b = f.endAttrs(b, attrs)
	var none facts
	return b, ending{sec, int32(nsec), none.kinds(classOf(r.Level)), seq}
}

// timeOf returns the time to log for t: t itself, or the current time when t is
// zero, too far ahead, or nothing that the format and the server can express.
// It is asked only for times that are not evidently fine, which spares the
// usual record a look at the clock. Of a clock that is beyond what can be
// expressed it takes the nearest second that is not.
func (rec *recorder) timeOf(t time.Time, earliest int64) (sec int64, nsec int, timely bool) {
	now := rec.config.now()
	sec, nsec = min(max(now.Unix(), earliest), latest-maxAhead), now.Nanosecond()
	rec.knownNow.Store(sec)
	noteToday(sec)
	if t.IsZero() || t.Unix() < earliest || t.After(time.Unix(sec, int64(nsec)).Add(maxAhead*time.Second)) {
		return sec, nsec, false
	}
	return t.Unix(), t.Nanosecond(), true
}

// A class is one of the server's five levels.
type class int

const (
	classDebug class = iota
	classInfo
	classWarning
	classError
	classCritical
)

var classNames = [...]string{"debug", "info", "warning", "error", "critical"}

// levelCritical is the least level of critical entries.
const levelCritical = slog.Level(12)

// classOf maps slog's scale, on which programs define levels of their own.
func classOf(l slog.Level) class {
	switch {
	case l < slog.LevelInfo:
		return classDebug
	case l < slog.LevelWarn:
		return classInfo
	case l < slog.LevelError:
		return classWarning
	case l < levelCritical:
		return classError
	}
	return classCritical
}

// kinds are an entry's log_type and importance, both or neither.
type kinds struct {
	logType    logType
	importance importance
}

// A logType is one the server takes; 0 is none.
type logType uint8

const (
	noLogType logType = iota
	typeLogger
	typeConsole
	typeException
	typeDatabase
	typeEndpoint
	typeCustom
)

var logTypeNames = [...]string{"", "logger", "console", "exception", "database", "endpoint", "custom"}

// An importance is one the server takes; 0 is none.
type importance uint8

const (
	noImportance importance = iota
	importanceLow
	importanceStandard
	importanceHigh
	importanceCritical
)

var importanceNames = [...]string{"", "low", "standard", "high", "critical"}

// named returns the index of name in names, or 0.
func named(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return 0
}

// facts are what the attrs say about the entry beside being its attributes.
type facts struct {
	logType     logType
	importance  importance
	err         error
	errMessage  string
	hasEndpoint bool // the last root attr "endpoint" is what the server takes for one
	apart
}

// apart is what some formats have outside the attributes; empty in the others.
type apart struct {
	traceID  string // 32 hex digits
	spanID   string // 16 hex digits
	endpoint *endpoint
}

// complete fills in what the record's attrs left open, from the With attrs
// first, then from those of the context, if any. Steering attrs and ids of the
// With attrs are in f already.
func (f *facts) complete(with, fromContext *facts) {
	if f.err == nil {
		f.err, f.errMessage = with.err, with.errMessage
	}
	if fromContext == nil {
		return
	}
	if f.err == nil {
		f.err, f.errMessage = fromContext.err, fromContext.errMessage
	}
	if fromContext.hasEndpoint && !f.hasEndpoint && f.endpoint == nil {
		f.hasEndpoint, f.endpoint = true, fromContext.endpoint
	}
	if f.logType == noLogType {
		f.logType = fromContext.logType
	}
	if f.importance == noImportance {
		f.importance = fromContext.importance
	}
	if f.traceID == "" {
		f.traceID = fromContext.traceID
	}
	if f.spanID == "" {
		f.spanID = fromContext.spanID
	}
}

// kinds decides log_type and importance. A log_type asked for wins, unless the
// server would refuse the entry for it (ledger-wire 2.6).
func (f *facts) kinds(c class) kinds {
	k := kinds{f.logType, f.importance}
	if k.logType == typeEndpoint && !f.hasEndpoint || k.logType == typeException && f.err == nil {
		k.logType = noLogType
	}
	if k.logType == noLogType {
		switch {
		case f.hasEndpoint:
			k.logType = typeEndpoint
		case f.err != nil && c >= classError:
			k.logType = typeException
		default:
			k.logType = typeLogger
		}
	}
	if k.importance == noImportance {
		switch c {
		case classCritical:
			k.importance = importanceCritical
		case classError:
			k.importance = importanceHigh
		default:
			k.importance = importanceStandard
		}
	}
	return k
}
