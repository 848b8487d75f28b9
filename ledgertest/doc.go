// Package ledgertest is a Ledger server for tests: a real HTTP server on loopback that speaks the ingest API as the
// real one does, down to what it refuses and what it loses, and that can be told to misbehave.
//
//	srv := ledgertest.NewServer()
//	defer srv.Close()
//	h, err := ledger.NewHandler(&ledger.Options{BaseURL: srv.URL, APIKey: ledgertest.APIKey})
//	// … the code under test logs through slog.New(h) …
//	err = h.Flush(ctx)
//	for _, e := range srv.Entries() {
//		// e.Level, e.Message, e.Attributes["order"] …
//	}
//
// [Server.Wait] waits for entries when there is nothing to flush; [Server.Requests] tells how they came.
//
// # Faults
//
// Faults are scripted request by request, or set as a standing mood:
//
//	srv.Script(ledgertest.RetryAfter(503, "5"), ledgertest.ResetAfterBody()) // the next two requests
//	srv.Always(ledgertest.Hang())                                             // every other one
//
// Most say one thing: [Status], [RetryAfter], [HTML], [Garbage], [Redirect], [Hang], [ResetBeforeBody],
// [TruncatedAnswer], [EndlessAnswer], [SlowAnswer]. Some bend the normal answer: [RejectWhere], [LoseWhere],
// [Poison]. And some combine: [Stored] takes the entries before another fault, [After] waits before it.
// [Server.Stop] and [Server.Start] take the server down and up again on its port.
//
// # Time
//
// In a testing/synctest bubble, where sockets do not work, make the server with [NewInMemory] and reach it through
// [Server.Transport]:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := ledgertest.NewInMemory()
//		defer srv.Close()
//		h, err := ledger.NewHandler(&ledger.Options{BaseURL: srv.URL, APIKey: ledgertest.APIKey, HTTPTransport: srv.Transport()})
//		// …
//	})
//
// A bubble begins in the year 2000. A timestamp of today is in its future, and the server rejects it.
//
// # What the server does
//
// The order of checks, the validation with every position in a 422 answer, rejections inside a success, the measure
// of attributes, the fixed windows of the rate limits in which denied requests count, the daily quota, and under OTLP
// the mapping of records, partial success and the identity of records are those of the real server. [Native], the
// default, is the API of servers before 2.0, [OTLP] that of servers from 2.0 on.
//
// Simpler than the real one are: keys (nothing is cached), user tokens (always malformed), /api/v1/settings and
// /api/v1/queue/depth (the main fields), the wording of parser errors, and traces, metrics and spans, which do not
// exist here. A body is read to 100 MiB and two million values.
package ledgertest
