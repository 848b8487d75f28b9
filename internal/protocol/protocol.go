// Package protocol chooses which of the protocols is spoken with the server, and puts
// entries of another into it.
//
// The sender of package ledger tells it what became of requests. It must never know
// what sets one protocol apart from the other.
package protocol

import (
	"sync"
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// Chooser knows which protocol new entries are encoded in, and which one batches
// are sent in. They differ only while the other one is tried, with a batch that had
// to be sent anyway: no request is made only to find out. It is safe for concurrent
// use.
type Chooser struct {
	known    []wire.Format // the ones to choose from, the first to begin with
	all      []wire.Format // the ones that entries may be in, such as old ones from disk
	encoding atomic.Pointer[wire.Format]

	mu       sync.Mutex
	current  wire.Format
	refusals int // requests since the last taken one that found no endpoint
}

// New returns the choice of the protocol called name, or among all where
// none is called so, to begin with the first.
func New(name string, all ...wire.Format) *Chooser {
	p := &Chooser{known: all, all: all}
	for i, format := range all {
		if format.Protocol() == name {
			p.known = all[i : i+1]
		}
	}
	p.current = p.known[0]
	p.encoding.Store(&p.known[0])
	return p
}

// ForEncoding is the format of new entries.
func (p *Chooser) ForEncoding() wire.Format { return *p.encoding.Load() }

// Sending is the format that the next request uses.
func (p *Chooser) Sending() wire.Format {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// Taken notes that the server took a request in format; true when that settles
// a change of protocol.
func (p *Chooser) Taken(format wire.Format) (changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals = 0
	p.current = format
	if *p.encoding.Load() == format {
		return false
	}
	p.encoding.Store(&format)
	return true
}

// Refused notes that the server has no endpoint for format, and turns to the
// other protocol, if there is a choice; true when that is worth trying at once.
func (p *Chooser) Refused(format wire.Format) (tryNow bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) < 2 {
		return false
	}
	if format != p.current {
		return true // another request has been refused in it before
	}
	p.refusals++
	p.current = p.known[0]
	if format == p.known[0] {
		p.current = p.known[1]
	}
	return p.refusals == 1
}

// Origin is what all entries of this process come from.
func (p *Chooser) Origin() wire.Origin { return p.all[0].Origin() }

// Named is the format of a protocol; the first for a name that it does not know.
func (p *Chooser) Named(name string) wire.Format {
	for _, format := range p.all {
		if format.Protocol() == name {
			return format
		}
	}
	return p.all[0]
}

// InFormat returns entries as they are in format: themselves, or copies where
// they were encoded in another. What an entry was encoded in it keeps, so that a
// protocol which was only tried leaves no trace.
func (p *Chooser) InFormat(entries []*buffer.Entry, format wire.Format) []*buffer.Entry {
	var copies []*buffer.Entry
	for i, e := range entries {
		if e.Format == format {
			continue
		}
		if copies == nil {
			copies = append(copies, entries...)
		}
		// Bytes that their own encoder does not know go as they are, for the
		// server to refuse.
		if data, err := wire.Transcode(e.Format, format, e.Whole()); err == nil {
			copies[i] = &buffer.Entry{Data: data, Ending: wire.Ending{Seq: e.Seq}, Format: format}
		}
	}
	if copies == nil {
		return entries
	}
	return copies
}
