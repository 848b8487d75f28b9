package ledger

import (
	"io"
)

// A wireFormat is one protocol: all that differs between Ledger's own JSON and
// OTLP stands behind it. A format is immutable and safe for concurrent use.
type wireFormat interface {
	// protocol names the format in Metrics: ledger or otlp.
	protocol() string
	// path is appended to Options.BaseURL.
	path() string
	contentType() string
	// frame returns what stands before, between and after n entries that are
	// size bytes together, so that a body can be written piece by piece.
	frame(n, size int) (before, between, after []byte)
	// cost is what a request of n entries takes of the server's rate limit.
	cost(n int) int
	// readAnswer reads what a server said of n entries with the given status.
	// body is already bounded; whatever it holds, readAnswer returns.
	readAnswer(status int, body io.Reader, n int) answer

	// origin is what every entry of this process comes from.
	origin() origin
	// standalone returns a whole entry of this process as one that another may
	// send: it tells its origin, which the frame tells of others.
	standalone(entry []byte) []byte

	// wholeSize is the size of a whole entry whose data are n bytes.
	wholeSize(n int, e ending) int
	// appendWhole appends a whole entry: data with what its ending adds.
	appendWhole(b, data []byte, e ending) []byte

	// limits are what the format and its server set.
	limits() limits
	// parse reads a whole entry, and emit writes one. Entries are read when the
	// protocol changes, and when their attributes are over the server's limit; both
	// are rare.
	parse(entry []byte) (*parsed, error)
	emit(p *parsed) []byte
	// measure returns how much of the attributes' limit p takes.
	measure(p *parsed) int
}

// limits are what sets one format apart from the other in what it can express.
type limits struct {
	// setsApart is whether trace ids and endpoints have fields of their own,
	// outside the attributes.
	setsApart bool
	// earliest is the first second that can be expressed.
	earliest int64
	// depth is how many objects and arrays the attributes may nest, the
	// outermost included: [maxDepth] at most.
	depth int
	// fixedSize is what the server counts toward the attributes' limit beside
	// what is in an entry.
	fixedSize int
}

// A program is what every entry of this process says of it.
type program struct {
	service     string
	environment string
	release     string
	sdkVersion  string
	idPrefix    string // begins each log_id; at most 48 characters, unique to this process
}

// origin is the program's, as the server can store it.
func (p program) origin() origin {
	return origin{cleanText(cutPlain(p.release, maxRelease)), cleanText(cutPlain(p.environment, maxEnvironment))}
}

// An origin is which program an entry comes from. It changes from one process to
// the next, where entries wait on disk for it.
type origin struct {
	Release     string `json:"release,omitempty"`
	Environment string `json:"environment,omitempty"`
}

// An answer is the server's word on the entries of one request.
type answer struct {
	readable  bool   // the body was this protocol's
	foreign   bool   // it was whole, and cannot be this protocol's
	rejected  int    // how many of the entries the server refused, when it took the others
	positions []int  // of a refused request: the entries at fault, ascending, without repeats; nil when it did not say
	quota     bool   // refused for the daily quota: may be sent again when that is reset
	message   string // in the server's words, bounded, for the diagnostics
}

// wholeEntry returns a whole entry in memory of its own.
func wholeEntry(f wireFormat, data []byte, e ending) []byte {
	return f.appendWhole(make([]byte, 0, f.wholeSize(len(data), e)), data, e)
}
