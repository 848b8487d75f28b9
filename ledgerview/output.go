package ledgerview

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// appendTime appends a time, given in microseconds since 1970, with all six digits of them.
func appendTime(b []byte, micros int64) []byte {
	at := time.UnixMicro(micros).UTC()
	b = at.AppendFormat(b, time.RFC3339) // which package time writes fastest
	b = append(b[:len(b)-1], '.')
	rest := at.Nanosecond() / 1000
	for unit := 100000; unit > 0; unit /= 10 {
		b = append(b, byte('0'+rest/unit%10))
	}
	return append(b, 'Z')
}

// ids are those of a record's attributes by which it belongs to others.
type ids struct{ trace, span, request []byte }

func (c *cursor) ids() (found ids) {
	attributes := c.texts().attributes
	if !bytes.Contains(attributes, []byte(`_id":`)) {
		return found
	}
	members(attributes, func(name, value []byte) bool {
		switch string(name) {
		case `"trace_id"`:
			found.trace = idText(value)
		case `"span_id"`:
			found.span = idText(value)
		case `"request_id"`:
			found.request = idText(value)
		}
		return true
	})
	return found
}

// idText is the text of a string, or of a number.
func idText(value []byte) []byte {
	switch {
	case value[0] == '"':
		return unquote(value, nil)
	case value[0] == '-' || '0' <= value[0] && value[0] <= '9':
		return value
	default:
		return nil
	}
}

// appendRecord appends the record as the API shows it.
func (c *cursor) appendRecord(b []byte, own func(file string) bool) []byte {
	t, l, r, ids := c.texts(), c.labels(), c.row, c.ids()
	text := func(name, value string) { b = appendQuoted(append(b, name...), value) }
	raw := func(name string, value []byte) { b = appendQuoted(append(b, name...), value) }
	b = append(b, `{"id":`...)
	b = strconv.AppendUint(b, c.id, 10)
	b = append(b, `,"received":"`...)
	b = appendTime(b, r.received)
	b = append(b, `","time":"`...)
	b = appendTime(b, r.time)
	text(`","level":`, levelNames[r.level])
	text(`,"log_type":`, l.logType)
	text(`,"importance":`, l.importance)
	raw(`,"message":`, t.message)
	text(`,"service":`, l.service)
	text(`,"environment":`, l.environment)
	text(`,"release":`, l.release)
	b = append(b, `,"attributes":`...)
	if len(t.attributes) > 0 {
		b = append(b, t.attributes...)
	} else {
		b = append(b, "{}"...)
	}
	raw(`,"trace_id":`, ids.trace)
	raw(`,"span_id":`, ids.span)
	raw(`,"request_id":`, ids.request)
	raw(`,"log_id":`, t.logID)
	text(`,"protocol":`, l.protocol)
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
