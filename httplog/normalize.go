package httplog

import (
	"net/http"
	"regexp"
	"slices"
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
		n.patterns = slices.DeleteFunc(slices.Clone(opts.Patterns), func(p Pattern) bool { return p.Regexp == nil })
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
	case len(path) <= maxFullPath/len("{id}") && isPrintableASCII(path): // it cannot grow too long
		return n.appendTemplate(b, path)
	default:
		path = string(n.appendTemplate(nil, path))
	}
	return appendPrintable(b, path, maxFullPath)
}

// appendTemplate appends the path with the placeholder for every segment that
// is an id. It stops soon after maxFullPath bytes.
func (n *normalizer) appendTemplate(b []byte, path string) []byte {
	full := len(b) + maxFullPath
	copied, start := 0, 0 // copied: what of path is in b; start: of the segment
	var seen class
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			seen |= classes[path[i]]
			continue
		}
		if isDynamic(path[start:i], seen) {
			b = append(b, path[copied:start]...)
			b = append(b, n.placeholder...)
			copied = i
		}
		if start, seen = i+1, 0; len(b)+start-copied > full {
			break
		}
	}
	return append(b, path[copied:min(len(path), copied+maxFullPath+1)]...)
}

// longSegment is the length from which on a segment with a digit is an id: the
// common ids (UUIDs, ULIDs, KSUIDs, nanoids, hashes) have 20 characters or
// more, and few readable slugs with a digit do.
const longSegment = 20

// A class is a set of the kinds of characters that a segment has.
type class uint8

const (
	digit     class = 1 << iota
	hexLetter       // a to f
	word            // other letters, "_" and "-"
	foreign         // the rest
)

// classes holds the class of each byte.
var classes = func() (classes [256]class) {
	for c := range classes {
		switch c := byte(c); {
		case isDigit(c):
			classes[c] = digit
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			classes[c] = hexLetter
		case isAlphanumeric(c), c == '_', c == '-':
			classes[c] = word
		default:
			classes[c] = foreign
		}
	}
	return classes
}()

// isDynamic reports whether a segment of a path is an id. seen are the classes
// of its characters.
func isDynamic(segment string, seen class) bool {
	n := len(segment)
	switch {
	case seen == digit:
		return true
	case n < longSegment:
		return false
	case seen&foreign != 0:
		return isJWT(segment)
	case seen&digit != 0, n == 24 && seen == hexLetter:
		return true
	}
	return n == 36 && uuidOfLetters.MatchString(segment)
}

// uuidOfLetters is a UUID without digits.
var uuidOfLetters = regexp.MustCompile(`^(?i)[a-f]{8}(-[a-f]{4}){3}-[a-f]{12}$`)

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
