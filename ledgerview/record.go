package ledgerview

import "time"

// A Level is one of the server's five.
type level uint8

const (
	levelDebug level = iota
	levelInfo
	levelWarning
	levelError
	levelCritical
	levelCount int = iota
)

var levelNames = [levelCount]string{"debug", "info", "warning", "error", "critical"}

func (l level) String() string { return levelNames[l] }

// Kinds of notes.
const (
	noteRefused     = "refused"     // the server does not take the record
	noteCut         = "cut"         // something was shortened
	noteMasked      = "masked"      // a secret was masked
	noteLost        = "lost"        // the server takes the record and loses it
	noteAnalytics   = "analytics"   // the server stores the record, and its analytics fail on it
	noteForwarded   = "forwarded"   // what the real server answered
	noteRedelivered = "redelivered" // the record came again
)

// A note says one thing about what the real server does with a record.
type note struct {
	Kind string `json:"kind"`
	Path string `json:"path,omitempty"` // of the field, "" for the record
	Text string `json:"text"`
}

// A record is one log record as it comes in, whatever brought it. The ring keeps its content, not the record.
type record struct {
	time     time.Time
	received time.Time
	level    level
	labels   labels
	run      uint32

	message                 string
	errorType, errorMessage string
	stack                   string
	fingerprint             string // "" when the server would not group the record
	logID                   string
	attributes              []byte // a JSON object in the compact form; nil when there are none
	refused                 bool
	notes                   []note
}

// labels are what few values are seen of. A segment keeps each combination once.
type labels struct {
	protocol    string
	service     string
	environment string
	release     string
	logType     string
	importance  string
}
