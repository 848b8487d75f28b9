package ledger

import (
	"cmp"
	"slices"
	"strconv"
)

const (
	// maxAttributes is the server's limit on an entry's attributes, measured as
	// the length of Python's default JSON text of them (ledger-wire 2.4).
	maxAttributes = 100_000
	// maxGrowth is how often longer than the entry that text can be at most: a
	// DEL of one byte becomes six characters. Entries that pass this bound, all
	// but the longest, are never measured.
	maxGrowth = 6
	// endpointCopies is how often an endpoint may count; see [member.copies].
	endpointCopies = 3
	// truncatedMember tells that members were dropped, and what that takes.
	truncatedMember = `"_truncated":true,`
	truncatedSize   = len(`"_truncated": true, `)
	// maxStackShare is how much of the limit a stack may keep for itself where
	// it counts toward the limit.
	maxStackShare = 50_000
)

// growth is how often longer than an entry its attributes can be as measured.
func growth(endpoint bool) int {
	if endpoint {
		return maxGrowth * endpointCopies
	}
	return maxGrowth
}

// fit makes a whole entry satisfy the attributes' limit: members are dropped,
// largest first, until what is left fits.
func fit(entry []byte, f wireFormat) []byte {
	p, err := f.parse(entry)
	if err != nil {
		return entry // cannot be: f wrote it
	}
	total := f.measure(p)
	if total <= maxAttributes {
		return entry
	}
	// Where the stack counts, its tail goes before the program's own members.
	stack := p.stack
	p.stack = cutMeasured(stack, maxStackShare)
	excess := f.measure(p)
	if excess == total {
		p.stack = stack
	}
	excess -= maxAttributes
	for dropped := false; excess > 0; {
		before := len(p.members)
		p.members = dropLargest(p.members, excess+truncatedSize, p.hasEndpoint || p.logType == typeEndpoint)
		if len(p.members) == before {
			break // nothing is left that may go
		}
		if !dropped {
			p.members = append(p.members, truncatedMember...)
			dropped = true
		}
		excess = f.measure(p) - maxAttributes
	}
	return f.emit(p)
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
	r := memberReader{text: members}
	var all, leaves []*member
	root := readObject(&r, nil, &all)
	for _, m := range all {
		inEndpoint := endpoint && m.parent != nil && m.parent.parent == nil && string(m.parent.key) == `"endpoint"`
		marker := m.parent == nil && string(m.key) == `"_truncated"`
		if !marker && !(inEndpoint && endpointBit(unescaped(m.key[1:len(m.key)-1])) != 0) {
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
			b = closeObject(appendMembers(b, m.members))
		default:
			b = append(append(b, m.key...), ':')
			b = append(b, m.value...)
		}
		b = append(b, ',')
	}
	return b
}

// A memberReader reads sanitized JSON members once, however deep they nest.
type memberReader struct {
	text []byte
	at   int
}

// readObject reads members up to the end of the text or of their object, and adds
// those without members to leaves.
func readObject(r *memberReader, parent *member, leaves *[]*member) (members []*member) {
	for r.at < len(r.text) && r.text[r.at] != '}' {
		m := &member{parent: parent, key: r.value()}
		r.at++ // the colon
		if r.at+1 < len(r.text) && r.text[r.at] == '{' && r.text[r.at+1] != '}' {
			r.at++
			m.size = measureJSON(m.key) + len(`: {}, `)
			m.members = readObject(r, m, leaves)
			m.left = len(m.members)
			r.at++ // the brace
		} else {
			m.value = r.value()
			m.size = measureJSON(m.key) + measureJSON(m.value) + len(`: , `)
			*leaves = append(*leaves, m)
		}
		if r.at < len(r.text) && r.text[r.at] == ',' {
			r.at++
		}
		members = append(members, m)
	}
	return members
}

func (r *memberReader) value() []byte {
	n := valueEnd(r.text[min(r.at, len(r.text)):])
	r.at += n
	return r.text[r.at-n : r.at]
}

// eachMember yields the keys, in their quotes, and values of members of a
// sanitized object without spaces.
func eachMember(text []byte) func(yield func(key, value []byte) bool) {
	return func(yield func(key, value []byte) bool) {
		for len(text) > 0 {
			key := text[:valueEnd(text)]
			text = text[min(len(key)+1, len(text)):]
			if len(text) == 0 {
				return
			}
			value := text[:valueEnd(text)]
			if !yield(key, value) {
				return
			}
			text = text[min(len(value)+1, len(text)):]
		}
	}
}

// valueEnd returns the length of the value that text begins with.
func valueEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(text))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return i + 1 + min(depth, 0)
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// measureMembers measures the object that has the given members, each with a
// comma after it.
func measureMembers(members []byte) int {
	if len(members) == 0 {
		return len(`{}`)
	}
	return len(`{}`) + measureJSON(members) - len(`, `)
}

// measureJSON returns the length of Python's text of sanitized JSON.
func measureJSON(text []byte) int {
	n := 0
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := i + valueEnd(text[i:])
			n += len(`""`) + measureString(unescaped(text[i+1:end-1]))
			i = end
		case c == ',' || c == ':':
			n += len(`, `)
			i++
		case c == '-' || '0' <= c && c <= '9':
			end := i + 1
			for end < len(text) && isWordByte(text[end]) {
				end++
			}
			n += measureNumber(text[i:end])
			i = end
		default:
			n++
			i++
		}
	}
	return n
}

// measureString measures the inside of a string.
func measureString(s string) int {
	n := 0
	for _, r := range s {
		n += measureRune(r)
	}
	return n
}

func measureRune(r rune) int {
	switch {
	case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t' || r == '\b' || r == '\f':
		return 2
	case ' ' <= r && r <= '~':
		return 1
	case r > 0xFFFF:
		return 12
	}
	return 6
}

// cutMeasured cuts s to at most limit characters as measured.
func cutMeasured(s string, limit int) string {
	n := measureString(cutMark)
	for i, r := range s {
		if n += measureRune(r); n > limit {
			return s[:i] + cutMark
		}
	}
	return s
}

// measureNumber measures a number: a whole one is printed as it is, any other
// as the shortest text of a Python float.
func measureNumber(text []byte) int {
	whole := true
	for _, c := range text {
		if c == '.' || c == 'e' || c == 'E' {
			whole = false
		}
	}
	if whole {
		return len(text)
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return len(text) + len("e+308")
	}
	return pythonFloatSize(f)
}

func pythonFloatSize(f float64) int {
	var buf [32]byte
	scientific := strconv.AppendFloat(buf[:0], f, 'e', -1, 64) // -1.2345e+06
	mark := slices.Index(scientific, 'e')
	exponent, _ := strconv.Atoi(string(scientific[mark+1:]))
	if exponent < -4 || exponent >= 16 {
		return len(scientific)
	}
	fixed := strconv.AppendFloat(buf[:0], f, 'f', -1, 64)
	if !slices.Contains(fixed, '.') {
		return len(fixed) + len(".0")
	}
	return len(fixed)
}
