module github.com/ledger-sdk/ledger-go/httplog/echolog

go 1.25.0

// For work in this repository. It means nothing to those who import the module.
replace github.com/ledger-sdk/ledger-go => ../..

require (
	github.com/google/go-cmp v0.7.0
	github.com/labstack/echo/v5 v5.4.5
	github.com/ledger-sdk/ledger-go v0.1.0
	go.uber.org/goleak v1.3.0
)

require golang.org/x/time v0.15.0 // indirect
