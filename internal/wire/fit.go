package wire

import (
	"cmp"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// Growth is how often longer than an entry its attributes can be as measured.
func Growth(endpoint bool) int {
	if endpoint {
		return maxGrowth * endpointCopies
	}
	return maxGrowth
}

// Fit makes a whole entry satisfy the attributes' limit: members are dropped,
// largest first, until what is left fits.
func Fit(entry []byte, f Format) []byte {
	p, err := f.Parse(entry)
	if err != nil {
		return entry // cannot be: f wrote it
	}
	total := f.Measure(p)
	if total <= MaxAttributes {
		return entry
	}
	// Where the stack counts, its tail goes before the program's own members.
	stack := p.Stack
	p.Stack = jsontext.CutMeasured(stack, maxStackShare)
	excess := f.Measure(p)
	if excess == total {
		p.Stack = stack
	}
	excess -= MaxAttributes
	for dropped := false; excess > 0; {
		before := len(p.Members)
		p.Members = dropLargest(p.Members, excess+truncatedSize, p.HasEndpoint || p.LogType == TypeEndpoint)
		if len(p.Members) == before {
			break // nothing is left that may go
		}
		if !dropped {
			p.Members = append(p.Members, truncatedMember...)
			dropped = true
		}
		excess = f.Measure(p) - MaxAttributes
	}
	return f.Emit(p)
}

// A member is one of an object's, in JSON without spaces.
type member struct {
	parent  *member // nil at the root
	key     []byte  // with its quotes
	value   []byte  // unless it is an object with members
	members []*member
	left    int // members not dropped
	size    int // as measured, with what stands around it, but without members
	dropped bool
}

// dropLargest drops members, whole and largest first, that take excess
// characters together, or all. An object that has members is not dropped but
// loses them, and goes with the last; endpoint protects what the server demands
// of an endpoint.
func dropLargest(members []byte, excess int, endpoint bool) []byte {
	r := jsontext.Reader{Text: members}
	var all, leaves []*member
	root := readObject(&r, nil, &all)
	for _, m := range all {
		inEndpoint := endpoint && m.parent != nil && m.parent.parent == nil && string(m.parent.key) == `"endpoint"`
		marker := m.parent == nil && string(m.key) == `"_truncated"`
		if !marker && !(inEndpoint && EndpointMember(jsontext.Unescape(m.key[1:len(m.key)-1])) != 0) {
			leaves = append(leaves, m)
		}
	}
	slices.SortStableFunc(leaves, func(a, b *member) int { return cmp.Compare(b.size, a.size) })
	for _, m := range leaves {
		copies := m.copies()
		for ; m != nil && m.left == 0 && excess > 0; m = m.parent {
			m.dropped = true
			excess -= m.size * copies
			if m.parent != nil {
				m.parent.left--
			}
		}
	}
	return appendMembers(make([]byte, 0, len(members)), root)
}

// copies is how often the server may count m. Under OTLP it keeps both the
// endpoint that it builds and what it builds that of. Where it counts fewer,
// what is still too much goes in another round, and nothing goes without need.
func (m *member) copies() int {
	for m.parent != nil {
		m = m.parent
	}
	switch string(m.key) {
	case `"endpoint"`:
		return endpointCopies
	case `"url.query"`:
		return 2
	}
	return 1
}

func appendMembers(b []byte, members []*member) []byte {
	for _, m := range members {
		switch {
		case m.dropped:
			continue
		case len(m.members) > 0:
			b = append(append(b, m.key...), ':', '{')
			b = jsontext.CloseObject(appendMembers(b, m.members))
		default:
			b = append(append(b, m.key...), ':')
			b = append(b, m.value...)
		}
		b = append(b, ',')
	}
	return b
}

// readObject reads members up to the end of the text or of their object, and adds
// those without members to leaves.
func readObject(r *jsontext.Reader, parent *member, leaves *[]*member) (members []*member) {
	for r.At < len(r.Text) && r.Text[r.At] != '}' {
		m := &member{parent: parent, key: r.Value()}
		r.At++ // the colon
		if r.At+1 < len(r.Text) && r.Text[r.At] == '{' && r.Text[r.At+1] != '}' {
			r.At++
			m.size = jsontext.Measure(m.key) + len(`: {}, `)
			m.members = readObject(r, m, leaves)
			m.left = len(m.members)
			r.At++ // the brace
		} else {
			m.value = r.Value()
			m.size = jsontext.Measure(m.key) + jsontext.Measure(m.value) + len(`: , `)
			*leaves = append(*leaves, m)
		}
		if r.At < len(r.Text) && r.Text[r.At] == ',' {
			r.At++
		}
		members = append(members, m)
	}
	return members
}
