package wire

import (
	"io"
)

// A Format is one protocol: all that differs between Ledger's own JSON and
// OTLP stands behind it. A format is immutable and safe for concurrent use.
type Format interface {
	// Protocol names the format in Metrics: ledger or otlp.
	Protocol() string
	// Path is appended to Options.BaseURL.
	Path() string
	ContentType() string
	// Frame returns what stands before, between and after n entries that are
	// size bytes together, so that a body can be written piece by piece.
	Frame(n, size int) (before, between, after []byte)
	// Cost is what a request of n entries takes of the server's rate limit.
	Cost(n int) int
	// ReadAnswer reads what a server said of n entries with the given status.
	// body is already bounded; whatever it holds, ReadAnswer returns.
	ReadAnswer(status int, body io.Reader, n int) Answer

	// Origin is what every entry of this process comes from.
	Origin() Origin
	// Standalone returns a whole entry of this process as one that another may
	// send: it tells its origin, which the frame tells of others.
	Standalone(entry []byte) []byte

	// WholeSize is the size of a whole entry whose data are n bytes.
	WholeSize(n int, e Ending) int
	// AppendWhole appends a whole entry: data with what its ending adds.
	AppendWhole(b, data []byte, e Ending) []byte

	// Limits are what the format and its server set.
	Limits() Limits
	// Parse reads a whole entry, and emit writes one. Entries are read when the
	// Protocol changes, and when their attributes are over the server's limit; both
	// are rare.
	Parse(entry []byte) (*Parsed, error)
	Emit(p *Parsed) []byte
	// Measure returns how much of the attributes' limit p takes.
	Measure(p *Parsed) int
}

// Limits are what sets one format apart from the other in what it can express.
type Limits struct {
	// SetsApart is whether trace ids and endpoints have fields of their own,
	// outside the attributes.
	SetsApart bool
	// Earliest is the first second that can be expressed.
	Earliest int64
	// Depth is how many objects and arrays the attributes may nest, the
	// outermost included: [MaxDepth] at most.
	Depth int
	// FixedSize is what the server counts toward the attributes' limit beside
	// what is in an entry.
	FixedSize int
}

// An Answer is the server's word on the entries of one request.
type Answer struct {
	Readable  bool   // the body was this protocol's
	Foreign   bool   // it was whole, and cannot be this protocol's
	Rejected  int    // how many of the entries the server refused, when it took the others
	Positions []int  // of a refused request: the entries at fault, ascending, without repeats; nil when it did not say
	Quota     bool   // refused for the daily quota: may be sent again when that is reset
	Message   string // in the server's words, bounded, for the diagnostics
}
