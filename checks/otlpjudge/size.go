package otlpjudge

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// storedSize is how the server measures the attributes that it makes of r: the
// length of Python's json.dumps of them.
func storedSize(r Record) int {
	merged := make(map[string]Value)
	for _, m := range slices.Concat(r.Resource, r.Attributes) {
		merged[m.Key] = m.Value
	}
	if r.TraceID != "" {
		merged["trace_id"] = r.TraceID
	}
	if r.SpanID != "" {
		merged["span_id"] = r.SpanID
	}
	if merged["ledger.log_type"] == "endpoint" {
		endpoint := make(map[string]Value)
		for from, to := range map[string]string{
			"http.request.method": "method", "http.route": "path", "http.response.status_code": "status_code", "ledger.duration_ms": "duration_ms",
			"url.query": "query_params", "ledger.path_params": "path_params", "ledger.response_body": "response_body",
		} {
			if v, ok := merged[from]; ok {
				endpoint[to] = v
			}
		}
		merged["endpoint"] = endpoint
	}
	return pythonSize(merged)
}

// unmergedSize is pythonSize if no key occurred twice: the server keeps only the
// last, which the SDK does not rely on.
func unmergedSize(members Members) int {
	n := 2
	for _, m := range members {
		n += pythonSize(m.Key) + 4
		if inner, ok := m.Value.(Members); ok {
			n += unmergedSize(inner)
		} else {
			n += pythonSize(m.Value)
		}
	}
	return n
}

// sizes tells what takes how much.
func sizes(members Members) (text string) {
	for _, m := range members {
		text += fmt.Sprintf(" %.30q:%d", m.Key, pythonSize(m.Value))
	}
	return text
}

func pythonSize(v Value) int {
	switch v := v.(type) {
	case nil:
		return len("null")
	case bool:
		return len(strconv.FormatBool(v))
	case int64:
		return len(strconv.FormatInt(v, 10))
	case Double:
		f := math.Float64frombits(v.Bits)
		if abs := math.Abs(f); abs == 0 || 1e-4 <= abs && abs < 1e16 {
			s := strconv.FormatFloat(f, 'f', -1, 64)
			if !strings.Contains(s, ".") {
				s += ".0"
			}
			return len(s)
		}
		return len(strconv.FormatFloat(f, 'e', -1, 64))
	case string:
		n := 2
		for _, r := range v {
			switch {
			case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t' || r == '\b' || r == '\f':
				n += 2
			case r < ' ' || r > '~' && r <= 0xffff:
				n += 6
			case r > 0xffff:
				n += 12
			default:
				n++
			}
		}
		return n
	case List:
		n := 2 + max(0, len(v)-1)*2
		for _, element := range v {
			n += pythonSize(element)
		}
		return n
	case Members:
		m := make(map[string]Value)
		for _, member := range v {
			m[member.Key] = member.Value
		}
		return pythonSize(m)
	case map[string]Value:
		n := 2 + max(0, len(v)-1)*2
		for key, value := range v {
			n += pythonSize(key) + 2 + pythonSize(value)
		}
		return n
	}
	panic(fmt.Sprintf("%T", v))
}

// cut is s cut as texts over the server's limits are.
func cut(s string, limit int) string {
	const mark = "… [truncated]"
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-utf8.RuneCountInString(mark)]) + mark
}

// indexed is a message as it is stored at Error and above beside an error type, within
// 2600 bytes with 144 more.
func indexed(message, errorType string) string {
	const mark = "… [truncated]"
	limit := 2600 - 144 - len(errorType)
	if len(message) <= limit {
		return message
	}
	for limit -= len(mark); !utf8.RuneStart(message[limit]); limit-- {
	}
	return message[:limit] + mark
}
