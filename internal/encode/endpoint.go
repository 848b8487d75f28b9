package encode

import (
	"log/slog"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

const (
	pathKey     = "path"
	fullPathKey = "path_full" // the whole of a path that was cut
)

// otherMethod replaces an HTTP method that is longer than the server's column.
const otherMethod = "_OTHER"

// The server's columns for status_code and duration_ms (ledger-wire 2.9).
const (
	minStatus   = math.MinInt16
	maxStatus   = math.MaxInt16
	maxDuration = math.MaxInt32
)

// readMember reads one member of an endpoint into e and returns the value to log.
// known is false for a member that the server does not look at. valid is false if
// the server would lose the entry because of the value.
func readMember(e *wire.Endpoint, a *slog.Attr) (_ slog.Value, known, valid bool) {
	v := a.Value
	switch a.Key {
	case "method":
		if v.Kind() != slog.KindString {
			return v, true, false
		}
		e.Method = jsontext.Clean(v.String())
		if utf8.RuneCountInString(e.Method) > wire.MaxMethod {
			e.Method = otherMethod
		}
		return slog.StringValue(e.Method), true, true
	case pathKey:
		if v.Kind() != slog.KindString {
			return v, true, false
		}
		e.Path = jsontext.Cut(jsontext.Clean(v.String()), wire.MaxPath)
		return slog.StringValue(e.Path), true, true
	case "status_code":
		f, ok := number(v)
		if !ok || f != math.Trunc(f) || f < minStatus || f > maxStatus {
			return v, true, false
		}
		e.Status = int64(f)
		return slog.Int64Value(e.Status), true, true
	case "duration_ms":
		f, ok := number(v)
		if !ok || !(f >= 0 && f <= maxDuration) {
			return v, true, false
		}
		e.Duration = f
		return v, true, true
	}
	return v, false, true
}

func number(v slog.Value) (f float64, ok bool) {
	switch v.Kind() {
	case slog.KindInt64:
		return float64(v.Int64()), true
	case slog.KindUint64:
		return float64(v.Uint64()), true
	case slog.KindFloat64:
		return v.Float64(), true
	}
	return 0, false
}

// A resolvedAttr is an attr after [walk.resolveAttr].
type resolvedAttr struct {
	attr    slog.Attr
	key     *wire.KnownKey // its key, known to be ordinary; nil if that needs a closer look
	failure error
	hidden  bool // its value is masked
}

// This file and attrs.go call each other: the group is one of the attrs, and has some.

// usualMembers are more than an endpoint mostly has.
const usualMembers = 7

// endpointGroup appends the root group "endpoint". Only its end shows whether the
// server takes it for an endpoint, so its members are resolved before one is
// written.
func (w *walk) endpointGroup(attrs []slog.Attr) bool {
	var few [usualMembers]resolvedAttr
	if w.replace == nil && len(attrs) <= len(few) && w.copyResolved(&few, attrs) {
		return w.endpointMembers(few[:len(attrs)])
	}
	var members []resolvedAttr
	w.enterEndpoint(func() {
		members = w.resolveAll(nil, attrs)
	})
	return w.endpointMembers(members)
}

// copyResolved copies attrs, which fit, as [walk.resolveAll] appends them, and
// reports whether it did: not when one needs a closer look.
func (w *walk) copyResolved(members *[usualMembers]resolvedAttr, attrs []slog.Attr) bool {
	for i := range attrs {
		a, m := &attrs[i], &members[i]
		kind := a.Value.Kind()
		if !isScalar(kind) && (kind != slog.KindGroup || a.Key == "") {
			return false
		}
		if m.key = w.known(a.Key); m.key == nil && !jsontext.IsPlain(a.Key) {
			return false
		}
		m.attr = *a
	}
	return true
}

// endpointRecord is endpointGroup for the attrs of a record within
// WithGroup("endpoint").
func (w *walk) endpointRecord(r *slog.Record) {
	var members []resolvedAttr
	r.Attrs(func(a slog.Attr) bool {
		members = w.resolveAll(members, []slog.Attr{a})
		return true
	})
	members = slices.DeleteFunc(members, func(m resolvedAttr) bool {
		return isSteering(m.attr.Key) && w.takeSteering(m.attr)
	})
	w.level, w.groups = 0, nil
	if len(members) == 0 {
		return
	}
	w.hideEndpoint()
	w.endpointMembers(members)
}

func (w *walk) enterEndpoint(inside func()) {
	groups := w.groups
	w.level++
	w.inside++
	if w.replace != nil {
		w.groups = append(slices.Clip(groups), wire.EndpointKey)
	}
	inside()
	w.groups = groups
	w.inside--
	w.level--
}

// resolveAll resolves attrs, including those of inlined groups.
func (w *walk) resolveAll(members []resolvedAttr, attrs []slog.Attr) []resolvedAttr {
	for _, a := range attrs {
		a, failure, ok := w.resolveAttr(a)
		switch {
		case !ok:
		case a.Key == "" && a.Value.Kind() == slog.KindGroup:
			members = w.resolveInlined(members, a.Value.Group())
		default:
			members = append(members, resolvedAttr{attr: a, failure: failure})
		}
	}
	return members
}

// resolveInlined is resolveAll for a group without a key, which may hold itself.
// Its bounds are those of [walk.group].
func (w *walk) resolveInlined(members []resolvedAttr, attrs []slog.Attr) []resolvedAttr {
	if w.inside >= wire.MaxDepth {
		return append(members, resolvedAttr{attr: slog.String("", wire.TooDeep)})
	}
	if w.budget -= len(attrs); w.budget < 0 {
		w.cuts.Note(wire.EndpointKey)
		return members
	}
	w.inside++
	members = w.resolveAll(members, attrs)
	w.inside--
	return members
}

func (w *walk) endpointMembers(members []resolvedAttr) bool {
	var e wire.Endpoint
	bits, fullPath, keepsFull := 0, "", false
	for i := range members {
		a := &members[i].attr
		members[i].hidden = w.masked || members[i].key == nil && w.enc.secret.IsSecret(a.Key)
		value, known, valid := readMember(&e, a)
		keepsFull = keepsFull || a.Key == fullPathKey
		if !known {
			continue
		}
		if members[i].hidden {
			valid = false
		}
		if bit := wire.RequiredMember(a.Key); valid {
			if bits |= bit; a.Key == pathKey {
				fullPath = cutOff(a.Value.String(), value.String())
			}
			a.Value = value
		} else {
			bits &^= bit
		}
	}
	if fullPath != "" && !keepsFull {
		members = append(members, resolvedAttr{attr: slog.String(fullPathKey, fullPath), hidden: w.masked || w.enc.secret.IsSecret(fullPathKey)})
	}
	w.hasEndpoint = bits == wire.AllRequired
	separate := w.hasEndpoint && w.limits.OwnFields
	key := wire.EndpointKey
	if separate {
		key = wire.EndpointRestKey
	}

	before, cuts := w.Endpoint, w.cuts.Len()
	mark := len(w.b)
	w.b = w.f.OpenGroup(w.b, key, true)
	empty := len(w.b)
	some := false
	w.enterEndpoint(func() {
		for i := range members {
			m := &members[i]
			kind := m.attr.Value.Kind()
			switch {
			case separate && !m.hidden && w.takeMember(&e, &m.attr):
				some = true
			case !m.hidden && m.key != nil && isScalar(kind): // as appendResolved does
				w.b = w.f.AppendKnown(w.b, m.key, kind, m.attr.Value, false)
				some = true
			default:
				some = w.appendResolved(m.attr, m.failure) || some
			}
		}
	})
	w.cuts.Within(wire.EndpointKey, cuts)
	if separate {
		kept := e // only this is on the heap
		w.Endpoint = &kept
	}
	if !some || separate && len(w.b) == empty && before == nil { // an empty one hides the members of the one before
		w.b = w.b[:mark]
		return some
	}
	w.b = w.f.CloseGroup(w.b, mark)
	return true
}

// cutOff returns the whole of a path that was cut to kept, or "".
func cutOff(whole, kept string) string {
	if whole = jsontext.Clean(whole); whole != kept {
		return whole
	}
	return ""
}

// takeMember moves a member that has a field of its own into e.
func (w *walk) takeMember(e *wire.Endpoint, a *slog.Attr) bool {
	if wire.RequiredMember(a.Key) != 0 {
		return true
	}
	switch kind := a.Value.Kind(); {
	case a.Key == "query_params" && kind == slog.KindString:
		e.Query = jsontext.Clean(a.Value.String())
	case a.Key == "response_body" && kind == slog.KindString:
		e.ResponseBody = jsontext.Clean(a.Value.String())
	case a.Key == "path_params" && kind == slog.KindGroup:
		e.PathParams = w.jsonText(a.Value.Group())
	default:
		return false
	}
	return true
}

// jsonText returns attrs as a JSON object.
func (w *walk) jsonText(attrs []slog.Attr) string {
	var text walk           // a literal would be built elsewhere and copied
	text.b = w.b[len(w.b):] // room that nobody needs yet
	text.enc, text.f, text.limits = w.enc, w.enc.formats[0], &w.enc.limits[0]
	text.replace, text.groups, text.level, text.inside = w.replace, w.groups, w.level, w.inside
	text.budget, text.masked = w.budget, w.masked
	some := text.group("path_params", attrs)
	w.budget = text.budget
	if text.cuts.Len() > 0 {
		w.cuts.Note("path_params")
	}
	if w.err == nil {
		w.err, w.errMessage = text.err, text.errMessage
	}
	if !some {
		return "{}"
	}
	return string(text.b[len(`"path_params":`) : len(text.b)-1])
}
