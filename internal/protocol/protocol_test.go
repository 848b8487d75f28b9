package protocol

import (
	"testing"

	"github.com/ledger-sdk/ledger-go/internal/buffer"
	"github.com/ledger-sdk/ledger-go/internal/native"
	"github.com/ledger-sdk/ledger-go/internal/otlp"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

func choices() (own, other wire.Format) {
	of := wire.Program{}
	return native.New(of), otlp.New(of)
}

func TestANamedProtocolIsTheOnlyOne(t *testing.T) {
	own, other := choices()
	p := New("otlp", own, other)
	if p.Sending() != other || p.ForEncoding() != other {
		t.Errorf("speaks %s", p.Sending().Protocol())
	}
	if p.Refused(other) || p.Sending() != other {
		t.Error("turns to a protocol that nobody asked for")
	}
	if p.Named("ledger") != own || p.Named("unknown") != own {
		t.Error("entries from disk may be in any protocol")
	}
}

// New entries are encoded in the other protocol only when the server took a request
// in it; until then requests alternate.
func TestAutoTurnsToWhatTheServerTakes(t *testing.T) {
	own, other := choices()
	p := New("auto", own, other)
	if p.Sending() != own || p.ForEncoding() != own {
		t.Errorf("begins with %s", p.Sending().Protocol())
	}
	if !p.Refused(own) || p.Sending() != other || p.ForEncoding() != own {
		t.Error("the other is not tried at once, or not only tried")
	}
	if !p.Refused(own) || p.Sending() != other {
		t.Error("a late answer in the first turns back")
	}
	if p.Refused(other) || p.Sending() != own {
		t.Error("neither is spoken: that is no reason to go on at once")
	}
	p.Refused(own)
	if !p.Taken(other) || p.ForEncoding() != other || p.Taken(other) {
		t.Error("the change is settled by the first success, once")
	}
}

func TestOnlyEntriesOfTheOtherProtocolAreCopied(t *testing.T) {
	own, other := choices()
	p := New("auto", own, other)
	parsed := &wire.Parsed{Severity: 9, Message: "m", LogID: "id", Kinds: wire.Kinds{LogType: wire.TypeLogger, Importance: wire.ImportanceStandard}}
	a := &buffer.Entry{Data: own.Emit(parsed), Format: own}
	b := &buffer.Entry{Data: other.Emit(parsed), Format: other}
	garbage := &buffer.Entry{Data: []byte("}"), Format: own}
	entries := []*buffer.Entry{a, b, garbage}
	got := p.InFormat(entries, other)
	if got[0] == a || got[0].Format != other || got[1] != b || got[2] != garbage || entries[0] != a || a.Format != own {
		t.Errorf("%q of %s, %v, %v", got[0].Data, got[0].Format.Protocol(), got[1] == b, got[2] == garbage)
	}
	if same := p.InFormat(entries[1:2], other); &same[0] != &entries[1] {
		t.Error("copies where nothing has to change")
	}
}
