package encode

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/rawslog"
	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// ordinary reports whether key is plain text without a meaning of its own, and
// no secret's, wherever it stands.
func (rec *Encoder) ordinary(key string) bool {
	switch key {
	case "", wire.LogTypeKey, wire.ImportanceKey, wire.EndpointKey, wire.TraceIDKey, wire.SpanIDKey:
		return false
	}
	return jsontext.IsPlain(key) && !rec.secret.Hide(key) && !wire.Reserved(key)
}

// maxVisits bounds the attrs in one record's groups: a LogValue method that
// returns a group of itself, twice, would go on for ever. The attributes' limit
// leaves room for fewer than 17000 members.
const maxVisits = 20_000

// A walk goes over the attrs of one record, or of one With, and appends them.
// Everything that is the same in all formats is decided here.
type walk struct {
	rec     *Encoder
	f       Format
	limits  *wire.Limits // f's
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
func (w *walk) open(s *Scope) {
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
		known, kind := keys.Find(attrs[i].Key), attrs[i].Value.Kind()
		if known != nil && isScalar(kind) {
			b = f.AppendKnown(b, known, kind, attrs[i].Value, root)
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
var noKeys wire.KeyTable

// isScalar reports whether values of that kind are written as they are.
func isScalar(k slog.Kind) bool { return k != slog.KindAny && k < slog.KindGroup }

// attr appends a, whatever it is, and reports whether there was anything to
// append.
func (w *walk) attr(a slog.Attr) bool { return w.attrOf(nil, a.Value.Kind(), &a) }

// attrOf is attr where a's kind was asked for, and what is known of its key.
func (w *walk) attrOf(known *wire.KnownKey, kind slog.Kind, a *slog.Attr) bool {
	if w.replace == nil && !w.masked {
		if known == nil {
			known = w.rec.keys.Find(a.Key)
		}
		if known == nil {
			known = w.rec.keys.Learn(a.Key, w.rec.ordinary)
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
func (w *walk) plainly(known *wire.KnownKey, kind slog.Kind, a *slog.Attr) (done, some bool) {
	switch {
	case isScalar(kind):
		w.b = w.f.AppendKnown(w.b, known, kind, a.Value, w.level == 0)
		return true, true
	case kind == slog.KindGroup:
		if group := a.Value.Group(); len(group) > 0 {
			return true, w.group(a.Key, group)
		}
	case kind == slog.KindAny:
		switch v := rawslog.Held(&a.Value).(type) {
		case json.Marshaler: // also of those that are errors
		case error:
			text := slog.StringValue(w.failed(v))
			w.b = w.f.AppendKnown(w.b, known, slog.KindString, text, w.level == 0)
			return true, true
		}
	}
	return false, false
}

// failed notes the entry's error, which is the first one, and returns the text
// of err.
func (w *walk) failed(err error) string {
	text := errstack.Text(err)
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
	if !jsontext.IsPlain(a.Key) {
		a.Key = jsontext.Clean(a.Key)
	}
	return a, failure, true
}

// emit appends a settled attr.
func (w *walk) emit(a slog.Attr, failure error) bool {
	kind := a.Value.Kind()
	if kind == slog.KindGroup && len(a.Value.Group()) == 0 {
		return true // as the standard handlers do
	}
	if w.inside == 0 && (a.Key == wire.LogTypeKey || a.Key == wire.ImportanceKey) {
		w.steer(a)
		return false
	}
	if w.masked && kind != slog.KindGroup || a.Key != "" && w.rec.secret.Hide(a.Key) {
		w.scalar(a.Key, slog.StringValue(redact.Mask))
		return true
	}
	if w.level == 0 && a.Key == wire.EndpointKey {
		w.hasEndpoint = false
		if kind == slog.KindGroup {
			return w.endpointGroup(a.Value.Group())
		}
	}
	if w.level == 0 && w.limits.OwnFields && w.setApart(&a) {
		return true
	}
	if kind == slog.KindGroup {
		if failure != nil && w.err == nil {
			w.err, w.errMessage = failure, errstack.Text(failure)
		}
		return w.group(a.Key, a.Value.Group())
	}
	if kind == slog.KindAny && a.Value.Any() != nil {
		w.any(a.Key, a.Value.Any(), failure)
		return true
	}
	if failure != nil && w.err == nil {
		w.err, w.errMessage = failure, errstack.Text(failure)
	}
	w.scalar(a.Key, a.Value)
	return true
}

func (w *walk) scalar(key string, v slog.Value) {
	w.b = w.f.AppendAttr(w.b, key, v, w.level == 0)
}

// group appends a group, inlined when it has no key, or nothing when it turns
// out to be empty.
func (w *walk) group(key string, attrs []slog.Attr) bool {
	if w.level >= w.limits.Depth-1 || w.inside >= wire.MaxDepth {
		w.scalar(key, slog.StringValue(wire.TooDeep))
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
		w.b = w.f.OpenGroup(w.b, key, w.level == 0)
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
		w.b = w.f.CloseGroup(w.b, mark)
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

// ContextAttrs appends what Options.ContextAttrs takes out of ctx, in the root.
// A key that the record or its With attrs hold there already is left out.
func (w *walk) contextAttrs(ctx context.Context, s *Scope, r *slog.Record) {
	defer func() {
		if p := recover(); p != nil {
			w.scalar("_context", slog.StringValue(errstack.PanicText(nil, p)))
		}
	}()
	if ctx == nil {
		ctx = context.Background()
	}
	attrs := w.rec.config.ContextAttrs(ctx)
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
	case rawslog.HasAttrs(r):
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
	if a.Key == wire.LogTypeKey {
		if t := wire.LogTypeNamed(text); t != wire.NoLogType {
			w.logType = t
		}
	} else if i := wire.ImportanceNamed(text); i != wire.NoImportance {
		w.importance = i
	}
}

// replaced calls ReplaceAttr.
func (w *walk) replaced(a slog.Attr) (replaced slog.Attr) {
	defer func() {
		if p := recover(); p != nil {
			replaced = slog.String(a.Key, errstack.PanicText(nil, p))
		}
	}()
	return w.replace(slices.Clip(w.groups), a)
}
