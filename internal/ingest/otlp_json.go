package ingest

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// invalidHexID is the server's text of a traceId or spanId that is not hex.
const invalidHexID = "Invalid hex id"

var errID error = textError(invalidHexID)

// A textError is an error in the server's words.
type textError string

func (e textError) Error() string { return string(e) }

// mismatch is of JSON that does not fit the message it should be.
func mismatch(name, want string) error {
	return fmt.Errorf("failed to parse %s field: expected %s", name, want)
}

// readJSONLogs reads an ExportLogsServiceRequest in proto3 JSON. Of more than MaxEntries records only the first ones
// are kept.
func readJSONLogs(body []byte) (records []logRecord, count int, refusal *Answer) {
	root, text, err := parseJSON(body)
	var syntax *syntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, 0, Detail(http.StatusBadRequest, "Malformed JSON body: "+syntax.Error())
	case err != nil, root.Kind != Object:
		return nil, 0, unhandled()
	}
	records, count, err = jsonLogs(root, text)
	if err == nil && root.odd&(oddNonFinite|oddSurrogate) != 0 {
		err = errors.New("value is not valid in proto3 JSON")
	}
	switch {
	case err == nil:
		return records, count, nil
	case errors.Is(err, errID):
		return nil, 0, Detail(http.StatusBadRequest, err.Error())
	case errors.Is(err, errUnhandled):
		return nil, 0, unhandled()
	default:
		return nil, 0, Detail(http.StatusBadRequest, "Malformed OTLP/JSON logs payload: "+err.Error())
	}
}

// jsonLogs reads the records. Before the real parser sees the JSON, a walk over the lowerCamelCase names turns ids
// from hex to base64; its errors come first, wherever they are.
func jsonLogs(root Value, text string) (records []logRecord, count int, err error) {
	ofWalk := func(e error) bool { return errors.Is(e, errUnhandled) || errors.Is(e, errID) }
	fail := func(e error) {
		if err == nil || ofWalk(e) && !ofWalk(err) {
			err = e
		}
	}
	resourceLogs, camel, e := root.messages("resourceLogs", "resource_logs", true)
	fail(e)
	for _, rl := range resourceLogs {
		resource, e := keyValues(rl.Get("resource"), "attributes", 3)
		fail(e)
		scopeLogs, camel, e := rl.messages("scopeLogs", "scope_logs", camel)
		fail(e)
		for _, sl := range scopeLogs {
			logRecords, camel, e := sl.messages("logRecords", "log_records", camel)
			fail(e)
			for _, lr := range logRecords {
				if count++; count > MaxEntries {
					continue
				}
				r, e := readRecord(lr, camel)
				fail(e)
				r.resource, r.raw = resource, text[lr.start:lr.end]
				records = append(records, r)
			}
		}
	}
	return records, count, err
}

// field finds a field by its lowerCamelCase name or by its name in the .proto file; isCamel tells which. Null is
// absent.
func (v Value) field(camel, snake string) (f Value, isCamel bool) {
	if f = v.Get(camel); !f.null() {
		return f, true
	}
	return v.Get(snake), false
}

// messages reads a repeated field of messages. Camel tells whether all names so far were in lowerCamelCase, and so
// whether the walk over ids, which is in plain Python, has come here.
func (v Value) messages(camel, snake string, camelSoFar bool) (items []Value, isCamel bool, err error) {
	if v.Kind != Object {
		return nil, false, mismatch(camel, "an object around it")
	}
	f, isCamel := v.field(camel, snake)
	if walked, ok := v.Lookup(camel); ok && camelSoFar && !walked.iterable() {
		return nil, true, errUnhandled
	}
	if f.null() {
		return nil, false, nil
	}
	if f.Kind != List {
		return nil, false, mismatch(camel, "a list")
	}
	if !f.holdsObjects() {
		return nil, false, mismatch(camel, "a list of objects")
	}
	return f.Items, isCamel && camelSoFar, nil
}

