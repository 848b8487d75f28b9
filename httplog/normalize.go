package httplog

import (
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A TemplateStyle is a way to write the placeholder for an id in a path.
type TemplateStyle int

// The template styles.
const (
	CurlyTemplate TemplateStyle = iota // "{id}", the default
	ColonTemplate                      // ":id"
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

// Limits in bytes, which are at least as many characters.
const (
	maxPath  = 2047 // The Ledger server takes an entry with a longer path and loses it.
	maxQuery = 2047 // A query is no more telling than a path.
	maxParam = 512  // A path parameter is a word or an id.
)

// truncated ends a text that was cut, as it does in package ledger.
const truncated = "… [truncated]"

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

// path returns the path to log for a path that no route was matched for. It is
// printable and at most maxPath bytes long.
func (n *normalizer) path(path string) string {
	switch {
	case n.raw:
	case n.patterns != nil:
		// Regular expressions are linear but slow; what does not fit into the
		// record need not be looked at.
		path = path[:min(len(path), 4*maxPath)]
		for _, p := range n.patterns {
			path = p.Regexp.ReplaceAllString(path, p.Replacement)
		}
	default:
		path = n.replaceIDs(path)
	}
	return printable(path, maxPath)
}

// replaceIDs puts the placeholder for every segment that is an id. A long path
// is cut, though not short enough yet.
func (n *normalizer) replaceIDs(path string) string {
	var b strings.Builder // used from the first id on
	copied := 0           // what of path is in b
	for start := 0; start < len(path) && b.Len()+start-copied <= maxPath; {
		end := len(path)
		if i := strings.IndexByte(path[start:], '/'); i >= 0 {
			end = start + i
		}
		if isDynamic(path[start:end]) {
			b.WriteString(path[copied:start])
			b.WriteString(n.placeholder)
			copied = end
		}
		start = end + 1
	}
	if copied == 0 {
		return path
	}
	b.WriteString(path[copied:])
	return b.String()
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

// printable returns s fit for every log: invalid UTF-8, control characters and
// others that do not show are percent-encoded, and what exceeds limit bytes is
// cut at a character.
func printable(s string, limit int) string {
	if len(s) <= limit && isPrintableASCII(s) {
		return s
	}
	b := make([]byte, 0, min(len(s)+16, limit))
	fits := 0 // the length of b that leaves room for truncated
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		shown := unicode.IsPrint(r) && (r != utf8.RuneError || size > 1)
		need := size
		if !shown {
			need = 3 * size
		}
		if len(b)+need > limit {
			return string(append(b[:fits], truncated...))
		}
		if shown {
			b = append(b, s[i:i+size]...)
		} else {
			for _, c := range []byte(s[i : i+size]) {
				b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
			}
		}
		if len(b)+len(truncated) <= limit {
			fits = len(b)
		}
		i += size
	}
	return string(b)
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
