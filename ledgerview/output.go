package ledgerview

import (
	"encoding/json"
	"strconv"
	"time"
)

const timeFormat = "2006-01-02T15:04:05.000000Z"

// appendTime appends a time, given in microseconds since 1970.
func appendTime(b []byte, micros int64) []byte {
	return time.UnixMicro(micros).UTC().AppendFormat(b, timeFormat)
}

// rootText returns the member of the root as text when it is a string, or a number.
func (c *cursor) rootText(name string) []byte {
	v := member(c.texts().attributes, name)
	if len(v) == 0 || v[0] == '{' || v[0] == '[' || string(v) == "null" {
		return nil
	}
	return c.valueText(v)
}

// appendRecord appends the record as the API shows it.
func (c *cursor) appendRecord(b []byte, own func(file string) bool) []byte {
	t, l, r := c.texts(), c.labels(), c.row
	text := func(name, value string) {
		b = append(append(b, name...), ':')
		b = appendQuoted(b, value)
	}
	bytes := func(name string, value []byte) {
		b = append(append(b, name...), ':')
		b = appendQuoted(b, value)
	}
	b = append(b, `{"id":`...)
	b = strconv.AppendUint(b, c.id, 10)
	b = append(b, `,"received":"`...)
	b = appendTime(b, r.received)
	b = append(b, `","time":"`...)
	b = appendTime(b, r.time)
	text(`","level"`, levelNames[r.level])
	text(`,"log_type"`, l.logType)
	text(`,"importance"`, l.importance)
	bytes(`,"message"`, t.message)
	text(`,"service"`, l.service)
	text(`,"environment"`, l.environment)
	text(`,"release"`, l.release)
	b = append(b, `,"attributes":`...)
	if len(t.attributes) > 0 {
		b = append(b, t.attributes...)
	} else {
		b = append(b, "{}"...)
	}
	bytes(`,"trace_id"`, c.rootText("trace_id"))
	bytes(`,"span_id"`, c.rootText("span_id"))
	bytes(`,"request_id"`, c.rootText("request_id"))
	bytes(`,"log_id"`, t.logID)
	text(`,"protocol"`, l.protocol)
	b = append(b, `,"run":`...)
	b = strconv.AppendUint(b, uint64(r.run), 10)
	b = c.appendError(b, own)
	return c.appendVerdict(b)
}

func (c *cursor) appendError(b []byte, own func(file string) bool) []byte {
	f := c.failure()
	if f == nil {
		return append(b, `,"fingerprint":"","error":null`...)
	}
	b = append(b, `,"fingerprint":`...)
	b = appendQuoted(b, f.fingerprint)
	t := c.texts()
	tree := causeTree(f.kind, string(t.errorMessage), string(t.stack))
	tree.Stack = string(t.stack)
	tree.markOwn(own)
	encoded, err := json.Marshal(tree)
	if err != nil {
		encoded = []byte("null") // cannot be: it is strings and numbers
	}
	return append(append(b, `,"error":`...), encoded...)
}

func (c *cause) markOwn(own func(file string) bool) {
	for i := range c.Frames {
		c.Frames[i].Own = own(c.Frames[i].File)
	}
	for i := range c.Causes {
		c.Causes[i].markOwn(own)
	}
}

func (c *cursor) appendVerdict(b []byte) []byte {
	b = append(b, `,"verdict":{"accepted":`...)
	b = strconv.AppendBool(b, c.row.flags&flagRefused == 0)
	b = append(b, `,"notes":[`...)
	notes := c.texts().notes
	if len(notes) > 2 {
		b = append(b, notes[1:len(notes)-1]...)
	}
	times, _ := c.mark()
	if times > 0 {
		if len(notes) > 2 {
			b = append(b, ',')
		}
		b = append(b, `{"kind":"redelivered","text":"its log_id came again, `...)
		b = strconv.AppendUint(b, uint64(times), 10)
		b = append(b, ` times; shown once"}`...)
	}
	b = append(b, `]}`...)
	if times > 0 {
		b = append(b, `,"redelivered":`...)
		b = strconv.AppendUint(b, uint64(times), 10)
	}
	return append(b, '}')
}
