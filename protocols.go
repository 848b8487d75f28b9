package ledger

import (
	"sync"
	"sync/atomic"
)

// protocols knows which protocol new entries are encoded in and which one
// batches are sent in. They differ only while ProtocolAuto tries the other one
// with a batch that had to be sent anyway.
type protocols struct {
	auto bool

	mu       sync.Mutex
	known    []wireFormat // the ones to choose from
	encoding atomic.Pointer[wireFormat]
	current  wireFormat
	refusals int // requests since the last taken one that found no endpoint
}

func newProtocols(c *config) *protocols {
	known := []wireFormat{newLedgerFormat(c)}
	all := &protocols{auto: c.Protocol == ProtocolAuto, known: known, current: known[0]}
	all.encoding.Store(&known[0])
	return all
}

// forEncoding is the format of new entries.
func (p *protocols) forEncoding() wireFormat { return *p.encoding.Load() }

// sending is the format that the next request uses.
func (p *protocols) sending() wireFormat {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// taken notes that the server took a request in format; true when that settles
// a change of protocol.
func (p *protocols) taken(format wireFormat) (changed bool) {
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

// refused notes that the server has no endpoint for format; true when the other
// protocol is worth trying at once.
func (p *protocols) refused(format wireFormat) (tryNow bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.auto || len(p.known) < 2 {
		return false
	}
	if format != p.current {
		return true // decided meanwhile by another request
	}
	p.refusals++
	for _, other := range p.known {
		if other != format {
			p.current = other
			break
		}
	}
	return p.refusals == 1
}

// translate sees to it that entries are encoded in format.
func (p *protocols) translate([]*entry, wireFormat) {}
