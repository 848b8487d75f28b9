package otlp

import (
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// What package wire says is a text, this one writes as a text, and nothing more.
func TestTextsAreWrittenAsTexts(t *testing.T) {
	for _, value := range []string{
		`"a"`, `""`, `null`, `true`, `false`, `{}`, `{"a":"b"}`, `[]`, `["a"]`, `0`, `-1`, `1.5`, `1e30`, `-1E5`,
		`9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `-9223372036854775809`, `18446744073709551615`, `9.3e18`,
	} {
		written := appendAnyValue(nil, []byte(value), 1)
		isText := len(written) > 0 && written[0] == tagString
		if got := wire.IsTextJSON([]byte(value)); got != isText {
			t.Errorf("IsTextJSON(%s) = %v, but it is written as %x", value, got, written)
		}
	}
}

// A program's own attribute that the server cannot read as a release is renamed, and
// must not keep the release of the program that logged from being written.
func TestRenamedAttributeHidesNoOrigin(t *testing.T) {
	f := New(wire.Program{Release: "ours"})
	entry := f.Emit(&wire.Parsed{
		Severity: 9, Message: "m", LogID: "id", Kinds: wire.Kinds{LogType: wire.TypeLogger, Importance: wire.ImportanceStandard},
		Members: []byte(`"service.version":{"major":1},`), From: &wire.Origin{Release: "theirs"},
	})
	if p, err := f.Parse(entry); err != nil || p.From == nil || p.From.Release != "theirs" {
		t.Errorf("%+v, %v", p, err)
	}
}
