package ledger

import (
	"errors"
	"log/slog"
)

var errNotEntry = errors.New("ledger: read entry: not what this format writes")

// A parsed entry is one without a format. Its attributes are JSON members with
// a comma after each, as Ledger's own format has them.
type parsed struct {
	sec          int64
	nsec         int
	severity     int // on OpenTelemetry's scale, 1 to 24
	severityText string
	message      string
	errorType    string
	errorMessage string
	stack        string
	kinds
	from        *origin // nil where the entry does not tell
	hasEndpoint bool    // whatever its log type
	logID       string
	members     []byte
}

// transcode returns entry, a whole entry in the format from, in the format to:
// the same log_id, time, level and everything else, as far as both formats have
// it. It fails when entry is not what from wrote.
func transcode(from, to wireFormat, entry []byte) ([]byte, error) {
	p, err := from.parse(entry)
	if err != nil {
		return nil, err
	}
	b := to.emit(p)
	if len(b)*growth(p.hasEndpoint || p.logType == typeEndpoint) > maxAttributes-to.limits().fixedSize {
		b = fit(b, to)
	}
	return b, nil
}

// Severities and texts of the server's five levels on OpenTelemetry's scale.
var (
	classSeverity = [len(classNames)]int{5, 9, 13, 17, 21}
	classText     = [len(classNames)]string{"DEBUG", "INFO", "WARN", "ERROR", criticalText}
)

const criticalText = "CRITICAL"

// severityOf maps slog's levels to OpenTelemetry's: both have four steps
// between neighbours, and slog's Info is 0 where OpenTelemetry's is 9.
func severityOf(l slog.Level) int { return int(min(max(l, -8), 15)) + 9 }

func severityClass(severity int) class { return classOf(slog.Level(severity - 9)) }
