package ledger

import (
	"log/slog"
	"slices"
	"sync/atomic"
)

// A scope is what one handler adds to its records: With attrs and open groups.
// It never changes, apart from gaining its encoding in the other format when
// the protocol changes, and shares nothing writable with its siblings.
type scope struct {
	groups []string // all open groups, outermost first
	opened int      // how many of them the bound attrs have opened
	facts           // of the bound attrs
	keys   []string // of the bound attrs at the root, and of the group around them
	masked bool     // within a group whose name looks like a secret's
	forms  [maxFormats]atomic.Pointer[bound]
}

// bound are a scope's With attrs, encoded.
type bound struct {
	segments [][]byte // the members directly in the root, in groups[0], in groups[1] …
	prefix   []byte   // the segments, the groups between opened
	marks    []int    // where in prefix each opened group begins
	apart
	says bool // the attrs say something about the entry: facts or apart are not empty
}

func (rec *recorder) root() *scope {
	s := &scope{}
	for i := range s.forms {
		s.forms[i].Store(&bound{})
	}
	return s
}

// derive returns a copy of s without its encodings.
func (s *scope) derive() *scope {
	return &scope{
		groups: slices.Clip(s.groups),
		opened: s.opened,
		facts:  s.facts,
		keys:   slices.Clip(s.keys),
		masked: s.masked,
	}
}

// withGroup returns s with one more group open. Beyond [maxDepth] groups are
// not opened: their attrs stay in the innermost one, and nothing is lost.
func (rec *recorder) withGroup(s *scope, name string) *scope {
	if name == "" || len(s.groups) >= maxDepth-1 {
		return s
	}
	d := s.derive()
	name = cleanText(name)
	d.groups = append(d.groups, name)
	d.masked = d.masked || rec.secret.masks(name)
	for i := range s.forms {
		d.forms[i].Store(s.forms[i].Load())
	}
	return d
}

// withAttrs returns s with attrs bound to it: encoded once, values read now.
func (rec *recorder) withAttrs(s *scope, attrs []slog.Attr) *scope {
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
	w := walk{rec: rec, f: f, limits: &rec.limits[form], replace: rec.config.replaceAttr, budget: maxVisits, masked: s.masked, facts: s.facts}
	w.apart = base.apart
	w.err, w.errMessage = nil, ""
	w.open(s)
	some := false
	if len(s.groups) > 0 && s.opened == 0 && s.groups[0] == endpointKey {
		w.hasEndpoint = false // an endpoint is whole only within one call
	}
	for _, a := range attrs {
		if w.guarded(a) {
			some = true
		}
	}
	if w.truncated {
		w.b = f.appendAttr(w.b, "_truncated", slog.BoolValue(true), w.level == 0)
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
	made := base.with(f, rec.limits[form].depth, d, w.b)
	made.apart, d.facts.apart = w.apart, apart{}
	made.says = d.says(made.apart)
	d.forms[form].Store(made)
	return d
}

// guarded is attr for attrs that are read outside of appendEntry, which has a
// guard of its own.
func (w *walk) guarded(a slog.Attr) (some bool) {
	mark := len(w.b)
	defer func() {
		if p := recover(); p != nil {
			w.b = w.f.appendAttr(w.b[:mark], cleanText(a.Key), slog.StringValue(panicText(nil, p)), w.level == 0)
			some = true
		}
	}()
	return w.attr(a)
}

// with returns b with members added in the innermost group of s.
func (b *bound) with(f entryEncoder, depth int, s *scope, members []byte) *bound {
	segments := make([][]byte, max(s.opened+1, len(b.segments)))
	copy(segments, b.segments)
	last := &segments[len(segments)-1]
	*last = slices.Concat(*last, members)
	return newBound(f, depth, segments, s)
}

// newBound joins segments, as many as groups of s are opened and one. What is in
// groups beyond the format's depth stays in the innermost that is opened.
func newBound(f entryEncoder, depth int, segments [][]byte, s *scope) *bound {
	b := &bound{segments: segments}
	for i, segment := range segments {
		if i > 0 && i < depth {
			b.marks = append(b.marks, len(b.prefix))
			b.prefix = f.openGroup(b.prefix, s.groups[i-1], i == 1)
		}
		b.prefix = append(b.prefix, segment...)
	}
	return b
}

// boundIn returns the bound attrs of s in the given form, which s does not have
// yet: they are transcoded once. Two goroutines may do it at the same time and
// arrive at the same; neither waits.
func (rec *recorder) boundIn(s *scope, to int) *bound {
	from := maxFormats - 1 - to
	f, have := rec.formats[to], s.forms[from].Load()
	segments := make([][]byte, len(have.segments))
	var apart apart
	for i, segment := range have.segments {
		ids := have.apart
		segments[i] = transcodeMembers(f, rec.formats[from], segment, i, s.hasEndpoint, &ids)
		if i == 0 {
			apart = ids
		}
	}
	made := newBound(f, rec.limits[to].depth, segments, s)
	made.apart, made.says = apart, s.says(apart)
	s.forms[to].Store(made)
	return made
}

// says reports whether the bound attrs say something about the entry, a of it in
// one format.
func (s *scope) says(a apart) bool {
	return s.err != nil || s.logType != noLogType || s.importance != noImportance || s.hasEndpoint || a != (apart{})
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
func transcodeMembers(to, from entryEncoder, members []byte, level int, hasEndpoint bool, a *apart) []byte {
	json, err := from.toJSON(nil, members, level == 0, a)
	if err != nil {
		return nil
	}
	*a = apart{}
	return to.fromJSON(nil, json, level, hasEndpoint, a)
}
