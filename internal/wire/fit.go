package wire

import (
	"cmp"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

const (
	// maxGrowth is the most that an entry's attributes can grow when the server
	// measures them: a DEL of one byte becomes six characters.
	maxGrowth = 6
	// endpointCopies is how often the server may count an endpoint that has
	// fields of its own. It keeps the endpoint that it builds and what it builds
	// it from.
	endpointCopies = 3
	// endpointNames bounds the names of those fields.
	endpointNames = 272
	// failureNames is what the names of an error's fields take.
	failureNames = len(`"exception.type": "", "exception.message": "", "exception.stacktrace": "", `)
	// maxStackShare is how much of the limit a stack keeps where it counts.
	maxStackShare = 50_000

	truncatedMember = `"_truncated":true,`
	truncatedSize   = len(`"_truncated": true, `)
)

// MayExceed reports whether an entry of size bytes can have attributes over the
// server's limit. It is false for all but the longest entries, which are then
// never measured.
func MayExceed(size int, endpoint bool, l *Limits) bool {
	growth := maxGrowth
	if endpoint {
		growth *= endpointCopies
	}
	return size*growth > MaxAttributes-l.FixedSize
}

// Fit returns the whole entry with attributes that keep to the server's limit. It
// drops members, the largest first, until the rest fits.
func Fit(entry []byte, f Format) []byte {
	p, err := f.Parse(entry)
	if err != nil {
		return entry // cannot happen: f wrote it
	}
	t := measure(p, f.Limits())
	excess := t.size - MaxAttributes
	if excess <= 0 {
		return entry
	}
	if t.ownFields {
		// The end of the stack goes before the program's own members.
		stack := p.Failure.Stack
		p.Failure.Stack = jsontext.CutMeasured(stack, maxStackShare)
		excess -= jsontext.MeasureString(stack) - jsontext.MeasureString(p.Failure.Stack)
	}
	if excess > 0 && t.drop(excess+truncatedSize, p.HasEndpoint || p.LogType == TypeEndpoint) {
		p.Members = append(appendMembers(make([]byte, 0, len(p.Members)), t.root), truncatedMember...)
	}
	return f.Emit(p)
}

// Size is the size of p's attributes as the server measures them.
func (p *Parsed) Size(l Limits) int { return measure(p, l).size }

// A tree is an entry's attributes with their sizes.
type tree struct {
	root      []*member
	leaves    []*member // members that have none themselves
	ownFields bool
	size      int
}

// A member is one of an object's.
type member struct {
	parent  *member // nil at the root
	key     []byte  // with its quotes
	value   []byte  // of a leaf
	members []*member
	left    int // members that are not dropped
	size    int // as measured, with its punctuation, without its members
	copies  int // how often the server counts it
	dropped bool
}

// measure reads p's attributes and measures them in one pass.
func measure(p *Parsed, l Limits) *tree {
	t := &tree{ownFields: l.OwnFields, size: l.FixedSize + len(`{}`)}
	if l.OwnFields && p.Failure.Type != "" {
		t.size += failureNames + jsontext.MeasureString(p.Failure.Type) +
			jsontext.MeasureString(p.Failure.Message) + jsontext.MeasureString(p.Failure.Stack)
	}
	if t.root = t.read(p.Members, nil); len(t.root) > 0 {
		t.size -= len(`, `)
	}
	return t
}

func (t *tree) read(text []byte, parent *member) (members []*member) {
	for key, value := range jsontext.Members(text) {
		m := &member{parent: parent, key: key, copies: t.copies(key, parent)}
		members = append(members, m)
		m.size = jsontext.Measure(key) + len(`: , `)
		if len(value) > len(`{}`) && value[0] == '{' {
			m.size += len(`{}`) - len(`, `) // its last member has no comma
			m.members = t.read(value[1:len(value)-1], m)
			m.left = len(m.members)
		} else {
			m.value = value
			m.size += jsontext.Measure(value)
			t.leaves = append(t.leaves, m)
		}
		t.size += m.size * m.copies
	}
	return members
}

// copies is how often the server counts a member. It counts those of an endpoint
// several times, and a query also as part of the endpoint.
func (t *tree) copies(key []byte, parent *member) int {
	switch {
	case parent != nil:
		return parent.copies
	case !t.ownFields:
		return 1
	}
	switch string(key) {
	case `"endpoint"`:
		t.size += endpointNames
		return endpointCopies
	case `"url.query"`:
		return 2
	}
	return 1
}

// drop drops members, whole and the largest first, that take excess characters
// together, or all. An object with members goes with the last of them. endpoint
// protects what the server demands of an endpoint. drop reports whether anything
// is dropped.
func (t *tree) drop(excess int, endpoint bool) (some bool) {
	slices.SortStableFunc(t.leaves, func(a, b *member) int { return cmp.Compare(b.size, a.size) })
	for _, m := range t.leaves {
		if excess <= 0 {
			break
		}
		if m.isMarker() || endpoint && m.isRequired() {
			continue
		}
		some = true
		for ; m != nil && m.left == 0; m = m.parent {
			m.dropped = true
			excess -= m.size * m.copies
			if m.parent != nil {
				m.parent.left--
			}
		}
	}
	return some
}

func (m *member) isMarker() bool { return m.parent == nil && string(m.key) == `"_truncated"` }

// isRequired reports whether the server demands m of an endpoint.
func (m *member) isRequired() bool {
	return m.parent != nil && m.parent.parent == nil && string(m.parent.key) == `"endpoint"` &&
		RequiredMember(jsontext.Unquote(m.key)) != 0
}

func appendMembers(b []byte, members []*member) []byte {
	for _, m := range members {
		if m.dropped {
			continue
		}
		b = append(append(b, m.key...), ':')
		if len(m.members) > 0 {
			b = jsontext.CloseObject(appendMembers(append(b, '{'), m.members))
		} else {
			b = append(b, m.value...)
		}
		b = append(b, ',')
	}
	return b
}
