// Package doccheck compiles every Go snippet of the documentation. It is a module
// of its own because the snippets show the library beside routers, OpenTelemetry,
// Prometheus and other loggers.
package doccheck
