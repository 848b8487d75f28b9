package wire

import (
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// SeqDigits is the width of the number in a log_id: all of it, because numbers
// of one width differ in their last digits only, and compress well.
const SeqDigits = 16

func AppendSeq(b []byte, seq uint64) []byte {
	n := len(b)
	b = append(b, "0000000000000000"...)
	t := b[n : n+SeqDigits : n+SeqDigits]
	for i := SeqDigits - 1; seq != 0; i-- {
		t[i] = jsontext.HexDigits[seq&15]
		seq >>= 4
	}
	return b
}

// An Ending is what an entry says of itself after all else. An entry without
// Kinds is whole already; of its ending only seq counts.
type Ending struct {
	Sec  int64 // the entry's time
	Nsec int32
	Kinds
	Seq uint64 // the order of logging, also within log_id
}

// Kinds are an entry's log_type and importance, both or neither.
type Kinds struct {
	LogType    LogType
	Importance Importance
}

// A LogType is one the server takes; 0 is none.
type LogType uint8

const (
	NoLogType LogType = iota
	TypeLogger
	typeConsole
	TypeException
	typeDatabase
	TypeEndpoint
	typeCustom
)

var LogTypeNames = [...]string{"", "logger", "console", "exception", "database", "endpoint", "custom"}

// An Importance is one the server takes; 0 is none.
type Importance uint8

const (
	NoImportance Importance = iota
	ImportanceLow
	ImportanceStandard
	ImportanceHigh
	ImportanceCritical
)

var ImportanceNames = [...]string{"", "low", "standard", "high", "critical"}

// Named returns the index of name in names, or 0.
func Named(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return 0
}

// Whole returns a whole entry in memory of its own.
func Whole(f Format, data []byte, e Ending) []byte {
	return f.AppendWhole(make([]byte, 0, f.WholeSize(len(data), e)), data, e)
}