// iterable reports whether Python's "for item in v: item.get(…)" passes.
func (v Value) iterable() bool {
	switch v.Kind {
	case String:
		return v.Text == ""
	case Object:
		return len(v.Items) == 0
	default:
		return v.Kind == List && v.holdsObjects()
	}
}

// holdsObjects reports whether all items are objects.
func (v Value) holdsObjects() bool {
	return !slices.ContainsFunc(v.Items, func(item Value) bool { return item.Kind != Object })
}

func readRecord(v Value, camel bool) (logRecord, error) {
	var r logRecord
	var errs [8]error
	r.trace, errs[0] = v.id("traceId", "trace_id", camel)
	r.span, errs[1] = v.id("spanId", "span_id", camel)
	r.time, errs[2] = v.uint64("timeUnixNano", "time_unix_nano")
	r.observed, errs[3] = v.uint64("observedTimeUnixNano", "observed_time_unix_nano")
	r.severity, errs[4] = v.severityNumber()
	r.attributes, errs[5] = keyValues(v, "attributes", 4)
	if f, _ := v.field("severityText", "severity_text"); f.Kind == String {
		r.severityText = f.Text
	} else if !f.null() {
		errs[6] = mismatch("severityText", "a string")
	}
	if f := v.Get("body"); !f.null() {
		r.body, errs[7] = anyValue(f, 4)
	}
	return r, cmp.Or(errs[:]...)
}

// id reads an id as hex under lowerCamelCase names, else as base64.
func (v Value) id(camel, snake string, camelSoFar bool) (string, error) {
	f, isCamel := v.field(camel, snake)
	switch {
	case f.null():
		return "", nil
	case camelSoFar && isCamel && f.Kind != String:
		return "", errUnhandled
	case camelSoFar && isCamel:
		b, err := fromHex(f.Text)
		if err != nil {
			return "", fmt.Errorf("%w for %s: %s", errID, camel, f.Text)
		}
		return hex.EncodeToString(b), nil
	case f.Kind != String:
		return "", mismatch(camel, "base64")
	default:
		b, err := fromBase64(f.Text)
		if err != nil {
			return "", mismatch(camel, "base64")
		}
		return hex.EncodeToString(b), nil
	}
}

func (v Value) uint64(camel, snake string) (uint64, error) {
	f, _ := v.field(camel, snake)
	if f.null() {
		return 0, nil
	}
	if f.Kind == Int || f.Kind == String {
		if n, err := strconv.ParseUint(strings.TrimPrefix(f.Text, "+"), 10, 64); err == nil {
			return n, nil
		}
	}
	if d, ok := f.whole(); ok && d >= 0 && d < 1<<64 {
		return uint64(d), nil
	}
	return 0, mismatch(camel, "an unsigned 64-bit integer")
}

// int64 reads an integer, or a string of one.
func (v Value) int64() (int64, bool) {
	if v.Kind == Int || v.Kind == String {
		n, err := strconv.ParseInt(v.Text, 10, 64)
		return n, err == nil
	}
	d, ok := v.whole()
	return int64(d), ok && d >= -1<<63 && d < 1<<63
}

// whole reads a float without a fraction.
func (v Value) whole() (float64, bool) {
	d, err := strconv.ParseFloat(v.Text, 64)
	return d, v.Kind == Float && err == nil && d == math.Trunc(d)
}

// severities are the names of SeverityNumber.
var severities = strings.Fields("UNSPECIFIED TRACE TRACE2 TRACE3 TRACE4 DEBUG DEBUG2 DEBUG3 DEBUG4 INFO INFO2 INFO3 INFO4 " +
	"WARN WARN2 WARN3 WARN4 ERROR ERROR2 ERROR3 ERROR4 FATAL FATAL2 FATAL3 FATAL4")

