package ledger

import (
	"io"
)

// A wireFormat is one protocol: all that differs between Ledger's own JSON and
// OTLP stands behind it. A format is immutable and safe for concurrent use.
type wireFormat interface {
	// protocol names the format in Metrics: ledger or otlp.
	protocol() Protocol
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

	entryEncoder
}

// An origin is which program an entry comes from. It changes from one process to
// the next, where entries wait on disk for it.
type origin struct {
	Release     string `json:"release,omitempty"`
	Environment string `json:"environment,omitempty"`
}

func originOf(c *config) origin {
	return origin{cleanText(cutPlain(c.Release, maxRelease)), cleanText(cutPlain(c.Environment, maxEnvironment))}
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
