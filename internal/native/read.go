package native

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

func (f *Format) Origin() wire.Origin { return f.from }

// Standalone returns entry unchanged: each entry names its origin.
func (*Format) Standalone(entry []byte, _ wire.Origin) []byte { return entry }

// Parse reads an entry that this package wrote.
func (f *Format) Parse(entry []byte) (*wire.Parsed, error) {
	var e struct {
		Timestamp    *time.Time      `json:"timestamp"`
		Level        string          `json:"level"`
		Message      string          `json:"message"`
		Attributes   json.RawMessage `json:"attributes"`
		ErrorType    string          `json:"error_type"`
		ErrorMessage string          `json:"error_message"`
		StackTrace   string          `json:"stack_trace"`
		LogType      string          `json:"log_type"`
		Importance   string          `json:"importance"`
		LogID        string          `json:"log_id"`
		wire.Origin
	}
	if err := json.Unmarshal(entry, &e); err != nil {
		return nil, fmt.Errorf("ledger: read entry: %w", err)
	}
	level, ok := wire.LevelNamed(e.Level)
	if !ok || e.LogID == "" || e.Timestamp == nil {
		return nil, wire.ErrNotEntry
	}
	p := &wire.Parsed{
		Sec: e.Timestamp.Unix(), Nsec: e.Timestamp.Nanosecond(),
		Message: e.Message,
		Failure: wire.Failure{Type: e.ErrorType, Message: e.ErrorMessage, Stack: e.StackTrace},
		Kinds:   wire.Kinds{LogType: wire.LogTypeNamed(e.LogType), Importance: wire.ImportanceNamed(e.Importance)},
		From:    &e.Origin, LogID: e.LogID,
	}
	p.Severity, p.SeverityText = level.Severity()
	if p.Members, ok = readMembers(e.Attributes); !ok {
		return nil, wire.ErrNotEntry
	}
	p.Members = bytes.TrimPrefix(p.Members, f.attrsHead[len(attrsOpening):])
	return p, nil
}

// readMembers returns the members of an object, which may be null, without
// spaces and with a comma after each.
func readMembers(object json.RawMessage) (members []byte, ok bool) {
	var b bytes.Buffer
	if len(object) > 0 && json.Compact(&b, object) != nil {
		return nil, false
	}
	text := b.Bytes()
	if len(text) == 0 || string(text) == "null" || string(text) == "{}" {
		return nil, true
	}
	if text[0] != '{' {
		return nil, false
	}
	text[len(text)-1] = ','
	return text[1:], true
}

// Emit writes an entry. A time keeps its nanoseconds here, although the server
// cuts what follows the sixth digit (ledger-wire 2.3), so that an entry is the
// same when it goes back to the other format.
func (f *Format) Emit(p *wire.Parsed) []byte {
	b := f.beginAt(nil, wire.LevelOfSeverity(p.Severity), p.Message)
	mark := len(b)
	b = f.EndAttrs(append(b, p.Members...), mark)
	if p.Failure.Type != "" {
		b = f.AppendFailure(b, p.Failure)
	}
	from := f.from
	if p.From != nil {
		from = *p.From
	}
	b = f.appendTail(b, p.Kinds, from)
	id := jsontext.AppendString(nil, p.LogID)
	b = append(b, id[1:len(id)-1]...)
	b = append(b, timeField...)
	b = jsontext.AppendMicroTime(b, p.Sec, p.Nsec)
	if rest := p.Nsec % 1000; rest != 0 {
		b = fmt.Appendf(b, "%03d", rest)
	}
	return append(b, `Z"}`...)
}

// ToJSON appends members, which are JSON already.
func (*Format) ToJSON(b, members []byte, _ bool, _ *wire.Fields) ([]byte, error) {
	return append(b, members...), nil
}

// FromJSON appends members.
func (*Format) FromJSON(b, members []byte, _ int, _ bool, _ *wire.Fields) []byte {
	return append(b, members...)
}
