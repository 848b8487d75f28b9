package encode

import (
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A Scope is what one handler adds to its records: With attrs and open groups. It
// shares nothing writable with the scopes made from it, and never changes, except
// that it gains its encoding in the other format when the protocol changes.
type Scope struct {
	groups []string // all open groups, outermost first
	opened int      // how many of them have With attrs in or below them
	facts           // of the With attrs
	keys   []string // of the With attrs at the root, and of the group around them
	cut    bool     // some of the With attrs were left out
	masked bool     // within a group whose name is a secret's
	bound  [MaxFormats]atomic.Pointer[bound]
}

// A bound is a scope's With attrs in one format.
type bound struct {
	segments [][]byte // the attributes at the root, in groups[0], in groups[1] …
	prefix   []byte   // the segments, with the groups opened between them
	marks    []int    // where in prefix each opened group begins
	wire.Fields
	hasFacts bool // the attrs say something about the entry
}

// Root returns the scope of a handler without With attrs and groups.
func (enc *Encoder) Root() *Scope {
	s := &Scope{}
	for i := range s.bound {
		s.bound[i].Store(&bound{})
	}
	return s
}

// derive returns a copy of s without its encoded attrs.
func (s *Scope) derive() *Scope {
	return &Scope{
		groups: slices.Clip(s.groups),
		opened: s.opened,
		facts:  s.facts,
		keys:   slices.Clip(s.keys),
		cut:    s.cut,
		masked: s.masked,
	}
}

// WithGroup returns s with one more group open. Groups beyond [wire.MaxDepth] are
// not opened: their attrs go to the innermost one.
func (enc *Encoder) WithGroup(s *Scope, name string) *Scope {
	if name == "" || len(s.groups) >= wire.MaxDepth-1 {
		return s
	}
	d := s.derive()
	name = jsontext.Clean(name)
	d.groups = append(d.groups, name)
	d.masked = d.masked || enc.secret.IsSecret(name)
	for i := range s.bound {
		d.bound[i].Store(s.bound[i].Load())
	}
	return d
}

// WithAttrs returns s with attrs added. It reads their values and encodes them now.
func (enc *Encoder) WithAttrs(s *Scope, attrs []slog.Attr) *Scope {
	if !slices.ContainsFunc(attrs, func(a slog.Attr) bool { return !isEmptyGroup(a.Value) }) {
		return s
	}
	format := int(enc.current.Load())
	f := enc.formats[format]
	base := enc.boundIn(s, format)
	d := s.derive()
	w := walk{enc: enc, f: f, limits: &enc.limits[format], replace: enc.config.ReplaceAttr, budget: maxVisits, masked: s.masked, facts: s.facts}
	w.Fields = base.Fields
	w.err, w.errMessage = nil, ""
	w.enterScope(s)
	some := false
	if len(s.groups) > 0 && s.opened == 0 && s.groups[0] == wire.EndpointKey {
		w.hideEndpoint() // an endpoint is whole only within one call
	}
	for _, a := range attrs {
		if w.attrSafely(a) {
			some = true
		}
	}
	if w.cuts.Len() > 0 {
		d.cut = true
		w.b = f.AppendJSON(w.b, wire.CutsKey, w.cuts.AppendJSON(nil), w.level == 0)
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
	made := base.with(f, enc.limits[format].Depth, d, w.b)
	made.Fields, d.facts.Fields = w.Fields, wire.Fields{}
	made.hasFacts = d.hasFacts(made.Fields)
	d.bound[format].Store(made)
	return d
}

// with returns b with attributes added in the innermost group of s.
func (b *bound) with(f Format, depth int, s *Scope, attrs []byte) *bound {
	segments := make([][]byte, max(s.opened+1, len(b.segments)))
	copy(segments, b.segments)
	last := &segments[len(segments)-1]
	*last = slices.Concat(*last, attrs)
	return newBound(f, depth, segments, s)
}

// newBound joins segments: one for the root and one for each opened group of s.
// What is in groups beyond the format's depth goes to the innermost that is opened.
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

// boundIn returns the With attrs of s in a format. If s does not have them yet, they
// are converted once. Two goroutines may do so at the same time, with the same
// result; neither waits.
func (enc *Encoder) boundIn(s *Scope, format int) *bound {
	if b := s.bound[format].Load(); b != nil {
		return b
	}
	f, from := enc.formats[format], enc.formats[MaxFormats-1-format]
	have := s.bound[MaxFormats-1-format].Load()
	segments := make([][]byte, len(have.segments))
	var own wire.Fields
	for level, segment := range have.segments {
		fields := have.Fields
		json, err := from.ToJSON(nil, segment, level == 0, &fields)
		if err != nil {
			continue // cannot happen: this format wrote the segment
		}
		fields = wire.Fields{}
		segments[level] = f.FromJSON(nil, json, level, s.hasEndpoint, &fields)
		if level == 0 {
			own = fields
		}
	}
	made := newBound(f, enc.limits[format].Depth, segments, s)
	made.Fields, made.hasFacts = own, s.hasFacts(own)
	s.bound[format].Store(made)
	return made
}

// hasFacts reports whether the With attrs say something about the entry. own are
// its fields in one format.
func (s *Scope) hasFacts(own wire.Fields) bool {
	return s.err != nil || s.logType != wire.NoLogType || s.importance != wire.NoImportance || s.sawEndpoint || own != (wire.Fields{})
}
