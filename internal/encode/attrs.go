package encode

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/rawslog"
	"github.com/ledger-sdk/ledger-go/internal/redact"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// ordinary reports whether key is plain text that has no meaning of its own and
// is no secret's, in any group.
func (enc *Encoder) ordinary(key string) bool {
	switch key {
	case "", wire.LogTypeKey, wire.ImportanceKey, wire.EndpointKey, wire.TraceIDKey, wire.SpanIDKey:
		return false
	}
	return jsontext.IsPlain(key) && !enc.secret.IsSecret(key) && !wire.Reserved(key)
}

// maxVisits bounds the attrs in one record's groups: a LogValue method that
// returns a group of itself, twice, would never end. The attributes' limit leaves
// room for fewer than 17000 members.
const maxVisits = 20_000

// A walk appends the attrs of one record, or of one With. It decides everything
// that is the same in all formats.
//
// This is the hot path. It calls the format once for each attr, and nothing else
// through an interface.
type walk struct {
	enc     *Encoder
	f       Format
	limits  *wire.Limits // f's
	b       []byte
	replace func([]string, slog.Attr) slog.Attr

	groups []string  // open groups, for replace
	level  int       // open groups: 0 at the root
	inside int       // groups around this attr that WithGroup did not open, inlined ones included
	budget int       // how many more attrs in groups may be visited
	cuts   wire.Cuts // groups for which the budget was used up
	masked bool      // within a group whose name is a secret's
	facts
}

// enterScope opens the groups of s for the walk.
func (w *walk) enterScope(s *Scope) {
	w.groups = s.groups
	w.level = len(s.groups)
}

// attrs appends attrs and reports whether it appended something. Nearly all of
// them have a known key and a scalar value, and are appended right here.
func (w *walk) attrs(attrs []slog.Attr) (some bool) {
	b, f, keys, root := w.b, w.f, w.enc.keys, w.level == 0
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

// inlinedGroup stands for the key of a group without one.
const inlinedGroup = "(group)"

// noKeys knows nothing.
var noKeys wire.KeyTable

// isScalar reports whether values of a kind are written as they are.
func isScalar(k slog.Kind) bool { return k != slog.KindAny && k < slog.KindGroup }

// attr appends a and reports whether it appended something.
func (w *walk) attr(a slog.Attr) bool { return w.attrOf(nil, a.Value.Kind(), &a) }

// attrOf is attr for a caller that knows a's kind, and perhaps its key.
func (w *walk) attrOf(known *wire.KnownKey, kind slog.Kind, a *slog.Attr) bool {
	if w.replace == nil && !w.masked {
		if known == nil {
			known = w.known(a.Key)
		}
		if known != nil {
			if done, some := w.appendOrdinary(known, kind, a); done {
				return some
			}
		}
	}
	resolved, failure, ok := w.resolveAttr(*a)
	return ok && w.appendResolved(resolved, failure)
}

// known returns the known key, which it may have learnt just now, or nil.
func (w *walk) known(key string) *wire.KnownKey {
	if known := w.enc.keys.Find(key); known != nil {
		return known
	}
	return w.enc.keys.Learn(key, w.enc.ordinary)
}

// appendOrdinary appends a, whose key is known, if its value needs no closer look.
func (w *walk) appendOrdinary(known *wire.KnownKey, kind slog.Kind, a *slog.Attr) (done, some bool) {
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
		case json.Marshaler: // even if it is an error
		case error:
			text := slog.StringValue(w.noteError(v))
			w.b = w.f.AppendKnown(w.b, known, slog.KindString, text, w.level == 0)
			return true, true
		}
	}
	return false, false
}

// resolveAttr resolves a's value and lets ReplaceAttr see it. failure is the error
// that a holds, if any. ok is false when nothing is left.
func (w *walk) resolveAttr(a slog.Attr) (_ slog.Attr, failure error, ok bool) {
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

// appendResolved appends a resolved attr and reports whether it appended
// something.
func (w *walk) appendResolved(a slog.Attr, failure error) bool {
	kind := a.Value.Kind()
	if kind == slog.KindGroup && len(a.Value.Group()) == 0 {
		return true // as the standard handlers do
	}
	if w.inside == 0 && isSteering(a.Key) && w.takeSteering(a) {
		return false
	}
	if w.masked && kind != slog.KindGroup || a.Key != "" && w.enc.secret.IsSecret(a.Key) {
		w.appendScalar(a.Key, slog.StringValue(redact.Mask))
		return true
	}
	if w.level == 0 && a.Key == wire.EndpointKey {
		w.hideEndpoint()
		if kind == slog.KindGroup {
			return w.endpointGroup(a.Value.Group())
		}
	}
	if w.level == 0 && w.limits.OwnFields && w.takeOwn(&a) {
		return true
	}
	if kind == slog.KindAny && a.Value.Any() != nil {
		w.appendAny(a.Key, a.Value.Any(), failure)
		return true
	}
	if failure != nil && w.err == nil {
		w.noteError(failure)
	}
	if kind == slog.KindGroup {
		return w.group(a.Key, a.Value.Group())
	}
	w.appendScalar(a.Key, a.Value)
	return true
}

// group appends a group. Without a key it is inlined. A group that turns out to be
// empty leaves nothing.
func (w *walk) group(key string, attrs []slog.Attr) bool {
	if w.level >= w.limits.Depth-1 || w.inside >= wire.MaxDepth {
		w.appendScalar(key, slog.StringValue(wire.TooDeep))
		return true
	}
	cuts := w.cuts.Len()
	if w.budget -= len(attrs); w.budget < 0 {
		w.cuts.Note(cmp.Or(key, inlinedGroup))
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
		w.cuts.Within(key, cuts)
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

// appendSource appends the place of the log call, if the record has one, at the root
// and without asking ReplaceAttr.
func (w *walk) appendSource(r *slog.Record) {
	src := r.Source()
	if src == nil {
		return
	}
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

// appendContext appends the attrs that Config.ContextAttrs returns for ctx, at the
// root. It leaves out keys that the record or its With attrs hold there already.
func (w *walk) appendContext(ctx context.Context, s *Scope, r *slog.Record) {
	defer func() {
		if p := recover(); p != nil {
			w.appendScalar("_context", slog.StringValue(errstack.PanicText(nil, p)))
		}
	}()
	if ctx == nil {
		ctx = context.Background()
	}
	attrs := w.enc.config.ContextAttrs(ctx)
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
			w.attrSafely(a)
		}
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

// attrSafely is attr for one that may panic outside of Append. It then appends what
// the panic said.
func (w *walk) attrSafely(a slog.Attr) (some bool) {
	mark := len(w.b)
	defer func() {
		if p := recover(); p != nil {
			w.b = w.f.AppendAttr(w.b[:mark], jsontext.Clean(a.Key), slog.StringValue(errstack.PanicText(nil, p)), w.level == 0)
			some = true
		}
	}()
	return w.attr(a)
}

// appendKeys appends the keys that a has at its level: its own, or those of the
// members of an inlined group.
func appendKeys(keys []string, a slog.Attr) []string {
	if a.Key == "" && a.Value.Kind() == slog.KindGroup {
		for _, member := range a.Value.Group() {
			keys = appendKeys(keys, member)
		}
		return keys
	}
	if isEmptyGroup(a.Value) {
		return keys
	}
	return append(keys, a.Key)
}

func isEmptyGroup(v slog.Value) bool {
	return v.Kind() == slog.KindGroup && len(v.Group()) == 0
}
