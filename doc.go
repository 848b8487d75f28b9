// Package ledger is a [log/slog] handler that delivers records to a Ledger
// server, self-hosted log analytics, in the background:
//
//	handler, err := ledger.NewHandler(nil) // LEDGER_API_KEY, LEDGER_BASE_URL, …
//	if err != nil {
//		return err
//	}
//	defer handler.Shutdown(ctx)
//	slog.SetDefault(slog.New(handler))
//
// # A record's way
//
// [Handler.Handle] encodes the record at once, on the caller's goroutine, and
// leaves the bytes in a queue without waiting. One goroutine turns queued
// entries into batches, of FlushSize entries, of a mebibyte, or when the oldest
// is FlushInterval old; up to HTTPPoolSize batches are sent at a time, through
// retries, a circuit breaker and a rate limit.
//
// # What is promised
//
// The application is never blocked: Handle waits neither for the network nor for
// the queue, and nothing a logged value does can make it panic.
//
// Memory is bounded, in entries and in bytes. When the buffer is full the oldest
// entries go, those below Error first, and one entry tells afterwards how many
// they were.
//
// Entries are lost only by that overflow, by the server's final word on them, or
// at the deadline of [Handler.Shutdown]. Each loss is counted by its reason, and
// [Metrics] always adds up: logged = delivered + dropped + queued + in flight,
// and + spooled with SpoolDir. An entry that is sent again, because an answer was
// lost, has the same bytes and the same log_id.
//
// [Handler.Status] tells a probe what is wrong, in words. The API key is never
// printed, by anything.
//
// # Beside it
//
// Package httplog logs HTTP requests through any *slog.Logger. Package ledgertest
// is a Ledger server on loopback, for tests.
package ledger
