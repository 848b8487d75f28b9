package ledgerview

import "strconv"

// facts notes what a row holds of the attributes, which lie at base in the record's texts: the request, and the ids.
func (p *packed) facts(base int, attributes []byte) {
	at := base + 1 // past the brace
	members(attributes, func(name, value []byte) bool {
		valueAt := at + len(name) + 1
		at = valueAt + len(value) + 1
		text := span{uint32(valueAt + 1), uint32(max(0, len(value)-2))}
		switch string(name) {
		case `"trace_id"`:
			if isPlain(value) {
				p.trace = text
			}
		case `"request_id"`:
			if isPlain(value) {
				p.request = text
			}
		case `"endpoint"`:
			p.endpoint(value)
		}
		return true
	})
}

// isPlain reports whether value is a string that JSON holds as it is.
func isPlain(value []byte) bool {
	if len(value) < 2 || value[0] != '"' {
		return false
	}
	for _, c := range value[1 : len(value)-1] {
		if !plainASCII[c] {
			return false
		}
	}
	return true
}

// endpoint reads a group endpoint. Unless method, path, status and duration are all there it is no request.
func (p *packed) endpoint(group []byte) {
	var r route
	var status int64
	var duration float64
	have := 0
	members(group, func(name, value []byte) bool {
		var err error
		switch string(name) {
		case `"method"`:
			r.method = textOf(value)
			have++
		case `"path"`:
			r.path = textOf(value)
			have++
		case `"status_code"`:
			if status, err = strconv.ParseInt(string(value), 10, 16); err == nil {
				have++
			}
		case `"duration_ms"`:
			if duration, err = strconv.ParseFloat(string(value), 32); err == nil {
				have++
			}
		}
		return true
	})
	if have == 4 && r.path != "" {
		p.route, p.status, p.duration = r, int16(status), float32(duration)
	}
}

// textOf returns a string's text, or "".
func textOf(value []byte) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	return string(unquote(value, nil))
}
