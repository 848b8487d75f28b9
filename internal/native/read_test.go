package native

import (
	"strings"
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// An entry on disk may come from another program, or be damaged: spaces in its
// JSON change nothing, and attributes that are no object make it no entry.
func TestEntriesThatThisPackageDidNotWrite(t *testing.T) {
	f := New(wire.Program{})
	for attributes, want := range map[string]string{
		`{ "a" : 1 , "b":[ 1, 2 ] }`: `"a":1,"b":[1,2],`,
		`{ }`:                        ``,
		`null`:                       ``,
		`{"a":1}`:                    `"a":1,`,
	} {
		p, err := f.Parse(entryWith(attributes))
		if err != nil || string(p.Members) != want {
			t.Errorf("%s: members %q, %v; want %q", attributes, p.Members, err, want)
		}
	}
	for _, attributes := range []string{`[1,2]`, `"text"`, `17000`, `true`} {
		if p, err := f.Parse(entryWith(attributes)); err == nil {
			t.Errorf("%s became %q", attributes, p.Members)
		}
	}
}

func entryWith(attributes string) []byte {
	return []byte(strings.Replace(`{"level":"info","message":"m","attributes":ATTRS,"log_id":"x","timestamp":"2026-03-01T00:00:00Z"}`, "ATTRS", attributes, 1))
}
