// Package ledgertest is a Ledger server for tests: a real HTTP server on loopback that speaks the ingest API as the
// real one does, down to what it refuses and what it loses, and that can be told to misbehave.
//
//	srv := ledgertest.New(t)
//	h, err := ledger.NewHandler(&ledger.Options{BaseURL: srv.URL, APIKey: ledgertest.APIKey})
//	// … the code under test logs through slog.New(h) …
//	err = h.Flush(ctx)
//	for _, e := range srv.Entries() {
//		// e.Level, e.Message, e.Attributes["order"] …
//	}
//
// [New] closes the server when the test ends, and logs what arrived if the test failed. [NewServer] is for programs.
// [Server.Wait] waits for entries when there is nothing to flush; [Server.Requests] tells how they came.
// [Server.Lost] has the entries that the real server acknowledges and then loses: a good test expects none.
//
// # Faults
//
// Faults are scripted request by request, or set for all:
//
//	srv.Script(ledgertest.RetryAfter(503, "5"), ledgertest.ResetAfterBody()) // the next two requests
//	srv.Always(ledgertest.Hang())                                             // every other one
//
// Most say one thing: [Status], [RetryAfter], [HTML], [Garbage], [Redirect], [Hang], [ResetBeforeBody],
// [TruncatedAnswer], [EndlessAnswer], [SlowAnswer]. Some bend the normal answer: [RejectWhere], [LoseWhere],
// [Poison]. And some combine: [Stored] takes the entries before another fault, [After] waits before it.
// [Server.Stop] and [Server.Start] take the server down and up again on its port.
//
// A real server also loses entries for reasons of its own. When its database is away for ten seconds it answers with
// success and loses about a third: LoseWhere with a condition of your own does that. A database made by the
// migrations of a server before 2.0 refuses all endpoints:
//
//	srv.Always(ledgertest.LoseWhere(func(e ledgertest.Entry) bool { return e.LogType == "endpoint" }))
//
// # Time
//
// A server answers at once, unless [WithSpeed] gives it the speed of a real one: [SpeedV1] shares its time between
// the requests side by side.
//
// In a testing/synctest bubble, where sockets do not work, use [InMemory] and [Server.Transport]:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := ledgertest.New(t, ledgertest.InMemory())
//		h, err := ledger.NewHandler(&ledger.Options{BaseURL: srv.URL, APIKey: ledgertest.APIKey, HTTPTransport: srv.Transport()})
//		// …
//	})
//
// A bubble begins in the year 2000. A timestamp of today is in its future, and the server rejects it.
//
// # What the server does
//
// It does what the real servers do: the order of checks, the validation with every position in a 422 answer,
// rejections inside a success, the measure of attributes, the fixed windows of the rate limits in which denied
// requests count, the daily quota, and under OTLP the mapping of records, partial success and the identity of
// records. [Native], the default, is the API of servers before 2.0, [OTLP] that of servers from 2.0 on.
//
// # Where it differs from the real server
//
//   - [Server.Entries] leaves out what came again under the same log id, for both protocols. A server before 2.0
//     stores it twice: [Server.Received] has what it stores.
//   - Keys are not cached: a new or a revoked key counts at once. User tokens are always malformed.
//   - Spaces around a key in X-API-Key are 401, but over a socket net/http takes them off before the server sees them.
//   - /api/v1/settings and /api/v1/queue/depth have the main fields only. Traces and metrics do not exist, a batch of
//     spans is always 422.
//   - The wording of parser errors differs, and what a report quotes of the value at fault.
//   - A size of an index row is reckoned, at error and critical, as 68 bytes beside its texts. The real one varies by
//     a few bytes.
//   - JSON in UTF-32 is 400, and a lone surrogate in UTF-16 becomes U+FFFD.
//   - A body is read to 100 MiB and two million values.
//   - LoseWhere loses only the entries it is asked to lose. The server's own losses take their neighbours with them
//     under OTLP, as in the real one.
//   - [SpeedV2] is an assumption.
//
// Package ledgertest is called by tests. It knows nothing of the ledger package: what a body means, and what the real
// server makes of it, is in internal/ingest; here are the server, its limits and its faults.
package ledgertest
