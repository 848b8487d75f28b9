package httplog

import (
	"net/http"
	"regexp"
	"strings"
)

// A Pattern is one rule of normalisation: every match of Regexp in a path is
// replaced by Replacement, in which $1 stands for the first submatch, as in
// [regexp.Regexp.ReplaceAllString]. A Pattern without Regexp does nothing.
//
//	httplog.Pattern{Regexp: regexp.MustCompile(`^/u/[^/]+`), Replacement: "/u/{name}"}
type Pattern struct {
	Regexp      *regexp.Regexp
	Replacement string
}

// A normalizer makes paths that no route was matched for countable.
type normalizer struct {
	raw         bool
	patterns    []Pattern // nil: the default rules
	placeholder string
}

func newNormalizer(opts *Options) normalizer {
	n := normalizer{raw: opts.RawPaths, placeholder: "{id}"}
	if opts.TemplateStyle == ColonTemplate {
		n.placeholder = ":id"
	}
	if len(opts.Patterns) > 0 {
		n.patterns = make([]Pattern, 0, len(opts.Patterns))
	}
	for _, p := range opts.Patterns {
		if p.Regexp != nil {
			n.patterns = append(n.patterns, p)
		}
	}
	return n
}

// appendPath appends the path to log for a path that no route was matched for.
// It is printable and at most maxFullPath bytes long.
func (n *normalizer) appendPath(b []byte, path string) []byte {
	switch {
	case n.raw:
	case n.patterns != nil:
		// Regular expressions are linear but slow; what does not fit into the
		// record need not be looked at.
		path = path[:min(len(path), maxFullPath+1)]
		for _, p := range n.patterns {
			path = p.Regexp.ReplaceAllString(path, p.Replacement)
		}
	default:
		start := len(b)
		b = n.appendTemplate(b, path)
		if len(b)-start <= maxFullPath && isPrintableASCII(b[start:]) {
			return b
		}
		path, b = string(b[start:]), b[:start]
	}
	return appendPrintable(b, path, maxFullPath)
}

// appendTemplate appends the path with the placeholder for every segment that
// is an id. It stops soon after maxFullPath bytes.
func (n *normalizer) appendTemplate(b []byte, path string) []byte {
	full := len(b) + maxFullPath
	copied := 0 // what of path is in b
	for start := 0; start < len(path) && len(b)+start-copied <= full; {
		end := len(path)
		if i := strings.IndexByte(path[start:], '/'); i >= 0 {
			end = start + i
		}
		if isDynamic(path[start:end]) {
			b = append(b, path[copied:start]...)
			b = append(b, n.placeholder...)
			copied = end
		}
		start = end + 1
	}
	return append(b, path[copied:min(len(path), copied+maxFullPath+1)]...)
}

// longSegment is the length from which on a segment with a digit is an id: the
// common ids (UUIDs, ULIDs, KSUIDs, nanoids, hashes) have 20 characters or
// more, and few readable slugs with a digit do.
const longSegment = 20

// isDynamic reports whether a segment of a path is an id.
func isDynamic(segment string) bool {
	digits, hexadecimals, others, foreign := 0, 0, 0, 0
	for i := range len(segment) {
		switch c := segment[i]; {
		case isDigit(c):
			digits++
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			hexadecimals++
		case isAlphanumeric(c), c == '_', c == '-':
			others++
		default:
			foreign++
		}
	}
	if foreign > 0 {
		return isJWT(segment)
	}
	switch n := len(segment); {
	case digits == n:
		return n > 0
	case n == 24 && others == 0:
		return true
	case n >= longSegment && digits > 0:
		return true
	}
	return len(segment) == 36 && others == 4 &&
		segment[8] == '-' && segment[13] == '-' && segment[18] == '-' && segment[23] == '-'
}

// isJWT reports whether s looks like a JSON web token: base64 of a JSON object,
// a dot, and more.
func isJWT(s string) bool {
	return len(s) >= longSegment && strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") >= 2
}

// requestTarget returns the decoded path of the request, "/" when it is empty,
// and its query.
func requestTarget(r *http.Request) (path, query string) {
	if r.URL == nil {
		return "/", ""
	}
	if r.URL.Path == "" {
		return "/", r.URL.RawQuery
	}
	return r.URL.Path, r.URL.RawQuery
}
