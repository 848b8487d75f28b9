package ingest

import "time"

// What the server allows, in code points where it is a text.
const (
	maxMessage = 10000 // those of the other fields are in textFields
	maxLogID   = 64

	maxAttributes = 100000          // characters of Python's JSON text
	maxFuture     = 5 * time.Minute // that a timestamp may be ahead
	maxDepth      = 500             // nesting of attributes that the queue's encoder bears

	maxMethod    = 8
	maxPath      = 2048
	maxRoute     = 500 // method, space and path together, in the tables of the analytics jobs
	maxIndexRow  = 2704
	indexRowRest = 68 // bytes of an index row beside message, error type and fingerprint

	envelope = 200 // consecutive records that the queue of servers from 2.0 on carries together
)
