package ledgertest

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"strconv"
	"strings"
)

// A payloadError is JSON that does not fit the message it should be.
type payloadError struct{ text string }

func (e *payloadError) Error() string { return e.text }

func mismatch(name, want string) error {
	return &payloadError{fmt.Sprintf("failed to parse %s field: expected %s", name, want)}
}

// An idError is a traceId or spanId that is not hex.
type idError struct{ name, text string }

func (e *idError) Error() string { return "Invalid hex id for " + e.name + ": " + e.text }

// errNotText is an id that is not a string, on which the server fails.
var errNotText = errors.New("id is not a string")

// readJSONLogs reads an ExportLogsServiceRequest in proto3 JSON. Of more than maxBatch records only the first ones
// are kept.
func readJSONLogs(body []byte) (records []logRecord, count int, refusal *answer) {
	root, err := parseJSON(body)
	var syntax *syntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, 0, detail(http.StatusBadRequest, "Malformed JSON body: "+syntax.Error())
	case err != nil, root.kind != kindObject:
		return nil, 0, unhandled()
	}
	records, count, err = jsonLogs(root)
	if err == nil && root.odd&(oddNonFinite|oddSurrogate) != 0 {
		err = &payloadError{"value is not valid in proto3 JSON"}
	}
	var id *idError
	switch {
	case err == nil:
		return records, count, nil
	case errors.As(err, &id):
		return nil, 0, detail(http.StatusBadRequest, id.Error())
	case errors.Is(err, errNotText):
		return nil, 0, unhandled()
	default:
		return nil, 0, detail(http.StatusBadRequest, "Malformed OTLP/JSON logs payload: "+err.Error())
	}
}

func jsonLogs(root value) (records []logRecord, count int, err error) {
	resourceLogs, camel, err := root.list("resourceLogs", true)
	for _, rl := range resourceLogs {
		resource, _, _ := rl.field("resource")
		attributes, e := resource.keyValues("attributes", 3)
		err = cmp.Or(err, e)
		scopeLogs, camel, e := rl.list("scopeLogs", camel)
		err = cmp.Or(err, e)
		for _, sl := range scopeLogs {
			logRecords, camel, e := sl.list("logRecords", camel)
			err = cmp.Or(err, e)
			for _, lr := range logRecords {
				if count++; count > maxBatch {
					continue
				}
				r, e := lr.logRecord(camel)
				err = cmp.Or(err, e)
				r.resource = attributes
				records = append(records, r)
			}
		}
	}
	return records, count, err
}

// field finds a field by its lowerCamelCase name or by its name in the .proto file; camel tells which. Null is absent.
func (v value) field(name string) (f value, camel, ok bool) {
	if f, ok := v.get(name); ok && !f.null() {
		return f, true, true
	}
	f, ok = v.get(snake(name))
	return f, false, ok && !f.null()
}

func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// list reads a repeated field of messages. camel tells whether all names so far were in lowerCamelCase.
func (v value) list(name string, camelSoFar bool) (items []value, camel bool, err error) {
	if v.kind != kindObject {
		return nil, false, mismatch(name, "an object around it")
	}
	f, camel, ok := v.field(name)
	if !ok {
		return nil, false, nil
	}
	if f.kind != kindList {
		return nil, false, mismatch(name, "a list")
	}
	for _, item := range f.items {
		if item.kind != kindObject {
			return nil, false, mismatch(name, "a list of objects")
		}
	}
	return f.items, camel && camelSoFar, nil
}

func (v value) logRecord(camel bool) (logRecord, error) {
	r := logRecord{raw: v.raw}
	var errs [7]error
	r.time, errs[0] = v.uint64("timeUnixNano")
	r.observed, errs[1] = v.uint64("observedTimeUnixNano")
	r.severity, errs[2] = v.severityNumber()
	r.trace, errs[3] = v.id("traceId", camel)
	r.span, errs[4] = v.id("spanId", camel)
	r.attributes, errs[5] = v.keyValues("attributes", 4)
	if f, _, ok := v.field("severityText"); ok {
		r.severityText = f.text
		if f.kind != kindText {
			errs[6] = mismatch("severityText", "a string")
		}
	}
	err := cmp.Or(errs[:]...)
	if f, _, ok := v.field("body"); ok {
		body, e := f.anyValue(4)
		r.body, err = &body, cmp.Or(err, e)
	}
	return r, err
}

// id reads an id as hex under lowerCamelCase names, else as base64.
func (v value) id(name string, camel bool) (string, error) {
	f, camelHere, ok := v.field(name)
	switch {
	case !ok:
		return "", nil
	case camel && camelHere:
		if f.kind != kindText {
			return "", errNotText
		}
		b, err := hex.DecodeString(f.text)
		if err != nil {
			return "", &idError{name, f.text}
		}
		return hex.EncodeToString(b), nil
	case f.kind != kindText:
		return "", mismatch(name, "base64")
	default:
		b, err := decodeBase64(f.text)
		if err != nil {
			return "", mismatch(name, "base64")
		}
		return hex.EncodeToString(b), nil
	}
}

