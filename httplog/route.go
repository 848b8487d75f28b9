package httplog

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A route is what is known of the route that was matched for a request. It is
// not changed.
type route struct {
	template   string   // as it is logged, or "" when no route was matched
	matchesAll bool     // it says nothing about the request
	prefix     bool     // a router inside may know better
	params     []string // names of the wildcards in the pattern of the request
}

// noRoute is that of a request that no route was matched for.
var noRoute = &route{matchesAll: true, prefix: true}

// newRoute returns a route with that template, as it is logged.
func (m *middleware) newRoute(template string, params []string) *route {
	template = printable(m.opts.TemplateStyle.rewrite(template), maxFullPath)
	if template == "" {
		return &route{matchesAll: true, prefix: true, params: params}
	}
	return &route{template, matchesAll(template), isPrefix(template), params}
}

// patterns remembers the routes of patterns. A router has few, but a handler
// may set any.
type patterns struct {
	known  atomic.Pointer[map[string]*route] // not changed but replaced
	adding sync.Mutex
}

// maxPatterns is how many patterns are remembered.
const maxPatterns = 1000

// ofPattern returns the route of the pattern of a request.
func (m *middleware) ofPattern(pattern string) *route {
	if pattern == "" {
		return noRoute
	}
	known := m.patterns.known.Load()
	if known != nil {
		if r, ok := (*known)[pattern]; ok {
			return r
		}
	}
	r := m.newRoute(stripPattern(pattern), wildcards(pattern))
	if known != nil && len(*known) >= maxPatterns {
		return r
	}
	m.patterns.adding.Lock()
	defer m.patterns.adding.Unlock()
	more := map[string]*route{}
	if known = m.patterns.known.Load(); known != nil {
		more = maps.Clone(*known)
	}
	more[pattern] = r
	m.patterns.known.Store(&more)
	return r
}

// match returns the route that was matched for r. told is what SetRoute said, or
// an inner Middleware.
func (m *middleware) match(r *http.Request, told string) *route {
	matched := m.ofPattern(r.Pattern)
	if m.opts.Route != nil {
		if t := stripMethod(guard("", func() string { return m.opts.Route(r) })); t != "" {
			return m.newRoute(t, matched.params)
		}
	}
	if told != "" && matched.prefix {
		return m.newRoute(told, matched.params)
	}
	return matched
}

// tellRoute tells the Middleware around this one which route was matched, and its
// parameters. That one masks them.
func (m *middleware) tellRoute(outer *exchange, r *http.Request) {
	route := m.match(r, "")
	params := m.askedParams(r)
	if len(params) == 0 {
		for _, name := range route.params {
			params = append(params, slog.String(name, r.PathValue(name)))
		}
	}
	template := route.template
	if template == "" && len(params) == 0 {
		return
	}
	// What http.StripPrefix took off belongs to the template too.
	path, _ := requestTarget(r)
	if prefix, ok := strings.CutSuffix(outer.path, path); ok && prefix != "" && template != "" {
		template = string(m.normalizer.appendPath(nil, prefix)) + template
	}
	outer.add(func(a *additions) {
		if !a.explicitParams {
			a.params = params
		}
		if !a.explicit && template != "" {
			a.template = template
		}
	})
}

// askedParams returns what Options.PathParams says of the request, by name, not
// masked yet.
func (m *middleware) askedParams(r *http.Request) []slog.Attr {
	if m.opts.PathParams == nil {
		return nil
	}
	values := guard(nil, func() map[string]string { return m.opts.PathParams(r) })
	params := make([]slog.Attr, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		params = append(params, slog.String(name, values[name]))
	}
	return params
}

// appendPathParams appends the path parameters of the request, with the values
// of those masked that are not safe.
func (m *middleware) appendPathParams(attrs []slog.Attr, r *http.Request, route *route, added *additions) []slog.Attr {
	params := m.askedParams(r)
	if len(params) == 0 {
		params = added.params
	}
	for _, p := range params {
		attrs = m.appendParam(attrs, p.Key, p.Value.String())
	}
	if len(params) > 0 {
		return attrs
	}
	for _, name := range route.params {
		attrs = m.appendParam(attrs, name, r.PathValue(name))
	}
	return attrs
}

func (m *middleware) appendParam(attrs []slog.Attr, name, value string) []slog.Attr {
	if value != "" && !m.safe(name) || isJWT(value) {
		value = mask
	}
	return appendString(attrs, name, printable(value, maxParam))
}
