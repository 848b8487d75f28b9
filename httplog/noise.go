package httplog

import (
	"path"
	"slices"
	"strings"
)

// What scanners and bots ask every server for.
var (
	noisePaths      = []string{"/robots.txt", "/favicon.ico"}
	noisePrefixes   = []string{"/.git/", "/.env", "/.aws/", "/.ssh/", "/.well-known/", "/wp-admin/", "/wp-content/", "/wp-includes/"}
	noiseExtensions = []string{".php", ".asp", ".aspx", ".jsp", ".cgi"}
)

// A noise says which paths are not worth a record unless a route was matched.
// A nil noise matches nothing.
type noise struct {
	paths      map[string]struct{}
	prefixes   []string
	extensions []string  // with the dot
	second     [256]bool // second bytes of what a path or a prefix matches, in lower case
}

func newNoise(opts *Options) *noise {
	n := &noise{
		paths:      newSet(slices.Concat(noisePaths, opts.IgnoredPaths)),
		prefixes:   slices.Concat(noisePrefixes, opts.IgnoredPrefixes),
		extensions: slices.Clone(noiseExtensions),
	}
	for _, e := range opts.IgnoredExtensions {
		if e = strings.TrimLeft(e, "*."); e != "" {
			n.extensions = append(n.extensions, "."+e)
		}
	}
	for p := range n.paths {
		n.expect(p)
	}
	for _, p := range n.prefixes {
		n.expect(p)
	}
	return n
}

// expect notes the second byte of a path or prefix.
func (n *noise) expect(p string) {
	if len(p) > 1 {
		n.second[lower(p[1])] = true
		return
	}
	for i := range n.second { // matches whatever comes second
		n.second[i] = true
	}
}

// match reports whether the path, decoded, is noise as it is, or when it is
// cleaned of repeated slashes and dot segments.
func (n *noise) match(p string) bool {
	if n == nil {
		return false
	}
	if n.matchClean(p) {
		return true
	}
	for i := 1; i < len(p); i++ {
		if p[i-1] == '/' && (p[i] == '/' || p[i] == '.') {
			return n.matchClean(path.Clean("/" + p))
		}
	}
	return false
}

func (n *noise) matchClean(p string) bool {
	if len(p) < 2 || n.second[lower(p[1])] {
		if _, ok := n.paths[p]; ok {
			return true
		}
		for _, prefix := range n.prefixes {
			if hasPrefixFold(p, prefix) {
				return true
			}
			// "/wp-admin" asks for the same as "/wp-admin/".
			if directory, ok := strings.CutSuffix(prefix, "/"); ok && directory != "" && strings.EqualFold(p, directory) {
				return true
			}
		}
	}
	dot := strings.LastIndexByte(p, '.')
	if dot < 0 {
		return false
	}
	for _, extension := range n.extensions {
		if i := len(p) - len(extension); i >= 0 && i <= dot && strings.EqualFold(p[i:], extension) {
			return true
		}
	}
	return false
}

func hasPrefixFold(s, prefix string) bool {
	return prefix != "" && len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// lower returns the letter in lower case, and other bytes in a way of their own
// that is the same for equal bytes.
func lower(c byte) byte { return c | 0x20 }

func newSet(keys []string) map[string]struct{} {
	set := make(map[string]struct{}, len(keys))
	for _, key := range keys {
		set[key] = struct{}{}
	}
	return set
}
