package wire

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

const (
	// minString is what a string keeps at least when it is cut.
	minString = 128
	// minShare is the least room in which a part of a container is worth keeping.
	// Where its neighbours leave less, some of them go whole.
	minShare = 256
	// maxParts is how many members of a container are looked at; no more can fit.
	maxParts = MaxAttributes / len(`0, `)
)

// A shrinker makes attributes smaller.
type shrinker struct {
	limits   Limits
	endpoint bool // what the server demands of an endpoint stays
	level    int  // longer strings are cut to it
	cuts     Cuts
}

// A part is a member of an object, or an element of an array. Its sizes are what the
// server counts, with all copies of it.
type part struct {
	key    []byte // with its quotes; nil for an element
	value  []byte
	index  int
	copies int
	size   int // with its strings cut
	least  int // what has to stay
	room   int // what it gets
}

// shrink returns the members of a root without excess characters, and with the list
// of what was cut.
func (s *shrinker) shrink(members []byte, excess int) []byte {
	room := -excess - maxCuts
	for key, value := range jsontext.Members(members) {
		room += copiesOf(key, s.limits) * memberSize(key, jsontext.Measure(value))
	}
	members, s.cuts = takeCuts(members)
	s.level = s.levelFor(members, excess+maxCuts)
	b := s.appendParts(nil, jsontext.Members(members), root, max(room, 0))
	if s.cuts.Len() == 0 {
		return b
	}
	return append(s.cuts.AppendJSON(append(b, `"`+CutsKey+`":`...)), ',')
}

// levelFor is the length to which strings have to be cut for excess characters to
// go.
func (s *shrinker) levelFor(members []byte, excess int) int {
	type text struct{ size, copies int }
	var texts []text
	longest := minString
	for key, value := range jsontext.Members(members) {
		copies := copiesOf(key, s.limits)
		note := func(size int) int {
			if size > minString {
				texts = append(texts, text{size, copies})
				longest = max(longest, size)
			}
			return size
		}
		if !s.isEndpoint(key, value, root) {
			jsontext.MeasureAs(value, note)
			continue
		}
		for key, value := range children(value) {
			if RequiredMember(jsontext.Unquote(key)) == 0 {
				jsontext.MeasureAs(value, note)
			}
		}
	}
	low, high := minString, longest
	for low+1 < high {
		level, saved := (low+high)/2, 0
		for _, t := range texts {
			saved += max(t.size-level, 0) * t.copies
		}
		if saved >= excess {
			low = level
		} else {
			high = level
		}
	}
	return low
}

// size is the size of a value whose strings are cut.
func (s *shrinker) size(value []byte) int {
	return jsontext.MeasureAs(value, func(size int) int { return min(size, s.level) })
}

func (s *shrinker) isEndpoint(key, value []byte, at path) bool {
	return s.endpoint && at == root && string(key) == quotedEndpoint && value[0] == '{'
}

// children yields the members of an object, or the elements of an array, without
// keys.
func children(value []byte) iter.Seq2[[]byte, []byte] {
	inside := value[1 : len(value)-1]
	if value[0] == '{' {
		return jsontext.Members(inside)
	}
	return func(yield func(key, value []byte) bool) {
		for element := range jsontext.Elements(inside) {
			if !yield(nil, element) {
				return
			}
		}
	}
}

// appendParts appends parts, each with a comma after it, so that they take room.
func (s *shrinker) appendParts(b []byte, all iter.Seq2[[]byte, []byte], at path, room int) []byte {
	var parts []part
	rest := 0
	for key, value := range all {
		if len(parts) == maxParts {
			rest++
			continue
		}
		parts = append(parts, s.part(key, value, at))
		parts[len(parts)-1].index = len(parts) - 1
	}
	divide(parts, room)
	for i := range parts {
		p := &parts[i]
		if p.room == 0 {
			s.cuts.noteAt(at, p)
			continue
		}
		if p.key != nil {
			b = append(append(b, p.key...), ':')
		}
		b = append(s.appendValue(b, p, at), ',')
	}
	s.cuts.more += rest
	return b
}

