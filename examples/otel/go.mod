module github.com/ledger-sdk/ledger-go/examples/otel

go 1.26.0

// For work in this repository. In a copy, remove them:
// go mod edit -dropreplace=github.com/ledger-sdk/ledger-go -dropreplace=github.com/ledger-sdk/ledger-go/ledgerotel
replace (
	github.com/ledger-sdk/ledger-go => ../..
	github.com/ledger-sdk/ledger-go/ledgerotel => ../../ledgerotel
)

require (
	github.com/ledger-sdk/ledger-go v0.1.0
	github.com/ledger-sdk/ledger-go/ledgerotel v0.1.0
	go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp v0.72.0
	go.opentelemetry.io/otel v1.47.0
	go.opentelemetry.io/otel/exporters/stdout/stdouttrace v1.47.0
	go.opentelemetry.io/otel/sdk v1.47.0
)

require (
	github.com/bits-and-blooms/bitset v1.24.4 // indirect
	github.com/caarlos0/env/v11 v11.3.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/failsafe-go/failsafe-go v0.9.8 // indirect
	github.com/felixge/httpsnoop v1.1.0 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.opentelemetry.io/otel/metric v1.47.0 // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)
