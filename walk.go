package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
)

// maxVisits bounds the attrs in one record's groups: a LogValue method that
// returns a group of itself, twice, would go on for ever. The attributes' limit
// leaves room for fewer than 17000 members.
const maxVisits = 20_000

// The attrs that say something about the entry.
const (
	logTypeKey    = "ledger.log_type"
	importanceKey = "ledger.importance"
	endpointKey   = "endpoint"
	traceIDKey    = "trace_id"
	spanIDKey     = "span_id"
)

// A walk goes over the attrs of one record, or of one With, and appends them.
// Everything that is the same in all formats is decided here.
type walk struct {
	rec     *recorder
	f       entryEncoder
	limits  *limits // f's
	b       []byte
	replace func([]string, slog.Attr) slog.Attr

	groups    []string // open groups, for replace
	level     int      // open groups: 0 at the root
	inside    int      // how many groups around this attr, inlined ones included, the caller did not open with WithGroup
	budget    int      // attrs in groups still to be visited
	truncated bool     // budget was used up
	masked    bool     // in a group whose name looks like a secret's
	facts
}

// open puts the walk into the groups of s.
func (w *walk) open(s *scope) {
	w.groups = s.groups
	w.level = len(s.groups)
}

// attrs appends attrs and reports whether there was anything to append. Those
// with nothing special about them, nearly all, take the short way.
func (w *walk) attrs(attrs []slog.Attr) (some bool) {
	b, f, keys, root := w.b, w.f, w.rec.keys, w.level == 0
	if w.replace != nil || w.masked {
		keys = &noKeys
	}
	for i := range attrs {
		known, kind := keys.find(attrs[i].Key), attrs[i].Value.Kind()
		if known != nil && isScalar(kind) {
			b = f.appendKnown(b, known, kind, attrs[i].Value, root)
			some = true
			continue
		}
		w.b = b
		some = w.attrOf(known, kind, &attrs[i]) || some
		b = w.b
	}
	w.b = b
	return some
}

// noKeys knows nothing.
var noKeys keyTable

// isScalar reports whether values of that kind are written as they are.
func isScalar(k slog.Kind) bool { return k != slog.KindAny && k < slog.KindGroup }

// attr appends a, whatever it is, and reports whether there was anything to
// append.
func (w *walk) attr(a slog.Attr) bool { return w.attrOf(nil, a.Value.Kind(), &a) }

// attrOf is attr where a's kind was asked for, and what is known of its key.
func (w *walk) attrOf(known *knownKey, kind slog.Kind, a *slog.Attr) bool {
	if w.replace == nil && !w.masked {
		if known == nil {
			known = w.rec.keys.find(a.Key)
		}
		if known == nil {
			known = w.rec.keys.learn(a.Key, w.rec.ordinary)
		}
		if known != nil {
			if done, some := w.plainly(known, kind, a); done {
				return some
			}
		}
	}
	settled, failure, ok := w.settle(*a)
	return ok && w.emit(settled, failure)
}

// plainly appends a, whose key is known, if there is nothing to find out about
// its value.
func (w *walk) plainly(known *knownKey, kind slog.Kind, a *slog.Attr) (done, some bool) {
	switch {
	case isScalar(kind):
		w.b = w.f.appendKnown(w.b, known, kind, a.Value, w.level == 0)
		return true, true
	case kind == slog.KindGroup:
		if group := a.Value.Group(); len(group) > 0 {
			return true, w.group(a.Key, group)
		}
	case kind == slog.KindAny:
		switch v := heldIn(&a.Value).(type) {
		case json.Marshaler: // also of those that are errors
		case error:
			text := slog.StringValue(w.failed(v))
			w.b = w.f.appendKnown(w.b, known, slog.KindString, text, w.level == 0)
			return true, true
		}
	}
	return false, false
}

// failed notes the entry's error, which is the first one, and returns the text
// of err.
func (w *walk) failed(err error) string {
	text := errorText(err)
	if w.err == nil {
		w.err, w.errMessage = err, text
	}
	return text
}

// settle resolves a's value and lets ReplaceAttr see it. failure is the error
// that a holds, if any. ok is false when nothing is left.
func (w *walk) settle(a slog.Attr) (_ slog.Attr, failure error, ok bool) {
	if a.Value.Kind() == slog.KindLogValuer {
		failure, _ = a.Value.Any().(error) // samber/oops: an error and a LogValuer
		a.Value = resolve(a.Value)
	}
	if w.replace != nil && a.Value.Kind() != slog.KindGroup {
		a = w.replaced(a)
		a.Value = resolve(a.Value)
		failure = nil
	}
	if a.Value.Kind() == slog.KindAny {
		switch v := a.Value.Any().(type) {
		case nil:
			if a.Key == "" {
				return a, nil, false
			}
		case *slog.Source:
			if v == nil || *v == (slog.Source{}) {
				return a, nil, false
			}
			a.Value = sourceGroup(v)
		case error:
			failure = v
		}
	}
	if !isPlain(a.Key) {
		a.Key = cleanText(a.Key)
	}
	return a, failure, true
}

