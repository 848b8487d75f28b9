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
		if t := stripMethod(guard("", func() string { return m.route(r) })); t != "" {
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
	path, _ := requestTarget(r)
	if prefix, ok := strings.CutSuffix(outer.path, path); ok && prefix != "" {
		template = m.normalizer.path(prefix) + template
	}
	params := appendPathParams(nil, r)
	outer.add(func(a *additions) {
		if !a.explicitParams {
			a.params = params
		}
		if !a.explicit {
			a.template = template
		}
	})
}

// stripPattern returns the path of a pattern of [http.ServeMux], which may begin
// with a method and a host.
func stripPattern(pattern string) string {
	path := stripMethod(pattern)
	if i := strings.IndexByte(path, '/'); i > 0 {
		path = path[i:]
	}
	return path
}

// stripMethod returns the template without the method it may begin with, and
// without the "{$}" with which the mux marks the end of a path.
func stripMethod(template string) string {
	if method, rest, ok := strings.Cut(template, " "); ok && isToken(method) {
		template = strings.TrimLeft(rest, " \t")
	}
	return strings.TrimSuffix(template, "{$}")
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

// wildcard returns the name of the first wildcard in the pattern of a request
// and what follows it. The name is "" at the end.
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
		name, _, _ = strings.Cut(name, ":") // chi has "{id:[0-9]+}"
		if name = strings.TrimSuffix(name, "..."); name != "" && name != "$" {
			return name, rest
		}
		pattern = rest
	}
}

// appendPathParams appends the values of the wildcards in the request's pattern,
// not masked yet.
func appendPathParams(attrs []slog.Attr, r *http.Request) []slog.Attr {
	for name, rest := wildcard(r.Pattern); name != ""; name, rest = wildcard(rest) {
		attrs = append(attrs, slog.String(name, r.PathValue(name)))
	}
	return attrs
}

// appendMasked appends path parameters with the values of those masked that are
// not safe.
func (m *middleware) appendMasked(attrs, params []slog.Attr) []slog.Attr {
	for _, p := range params {
		value := p.Value.String()
		if value != "" && !m.safe(p.Key) || isJWT(value) {
			value = mask
		}
		attrs = append(attrs, slog.String(p.Key, printable(value, maxParam)))
	}
	return attrs
}
