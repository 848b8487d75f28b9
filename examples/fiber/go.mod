module github.com/ledger-sdk/ledger-go/examples/fiber

go 1.26

// For work in this repository. In a copy, remove them:
// go mod edit -dropreplace=github.com/ledger-sdk/ledger-go -dropreplace=github.com/ledger-sdk/ledger-go/httplog/fiberlog
replace (
	github.com/ledger-sdk/ledger-go => ../..
	github.com/ledger-sdk/ledger-go/httplog/fiberlog => ../../httplog/fiberlog
)

require (
	github.com/gofiber/fiber/v3 v3.1.0
	github.com/ledger-sdk/ledger-go v0.1.0
	github.com/ledger-sdk/ledger-go/httplog/fiberlog v0.1.0
)

require (
	github.com/andybalholm/brotli v1.2.0 // indirect
	github.com/bits-and-blooms/bitset v1.24.4 // indirect
	github.com/caarlos0/env/v11 v11.3.1 // indirect
	github.com/failsafe-go/failsafe-go v0.9.8 // indirect
	github.com/gofiber/schema v1.7.0 // indirect
	github.com/gofiber/utils/v2 v2.0.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/tinylib/msgp v1.6.3 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasthttp v1.69.0 // indirect
	golang.org/x/crypto v0.48.0 // indirect
	golang.org/x/net v0.50.0 // indirect
	golang.org/x/sys v0.41.0 // indirect
	golang.org/x/text v0.39.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)
