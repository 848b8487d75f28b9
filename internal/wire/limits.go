package wire

// The server's limits on texts, in characters that are Unicode code points
// (ledger-wire 2.1). Text over a limit fails a whole batch, so it is cut.
const (
	MaxMessage         = 10_000
	MaxErrorType       = 255
	MaxErrorMessage    = 5_000
	MaxStackTrace      = 50_000
	MaxSDKVersion      = 20
	maxPlatformVersion = 50
	MaxMethod          = 8
	MaxPath            = 2_048
)

const (
	// MaxAttributes is the server's limit on an entry's attributes, measured as
	// the length of Python's default JSON text of them (ledger-wire 2.4).
	MaxAttributes = 100_000
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

// The server's limits on an entry's fields, in characters (ledger-wire 2.1).
const (
	MaxEnvironment = 20
	MaxRelease     = 100
	MaxService     = 1000 // our own: every entry has it among its attributes
	MaxBatch       = 1000 // entries a request (ledger-wire 2.2)
)

// MaxDepth is how many objects and arrays an entry's attributes may nest, the
// outermost included. The server fails the whole batch from about 500 on
// (ledger-wire 2.5), and nobody reads a hundred.
const MaxDepth = 100

// TooDeep stands where nesting ends.
const TooDeep = "!DEPTH: nested too deep"
