package wire

import "slices"

// An Ending is the last part of an entry. If Kinds is zero, the entry is whole
// already and only Seq counts.
type Ending struct {
	Sec  int64 // the entry's time
	Nsec int32
	Kinds
	Seq uint64 // the order of logging; part of the log_id
}

// Kinds are an entry's log_type and importance: both are set, or neither.
type Kinds struct {
	LogType    LogType
	Importance Importance
}

// A LogType is a log_type that the server takes; 0 is none.
type LogType uint8

// The log types that the encoder chooses by itself. A program can ask for the
// others by name.
const (
	NoLogType     LogType = 0
	TypeLogger    LogType = 1
	TypeException LogType = 3
	TypeEndpoint  LogType = 5
)

var logTypes = [LogTypes]string{"", "logger", "console", "exception", "database", "endpoint", "custom"}

// LogTypes is how many log types there are, including none.
const LogTypes = 7

// LogTypeNamed returns the log type with that name, or [NoLogType].
func LogTypeNamed(name string) LogType {
	return LogType(max(slices.Index(logTypes[:], name), 0))
}

func (t LogType) String() string { return logTypes[t] }

// An Importance is one that the server takes; 0 is none.
type Importance uint8

// The importances, in their order.
const (
	NoImportance Importance = iota
	ImportanceLow
	ImportanceStandard
	ImportanceHigh
	ImportanceCritical

	// Importances is how many there are, including none.
	Importances = int(iota)
)

var importances = [Importances]string{"", "low", "standard", "high", "critical"}

// ImportanceNamed returns the importance with that name, or [NoImportance].
func ImportanceNamed(name string) Importance {
	return Importance(max(slices.Index(importances[:], name), 0))
}

func (i Importance) String() string { return importances[i] }

// SeqDigits is the width of the number in a log_id. All numbers have this width:
// numbers of one width differ in their last digits only, and compress well.
const SeqDigits = 16

// AppendSeq appends seq as hexadecimal digits.
func AppendSeq(b []byte, seq uint64) []byte {
	n := len(b)
	b = append(b, "0000000000000000"...)
	t := b[n : n+SeqDigits : n+SeqDigits]
	for i := SeqDigits - 1; seq != 0; i-- {
		t[i] = "0123456789abcdef"[seq&15]
		seq >>= 4
	}
	return b
}
