module github.com/ledger-sdk/ledger-go/examples/errors

go 1.26

// For work in this repository. In a copy, remove it:
// go mod edit -dropreplace=github.com/ledger-sdk/ledger-go
replace github.com/ledger-sdk/ledger-go => ../..

require (
	github.com/cockroachdb/errors v1.14.0
	github.com/ledger-sdk/ledger-go v0.1.0
	github.com/pkg/errors v0.9.1
)

require (
	github.com/bits-and-blooms/bitset v1.24.4 // indirect
	github.com/caarlos0/env/v11 v11.3.1 // indirect
	github.com/cockroachdb/logtags v0.0.0-20230118201751-21c54148d20b // indirect
	github.com/cockroachdb/redact v1.1.5 // indirect
	github.com/failsafe-go/failsafe-go v0.9.8 // indirect
	github.com/getsentry/sentry-go v0.46.0 // indirect
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/kr/pretty v0.3.1 // indirect
	github.com/kr/text v0.2.0 // indirect
	github.com/rogpeppe/go-internal v1.12.0 // indirect
	golang.org/x/sys v0.39.0 // indirect
	golang.org/x/text v0.39.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	google.golang.org/genproto v0.0.0-20230410155749-daa745c078e1 // indirect
)
