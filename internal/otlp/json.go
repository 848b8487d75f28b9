package otlp

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// appendAnyValue appends the inside of an AnyValue for a sanitized JSON value
// that stands within depth objects and arrays.
func appendAnyValue(b, value []byte, depth int) []byte {
	r := jsontext.Reader{Text: value}
	return appendNextValue(b, &r, depth)
}

// appendNextValue is appendAnyValue for the value that r comes to.
func appendNextValue(b []byte, r *jsontext.Reader, depth int) []byte {
	if r.At >= len(r.Text) {
		return b
	}
	c := r.Text[r.At]
	if (c == '[' || c == '{') && depth >= otlpDepth {
		r.Value()
		return appendTextField(b, tagString, wire.TooDeep)
	}
	switch c {
	case '"':
		value := r.Value()
		return appendTextField(b, tagString, jsontext.Unescape(value[1:len(value)-1]))
	case 't':
		r.Number()
		return append(b, tagBool, 1)
	case 'f':
		r.Number()
		return append(b, tagBool, 0)
	case 'n':
		r.Number()
		return b
	case '[':
		b = append(b, tagArray, 0)
		list := len(b) - 1
		for r.At++; r.At < len(r.Text) && r.Text[r.At] != ']'; {
			b = append(b, tagMember, 0)
			mark := len(b) - 1
			b = closeLength(appendNextValue(b, r, depth+1), mark)
			r.Comma()
		}
		r.At++
		return closeLength(b, list)
	case '{':
		b = append(b, tagKVList, 0)
		list := len(b) - 1
		for r.At++; r.At < len(r.Text) && r.Text[r.At] != '}'; {
			key := r.Value()
			r.At++ // the colon
			mark := len(b) + 1
			b = append(b, tagMember, 0)
			b = appendTextField(b, tagKey, jsontext.Unescape(key[1:len(key)-1]))
			b = append(b, tagValue, 0)
			inside := len(b) - 1
			b = closeLength(appendNextValue(b, r, depth+1), inside)
			b = closeLength(b, mark)
			r.Comma()
		}
		r.At++
		return closeLength(b, list)
	}
	text := string(r.Number())
	if !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return appendVarint(append(b, tagInt), uint64(n))
		}
		return appendTextField(b, tagString, text) // a uint64, as in AppendAttr
	}
	f, _ := strconv.ParseFloat(text, 64)
	return binary.LittleEndian.AppendUint64(append(b, tagDouble), math.Float64bits(f))
}
