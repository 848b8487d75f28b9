package wire

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// Platform is what entries name as the platform they come from.
const Platform = "go"

// PlatformVersion is Go's version as a number, such as 1.26.8.
func PlatformVersion() string {
	return jsontext.CutPlain(strings.TrimPrefix(runtime.Version(), "go"), maxPlatformVersion)
}

// BuildRelease is the release that Go built into this program: the main module's version,
// or its VCS revision, or "".
func BuildRelease() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	release := build.Main.Version
	if release == "" || release == "(devel)" {
		release = ""
		for _, s := range build.Settings {
			if s.Key == "vcs.revision" {
				release = s.Value
			}
		}
	}
	return jsontext.CutPlain(release, MaxRelease)
}

// A Program is what every entry of this process says about the process.
type Program struct {
	Service     string
	Environment string
	Release     string
	SDKVersion  string // at most 20 characters
	IDPrefix    string // begins each log_id; at most 48 characters, unique to this process
}

// Origin is the program's origin as the server can store it.
func (p Program) Origin() Origin {
	return Origin{
		Release:     jsontext.Clean(jsontext.CutPlain(p.Release, MaxRelease)),
		Environment: jsontext.Clean(jsontext.CutPlain(p.Environment, MaxEnvironment)),
	}
}

// An Origin is the program that an entry comes from. Entries that wait on disk
// may be sent by a process of another origin.
type Origin struct {
	Release     string `json:"release,omitempty"`
	Environment string `json:"environment,omitempty"`
}
