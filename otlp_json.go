package ledger

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// appendAnyValue appends the inside of an AnyValue for a sanitized JSON value
// that stands within depth objects and arrays.
func appendAnyValue(b, value []byte, depth int) []byte {
	r := memberReader{text: value}
	return appendNextValue(b, &r, depth)
}

// appendNextValue is appendAnyValue for the value that r comes to.
func appendNextValue(b []byte, r *memberReader, depth int) []byte {
	if r.at >= len(r.text) {
		return b
	}
	c := r.text[r.at]
	if (c == '[' || c == '{') && depth >= otlpDepth {
		r.value()
		return appendTextField(b, tagString, tooDeep)
	}
	switch c {
	case '"':
		value := r.value()
		return appendTextField(b, tagString, unescaped(value[1:len(value)-1]))
	case 't':
		r.number()
		return append(b, tagBool, 1)
	case 'f':
		r.number()
		return append(b, tagBool, 0)
	case 'n':
		r.number()
		return b
	case '[':
		b = append(b, tagArray, 0)
		list := len(b) - 1
		for r.at++; r.at < len(r.text) && r.text[r.at] != ']'; {
			b = append(b, tagMember, 0)
			mark := len(b) - 1
			b = closeLength(appendNextValue(b, r, depth+1), mark)
			r.comma()
		}
		r.at++
		return closeLength(b, list)
	case '{':
		b = append(b, tagKVList, 0)
		list := len(b) - 1
		for r.at++; r.at < len(r.text) && r.text[r.at] != '}'; {
			key := r.value()
			r.at++ // the colon
			mark := len(b) + 1
			b = append(b, tagMember, 0)
			b = appendTextField(b, tagKey, unescaped(key[1:len(key)-1]))
			b = append(b, tagValue, 0)
			inside := len(b) - 1
			b = closeLength(appendNextValue(b, r, depth+1), inside)
			b = closeLength(b, mark)
			r.comma()
		}
		r.at++
		return closeLength(b, list)
	}
	text := string(r.number())
	if !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return appendVarint(append(b, tagInt), uint64(n))
		}
		return appendTextField(b, tagString, text) // a uint64, as in appendAttr
	}
	f, _ := strconv.ParseFloat(text, 64)
	return binary.LittleEndian.AppendUint64(append(b, tagDouble), math.Float64bits(f))
}

func (r *memberReader) comma() {
	if r.at < len(r.text) && r.text[r.at] == ',' {
		r.at++
	}
}

// number reads a number or a literal: whatever ends before punctuation.
func (r *memberReader) number() []byte {
	start := r.at
	for r.at < len(r.text) && isWordByte(r.text[r.at]) {
		r.at++
	}
	if r.at == start {
		r.at++ // no such thing in sanitized JSON
	}
	return r.text[start:min(r.at, len(r.text))]
}
