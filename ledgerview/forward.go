package ledgerview

import (
	"net/http"
	"net/http/httputil"
	"net/url"
)

// newForward returns a proxy to a real server.
func (v *Viewer) newForward(target *url.URL) http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
}