// emit appends a settled attr.
func (w *walk) emit(a slog.Attr, failure error) bool {
	kind := a.Value.Kind()
	if kind == slog.KindGroup && len(a.Value.Group()) == 0 {
		return true // as the standard handlers do
	}
	if w.inside == 0 && (a.Key == logTypeKey || a.Key == importanceKey) {
		w.steer(a)
		return false
	}
	if w.masked && kind != slog.KindGroup || a.Key != "" && w.rec.secret.masks(a.Key) {
		w.scalar(a.Key, slog.StringValue(redacted))
		return true
	}
	if w.level == 0 && a.Key == endpointKey {
		w.hasEndpoint = false
		if kind == slog.KindGroup {
			return w.endpointGroup(a.Value.Group())
		}
	}
	if w.level == 0 && w.limits.setsApart && w.setApart(&a) {
		return true
	}
	if kind == slog.KindGroup {
		if failure != nil && w.err == nil {
			w.err, w.errMessage = failure, errorText(failure)
		}
		return w.group(a.Key, a.Value.Group())
	}
	if kind == slog.KindAny && a.Value.Any() != nil {
		w.any(a.Key, a.Value.Any(), failure)
		return true
	}
	if failure != nil && w.err == nil {
		w.err, w.errMessage = failure, errorText(failure)
	}
	w.scalar(a.Key, a.Value)
	return true
}

func (w *walk) scalar(key string, v slog.Value) {
	w.b = w.f.appendAttr(w.b, key, v, w.level == 0)
}

// group appends a group, inlined when it has no key, or nothing when it turns
// out to be empty.
func (w *walk) group(key string, attrs []slog.Attr) bool {
	if w.level >= w.limits.depth-1 || w.inside >= maxDepth {
		w.scalar(key, slog.StringValue(tooDeep))
		return true
	}
	if w.budget -= len(attrs); w.budget < 0 {
		w.truncated = true
		return false
	}
	mark := len(w.b)
	w.inside++
	groups := w.groups
	if key != "" {
		w.b = w.f.openGroup(w.b, key, w.level == 0)
		w.level++
		if w.replace != nil {
			w.groups = append(slices.Clip(groups), key)
		}
	}
	some := w.attrs(attrs)
	w.inside--
	w.groups = groups
	if key != "" {
		w.level--
	}
	if !some {
		w.b = w.b[:mark]
		return false
	}
	if key != "" {
		w.b = w.f.closeGroup(w.b, mark)
	}
	return true
}

// source appends where the log call was, in the root; ReplaceAttr is not asked.
func (w *walk) source(src *slog.Source) {
	replace := w.replace
	w.replace = nil
	w.group(slog.SourceKey, sourceGroup(src).Group())
	w.replace = replace
}

// sourceGroup returns src as the standard handlers write it.
func sourceGroup(src *slog.Source) slog.Value {
	var attrs []slog.Attr
	if src.Function != "" {
		attrs = append(attrs, slog.String("function", src.Function))
	}
	if src.File != "" {
		attrs = append(attrs, slog.String("file", src.File))
	}
	if src.Line != 0 {
		attrs = append(attrs, slog.Int("line", src.Line))
	}
	return slog.GroupValue(attrs...)
}

// contextAttrs appends what Options.ContextAttrs takes out of ctx, in the root.
// A key that the record or its With attrs hold there already is left out.
func (w *walk) contextAttrs(ctx context.Context, s *scope, r *slog.Record) {
	defer func() {
		if p := recover(); p != nil {
			w.scalar("_context", slog.StringValue(panicText(nil, p)))
		}
	}()
	if ctx == nil {
		ctx = context.Background()
	}
	attrs := w.rec.config.contextAttrs(ctx)
	if len(attrs) == 0 {
		return
	}
	var few [16]string
	keys := few[:0]
	switch {
	case len(s.groups) == 0:
		r.Attrs(func(a slog.Attr) bool {
			keys = appendKeys(keys, a)
			return true
		})
	case hasAttrs(r):
		keys = append(keys, s.groups[0])
	}
	for _, a := range attrs {
		if !slices.Contains(keys, a.Key) && !slices.Contains(s.keys, a.Key) {
			w.guarded(a)
		}
	}
}