// decodeBase64 takes both alphabets, padded or not, as proto3 JSON does.
func decodeBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
}

func (v value) uint64(name string) (uint64, error) {
	f, _, ok := v.field(name)
	if !ok {
		return 0, nil
	}
	n, ok := f.integer()
	if !ok || !n.IsUint64() {
		return 0, mismatch(name, "an unsigned 64-bit integer")
	}
	return n.Uint64(), nil
}

// integer reads a whole number or a string of one.
func (v value) integer() (*big.Int, bool) {
	if v.kind != kindInt && v.kind != kindFloat && v.kind != kindText || len(v.text) > maxIntDigits {
		return nil, false
	}
	if n, ok := new(big.Int).SetString(v.text, 10); ok {
		return n, true
	}
	f, err := strconv.ParseFloat(v.text, 64)
	if v.kind != kindFloat || err != nil || f != math.Trunc(f) || math.Abs(f) > 1e19 {
		return nil, false
	}
	n, _ := big.NewFloat(f).Int(nil)
	return n, true
}

func (v value) severityNumber() (int64, error) {
	f, _, ok := v.field("severityNumber")
	if !ok {
		return 0, nil
	}
	if f.kind == kindText {
		name, ok := strings.CutPrefix(f.text, "SEVERITY_NUMBER_")
		if ok && name == "UNSPECIFIED" {
			return 0, nil
		}
		word := strings.TrimRight(name, "234")
		for i, known := range []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"} {
			step := 1
			if name != word {
				step, _ = strconv.Atoi(name[len(word):])
			}
			if ok && word == known && step <= 4 {
				return int64(i*4 + step), nil
			}
		}
	}
	n, ok := f.integer()
	if !ok || !n.IsInt64() || n.Int64() != int64(int32(n.Int64())) {
		return 0, mismatch("severityNumber", "an enum value")
	}
	return n.Int64(), nil
}

func (v value) keyValues(name string, depth int) ([]member, error) {
	if v.null() {
		return nil, nil
	}
	items, _, err := v.list(name, true)
	if err != nil {
		return nil, err
	}
	var members []member
	for _, item := range items {
		var m member
		key, _, ok := item.field("key")
		if ok && key.kind != kindText {
			return nil, mismatch("key", "a string")
		}
		m.name = key.text
		if f, _, ok := item.field("value"); ok {
			if m.value, err = f.anyValue(depth + 1); err != nil {
				return nil, err
			}
		}
		members = append(members, m)
	}
	return members, nil
}

func (v value) anyValue(depth int) (value, error) {
	if v.kind != kindObject {
		return value{}, mismatch("value", "an object")
	}
	if depth > maxMessages {
		return value{}, &payloadError{"messages nested too deep"}
	}
	var found value
	set := 0
	for _, name := range oneofValue {
		f, _, ok := v.field(name)
		if !ok {
			continue
		}
		var err error
		if found, err = f.as(name, depth); err != nil {
			return value{}, err
		}
		set++
	}
	if set > 1 {
		return value{}, &payloadError{"more than one value in a oneof"}
	}
	return found, nil
}

// oneofValue are the fields of AnyValue.
var oneofValue = []string{"stringValue", "boolValue", "intValue", "doubleValue", "bytesValue", "arrayValue", "kvlistValue"}

// as reads v as the field of AnyValue that has that name.
func (v value) as(name string, depth int) (value, error) {
	switch name {
	case "stringValue":
		if v.kind == kindText {
			return textValue(v.text), nil
		}
	case "boolValue":
		if v.kind == kindBool {
			return boolValue(v.truth), nil
		}
	case "intValue":
		if n, ok := v.integer(); ok && n.IsInt64() {
			return intValue(n.String()), nil
		}
	case "doubleValue":
		d, err := strconv.ParseFloat(v.text, 64)
		if err == nil && (v.kind == kindInt || v.kind == kindFloat || v.kind == kindText) {
			return floatValue(d), nil
		}
	case "bytesValue":
		b, err := decodeBase64(v.text)
		if err == nil && v.kind == kindText {
			return bytesValue(b), nil
		}
	case "arrayValue":
		list, _, err := v.list("values", true)
		if err != nil {
			return value{}, err
		}
		var items []value
		for _, item := range list {
			element, err := item.anyValue(depth + 2)
			if err != nil {
				return value{}, err
			}
			items = append(items, element)
		}
		return listValue(items), nil
	case "kvlistValue":
		if v.kind == kindObject {
			members, err := v.keyValues("values", depth+2)
			return objectValue(merge(nil, members).members), err
		}
	}
	return value{}, mismatch(name, "another type")
}
