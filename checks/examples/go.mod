module github.com/ledger-sdk/ledger-go/checks/examples

go 1.26

replace github.com/ledger-sdk/ledger-go => ../..

require (
	github.com/google/go-cmp v0.7.0
	github.com/ledger-sdk/ledger-go v0.1.0
	go.uber.org/goleak v1.3.0
)
