// Package wire is the seam between the two protocols. It holds what a [Format]
// must be able to do, what all formats share (an entry's kinds, level, endpoint
// and ending, the server's limits, the names that the server reads), and how an
// entry gets from one format to the other or under the server's size limit.
//
// Packages native and otlp implement Format; the encoder, the buffer, the spool
// and the transport use it. This package must never know which format it has,
// how attrs are encoded, or how entries are delivered.
package wire
