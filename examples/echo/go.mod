module github.com/ledger-sdk/ledger-go/examples/echo

go 1.26

// For work in this repository. In a copy, remove them:
// go mod edit -dropreplace=github.com/ledger-sdk/ledger-go -dropreplace=github.com/ledger-sdk/ledger-go/httplog/echolog
replace (
	github.com/ledger-sdk/ledger-go => ../..
	github.com/ledger-sdk/ledger-go/httplog/echolog => ../../httplog/echolog
)

require (
	github.com/labstack/echo/v5 v5.4.5
	github.com/ledger-sdk/ledger-go v0.1.0
	github.com/ledger-sdk/ledger-go/httplog/echolog v0.1.0
)

require (
	github.com/bits-and-blooms/bitset v1.24.4 // indirect
	github.com/caarlos0/env/v11 v11.3.1 // indirect
	github.com/failsafe-go/failsafe-go v0.9.8 // indirect
	golang.org/x/time v0.15.0 // indirect
)
