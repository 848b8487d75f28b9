// Package otlpjudge lets others' code judge what the handler sends by OTLP: the
// protobuf types that OpenTelemetry publishes, and a real Collector. It is a
// module of its own, so that what it needs stays out of the SDK's.
//
// A [Program] is a random slog program together with what it should come to,
// worked out by this package from slog's rules and from the documentation of
// the SDK, without the SDK's code. [Decode] reads a request body, and
// [Program.Check] compares.
package otlpjudge
