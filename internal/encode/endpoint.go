package encode

import (
	"log/slog"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// otherMethod stands for an HTTP method longer than the server's column.
const otherMethod = "_OTHER"

// The server's columns for status_code and duration_ms (ledger-wire 2.9).
const (
	minStatus   = math.MinInt16
	maxStatus   = math.MaxInt16
	maxDuration = math.MaxInt32
)

// readMember takes one member of an endpoint. known is false for a member that the
// server's analytics does not look at; valid is false when the server would
// lose the entry for it. The value that is to be logged may differ.
func readMember(e *wire.Endpoint, a slog.Attr) (_ slog.Value, known, valid bool) {
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
	case "path":
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

// settled is an attr after [walk.settle].
type settled struct {
	attr    slog.Attr
	failure error
}

// endpointGroup appends the root group "endpoint". Whether it is one that the
// server takes for an endpoint is known only at its end, so its members are
// settled before any is written.
func (w *walk) endpointGroup(attrs []slog.Attr) bool {
	var few [12]settled
	members := few[:0]
	w.enterEndpoint(func() {
		members = w.settleAll(members, attrs)
	})
	return w.endpointMembers(members)
}

// endpointRecord is endpointGroup for WithGroup("endpoint") and the attrs of
// one record.
func (w *walk) endpointRecord(r *slog.Record) {
	var few [12]settled
	members := few[:0]
	r.Attrs(func(a slog.Attr) bool {
		members = w.settleAll(members, []slog.Attr{a})
		return true
	})
	members = slices.DeleteFunc(members, func(m settled) bool {
		steering := m.attr.Key == wire.LogTypeKey || m.attr.Key == wire.ImportanceKey
		if steering {
			w.steer(m.attr)
		}
		return steering
	})
	w.level, w.groups = 0, nil
	if len(members) == 0 {
		return
	}
	w.hasEndpoint = false
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

// settleAll settles attrs, those of inlined groups as well.
func (w *walk) settleAll(members []settled, attrs []slog.Attr) []settled {
	for _, a := range attrs {
		a, failure, ok := w.settle(a)
		switch {
		case !ok:
		case a.Key == "" && a.Value.Kind() == slog.KindGroup:
			members = w.settleInlined(members, a.Value.Group())
		default:
			members = append(members, settled{a, failure})
		}
	}
	return members
}

// settleInlined is settleAll for a group without a key, which may hold itself:
// the bounds are those of [walk.group].
func (w *walk) settleInlined(members []settled, attrs []slog.Attr) []settled {
	if w.inside >= wire.MaxDepth {
		return append(members, settled{attr: slog.String("", wire.TooDeep)})
	}
	if w.budget -= len(attrs); w.budget < 0 {
		w.truncated = true
		return members
	}
	w.inside++
	members = w.settleAll(members, attrs)
	w.inside--
	return members
}

func (w *walk) endpointMembers(members []settled) bool {
	var e wire.Endpoint
	bits := 0
	for i := range members {
		a := &members[i].attr
		value, known, valid := readMember(&e, *a)
		if !known {
			continue
		}
		if w.hides(a.Key) {
			valid = false
		}
		if bit := wire.RequiredMember(a.Key); valid {
			bits |= bit
			a.Value = value
		} else {
			bits &^= bit
		}
	}
	w.hasEndpoint = bits == wire.AllRequired
	separate := w.hasEndpoint && w.limits.OwnFields
	key := wire.EndpointKey
	if separate {
		key = wire.EndpointRestKey
	}

	before := w.Endpoint
	mark := len(w.b)
	w.b = w.f.OpenGroup(w.b, key, true)
	empty := len(w.b)
	some := false
	w.enterEndpoint(func() {
		for _, m := range members {
			if separate && !w.hides(m.attr.Key) && w.takeMember(&e, m.attr) {
				some = true
				continue
			}
			if w.emit(m.attr, m.failure) {
				some = true
			}
		}
	})
	if separate {
		w.Endpoint = &e
	}
	if !some || separate && len(w.b) == empty && before == nil { // else it hides what that one had
		w.b = w.b[:mark]
		return some
	}
	w.b = w.f.CloseGroup(w.b, mark)
	return true
}

// takeMember moves a member that OTLP has a name for into e.
func (w *walk) takeMember(e *wire.Endpoint, a slog.Attr) bool {
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
	text := walk{
		rec: w.rec, limits: &w.rec.limits[0], f: w.rec.formats[0], replace: w.replace, groups: w.groups,
		level: w.level, inside: w.inside, budget: w.budget, masked: w.masked,
	}
	some := text.group("path_params", attrs)
	w.budget, w.truncated = text.budget, w.truncated || text.truncated
	if w.err == nil {
		w.err, w.errMessage = text.err, text.errMessage
	}
	if !some {
		return "{}"
	}
	return string(text.b[len(`"path_params":`) : len(text.b)-1])
}

// hides reports whether what stands under key is masked.
func (w *walk) hides(key string) bool { return w.masked || w.rec.secret.Hide(key) }
