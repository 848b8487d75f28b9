package jsontext

import (
	"math"
	"strconv"
)

// AppendFloat appends f as encoding/json does, with two differences. NaN and
// infinities become strings. A magnitude of 2^63 or more gets an exponent: without
// one the server would read an integer outside 64 bits and answer 500 for the whole
// batch (ledger-wire 2.5).
func AppendFloat(b []byte, f float64) []byte {
	// Most numbers that are logged have at most three decimals and fifteen digits.
	// These are their own shortest text, because division rounds correctly.
	if thousands := f * 1000; math.Abs(thousands) < 1e15 {
		n := int64(thousands)
		if float64(n)/1000 == f && (n != 0 || !math.Signbit(f)) {
			return appendThousandths(b, n)
		}
	}
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"+Inf"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Inf"`...)
	}
	abs := math.Abs(f)
	if abs != 0 && (abs < 1e-6 || abs >= 1<<63) {
		b = strconv.AppendFloat(b, f, 'e', -1, 64)
		if n := len(b); n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
			b[n-2] = b[n-1] // e-09 to e-9, as encoding/json
			b = b[:n-1]
		}
		return b
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// appendThousandths appends n/1000 without trailing zeros.
func appendThousandths(b []byte, n int64) []byte {
	if n < 0 {
		b = append(b, '-')
		n = -n
	}
	b = strconv.AppendInt(b, n/1000, 10)
	if rest := n % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}
