package otlp

import (
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math"

	"github.com/ledger-sdk/ledger-go/internal/jsontext"
	"github.com/ledger-sdk/ledger-go/internal/wire"
)

// levelHeads are the fields severity and severity text for slog's levels -8 to 15,
// which are OpenTelemetry's 1 to 24.
var levelHeads = func() (heads [24][]byte) {
	for i := range heads {
		l := slog.Level(i - 8)
		heads[i] = appendTextField([]byte{tagSeverity, byte(wire.SeverityOf(l))}, tagSeverityText, wire.SeverityText(l))
	}
	return heads
}()

func (*Format) Begin(b []byte, level slog.Level, message string) []byte {
	if i := int(level) + 8; 0 <= i && i < len(levelHeads) {
		b = append(b, levelHeads[i]...)
	} else {
		b = append(b, tagSeverity, byte(wire.SeverityOf(level)))
		b = appendTextField(b, tagSeverityText, wire.SeverityText(level))
	}
	return appendBody(b, message)
}

func appendBody(b []byte, message string) []byte {
	message = jsontext.Clean(jsontext.Cut(message, wire.MaxMessage))
	n := uint64(len(message))
	if n < 126 {
		b = append(b, tagBody, byte(2+n), tagString, byte(n))
		return append(b, message...)
	}
	b = appendVarint(append(b, tagBody), 1+uint64(sizeVarint(n))+n)
	b = appendVarint(append(b, tagString), n)
	return append(b, message...)
}

// EndAttrs appends nothing: a record's attributes have no end of their own.
func (*Format) EndAttrs(b []byte, _ int) []byte { return b }

// AppendFields appends trace ids, which are fields of a record, and an endpoint, to
// whose members the server gives attributes of their own.
func (*Format) AppendFields(b []byte, f wire.Fields) []byte {
	b = appendID(b, tagTraceID, f.TraceID)
	b = appendID(b, tagSpanID, f.SpanID)
	e := f.Endpoint
	if e == nil {
		return b
	}
	b = appendStringAttr(b, tagAttribute, httpMethodKey, e.Method)
	b = appendStringAttr(b, tagAttribute, httpRouteKey, e.Path)
	b = appendIntAttr(b, tagAttribute, httpStatusKey, e.Status)
	b = appendDoubleAttr(b, tagAttribute, durationKey, e.Duration)
	for _, optional := range [...]struct{ key, value string }{
		{queryKey, e.Query}, {pathParamsKey, e.PathParams}, {responseBodyKey, e.ResponseBody},
	} {
		if optional.value != "" {
			b = appendStringAttr(b, tagAttribute, optional.key, optional.value)
		}
	}
	return b
}

func appendID(b []byte, tag byte, id string) []byte {
	if id == "" {
		return b
	}
	b, _ = hex.AppendDecode(append(b, tag, byte(len(id)/2)), []byte(id)) // wire.Fields holds valid ids
	return b
}

// KeyValues up to their values, with zeros for the two lengths.
const (
	exceptionTypeHead    = memberHead + string(rune(len(wire.ExceptionType))) + wire.ExceptionType + valueHead
	exceptionMessageHead = memberHead + string(rune(len(wire.ExceptionMessage))) + wire.ExceptionMessage + valueHead

	memberHead = string(rune(tagAttribute)) + "\x00" + string(rune(tagKey))
	valueHead  = string(rune(tagValue)) + "\x00"
)

func (*Format) AppendFailure(b []byte, e wire.Failure) []byte {
	start := len(b)
	b = append(b, exceptionTypeHead...)
	b = closeMember(appendStringValue(b, e.Type), start, start+len(exceptionTypeHead))
	start = len(b)
	b = append(b, exceptionMessageHead...)
	b = closeMember(appendStringValue(b, e.Message), start, start+len(exceptionMessageHead))
	if e.Stack != "" {
		b = appendStringAttr(b, tagAttribute, wire.ExceptionStack, jsontext.Clean(e.Stack))
	}
	return b
}

// appendHeading appends what comes before a record of n bytes.
func appendHeading(b []byte, n int) []byte {
	return appendVarint(append(b, tagRecord), uint64(n))
}

// WholeSize is the size of what AppendWhole appends for n bytes of data.
func (f *Format) WholeSize(n int, e wire.Ending) int {
	n += f.endingSize(e)
	return 1 + sizeVarint(uint64(n)) + n
}

func (f *Format) endingSize(e wire.Ending) int {
	const keys = 6 + len(logIDKey) + 6 + len(sequenceKey)
	return len(f.tails[e.LogType][e.Importance]) + keys + 1 + sizeVarint(e.Seq&math.MaxInt64) + 2 + len(f.idPrefix) + wire.SeqDigits + timesSize
}

// AppendWhole appends the record that consists of data and its ending.
func (f *Format) AppendWhole(b, data []byte, e wire.Ending) []byte {
	b = appendHeading(b, len(data)+f.endingSize(e))
	b = append(b, data...)
	b = append(b, f.tails[e.LogType][e.Importance]...)
	b = appendIntAttr(b, tagAttribute, sequenceKey, int64(e.Seq&math.MaxInt64))
	n := len(f.idPrefix) + wire.SeqDigits
	b = appendKey(b, tagAttribute, logIDKey, 2+n) // at most 64 characters
	b = append(b, tagString, byte(n))
	b = append(b, f.idPrefix...)
	b = wire.AppendSeq(b, e.Seq)
	return appendTimes(b, e.Sec, int(e.Nsec))
}

// appendTimes ends a record with its time, which is also the time when it was
// observed. Beside the other things that differ from record to record it
// compresses best.
func appendTimes(b []byte, sec int64, nsec int) []byte {
	nanos := uint64(sec)*1e9 + uint64(nsec)
	b = binary.LittleEndian.AppendUint64(append(b, tagTime), nanos)
	return binary.LittleEndian.AppendUint64(append(b, tagObservedTime), nanos)
}

const timesSize = 2 * (1 + 8)
