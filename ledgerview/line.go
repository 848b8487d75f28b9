package ledgerview

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// Names that loggers give to what every line has: slog, zap, zerolog, logrus, pino and their likes.
var (
	timeNames    = []string{"time", "ts", "timestamp", "@timestamp", "T"}
	levelKeys    = []string{"level", "lvl", "severity", "log.level", "L"}
	messageNames = []string{"msg", "message", "M"}
	errorNames   = []string{"error", "err"}
	stackNames   = []string{"stacktrace", "stack_trace", "errorVerbose", "stack", "S"}
	serviceNames = []string{"service", "service.name", "app"}
	placeNames   = []string{"environment", "env"}
	releaseNames = []string{"release", "version"}
)

// jsonLine makes a record of a line of JSON. It returns false when the line holds no object.
func jsonLine(line []byte, received time.Time) (r record, ok bool) {
	object, err := compactJSON(make([]byte, 0, len(line)), line)
	if err != nil || len(object) == 0 || object[0] != '{' {
		return r, false
	}
	return objectLine(object, received), true
}

// objectLine makes a record of an object, in the compact form, as a logger writes one for each record.
func objectLine(object []byte, received time.Time) record {
	r := record{time: received, received: received, level: levelInfo, labels: labels{protocol: "pipe"}}
	used := map[string]bool{}
	pick := func(names []string) (value []byte) {
		at := len(names)
		members(object, func(name, v []byte) bool {
			if i := slices.Index(names[:at], string(name[1:len(name)-1])); i >= 0 {
				at, value = i, v
			}
			return at > 0
		})
		if value != nil {
			used[names[at]] = true
		}
		return value
	}
	if v := pick(timeNames); v != nil {
		if at, ok := lineTime(v); ok {
			r.time = at
		} else {
			clear(used) // some other thing of that name
		}
	}
	if v := pick(levelKeys); v != nil {
		r.level = lineLevel(v)
	}
	r.message = leafText(pick(messageNames))
	if r.level >= levelError {
		r.stack = stackText(pick(stackNames))
	}
	taken := used
	used = map[string]bool{} // the rest stays among the attributes, too
	r.labels.service, r.labels.environment, r.labels.release = leafText(pick(serviceNames)), leafText(pick(placeNames)), leafText(pick(releaseNames))
	r.errorMessage = leafText(pick(errorNames))
	r.attributes = without(object, taken)
	r.classify()
	if r.message == "" {
		r.message = cmp.Or(r.errorMessage, string(object))
	}
	return r
}

// classify gives a line the type, the importance and the fingerprint that package ledger would have given it.
func (r *record) classify() {
	r.labels.logType, r.labels.importance = "logger", "standard"
	switch {
	case r.level == levelCritical:
		r.labels.importance = "critical"
	case r.level == levelError:
		r.labels.importance = "high"
	}
	if r.level < levelError {
		r.errorMessage = ""
	}
	if endpoint := member(r.attributes, "endpoint"); len(endpoint) > 0 && endpoint[0] == '{' {
		r.labels.logType = "endpoint"
		return
	}
	if r.level >= levelError && (r.errorMessage != "" || r.stack != "") {
		r.errorMessage = cmp.Or(r.errorMessage, r.message)
		r.errorType = cmp.Or(r.errorType, fixedPart(r.errorMessage))
		r.labels.logType = "exception"
		r.fingerprint = lineFingerprint(r.errorType, r.stack)
	}
}

// lineFingerprint groups what the server would not group, because it cannot read Go's own stacks, by the frames that
// are not the runtime's.
func lineFingerprint(kind, stack string) string {
	var text strings.Builder
	for _, f := range causeTree(kind, "", stack).Frames {
		if strings.HasPrefix(f.Func, "runtime.") || strings.HasPrefix(f.Func, "panic") || strings.HasPrefix(f.Func, "debug.") {
			continue
		}
		text.WriteString(`File "` + f.File + `", line ` + strconv.Itoa(f.Line) + "\n")
	}
	print, _ := ingest.Fingerprint(kind, text.String(), "go")
	return print
}

