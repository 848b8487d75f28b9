package encode

import (
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A Scope is what one handler adds to its records: With attrs and open groups.
// It never changes, apart from gaining its encoding in the other format when
// the protocol changes, and shares nothing writable with its siblings.
type Scope struct {
	groups []string // all open groups, outermost first
	opened int      // how many of them the bound attrs have opened
	facts           // of the bound attrs
	keys   []string // of the bound attrs at the root, and of the group around them
	masked bool     // within a group whose name looks like a secret's
	forms  [MaxFormats]atomic.Pointer[bound]
}

// bound are a scope's With attrs, encoded.
type bound struct {
	segments [][]byte // the members directly in the root, in groups[0], in groups[1] …
	prefix   []byte   // the segments, the groups between opened
	marks    []int    // where in prefix each opened group begins
	wire.Fields
	says bool // the attrs say something about the entry: facts or apart are not empty
}

func (rec *Encoder) Root() *Scope {
	s := &Scope{}
	for i := range s.forms {
		s.forms[i].Store(&bound{})
	}
	return s
}

// derive returns a copy of s without its encodings.
func (s *Scope) derive() *Scope {
	return &Scope{
		groups: slices.Clip(s.groups),
		opened: s.opened,
		facts:  s.facts,
		keys:   slices.Clip(s.keys),
		masked: s.masked,
	}
}

// WithGroup returns s with one more group open. Beyond [wire.MaxDepth] groups are
// not opened: their attrs stay in the innermost one, and nothing is lost.
func (rec *Encoder) WithGroup(s *Scope, name string) *Scope {
	if name == "" || len(s.groups) >= wire.MaxDepth-1 {
		return s
	}
	d := s.derive()
	name = jsontext.Clean(name)
	d.groups = append(d.groups, name)
	d.masked = d.masked || rec.secret.Hide(name)
	for i := range s.forms {
		d.forms[i].Store(s.forms[i].Load())
	}
	return d
}

// WithAttrs returns s with attrs bound to it: encoded once, values read now.
func (rec *Encoder) WithAttrs(s *Scope, attrs []slog.Attr) *Scope {
	if !slices.ContainsFunc(attrs, func(a slog.Attr) bool { return !isEmptyGroup(a.Value) }) {
		return s
	}
	form := int(rec.current.Load())
	f := rec.formats[form]
	base := s.forms[form].Load()
	if base == nil {
		base = rec.boundIn(s, form)
	}
	d := s.derive()
	w := walk{rec: rec, f: f, limits: &rec.limits[form], replace: rec.config.ReplaceAttr, budget: maxVisits, masked: s.masked, facts: s.facts}
	w.Fields = base.Fields
	w.err, w.errMessage = nil, ""
	w.open(s)
	some := false
	if len(s.groups) > 0 && s.opened == 0 && s.groups[0] == wire.EndpointKey {
		w.hasEndpoint = false // an endpoint is whole only within one call
	}
	for _, a := range attrs {
		if w.guarded(a) {
			some = true
		}
	}
	if w.truncated {
		w.b = f.AppendAttr(w.b, "_truncated", slog.BoolValue(true), w.level == 0)
	}
	if w.err == nil {
		w.err, w.errMessage = s.err, s.errMessage
	}
	d.facts = w.facts
	switch {
	case len(d.groups) == 0:
		for _, a := range attrs {
			d.keys = appendKeys(d.keys, a)
		}
	case some && d.opened == 0:
		d.keys = append(d.keys, d.groups[0])
	}
	if some {
		d.opened = len(d.groups)
	}
	made := base.with(f, rec.limits[form].Depth, d, w.b)
	made.Fields, d.facts.Fields = w.Fields, wire.Fields{}
	made.says = d.says(made.Fields)
	d.forms[form].Store(made)
	return d
}

// guarded is attr for attrs that are read outside of Append, which has a
// guard of its own.
func (w *walk) guarded(a slog.Attr) (some bool) {
	mark := len(w.b)
	defer func() {
		if p := recover(); p != nil {
			w.b = w.f.AppendAttr(w.b[:mark], jsontext.Clean(a.Key), slog.StringValue(errstack.PanicText(nil, p)), w.level == 0)
			some = true
		}
	}()
	return w.attr(a)
}

// with returns b with members added in the innermost group of s.
func (b *bound) with(f Format, depth int, s *Scope, members []byte) *bound {
	segments := make([][]byte, max(s.opened+1, len(b.segments)))
	copy(segments, b.segments)
	last := &segments[len(segments)-1]
	*last = slices.Concat(*last, members)
	return newBound(f, depth, segments, s)
}

// newBound joins segments, as many as groups of s are opened and one. What is in
// groups beyond the format's depth stays in the innermost that is opened.
func newBound(f Format, depth int, segments [][]byte, s *Scope) *bound {
	b := &bound{segments: segments}
	for i, segment := range segments {
		if i > 0 && i < depth {
			b.marks = append(b.marks, len(b.prefix))
			b.prefix = f.OpenGroup(b.prefix, s.groups[i-1], i == 1)
		}
		b.prefix = append(b.prefix, segment...)
	}
	return b
}

// boundIn returns the bound attrs of s in the given form, which s does not have
// yet: they are transcoded once. Two goroutines may do it at the same time and
// arrive at the same; neither waits.
func (rec *Encoder) boundIn(s *Scope, to int) *bound {
	from := MaxFormats - 1 - to
	f, have := rec.formats[to], s.forms[from].Load()
	segments := make([][]byte, len(have.segments))
	var apart wire.Fields
	for i, segment := range have.segments {
		ids := have.Fields
		segments[i] = transcodeMembers(f, rec.formats[from], segment, i, s.hasEndpoint, &ids)
		if i == 0 {
			apart = ids
		}
	}
	made := newBound(f, rec.limits[to].Depth, segments, s)
	made.Fields, made.says = apart, s.says(apart)
	s.forms[to].Store(made)
	return made
}

// says reports whether the bound attrs say something about the entry, a of it in
// one format.
func (s *Scope) says(a wire.Fields) bool {
	return s.err != nil || s.logType != wire.NoLogType || s.importance != wire.NoImportance || s.hasEndpoint || a != (wire.Fields{})
}

func isEmptyGroup(v slog.Value) bool {
	return v.Kind() == slog.KindGroup && len(v.Group()) == 0
}

// appendKeys appends the keys that a takes at its level: its own, or those of a
// group that is inlined.
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

// transcodeMembers returns With attrs in another format. They were written by
// from, so that a failure would be a fault of this package.
func transcodeMembers(to, from Format, members []byte, level int, hasEndpoint bool, a *wire.Fields) []byte {
	json, err := from.ToJSON(nil, members, level == 0, a)
	if err != nil {
		return nil
	}
	*a = wire.Fields{}
	return to.FromJSON(nil, json, level, hasEndpoint, a)
}
