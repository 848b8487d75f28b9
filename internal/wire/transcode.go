package wire

import "errors"

// ErrNotEntry is what Parse returns for bytes that its format does not write.
var ErrNotEntry = errors.New("ledger: read entry: not what this format writes")

// A Parsed entry has no format.
type Parsed struct {
	Sec          int64
	Nsec         int
	Severity     int // on OpenTelemetry's scale, 1 to 24
	SeverityText string
	Message      string
	Failure      Failure
	Kinds
	From        *Origin // nil if the entry does not name it
	HasEndpoint bool    // whatever its log type
	LogID       string
	Members     []byte // the attributes: JSON members with a comma after each
}

// Transcode returns entry, a whole entry in the format from, in the format to. It
// keeps the log_id, the time, the level and all that both formats can express.
// It fails if from did not write entry.
func Transcode(from, to Format, entry []byte) ([]byte, error) {
	p, err := from.Parse(entry)
	if err != nil {
		return nil, err
	}
	b := to.Emit(p)
	if limits := to.Limits(); MayExceed(b, p.HasEndpoint || p.LogType == TypeEndpoint, &limits) {
		b, _ = Fit(b, to)
	}
	return b, nil
}
