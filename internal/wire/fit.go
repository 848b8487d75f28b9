package wire

import (
	"bytes"
	"strings"

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
	// queryKey is an attribute that the server also counts as part of an endpoint.
	queryKey    = "url.query"
	queryCopies = 2
	// endpointNames bounds the names of those fields.
	endpointNames = 272
	// failureNames is what the names of an error's fields take.
	failureNames = len(`"exception.type": "", "exception.message": "", "exception.stacktrace": "", `)
	// maxFailure is how much of the limit an error takes where it counts, and
	// maxStack how much of that its stack takes.
	maxFailure = 65_000
	maxStack   = 50_000
)

// MayExceed reports whether an entry can have attributes over the server's limit. It is
// false for nearly all entries, which are then never measured, and it takes a look only
// at long ones.
func MayExceed(entry []byte, endpoint bool, l *Limits) bool {
	room := MaxAttributes - l.FixedSize
	if len(entry)*maxGrowth*endpointCopies <= room {
		return false
	}
	copies := mostCopies(entry, endpoint, l)
	return len(entry)*maxGrowth*copies > room && bound(entry)*copies > room
}

// mostCopies is how often the server may count a member of an entry.
func mostCopies(entry []byte, endpoint bool, l *Limits) int {
	switch {
	case endpoint || l.OwnFields && bytes.Contains(entry, []byte(EndpointKey)):
		return endpointCopies
	case l.OwnFields && bytes.Contains(entry, []byte(queryKey)):
		return queryCopies
	}
	return 1
}

// mayBeNumber is how many bytes at the beginning of a plain run may grow: in JSON they may
// be a number (1e15 has 18 characters), in protobuf a double, or an id of 16 bytes, which
// has twice as many characters and a name.
const mayBeNumber = 8

// bound is at least the measure of an entry: plain text beyond the beginning of a run
// does not grow, and everything else may.
func bound(entry []byte) (n int) {
	run := 0
	for _, c := range entry {
		if !isPlain[c] {
			run = 0
		} else if run++; run > mayBeNumber {
			n++
			continue
		}
		n += maxGrowth
	}
	return n
}

// isPlain are the bytes that grow in no text, and are no part of JSON's structure.
var isPlain = func() (plain [256]bool) {
	for c := ' '; c <= '~'; c++ {
		plain[c] = !strings.ContainsRune(`"\,:[]{}`, c)
	}
	return plain
}()

// Fit returns the whole entry with attributes that keep to the server's limit, and
// whether it had to cut some. First the largest strings are cut, then members are
// left out of the largest containers, until the rest fits. An array "_truncated" at
// the root has the paths of what was cut or left out.
func Fit(entry []byte, f Format) (fitting []byte, cut bool) {
	p, err := f.Parse(entry)
	if err != nil {
		return entry, false // cannot happen: f wrote it
	}
	limits := f.Limits()
	excess := p.Size(limits) - MaxAttributes
	if excess <= 0 {
		return entry, false
	}
	if limits.OwnFields {
		// The end of the stack goes before the program's own members.
		e := &p.Failure
		others := jsontext.MeasureString(e.Type) + jsontext.MeasureString(e.Message)
		before := jsontext.MeasureString(e.Stack)
		e.Stack = jsontext.CutMeasured(e.Stack, max(min(maxStack, maxFailure-others), 0))
		excess -= before - jsontext.MeasureString(e.Stack)
	}
	if excess > 0 {
		s := shrinker{limits: limits, endpoint: p.HasEndpoint || p.LogType == TypeEndpoint}
		p.Members = s.shrink(p.Members, excess)
	}
	return f.Emit(p), excess > 0
}

// Size is the size of p's attributes as the server measures them.
func (p *Parsed) Size(l Limits) int {
	size := l.FixedSize + len(`{}`)
	if l.OwnFields && p.Failure.Type != "" {
		size += failureNames + jsontext.MeasureString(p.Failure.Type) +
			jsontext.MeasureString(p.Failure.Message) + jsontext.MeasureString(p.Failure.Stack)
	}
	some := false
	for key, value := range jsontext.Members(p.Members) {
		some = true
		if l.OwnFields && string(key) == quotedEndpoint {
			size += endpointNames
		}
		size += copiesOf(key, l) * memberSize(key, jsontext.Measure(value))
	}
	if some {
		size -= len(`, `)
	}
	return size
}

const quotedEndpoint = `"` + EndpointKey + `"`
