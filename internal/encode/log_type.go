package encode

import (
	"cmp"

	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// facts are what attrs say about the entry, besides being its attributes.
type facts struct {
	logType     wire.LogType
	importance  wire.Importance
	err         error
	errMessage  string
	hasEndpoint bool // the server takes the last root attr "endpoint" for one
	sawEndpoint bool // there is such an attr
	wire.Fields
}

// complete fills in what the record's attrs left open: first from the With attrs,
// then from those of the context, if there are any. The steering attrs and ids of
// the With attrs are in f already.
func (f *facts) complete(with, fromContext *facts) {
	if f.err == nil {
		f.err, f.errMessage = with.err, with.errMessage
	}
	if fromContext == nil {
		return
	}
	if f.err == nil {
		f.err, f.errMessage = fromContext.err, fromContext.errMessage
	}
	if fromContext.hasEndpoint && !f.sawEndpoint {
		f.hasEndpoint, f.Endpoint = true, fromContext.Endpoint
	}
	f.logType = cmp.Or(f.logType, fromContext.logType)
	f.importance = cmp.Or(f.importance, fromContext.importance)
	f.TraceID = cmp.Or(f.TraceID, fromContext.TraceID)
	f.SpanID = cmp.Or(f.SpanID, fromContext.SpanID)
}

// hideEndpoint notes that another root attr "endpoint" hides those before it.
func (f *facts) hideEndpoint() { f.hasEndpoint, f.sawEndpoint = false, true }

// kinds decides the entry's log type and importance. The log type that the program
// asks for wins, unless the server would refuse the entry (ledger-wire 2.6).
func (f *facts) kinds(l wire.Level) wire.Kinds {
	k := wire.Kinds{LogType: f.logType, Importance: f.importance}
	if k.LogType == wire.TypeEndpoint && !f.hasEndpoint || k.LogType == wire.TypeException && f.err == nil {
		k.LogType = wire.NoLogType
	}
	if k.LogType == wire.NoLogType {
		switch {
		case f.hasEndpoint:
			k.LogType = wire.TypeEndpoint
		case f.err != nil && l >= wire.Error:
			k.LogType = wire.TypeException
		default:
			k.LogType = wire.TypeLogger
		}
	}
	if k.Importance == wire.NoImportance {
		switch l {
		case wire.Critical:
			k.Importance = wire.ImportanceCritical
		case wire.Error:
			k.Importance = wire.ImportanceHigh
		default:
			k.Importance = wire.ImportanceStandard
		}
	}
	return k
}
