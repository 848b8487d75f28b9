package encode

import (
	"log/slog"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// A Format is a [wire.Format] that can also write entries. For one entry the
// encoder calls Begin, then appends any number of attributes, calls EndAttrs, and
// then AppendFields and AppendFailure if there is something to append.
//
// root says whether an attribute is one of the entry's own, and not a group's.
type Format interface {
	wire.Format
	// Begin appends what comes before the attributes.
	Begin(b []byte, level slog.Level, message string) []byte
	// AppendAttr appends one attribute. Its key is clean text. Its value is no
	// group and no LogValuer, and has the kind Any only for nil.
	AppendAttr(b []byte, key string, v slog.Value, root bool) []byte
	// AppendKnown is AppendAttr for a known key and a value of a scalar kind.
	AppendKnown(b []byte, k *wire.KnownKey, kind slog.Kind, v slog.Value, root bool) []byte
	// AppendJSON appends an attribute whose value is sanitized JSON.
	AppendJSON(b []byte, key string, json []byte, root bool) []byte
	// OpenGroup begins a group. CloseGroup ends the innermost one; mark was the
	// length of b when OpenGroup was called.
	OpenGroup(b []byte, key string, root bool) []byte
	CloseGroup(b []byte, mark int) []byte
	// EndAttrs ends the attributes; mark was the length of b when they began.
	EndAttrs(b []byte, mark int) []byte
	AppendFields(b []byte, own wire.Fields) []byte
	AppendFailure(b []byte, e wire.Failure) []byte
	// ToJSON appends attributes of this format as JSON members with a comma after
	// each. At the root it adds what own holds.
	ToJSON(b, attrs []byte, root bool, own *wire.Fields) ([]byte, error)
	// FromJSON appends such JSON members, which stand within level groups, as
	// attributes of this format. At level 0 it moves what has a field of its own
	// to own; hasEndpoint says whether that includes the member "endpoint".
	FromJSON(b, members []byte, level int, hasEndpoint bool, own *wire.Fields) []byte
}

// MaxFormats is how many formats there are: Ledger's own, and OTLP.
const MaxFormats = 2
