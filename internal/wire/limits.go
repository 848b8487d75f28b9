package wire

// The server's limits on texts, in Unicode code points (ledger-wire 2.1). One
// text over its limit fails the whole batch, so texts are cut.
const (
	MaxMessage         = 10_000
	MaxErrorType       = 255
	MaxErrorMessage    = 5_000
	MaxStackTrace      = 50_000
	MaxEnvironment     = 20
	MaxRelease         = 100
	MaxSDKVersion      = 20
	maxPlatformVersion = 50
	MaxMethod          = 8
	MaxPath            = 491  // with a method and a space 500, in the tables of the analytics jobs (10.1)
	MaxService         = 1000 // our own limit: every entry has the service among its attributes
)

// MaxIndexed is how many bytes the message and the type of an error take together,
// at the levels error and critical. There the server has them in an index, whose
// rows are limited, and loses what is longer (ledger-wire 10.1). In 2600 bytes there
// are 64 of a fingerprint and 80 more.
const MaxIndexed = 2_600 - 64 - 80

// MaxBatch is how many entries the server takes in one request (ledger-wire 2.2).
const MaxBatch = 1000

// MaxAttributes is the server's limit on the size of an entry's attributes: the
// length of Python's default JSON text of them (ledger-wire 2.4).
const MaxAttributes = 100_000

// MaxDepth is how many objects and arrays an entry's attributes may nest,
// including the outermost one. The server fails the whole batch from about 500 on
// (ledger-wire 2.5), and nobody reads a hundred.
const MaxDepth = 100

// TooDeep stands in place of a value that would nest deeper.
const TooDeep = "!DEPTH: nested too deep"

// Latest is the last Unix second of the year 9999. A later time does not come
// from here.
const Latest = 253_402_300_799
