package baseurl

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Warnings says what is allowed in a URL, but likely a mistake.
func Warnings(u *url.URL) (warnings []string) {
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		warnings = append(warnings, "BaseURL is plain http: the API key and the logs cross the network unencrypted")
	}
	if text := ingestPath(u); text != "" {
		warnings = append(warnings, text)
	}
	return warnings
}

// Mistake says what is wrong with a URL where an answer came from no ingest endpoint. It
// is certain where the URL itself shows it, and otherwise likely.
func Mistake(u *url.URL, answer *http.Response) (text string, certain bool) {
	if text := ingestPath(u); text != "" {
		return text, true
	}
	return guess(u, answer), false
}

func guess(u *url.URL, answer *http.Response) string {
	switch status := answer.StatusCode; {
	case status >= 300 && status < 400:
		return "the server redirects: use the address that Location names, without the ingest path"
	case status == http.StatusMethodNotAllowed, status == http.StatusNotImplemented:
		return "this server takes no POST here: it may be a file server or a proxy; check the host and the port"
	case IsWebPage(answer):
		return "this is a web page: BaseURL may be the address of a web interface, or a proxy asks for a login"
	case u.Path != "":
		return fmt.Sprintf("the path prefix %q may be wrong", u.Path)
	}
	return "BaseURL may lack a path prefix, or the port is another server's"
}

// IsWebPage reports whether an answer is for a browser.
func IsWebPage(answer *http.Response) bool {
	return strings.HasPrefix(strings.TrimSpace(strings.ToLower(answer.Header.Get("Content-Type"))), "text/html")
}

// ingestPath says that u ends in a path that the handler would append again; "" where it
// does not.
func ingestPath(u *url.URL) string {
	for _, ending := range [...]string{"/api/v1/ingest/batch", "/api/v1/ingest/single", "/api/v1/ingest", "/v1/logs"} {
		if strings.HasSuffix(u.Path, ending) {
			return fmt.Sprintf("BaseURL ends in an ingest path: leave out %q, the handler adds its own", ending)
		}
	}
	return ""
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