// severityNumber reads an enum as the real parser does when it ignores what it does not know: a name, or what
// Python's int makes of the value.
func (v Value) severityNumber() (int64, error) {
	f, _ := v.field("severityNumber", "severity_number")
	switch f.Kind {
	case Null:
		return 0, nil
	case True, False:
		return int64(f.Kind - False), nil
	case String:
		if name, ok := strings.CutPrefix(f.Text, "SEVERITY_NUMBER_"); ok && slices.Contains(severities, name) {
			return int64(slices.Index(severities, name)), nil
		}
		n, err := strconv.ParseInt(f.Text, 10, 64)
		if errors.Is(err, strconv.ErrSyntax) {
			return 0, nil
		}
		return enum(float64(n))
	case Int, Float:
		d, err := strconv.ParseFloat(f.Text, 64)
		if err == nil {
			return enum(math.Trunc(d))
		}
	}
	return enum(math.NaN())
}

func enum(d float64) (int64, error) {
	if d >= math.MinInt32 && d <= math.MaxInt32 {
		return int64(d), nil
	}
	return 0, mismatch("severityNumber", "an enum value")
}

// keyValues reads a field of KeyValue messages of v. Of names that are there more than once all are returned.
func keyValues(v Value, name string, depth int) ([]Value, error) {
	if v.null() {
		return nil, nil
	}
	items, _, err := v.messages(name, name, false)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	list := make([]Value, len(items))
	for i, item := range items {
		key := item.Get("key")
		if !key.null() && key.Kind != String {
			return nil, mismatch("key", "a string")
		}
		if f := item.Get("value"); !f.null() {
			if list[i], err = anyValue(f, depth+1); err != nil {
				return nil, err
			}
		}
		list[i].Name = key.Text
	}
	return list, nil
}

// anyValue reads an AnyValue.
func anyValue(v Value, depth int) (found Value, err error) {
	if v.Kind != Object {
		return Value{}, mismatch("value", "an object")
	}
	if depth > maxMessages {
		return Value{}, errNesting
	}
	set := 0
	for _, f := range v.Items {
		if f.null() {
			continue
		}
		value, known, err := oneof(f, depth)
		if err != nil {
			return Value{}, err
		}
		if !known {
			continue
		}
		if set++; set > 1 {
			return Value{}, errors.New("more than one value in a oneof")
		}
		found = value
	}
	return found, nil
}

// oneof reads a field of an AnyValue, if its name is known.
func oneof(f Value, depth int) (v Value, known bool, err error) {
	switch f.Name {
	case "stringValue", "string_value":
		if f.Kind == String {
			return textValue(f.Text), true, nil
		}
	case "boolValue", "bool_value":
		if f.Kind == True || f.Kind == False {
			return boolValue(f.Kind == True), true, nil
		}
	case "intValue", "int_value":
		if n, ok := f.int64(); ok {
			return intValue(strconv.FormatInt(n, 10)), true, nil
		}
	case "doubleValue", "double_value":
		if d, err := strconv.ParseFloat(f.Text, 64); err == nil && (f.number() || f.Kind == String) {
			return floatValue(d), true, nil
		}
	case "bytesValue", "bytes_value":
		if b, err := fromBase64(f.Text); err == nil && f.Kind == String {
			return bytesValue(b), true, nil
		}
	case "arrayValue", "array_value":
		list, _, err := f.messages("values", "values", false)
		if err != nil {
			return Value{}, true, err
		}
		items := make([]Value, len(list))
		for i := range list {
			if items[i], err = anyValue(list[i], depth+2); err != nil {
				return Value{}, true, err
			}
		}
		return container(List, items), true, nil
	case "kvlistValue", "kvlist_value":
		if f.Kind == Object {
			list, err := keyValues(f, "values", depth+2)
			return unique(list), true, err
		}
	default:
		return Value{}, false, nil
	}
	return Value{}, true, mismatch(f.Name, "another type")
}

// unique makes an object of members of which a later one of the same name wins.
func unique(list []Value) Value {
	var m members
	for _, v := range list {
		m.set(v.Name, v)
	}
	return container(Object, m.list)
}
