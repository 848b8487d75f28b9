module github.com/ledger-sdk/ledger-go/httplog/fiberlog

go 1.25.0

// For work in this repository. It means nothing to those who import the module.
replace github.com/ledger-sdk/ledger-go => ../..

require (
	github.com/gofiber/fiber/v3 v3.1.0
	github.com/google/go-cmp v0.7.0
	github.com/ledger-sdk/ledger-go v0.1.0
	go.uber.org/goleak v1.3.0
)
