package wire

import "encoding/hex"

// Fields are parts of an entry that some formats keep outside the attributes
// (see [Limits.OwnFields]). In the other formats they stay empty.
type Fields struct {
	TraceID  string // 32 hex digits
	SpanID   string // 16 hex digits
	Endpoint *Endpoint
}

// TakeID takes the value of a root attribute if the key is that of a trace or
// span id, and reports whether the id is valid. An invalid one clears the id
// that came before.
func (f *Fields) TakeID(key, id string) bool {
	to, digits := &f.TraceID, 32
	switch key {
	case TraceIDKey:
	case SpanIDKey:
		to, digits = &f.SpanID, 16
	default:
		return false
	}
	*to = ""
	if len(id) != digits {
		return false
	}
	var bytes [16]byte
	if _, err := hex.Decode(bytes[:], []byte(id)); err != nil || bytes == [16]byte{} {
		return false
	}
	*to = id
	return true
}

// A Failure is an entry's error; the zero Failure is none.
type Failure struct {
	Type    string
	Message string
	Stack   string // may be empty
}

// An Endpoint is an HTTP request in the form that endpoint analytics reads.
type Endpoint struct {
	Method       string
	Path         string
	Status       int64
	Duration     float64 // milliseconds
	Query        string  // encoded
	PathParams   string  // JSON
	ResponseBody string
}

// The members that the server demands of an endpoint, as bits.
const (
	hasMethod = 1 << iota
	hasPath
	hasStatus
	hasDuration
	// AllRequired is all of them.
	AllRequired = hasMethod | hasPath | hasStatus | hasDuration
)

// RequiredMember returns the bit of a member that the server demands of an
// endpoint, and 0 for any other key.
func RequiredMember(key string) int {
	switch key {
	case "method":
		return hasMethod
	case "path":
		return hasPath
	case "status_code":
		return hasStatus
	case "duration_ms":
		return hasDuration
	}
	return 0
}
