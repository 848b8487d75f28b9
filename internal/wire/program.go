package wire

import (
	"runtime"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

const Platform = "go"

// PlatformVersion is Go's version as a number, such as 1.26.8.
func PlatformVersion() string {
	return jsontext.CutPlain(strings.TrimPrefix(runtime.Version(), "go"), maxPlatformVersion)
}

// A Program is what every entry of this process says of it.
type Program struct {
	Service     string
	Environment string
	Release     string
	SdkVersion  string
	IdPrefix    string // begins each log_id; at most 48 characters, unique to this process
}

// Origin is the program's, as the server can store it.
func (p Program) Origin() Origin {
	return Origin{jsontext.Clean(jsontext.CutPlain(p.Release, MaxRelease)), jsontext.Clean(jsontext.CutPlain(p.Environment, MaxEnvironment))}
}

// An Origin is which program an entry comes from. It changes from one process to
// the next, where entries wait on disk for it.
type Origin struct {
	Release     string `json:"release,omitempty"`
	Environment string `json:"environment,omitempty"`
}
