module github.com/ledger-sdk/ledger-go/examples/fanout

go 1.26

// For work in this repository. In a copy, remove it:
// go mod edit -dropreplace=github.com/ledger-sdk/ledger-go
replace github.com/ledger-sdk/ledger-go => ../..

require (
	github.com/ledger-sdk/ledger-go v0.1.0
	github.com/samber/slog-multi v1.7.1
)

require (
	github.com/bits-and-blooms/bitset v1.24.4 // indirect
	github.com/caarlos0/env/v11 v11.3.1 // indirect
	github.com/failsafe-go/failsafe-go v0.9.8 // indirect
	github.com/samber/lo v1.52.0 // indirect
	github.com/samber/slog-common v0.20.0 // indirect
	golang.org/x/text v0.39.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)
