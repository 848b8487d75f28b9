package httplog

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// template returns the template of the route that was matched for r, or "".
// told is what SetRoute said, or an inner Middleware.
func (m *middleware) template(r *http.Request, told string) string {
	if m.route != nil {
		if t := stripMethod(guard("", func() string { return m.route(r) })); t != "" {
			return m.styled(t)
		}
	}
	t := stripPattern(r.Pattern)
	if told != "" && (t == "" || isPrefix(t)) {
		t = told
	}
	return m.styled(t)
}

// styled returns a template of a router as it is logged.
func (m *middleware) styled(template string) string {
	return printable(m.style.rewrite(template), maxFullPath)
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
		template = string(m.normalizer.appendPath(nil, prefix)) + template
	}
	params := patternParams(r)
	outer.add(func(a *additions) {
		if !a.explicitParams {
			a.params = params
		}
		if !a.explicit {
			a.template = template
		}
	})
}

// appendPathParams appends the path parameters of the request, with the values
// of those masked that are not safe.
func (m *middleware) appendPathParams(attrs []slog.Attr, r *http.Request, added *additions) []slog.Attr {
	if m.pathParams != nil {
		params := guard(nil, func() map[string]string { return m.pathParams(r) })
		for _, name := range slices.Sorted(maps.Keys(params)) {
			attrs = append(attrs, m.pathParam(name, params[name]))
		}
		if len(params) > 0 {
			return attrs
		}
	}
	for _, p := range added.params {
		attrs = append(attrs, m.pathParam(p.Key, p.Value.String()))
	}
	if len(added.params) > 0 {
		return attrs
	}
	for name, rest := wildcard(r.Pattern); name != ""; name, rest = wildcard(rest) {
		attrs = append(attrs, m.pathParam(name, r.PathValue(name)))
	}
	return attrs
}

func (m *middleware) pathParam(name, value string) slog.Attr {
	if value != "" && !m.safe(name) || isJWT(value) {
		value = mask
	}
	return slog.String(name, printable(value, maxParam))
}

// patternParams returns the path parameters in the pattern of a request, not
// masked yet.
func patternParams(r *http.Request) []slog.Attr {
	var params []slog.Attr
	for name, rest := wildcard(r.Pattern); name != ""; name, rest = wildcard(rest) {
		params = append(params, slog.String(name, r.PathValue(name)))
	}
	return params
}
