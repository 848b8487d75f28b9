package errstack

import (
	"maps"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

const (
	maxKinds  = 64 // causes at one place; an error of another one has its plain type
	placeBits = 10
	maxProbes = 8
)

// Kinds names errors by what went wrong, so that the server, which groups errors by
// their place and by this name, has a group for each cause. The zero Kinds is ready.
// It is safe for concurrent use, and what it remembers is bounded.
type Kinds struct {
	places [1 << placeBits]atomic.Pointer[place]
	mu     sync.Mutex // held to add a kind
}

// A place is where errors are logged.
type place struct {
	pc    uintptr
	kinds atomic.Pointer[map[string]string] // the fixed parts of texts, and their names; never changed
}

// TypeOf returns the name, as %T does, of the outermost type in err's tree that does
// more than wrap. If there is none, the types say nothing about the cause: then it
// is the fixed part of the innermost error's text, of at most 100 characters, or
// that error's type where the place has too many causes already. text is err's, and
// pc the place.
func (k *Kinds) TypeOf(err error, text string, pc uintptr) (name string) {
	if reflect.TypeOf(err) == plainError {
		return k.name(pc, text, plainType) // the usual case, which wraps nothing
	}
	defer func() {
		if recover() != nil { // a method of the error panicked
			name = reflect.TypeOf(err).String()
		}
	}()
	budget := maxErrors
	if t := telling(err, &budget); t != nil {
		return t.String()
	}
	inner := innermost(err)
	t := reflect.TypeOf(inner)
	if !isWrapper(t) || t.Kind() == reflect.Pointer && isPanic(t.Elem()) {
		return t.String()
	}
	return k.name(pc, Text(inner), t.String())
}

// name returns the fixed part of text, or plain.
func (k *Kinds) name(pc uintptr, text, plain string) string {
	p := k.at(pc)
	if p == nil {
		return plain
	}
	kinds := *p.kinds.Load()
	if len(text) <= maxCause { // most texts are fixed
		if name, ok := kinds[text]; ok {
			return name
		}
	}
	var short [2 * maxCause]byte
	cause := appendCause(short[:0], text)
	if len(cause) == 0 {
		return plain
	}
	if name, ok := kinds[string(cause)]; ok {
		return name
	}
	if len(kinds) >= maxKinds {
		return plain
	}
	return k.add(p, string(cause), plain)
}

func (k *Kinds) add(p *place, cause, plain string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	kinds := *p.kinds.Load()
	if len(kinds) >= maxKinds {
		return plain
	}
	kinds = maps.Clone(kinds)
	kinds[cause] = jsontext.Clean(cause)
	p.kinds.Store(&kinds)
	return kinds[cause]
}

// at returns the place with that program counter; nil where there is no room for
// another.
func (k *Kinds) at(pc uintptr) *place {
	first := uint64(pc) * 0x9E3779B97F4A7C15 >> (64 - placeBits)
	for i := range uint64(maxProbes) {
		slot := &k.places[(first+i)%(1<<placeBits)]
		p := slot.Load()
		if p == nil {
			p = &place{pc: pc}
			p.kinds.Store(&map[string]string{})
			if !slot.CompareAndSwap(nil, p) {
				p = slot.Load()
			}
		}
		if p.pc == pc {
			return p
		}
	}
	return nil
}
