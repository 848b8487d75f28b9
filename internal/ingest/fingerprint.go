package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// fingerprintLength is that of a fingerprint in hex.
const fingerprintLength = 2 * sha256.Size

// A Frame is one frame of a stack trace.
type Frame struct {
	Func string // "" when the trace does not say
	File string
	Line int
}

// Patterns of frames. Python's allows colons in a path; the func after it is not the server's, who needs only file
// and line.
var (
	pythonFrame = regexp.MustCompile(`File "([^"]+)", line (\d+)(?:, in ([^\n]+))?`)
	nodeFrame   = regexp.MustCompile(`at (.+) \(([^:]+):(\d+):\d+\)`)
	javaFrame   = regexp.MustCompile(`at (.+)\(([^:]+):(\d+)\)`)
)

// Frames returns the frames that the server finds in a stack trace: those of the first of its patterns (Python,
// Node, Java) that finds any. A trace as Go's runtime prints it has none.
func Frames(stack string) []Frame {
	for _, style := range []struct {
		pattern          *regexp.Regexp
		sign             string // what every frame has
		name, file, line int    // groups of the pattern
	}{{pythonFrame, `File "`, 3, 1, 2}, {nodeFrame, "at ", 1, 2, 3}, {javaFrame, "at ", 1, 2, 3}} {
		if !strings.Contains(stack, style.sign) {
			continue
		}
		var frames []Frame
		for _, m := range style.pattern.FindAllStringSubmatch(stack, -1) {
			line, _ := strconv.Atoi(m[style.line])
			frames = append(frames, Frame{strings.TrimSpace(m[style.name]), m[style.file], line})
		}
		if frames != nil {
			return frames
		}
	}
	return nil
}

// Fingerprint returns by what the server groups errors, and the frames of the trace: the SHA-256 of the type, the
// first three frames and the platform. The message is not part of it.
func Fingerprint(errorType, stack, platform string) (fingerprint string, frames []Frame) {
	frames = Frames(stack)
	var places []string
	for _, f := range frames[:min(3, len(frames))] {
		places = append(places, f.File+":"+strconv.Itoa(f.Line))
	}
	if platform == "" {
		platform = "unknown"
	}
	sum := sha256.Sum256([]byte(errorType + ":" + strings.Join(places, "|") + ":" + platform))
	return hex.EncodeToString(sum[:]), frames
}

// Fingerprint returns the entry's fingerprint and frames, or "" when the server does not group it: only exceptions
// with a stack trace are.
func (e *Entry) Fingerprint() (fingerprint string, frames []Frame) {
	if !e.grouped() {
		return "", nil
	}
	return Fingerprint(e.ErrorType, e.StackTrace, e.Platform)
}

func (e *Entry) grouped() bool { return e.LogType == "exception" && e.StackTrace != "" }
