package ledgerview

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// textLine makes a record of a line of key=value pairs, as slog's TextHandler and logfmt write them. It returns false
// when the line is none: one with a message or a level is.
func textLine(line string, received time.Time) (r record, ok bool) {
	pairs, ok := readPairs(line)
	if !ok {
		return r, false
	}
	var root tree
	known := false
	for _, p := range pairs {
		known = known || p.key == "msg" || p.key == "level" || p.key == "message"
		root.set(p.key, p.value)
	}
	if !known {
		return r, false
	}
	return objectLine(root.appendJSON(nil), received), true
}

type pair struct {
	key   string
	value []byte // JSON
}

// maxPairs is how many pairs a line may have; one of more is a message.
const maxPairs = 1000

// readPairs reads key=value pairs. Keys and values may be quoted as Go quotes.
func readPairs(line string) (pairs []pair, ok bool) {
	for line != "" {
		if len(pairs) == maxPairs {
			return nil, false
		}
		key, rest, ok := cutText(line, "= \"")
		if !ok || key == "" || !strings.HasPrefix(rest, "=") {
			return nil, false
		}
		rest = rest[1:]
		quoted := strings.HasPrefix(rest, `"`)
		value, rest, ok := cutText(rest, " ")
		if !ok || rest != "" && rest[0] != ' ' {
			return nil, false
		}
		p := pair{key: key}
		if !quoted && (isNumber(value) || value == "true" || value == "false") {
			p.value = []byte(value)
		} else {
			p.value = appendQuoted(nil, value)
		}
		pairs = append(pairs, p)
		line = strings.TrimLeft(rest, " ")
	}
	return pairs, len(pairs) > 0
}

// cutText takes a text, quoted or ending before one of stops, from the beginning of s.
func cutText(s, stops string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, stops)
		if i < 0 {
			i = len(s)
		}
		return s[:i], s[i:], true
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", false
	}
	text, err = strconv.Unquote(quoted)
	return strings.ToValidUTF8(text, string(utf8.RuneError)), s[len(quoted):], err == nil
}

// A tree is an object that is being made of keys with dots, as slog's TextHandler writes groups.
type tree struct {
	names  []string
	values [][]byte // nil for a subtree
	groups []*tree
}

func (t *tree) set(key string, value []byte) {
	for range maxDepth / 2 {
		group, rest, nested := strings.Cut(key, ".")
		if !nested || group == "" || rest == "" {
			break
		}
		sub := t.group(group)
		if sub == nil {
			break // a value has that name
		}
		t, key = sub, rest
	}
	t.names, t.values, t.groups = append(t.names, key), append(t.values, value), append(t.groups, nil)
}

// group returns the subtree of that name, made if nothing has the name.
func (t *tree) group(name string) *tree {
	for i, have := range t.names {
		if have == name {
			return t.groups[i]
		}
	}
	sub := &tree{}
	t.names, t.values, t.groups = append(t.names, name), append(t.values, nil), append(t.groups, sub)
	return sub
}

func (t *tree) appendJSON(b []byte) []byte {
	b = append(b, '{')
	for i, name := range t.names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, name), ':')
		if t.groups[i] != nil {
			b = t.groups[i].appendJSON(b)
		} else {
			b = append(b, t.values[i]...)
		}
	}
	return append(b, '}')
}
