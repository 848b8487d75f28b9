// Package otlp is OTLP/HTTP: entries as OpenTelemetry log records in protobuf, sent
// to /v1/logs, and the answers of a server or of a Collector.
//
// The handler makes one [Format] and gives it to the encoder and to what chooses
// the protocol. This package must never know how attrs are walked, how requests
// are made, or that there is another protocol.
package otlp

import (
	"crypto/rand"
	"encoding/hex"
	"os"

	"github.com/ledger-sdk/ledger-go/internal/errstack"
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A Format writes and reads OTLP. It writes protobuf by hand: the messages are few
// and fixed, and a protobuf runtime is larger than this package. A whole entry is
// one log record with its tag and length, as a field of ScopeLogs. So a body is
// the frame followed by the whole entries.
type Format struct {
	resource []byte // the field resource of ResourceLogs
	scope    []byte // the field scope of ScopeLogs
	fixed    int    // what every entry adds to its attributes' size
	// tails are the last attributes that are the same in all entries of a log type
	// and an importance.
	tails    [wire.LogTypes][wire.Importances][]byte
	from     wire.Origin
	idPrefix string
}

// New returns the format for the entries of a program.
func New(of wire.Program) *Format {
	f := &Format{from: of.Origin(), idPrefix: of.IDPrefix}
	var resource []byte
	attr := func(key, value string) {
		if value == "" {
			return
		}
		resource = appendStringAttr(resource, tagMember, key, value)
		f.fixed += jsontext.MeasureString(key) + jsontext.MeasureString(value) + len(`"": "", `)
	}
	service := of.Service
	if service == "" {
		service = "unknown_service"
	}
	host, _ := os.Hostname()
	var instance [16]byte
	_, _ = rand.Read(instance[:])
	attr("service.name", jsontext.Clean(service))
	attr(releaseKey, f.from.Release)
	attr("service.instance.id", hex.EncodeToString(instance[:]))
	attr(environmentKey, f.from.Environment)
	attr("host.name", jsontext.Clean(host))
	attr("telemetry.sdk.name", sdkName)
	attr("telemetry.sdk.language", wire.Platform)
	attr("telemetry.sdk.version", jsontext.CutPlain(of.SDKVersion, wire.MaxSDKVersion))
	attr("process.runtime.name", wire.Platform)
	attr("process.runtime.version", wire.PlatformVersion())
	f.resource = appendVarint([]byte{tagResource}, uint64(len(resource)))
	f.resource = append(f.resource, resource...)

	scope := appendTextField(nil, tagScopeName, errstack.ModulePath)
	scope = appendTextField(scope, tagScopeVersion, of.SDKVersion)
	f.scope = append(appendVarint([]byte{tagScope}, uint64(len(scope))), scope...)

	for t := range wire.LogTypes {
		for i := range wire.Importances {
			tail := appendStringAttr(nil, tagAttribute, wire.LogTypeKey, wire.LogType(t).String())
			f.tails[t][i] = appendStringAttr(tail, tagAttribute, wire.ImportanceKey, wire.Importance(i).String())
		}
	}
	// Every entry adds a tail, an id and a number, here of the largest size.
	const ids = `"ledger.log_type": "exception", "ledger.importance": "standard", "ledger.log_id": "", "ledger.sequence": 18446744073709551615, `
	f.fixed += len(ids) + maxLogID
	return f
}

// maxLogID is how much of a log_id the server reads (ledger-wire 4).
const maxLogID = 64

func (*Format) Protocol() string    { return "otlp" }
func (*Format) Path() string        { return "/v1/logs" }
func (*Format) ContentType() string { return "application/x-protobuf" }

// Cost is the number of entries: the server counts records.
func (*Format) Cost(n int) int { return n }

func (*Format) Head(data []byte, most int) (level wire.Level, message []byte) {
	if f, _, ok := nextField(data); ok && f.tag == tagRecord { // the entry is whole
		data = f.bytes
	}
	level = wire.Info
	for r := (fields{rest: data}); r.next(); {
		switch r.tag {
		case tagSeverity:
			level = wire.LevelOfSeverity(int(min(r.value, 24)))
		case tagBody:
			text, _, _ := nextField(r.bytes)
			return level, text.bytes[:min(len(text.bytes), most)]
		}
	}
	return level, nil
}

// Frame returns ExportLogsServiceRequest, ResourceLogs and ScopeLogs up to the
// records. Their lengths include the size bytes of the records.
func (f *Format) Frame(_, size int) (before, between, after []byte) {
	scopeLogs := len(f.scope) + size
	resourceLogs := len(f.resource) + 1 + sizeVarint(uint64(scopeLogs)) + scopeLogs
	b := make([]byte, 0, len(f.resource)+len(f.scope)+24)
	b = appendVarint(append(b, tagResourceLogs), uint64(resourceLogs))
	b = append(b, f.resource...)
	b = appendVarint(append(b, tagScopeLogs), uint64(scopeLogs))
	return append(b, f.scope...), nil, nil
}

// Limits allows times from 1970 on and a nesting of 30.
func (f *Format) Limits() wire.Limits {
	return wire.Limits{OwnFields: true, Earliest: earliest, Depth: maxDepth, FixedSize: f.fixed}
}

const (
	// earliest is 1970. OTLP's times are unsigned, and 0 means none.
	earliest = 1
	// maxDepth keeps a request below a hundred nested messages, at which protobuf's
	// decoders for Python, Java, C++ and Rust refuse the whole request. The
	// attributes are the sixth message, and a group takes three.
	maxDepth = 30
)
