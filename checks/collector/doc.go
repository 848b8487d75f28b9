// Package collector runs the configurations of deploy/collector in a real
// OpenTelemetry Collector, which is built from the module proxy, and sends to it
// with real handlers. Behind it stand an OTLP endpoint in Loki's place, franz-go's
// Kafka in memory, and for ClickHouse a listener that reads its greeting.
//
// It is a module of its own, so that what a Collector needs stays out of the
// SDK's. Nothing imports it.
package collector
