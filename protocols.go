package ledger

import (
	"sync"
	"sync/atomic"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// protocols knows which protocol new entries are encoded in and which one
// batches are sent in. They differ only while ProtocolAuto tries the other one,
// with a batch that had to be sent anyway: no request is made only to find out.
type protocols struct {
	known    []wire.Format // the ones to choose from, the first to begin with
	all      []wire.Format // the ones that entries may be in, such as old ones from disk
	encoding atomic.Pointer[wire.Format]

	mu       sync.Mutex
	current  wire.Format
	refusals int // requests since the last taken one that found no endpoint
}

func newProtocols(protocol Protocol, own, otlp wire.Format) *protocols {
	p := &protocols{all: []wire.Format{own, otlp}}
	switch protocol {
	case ProtocolLedger:
		p.known = p.all[:1]
	case ProtocolOTLP:
		p.known = p.all[1:]
	default:
		p.known = p.all
	}
	p.current = p.known[0]
	p.encoding.Store(&p.known[0])
	return p
}

// forEncoding is the format of new entries.
func (p *protocols) forEncoding() wire.Format { return *p.encoding.Load() }

// sending is the format that the next request uses.
func (p *protocols) sending() wire.Format {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// taken notes that the server took a request in format; true when that settles
// a change of protocol.
func (p *protocols) taken(format wire.Format) (changed bool) {
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

// refused notes that the server has no endpoint for format, and turns to the
// other protocol, if there is a choice; true when that is worth trying at once.
func (p *protocols) refused(format wire.Format) (tryNow bool) {
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

// origin is what all entries of this process come from.
func (p *protocols) origin() wire.Origin { return p.all[0].Origin() }

// named is the format of a protocol; Ledger's own for a name it does not know.
func (p *protocols) named(name string) wire.Format {
	for _, format := range p.all {
		if format.Protocol() == name {
			return format
		}
	}
	return p.all[0]
}

// inFormat returns entries as they are in format: themselves, or copies where
// they were encoded in another. What an entry was encoded in it keeps, so that a
// protocol which was only tried leaves no trace.
func (p *protocols) inFormat(entries []*entry, format wire.Format) []*entry {
	var copies []*entry
	for i, e := range entries {
		if e.format == format {
			continue
		}
		if copies == nil {
			copies = append(copies, entries...)
		}
		// Bytes that their own encoder does not know go as they are, for the
		// server to refuse.
		if data, err := wire.Transcode(e.format, format, e.whole()); err == nil {
			copies[i] = &entry{data: data, Ending: wire.Ending{Seq: e.Seq}, format: format}
		}
	}
	if copies == nil {
		return entries
	}
	return copies
}
