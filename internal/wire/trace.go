package wire

import (
	"github.com/ledger-sdk/ledger-go/internal/jsontext"
)

// HexValue holds what a hex digit stands for, and noHex for any other byte.
var HexValue = func() (values [256]byte) {
	for i := range values {
		values[i] = noHex
	}
	for i := range 16 {
		values[jsontext.HexDigits[i]] = byte(i)
		values["0123456789ABCDEF"[i]] = byte(i)
	}
	return values
}()

const noHex = 0xFF

// isID reports whether s is a valid id of that many hex digits: not all zeros.
func isID(s string, digits int) bool {
	if len(s) != digits {
		return false
	}
	var all byte
	for i := range len(s) {
		v := HexValue[s[i]]
		if v == noHex {
			return false
		}
		all |= v
	}
	return all != 0
}

// TakeID takes a trace or span id, and reports whether it is a valid one. Where
// it is not, it hides one that came before.
func (a *Apart) TakeID(key, id string) bool {
	to, digits := &a.TraceID, 32
	switch key {
	case TraceIDKey:
	case SpanIDKey:
		to, digits = &a.SpanID, 16
	default:
		return false
	}
	*to = ""
	if !isID(id, digits) {
		return false
	}
	*to = id
	return true
}

// Apart is what some formats have outside the attributes; empty in the others.
type Apart struct {
	TraceID  string // 32 hex digits
	SpanID   string // 16 hex digits
	Endpoint *Endpoint
}
