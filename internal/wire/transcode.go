package wire

import (
	"errors"
)

// Latest is the end of the year 9999, which no time in nanoseconds reaches: a
// larger one was not written here.
const Latest = 253_402_300_799

var ErrNotEntry = errors.New("ledger: read entry: not what this format writes")

// A Parsed entry is one without a format. Its attributes are JSON members with
// a comma after each, as Ledger's own format has them.
type Parsed struct {
	Sec          int64
	Nsec         int
	Severity     int // on OpenTelemetry's scale, 1 to 24
	SeverityText string
	Message      string
	ErrorType    string
	ErrorMessage string
	Stack        string
	Kinds
	From        *Origin // nil where the entry does not tell
	HasEndpoint bool    // whatever its log type
	LogID       string
	Members     []byte
}

// Transcode returns entry, a whole entry in the format from, in the format to:
// the same log_id, time, level and everything else, as far as both formats have
// it. It fails when entry is not what from wrote.
func Transcode(from, to Format, entry []byte) ([]byte, error) {
	p, err := from.Parse(entry)
	if err != nil {
		return nil, err
	}
	b := to.Emit(p)
	if len(b)*Growth(p.HasEndpoint || p.LogType == TypeEndpoint) > MaxAttributes-to.Limits().FixedSize {
		b = Fit(b, to)
	}
	return b, nil
}
