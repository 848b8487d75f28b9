// Package ledgertest is a Ledger server for tests: a real HTTP server on loopback that speaks the ingest API as the
// real one does, down to what it refuses and what it loses, and that can be told to misbehave.
//
//	srv := ledgertest.NewServer()
//	defer srv.Close()
//	// give srv.URL and ledgertest.APIKey to the code under test, let it log, flush
//	err := srv.Wait(ctx, 3) // three entries have arrived
//	for _, e := range srv.Entries() { … }
//
// Faults are scripted request by request, or set as a standing mood:
//
//	srv.Script(ledgertest.RetryAfter(503, "5"), ledgertest.ResetAfterBody()) // the next two requests
//	srv.Always(ledgertest.Hang())                                             // every other one
//
// [Server.Stop] and [Server.Start] take the server down and up again on its port.
//
// In a testing/synctest bubble, where sockets do not work, make the server with [NewInMemory] and reach it through
// [Server.Transport].
package ledgertest
