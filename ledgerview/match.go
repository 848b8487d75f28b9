package ledgerview

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A matcher tells whether a record is wanted.
type matcher func(*cursor) bool

func matchAll(all []matcher) matcher {
	if len(all) == 1 {
		return all[0]
	}
	return func(c *cursor) bool {
		for _, m := range all {
			if !m(c) {
				return false
			}
		}
		return true
	}
}

func matchAny(any []matcher) matcher {
	if len(any) == 1 {
		return any[0]
	}
	return func(c *cursor) bool {
		for _, m := range any {
			if m(c) {
				return true
			}
		}
		return false
	}
}

func matchNot(m matcher) matcher { return func(c *cursor) bool { return !m(c) } }

// matchWord looks for text in all values of a record.
func matchWord(text string) matcher {
	n := newNeedle(text)
	escaped := appendQuoted(nil, text)
	inJSON := newNeedle(string(escaped[1 : len(escaped)-1]))
	in := func(s string) bool { return n.in([]byte(s)) }
	return func(c *cursor) bool {
		t := c.texts()
		if n.in(t.message) {
			return true
		}
		if inJSON.in(t.attributes) && !c.walk.leaves(t.attributes, func(_, value []byte) bool {
			return !n.in(c.valueText(value))
		}) {
			return true
		}
		if f := c.failure(); f != nil && (n.in(t.errorMessage) || in(f.kind) || n.in(t.stack)) {
			return true
		}
		l := c.labels()
		return in(levelNames[c.row.level]) || in(l.service) || in(l.environment) || in(l.release) || n.in(t.logID)
	}
}

// valueText is the text of a leaf.
func (c *cursor) valueText(value []byte) []byte {
	if value[0] != '"' {
		return value
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	c.scratch = append(c.scratch[:0], unquote(value, nil)...)
	return c.scratch
}

// A valueTest compares one value with what a query demands.
type valueTest struct {
	lower   string
	pattern pattern // instead of lower
	compare func(a, b float64) bool
	number  float64
}

func (t *valueTest) text(text []byte) bool {
	switch {
	case t.compare != nil:
		f, err := strconv.ParseFloat(string(text), 64)
		return err == nil && t.compare(f, t.number)
	case t.pattern != nil:
		return t.pattern.matches(text)
	default:
		return equalFold(text, t.lower)
	}
}

var comparisons = []struct {
	sign  string
	holds func(a, b float64) bool
}{
	{">=", func(a, b float64) bool { return a >= b }},
	{"<=", func(a, b float64) bool { return a <= b }},
	{">", func(a, b float64) bool { return a > b }},
	{"<", func(a, b float64) bool { return a < b }},
}

// cutComparison takes a sign of comparison from the beginning of an unquoted value.
func cutComparison(t *token) (holds func(a, b float64) bool, rest string, at int) {
	if !t.quoted {
		for _, c := range comparisons {
			if rest, ok := strings.CutPrefix(t.text, c.sign); ok {
				return c.holds, rest, t.valueAt + len(c.sign)
			}
		}
	}
	return nil, t.text, t.valueAt
}

// levelRanks are the names by which a level may be called.
var levelRanks = map[string]level{
	"debug": levelDebug, "trace": levelDebug, "info": levelInfo, "warn": levelWarning, "warning": levelWarning,
	"error": levelError, "err": levelError, "critical": levelCritical, "crit": levelCritical, "fatal": levelCritical,
}

// compilePair compiles key:value.
func compilePair(t *token) (matcher, *queryError) {
	if t.text == "" && !t.quoted {
		return nil, &queryError{t.key + ": needs a value", t.at}
	}
	switch t.key {
	case "has":
		return matchHas(t.text), nil
	case "level":
		return compileLevel(t)
	case "verdict":
		return compileVerdict(t)
	}
	test, fault := compileValue(t)
	if fault != nil {
		return nil, fault
	}
	return matchKey(t.key, &test), nil
}

func compileValue(t *token) (test valueTest, fault *queryError) {
	holds, rest, at := cutComparison(t)
	switch {
	case holds != nil && (t.key == "time" || t.key == "received"):
		when, err := time.Parse(time.RFC3339Nano, rest)
		if err != nil {
			return test, &queryError{"a time such as 2026-01-02T15:04:05Z is needed here", at}
		}
		return valueTest{compare: holds, number: float64(when.UnixMicro())}, nil
	case holds != nil:
		number, err := strconv.ParseFloat(rest, 64)
		if err != nil {
			return test, &queryError{fmt.Sprintf("%s needs a number after it", t.text[:len(t.text)-len(rest)]), at}
		}
		return valueTest{compare: holds, number: number}, nil
	case !t.quoted && strings.Contains(t.text, "*"):
		return valueTest{pattern: newPattern(t.text)}, nil
	default:
		return valueTest{lower: strings.ToLower(t.text)}, nil
	}
}

func compileLevel(t *token) (matcher, *queryError) {
	holds, name, at := cutComparison(t)
	rank, ok := levelRanks[strings.ToLower(name)]
	var wanted [levelCount]bool
	switch {
	case ok && holds != nil:
		for l := range wanted {
			wanted[l] = holds(float64(l), float64(rank))
		}
	case ok:
		wanted[rank] = true
	case holds == nil && !t.quoted && strings.Contains(name, "*"):
		p := newPattern(name)
		for l := range wanted {
			wanted[l] = p.matches([]byte(levelNames[l]))
		}
	default:
		return nil, &queryError{fmt.Sprintf("no level %q: debug, info, warn, error or critical", name), at}
	}
	return func(c *cursor) bool { return wanted[c.row.level] }, nil
}

func compileVerdict(t *token) (matcher, *queryError) {
	word := strings.ToLower(t.text)
	flag, ok := noteFlags[word]
	switch {
	case ok:
		return func(c *cursor) bool { return c.row.flags&flag != 0 }, nil
	case word == "accepted":
		return func(c *cursor) bool { return c.row.flags&flagRefused == 0 }, nil
	case word == noteRedelivered:
		return func(c *cursor) bool {
			n, _ := c.mark()
			return n > 0
		}, nil
	default:
		return nil, &queryError{fmt.Sprintf("no verdict %q: accepted, refused, cut, masked, lost, analytics, forwarded or redelivered", t.text), t.valueAt}
	}
}
