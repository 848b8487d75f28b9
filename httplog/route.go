package httplog

import (
	"log/slog"
	"net/http"
	"strings"
)

// template returns the template of the route that was matched for r, or "".
// told is what SetRoute said, or an inner Middleware.
func (m *middleware) template(r *http.Request, told string) string {
	if m.route != nil {
		if t := stripPattern(guard("", func() string { return m.route(r) })); t != "" {
			return printable(t, maxPath)
		}
	}
	t := stripPattern(r.Pattern)
	if told != "" && (t == "" || isPrefix(t)) {
		t = told
	}
	return printable(t, maxPath)
}

// tellRoute tells the Middleware around this one which route was matched.
func (m *middleware) tellRoute(outer *exchange, r *http.Request) {
	template := m.template(r, "")
	if template == "" {
		return
	}
	// What http.StripPrefix took off belongs to the template too.
	if prefix, ok := strings.CutSuffix(outer.path, requestPath(r)); ok && prefix != "" {
		template = m.normalizer.path(prefix) + template
	}
	outer.tell(template, m.appendPathParams(nil, r))
}

// stripPattern returns the path of a pattern of [http.ServeMux]: without the
// method and the host, and without the "{$}" that only ends it. Templates of
// other routers stay as they are.
func stripPattern(pattern string) string {
	if method, rest, ok := strings.Cut(pattern, " "); ok && isToken(method) {
		pattern = strings.TrimLeft(rest, " \t")
	}
	if i := strings.IndexByte(pattern, '/'); i > 0 && isHost(pattern[:i]) {
		pattern = pattern[i:]
	}
	return strings.TrimSuffix(pattern, "{$}")
}

// isHost reports whether s looks like the host in a pattern rather than the
// first segment of a relative template.
func isHost(s string) bool {
	return strings.ContainsAny(s, ".:") && !strings.ContainsAny(s, "{}*") && s[0] != ':' || s == "localhost"
}

// isPrefix reports whether the template matches all that is below it, so that
// a router inside may know better.
func isPrefix(template string) bool {
	return strings.HasSuffix(template, "/") || strings.HasSuffix(template, "...}") || strings.HasSuffix(template, "*")
}

// matchesAll reports whether the template matches every path, so that matching
// it says nothing about the request.
func matchesAll(template string) bool {
	return template == "/" || template == "/*" || strings.HasPrefix(template, "/{") &&
		strings.HasSuffix(template, "...}") && strings.Count(template, "/") == 1
}

// wildcard returns the name of the first wildcard in a pattern of
// [http.ServeMux] and what follows it. The name is "" at the end.
func wildcard(pattern string) (name, rest string) {
	for {
		_, after, ok := strings.Cut(pattern, "{")
		if !ok {
			return "", ""
		}
		name, rest, ok = strings.Cut(after, "}")
		if !ok {
			return "", ""
		}
		if name = strings.TrimSuffix(name, "..."); name != "" && name != "$" {
			return name, rest
		}
		pattern = rest
	}
}

// countWildcards returns the number of wildcards in a pattern.
func countWildcards(pattern string) int {
	n := 0
	for name, rest := wildcard(pattern); name != ""; name, rest = wildcard(rest) {
		n++
	}
	return n
}

// appendPathParams appends the values of the wildcards that the mux matched.
func (m *middleware) appendPathParams(attrs []slog.Attr, r *http.Request) []slog.Attr {
	for name, rest := wildcard(r.Pattern); name != ""; name, rest = wildcard(rest) {
		value := r.PathValue(name)
		if value != "" && !m.safe(name) || isJWT(value) {
			value = mask
		}
		attrs = append(attrs, slog.String(name, printable(value, maxParam)))
	}
	return attrs
}