// steer notes what a steering attr asks for; what the server does not know is
// ignored.
func (w *walk) steer(a slog.Attr) {
	text := ""
	switch a.Value.Kind() {
	case slog.KindString:
		text = a.Value.String()
	case slog.KindAny:
		if v := reflect.ValueOf(a.Value.Any()); v.Kind() == reflect.String {
			text = v.String()
		}
	}
	if a.Key == logTypeKey {
		if t := logType(named(logTypeNames[:], text)); t != noLogType {
			w.logType = t
		}
	} else if i := importance(named(importanceNames[:], text)); i != noImportance {
		w.importance = i
	}
}

// textJSON is a text.
var textJSON = []byte(`""`)

// any appends a value of a type that slog knows nothing of, as the standard
// JSONHandler does: an error by its text, anything else by encoding/json.
func (w *walk) any(key string, v any, failure error) {
	text := ""
	_, isMarshaler := v.(json.Marshaler)
	if failure != nil && (w.err == nil || !isMarshaler) {
		text = w.failed(failure)
	}
	if failure != nil && !isMarshaler {
		w.scalar(w.safeAnyKey(key, textJSON), slog.StringValue(text))
		return
	}
	scratch := scratchPool.Get().(*scratch)
	defer scratch.free()
	fault := scratch.marshal(v)
	if fault == "" {
		var err error
		// The value stands in the attributes object and level groups, and in
		// as many more as this format has fewer than the sanitizer allows.
		depth := w.level + 1 + maxDepth - w.limits.depth
		scratch.clean, err = sanitizeJSON(scratch.clean[:0], scratch.Bytes(), depth, w.rec.secret)
		if err != nil {
			fault = "!ERROR:" + err.Error()
		}
	}
	if fault != "" {
		w.scalar(w.safeAnyKey(key, textJSON), slog.StringValue(fault))
		return
	}
	w.b = w.f.appendJSONAttr(w.b, w.safeAnyKey(key, scratch.clean), scratch.clean, w.level == 0)
}

// A scratch holds a value while it is on its way through encoding/json.
type scratch struct {
	bytes.Buffer
	encoder *json.Encoder
	clean   []byte
}

var scratchPool = sync.Pool{New: func() any {
	s := new(scratch)
	s.encoder = json.NewEncoder(&s.Buffer)
	s.encoder.SetEscapeHTML(false)
	return s
}}

// maxScratch is the largest buffer kept for the next value: one huge value must
// not hold its memory for ever.
const maxScratch = 64 << 10

func (s *scratch) free() {
	if s.Cap() <= maxScratch && cap(s.clean) <= maxScratch {
		s.Reset()
		scratchPool.Put(s)
	}
}

// marshal encodes v, or returns what stands in its place.
func (s *scratch) marshal(v any) (fault string) {
	defer func() {
		if p := recover(); p != nil {
			fault = panicText(v, p)
		}
	}()
	if err := s.encoder.Encode(v); err != nil {
		return "!ERROR:" + err.Error()
	}
	return ""
}

// replaced calls ReplaceAttr.
func (w *walk) replaced(a slog.Attr) (replaced slog.Attr) {
	defer func() {
		if p := recover(); p != nil {
			replaced = slog.String(a.Key, panicText(nil, p))
		}
	}()
	return w.replace(slices.Clip(w.groups), a)
}

// resolve calls LogValue methods until there is a value, within a bound.
func resolve(v slog.Value) (resolved slog.Value) {
	if v.Kind() != slog.KindLogValuer {
		return v
	}
	defer func() {
		if p := recover(); p != nil {
			resolved = slog.StringValue(panicText(v.Any(), p))
		}
	}()
	for i := 0; i < maxDepth; i++ {
		if v.Kind() != slog.KindLogValuer {
			return v
		}
		v = v.LogValuer().LogValue()
	}
	return slog.StringValue(fmt.Sprintf("LogValue called too many times on Value of type %T", v.Any()))
}

// errorText calls Error.
func errorText(err error) (text string) {
	if reflect.TypeOf(err) == plainError {
		return err.Error() // the usual case, which cannot fail
	}
	defer func() {
		if p := recover(); p != nil {
			text = panicText(err, p)
		}
	}()
	return err.Error()
}

// panicText tells of a panic in a method of v. A nil pointer whose methods do
// not expect it is common enough to be shown as such, as fmt does.
func panicText(v, panicked any) (text string) {
	defer func() {
		if recover() != nil {
			text = "!PANIC"
		}
	}()
	if v := reflect.ValueOf(v); v.Kind() == reflect.Pointer && v.IsNil() {
		return "<nil>"
	}
	return "!PANIC: " + panicValue(panicked)
}
