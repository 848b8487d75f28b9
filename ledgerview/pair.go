package ledgerview

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

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
