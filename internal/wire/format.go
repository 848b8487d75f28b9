package wire

import "io"

// A Format is one protocol: Ledger's own JSON, or OTLP. A format never changes
// and is safe for concurrent use.
//
// In the queue an entry is incomplete: most of its ending is the same in all
// entries. The ending is appended when a body is written, which makes the entry
// whole. Things that differ from entry to entry then stand side by side, where
// they compress best.
type Format interface {
	// Protocol names the format in Metrics and in the spool: ledger or otlp.
	Protocol() string
	// Path is appended to Options.BaseURL.
	Path() string
	ContentType() string
	// Frame returns what stands before, between and after n whole entries, which
	// take size bytes together. A body can so be written piece by piece.
	Frame(n, size int) (before, between, after []byte)
	// Cost is how much of the server's rate limit a request of n entries uses.
	Cost(n int) int
	// ReadAnswer reads the server's answer to a request of n entries. The caller
	// bounds body. ReadAnswer accepts any content.
	ReadAnswer(status int, body io.Reader, n int) Answer

	// WholeSize is the size of the whole entry that AppendWhole appends for n
	// bytes of data.
	WholeSize(n int, e Ending) int
	// AppendWhole appends the whole entry that consists of data and its ending.
	AppendWhole(b, data []byte, e Ending) []byte

	// Head reads an entry's level and the first bytes of its message, at most so many,
	// off data as they are in the queue, or off a whole entry. The message may share
	// memory with data, and is empty where data are not the format's own.
	Head(data []byte, most int) (Level, []byte)

	// Origin is the program that the entries of this process come from.
	Origin() Origin
	// Standalone returns a whole entry of a program of the given origin in a form
	// that this process can send: it names its origin itself, unless that is this
	// program's. It accepts any bytes, and returns those that are no entry unchanged.
	Standalone(entry []byte, from Origin) []byte
	// Parse reads a whole entry, and Emit writes one. Both are rare: they are
	// used when the protocol changes, and when attributes are too large.
	Parse(entry []byte) (*Parsed, error)
	Emit(p *Parsed) []byte

	Limits() Limits
}

// Limits are what a format can express, and how the server counts it.
type Limits struct {
	// OwnFields is true when trace ids, endpoints and errors have fields of their
	// own outside the attributes. The server adds these fields to the attributes
	// that it stores, so they count toward [MaxAttributes].
	OwnFields bool
	// Earliest is the first Unix second that the format can express.
	Earliest int64
	// Depth is how many objects and arrays the attributes may nest, including
	// the outermost one. It is at most [MaxDepth].
	Depth int
	// FixedSize is what every entry adds to the size of its attributes, as the
	// server counts it.
	FixedSize int
}

// An Answer is what the server said about the entries of one request.
type Answer struct {
	Readable  bool   // the body belongs to this protocol
	Foreign   bool   // the body was complete, and cannot belong to this protocol
	Rejected  int    // how many of the entries the server refused when it took the others
	Positions []int  // of a refused request: the entries at fault, ascending, each once; nil if unknown
	Quota     bool   // refused for the daily quota: the entries can be sent again after its reset
	Left      int    // with Quota: how many entries it still has room for
	Message   string // the server's words, for diagnostics
}

// Whole returns a whole entry in memory of its own.
func Whole(f Format, data []byte, e Ending) []byte {
	return f.AppendWhole(make([]byte, 0, f.WholeSize(len(data), e)), data, e)
}