// fixedPart is what errors of one kind have in common: their text without numbers, quoted parts and paths.
func fixedPart(text string) string {
	const limit = 100
	var b strings.Builder
	text, _, _ = strings.Cut(text, "\n")
	for i, word := range strings.Fields(text) {
		if strings.ContainsAny(word, `0123456789"/\`) || strings.Contains(word, "'") {
			tail := ""
			if strings.HasSuffix(word, ":") {
				tail = ":"
			}
			word = "…" + tail
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if b.Len()+len(word) > limit {
			break
		}
		b.WriteString(word)
	}
	return strings.TrimSpace(b.String())
}

// leafText is the text of a string, a number or a boolean; of anything else its JSON.
func leafText(value []byte) string {
	switch {
	case len(value) == 0, string(value) == "null":
		return ""
	case value[0] == '"':
		return textOf(value)
	default:
		return string(value)
	}
}

// stackText is a stack as text: a string as it is, zerolog's list of frames a frame a line.
func stackText(value []byte) string {
	if len(value) == 0 || value[0] != '[' {
		return leafText(value)
	}
	var b strings.Builder
	elements(value, func(f []byte) bool {
		b.WriteString(`  File "` + leafText(member(f, "source")) + `", line ` + leafText(member(f, "line")) + ", in " + leafText(member(f, "func")) + "\n")
		return true
	})
	return b.String()
}

// without returns the object without the members of those names, or nil when none is left.
func without(object []byte, names map[string]bool) []byte {
	b := append(make([]byte, 0, len(object)), '{')
	members(object, func(name, value []byte) bool {
		if names[string(name[1:len(name)-1])] {
			return true
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, name...), ':'), value...)
		return true
	})
	if len(b) == 1 {
		return nil
	}
	return append(b, '}')
}

// timeLayouts are those in which loggers write times, beside RFC 3339.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700 MST",
}

var localLayouts = []string{
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006/01/02 15:04:05.999999999", "2006-01-02 15:04:05,999",
}

// lineTime reads a time: a text, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970.
func lineTime(value []byte) (at time.Time, ok bool) {
	text := leafText(value)
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return epochTime(text, n)
	}
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return saneTime(at)
		}
	}
	for _, layout := range localLayouts {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return saneTime(at)
		}
	}
	return at, false
}

func epochTime(text string, n float64) (time.Time, bool) {
	switch {
	case n < 1e8: // before 1973: no time at all
		return time.Time{}, false
	case n < 1e11:
		return saneTime(time.UnixMicro(int64(n * 1e6)))
	case n < 1e14:
		return saneTime(time.UnixMicro(int64(n * 1e3)))
	case n < 1e17:
		return saneTime(time.UnixMicro(int64(n)))
	case n < 9e18:
		nanos, err := strconv.ParseInt(text, 10, 64)
		return time.Unix(0, nanos), err == nil
	default:
		return time.Time{}, false
	}
}

func saneTime(at time.Time) (time.Time, bool) { return at, at.Year() >= 1 && at.Year() <= 9999 }

// lineLevel reads a level: a name, slog's name with an offset, or pino's number.
func lineLevel(value []byte) level {
	text := strings.ToLower(strings.TrimSpace(leafText(value)))
	if l, ok := lineLevels[text]; ok {
		return l
	}
	if n, err := strconv.Atoi(text); err == nil { // pino and bunyan
		switch {
		case n >= 60:
			return levelCritical
		case n >= 50:
			return levelError
		case n >= 40:
			return levelWarning
		case n >= 30:
			return levelInfo
		default:
			return levelDebug
		}
	}
	if i := strings.IndexAny(text, "+-"); i > 0 {
		base, ok := map[string]int{"debug": -4, "info": 0, "warn": 4, "error": 8}[text[:i]]
		offset, err := strconv.Atoi(text[i:])
		if ok && err == nil {
			return slogLevel(base + offset)
		}
	}
	return levelInfo
}

// slogLevel maps a slog.Level as package ledger does.
func slogLevel(n int) level {
	switch {
	case n < 0:
		return levelDebug
	case n < 4:
		return levelInfo
	case n < 8:
		return levelWarning
	case n < 12:
		return levelError
	default:
		return levelCritical
	}
}

// lineLevels are names of levels in logs.
var lineLevels = map[string]level{
	"trace": levelDebug, "debug": levelDebug, "info": levelInfo, "information": levelInfo, "notice": levelInfo,
	"warn": levelWarning, "warning": levelWarning, "error": levelError, "err": levelError,
	"critical": levelCritical, "crit": levelCritical, "fatal": levelCritical, "panic": levelCritical, "dpanic": levelCritical,
	"alert": levelCritical, "emergency": levelCritical,
}

// trimLine takes a line's end away, and the colours that programs give to what they think is a terminal.
func trimLine(line []byte) []byte {
	line = bytes.TrimRight(line, "\r\n")
	if bytes.IndexByte(line, 0x1b) < 0 {
		return line
	}
	plain := make([]byte, 0, len(line))
	for i := 0; i < len(line); {
		if end := colourEnd(line[i:]); end > 0 {
			i += end
			continue
		}
		plain = append(plain, line[i])
		i++
	}
	return plain
}

// colourEnd returns the length of the sequence ESC [ … m that b begins with, or 0.
func colourEnd(b []byte) int {
	if len(b) < 3 || b[0] != 0x1b || b[1] != '[' {
		return 0
	}
	for i := 2; i < len(b); i++ {
		switch c := b[i]; {
		case c == 'm':
			return i + 1
		case c != ';' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}