func (s *shrinker) part(key, value []byte, at path) part {
	p := part{key: key, value: value, copies: 1}
	if at == root {
		p.copies = copiesOf(key, s.limits)
	}
	size := s.size(value)
	switch {
	case s.isEndpoint(key, value, at):
		size = len(`{}`) - len(`, `)
		least := size
		for key, value := range children(value) {
			member := s.part(key, value, endpointPath)
			size += member.size
			least += member.least
		}
		p.least = p.copies * memberSize(key, least)
	case s.isRequired(key, at):
		size = jsontext.Measure(value)
		p.least = memberSize(key, size)
	}
	p.size = p.copies * memberSize(key, size)
	return p
}

// isRequired reports whether the server demands the member under key of an endpoint.
func (s *shrinker) isRequired(key []byte, at path) bool {
	return s.endpoint && at == endpointPath && RequiredMember(jsontext.Unquote(key)) != 0
}

// appendValue appends the value of a part that stands in a container.
func (s *shrinker) appendValue(b []byte, p *part, at path) []byte {
	room := p.room/p.copies - memberSize(p.key, 0)
	whole := jsontext.Measure(p.value)
	if whole <= room && (whole == s.size(p.value) || s.isRequired(p.key, at)) {
		return append(b, p.value...)
	}
	if !p.isContainer() {
		s.cuts.noteAt(at, p)
		return jsontext.AppendString(b, jsontext.CutMeasured(jsontext.Unquote(p.value), s.level))
	}
	b = append(b, p.value[0])
	start := len(b)
	b = s.appendParts(b, children(p.value), at.to(p), room-len(`{}`)+len(`, `)) // the last has no comma
	closing := p.value[0] + 2                                                   // in ASCII
	if len(b) > start {
		b[len(b)-1] = closing
		return b
	}
	return append(b, closing)
}

func (p *part) isContainer() bool { return p.value[0] == '{' || p.value[0] == '[' }

// want is what the part takes beside what has to stay.
func (p *part) want() int { return p.size - p.least }

// divide gives room to parts: to small ones what they want, and to large containers
// an equal share of the rest. Where that is too little, the largest members go, or
// the last elements.
func divide(parts []part, room int) {
	order := make([]*part, len(parts))
	for i := range parts {
		order[i] = &parts[i]
		parts[i].room = parts[i].least
		room -= parts[i].least
	}
	slices.SortStableFunc(order, func(p, q *part) int { return cmp.Compare(p.want(), q.want()) })
	for {
		share := shareOf(order, room)
		if share < minShare {
			break
		}
		// The largest of those goes that would not be smaller with a part of it.
		out := len(order) - 1
		for out >= 0 && order[out].want() > share && order[out].shrinksTo(share) {
			out--
		}
		if out >= 0 && order[out].want() > share {
			order = slices.Delete(order, out, out+1)
			continue
		}
		for _, p := range order {
			p.room += min(p.want(), share)
		}
		return
	}
	if len(parts) > 0 && parts[0].key == nil { // an array keeps its beginning
		slices.SortFunc(order, func(p, q *part) int { return cmp.Compare(p.index, q.index) })
	}
	for _, p := range order {
		if room -= p.want(); room < 0 {
			break
		}
		p.room += p.want()
	}
}

// shareOf is the most that each part can have when none takes more than it wants.
func shareOf(ascending []*part, room int) int {
	for i, p := range ascending {
		if n := len(ascending) - i; p.want() > room/n {
			return max(room/n, 0)
		}
		room -= p.want()
	}
	return math.MaxInt
}

// shrinksTo reports whether the part fits into share when it gets smaller.
func (p *part) shrinksTo(share int) bool {
	return p.isContainer() && p.copies*memberSize(p.key, len(`{}`)) <= share
}

// copiesOf is how often the server counts a root member. It counts an endpoint
// several times, and a query also as part of the endpoint.
func copiesOf(key []byte, l Limits) int {
	if l.OwnFields {
		switch string(key) {
		case quotedEndpoint:
			return endpointCopies
		case `"` + queryKey + `"`:
			return queryCopies
		}
	}
	return 1
}

// memberSize is the size of a member with its punctuation, whose value takes n. An
// element of an array has no key.
func memberSize(key []byte, n int) int {
	if key == nil {
		return n + len(`, `)
	}
	return jsontext.Measure(key) + len(`: , `) + n
}
