module github.com/ledger-sdk/ledger-go/examples/nethttp

go 1.26

// For work in this repository. In a copy, remove it:
// go mod edit -dropreplace=github.com/ledger-sdk/ledger-go
replace github.com/ledger-sdk/ledger-go => ../..

require github.com/ledger-sdk/ledger-go v0.1.0

require (
	github.com/bits-and-blooms/bitset v1.24.4 // indirect
	github.com/caarlos0/env/v11 v11.3.1 // indirect
	github.com/failsafe-go/failsafe-go v0.9.8 // indirect
	golang.org/x/time v0.15.0 // indirect
)
