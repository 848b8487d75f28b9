// Package ingest turns the body of a request into log entries, judged by the rules of the real Ledger server: what it
// takes, rejects, refuses, cuts, and what it loses after it said yes. It reads both protocols, Ledger's own JSON and
// OTLP/HTTP in protobuf and JSON, as the server's own parsers do, and writes the server's answers.
//
//	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ingest.MaxBody))
//	// …
//	batch := ingest.Decode(ingest.Request{
//		Path: r.URL.Path, ContentType: r.Header.Get("Content-Type"), ContentEncoding: r.Header.Get("Content-Encoding"), Body: body,
//	}, time.Now())
//	for i := range batch.Entries {
//		e := &batch.Entries[i]
//		switch e.Verdict.Outcome {
//		case ingest.Accepted: // it is stored
//		case ingest.Lost:     // the server says yes, and e.Verdict.Reason is why it is never seen again
//		}
//	}
//	batch.Answer().Write(w)
//
// Packages ledgertest and ledgerview call it. It must never know a server: no keys, limits, quotas or faults, no
// connection, and no clock but the time it is given. Its functions are pure and may run side by side; a Batch belongs
// to one goroutine at a time.
package ingest

import (
	"net/http"
	"time"
)

// The paths a body may be sent to. The first two are those of servers before 2.0, the third that of servers from 2.0
// on.
const (
	PathBatch  = "/api/v1/ingest/batch"
	PathSingle = "/api/v1/ingest/single"
	PathLogs   = "/v1/logs"
)

// MaxEntries is how many entries a request may have.
const MaxEntries = 1000

// A Request is what came in a POST.
type Request struct {
	Path            string // one of [PathBatch], [PathSingle], [PathLogs]
	ContentType     string // the header, "" when absent
	ContentEncoding string // the header; only gzip, in any case, is decoded
	Body            []byte // as sent. A Batch does not keep it.
	MaxBytes        int64  // of the body, before and after gzip; 0 means [MaxBody]
}

// Decode reads a request and judges its entries at the time now. It always returns a Batch.
func Decode(r Request, now time.Time) *Batch {
	b := &Batch{path: r.Path, protobuf: mediaType(r.ContentType) == mediaProtobuf}
	body, err := Decompress(r.Body, r.ContentEncoding, r.MaxBytes)
	switch {
	case err == ErrTooLarge:
		b.decoded = QueueFull()
	case err != nil:
		b.decoded = Detail(http.StatusBadRequest, "Invalid gzip body")
	case r.Path == PathBatch || r.Path == PathSingle:
		b.decodeNative(body, r.ContentType)
	case r.Path == PathLogs:
		b.decodeOTLP(body, r.ContentType, now)
	default:
		b.decoded = Detail(http.StatusNotFound, "Not Found")
	}
	b.Judge(now, nil)
	return b
}
