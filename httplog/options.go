package httplog

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// Options configures [Middleware]. The zero value means the defaults written
// beside the fields. The middleware copies what it needs; the struct and its
// slices may be changed afterwards.
//
// The callbacks are called from the goroutines that serve requests, many at a
// time, without locks held. One that panics costs the request nothing. It
// counts as one that gave no answer: the route is unknown, the request not
// skipped, the parameter not safe, the level the default one, no attrs.
type Options struct {
	// Route returns the template of the route that was matched, or "" when
	// there is none. It is called once, after the handler returned or
	// panicked, with the request that was passed to it.
	// For chi, with Middleware given to the router's Use:
	//
	//	Route: func(r *http.Request) string { return chi.RouteContext(r.Context()).RoutePattern() }
	//
	// The default, and the answer when Route returns "", is the Pattern of
	// the request, then what [SetRoute] was told.
	Route func(*http.Request) string

	// PathParams returns the path parameters of a request by name. It is
	// called once, like Route. For gorilla/mux:
	//
	//	PathParams: mux.Vars
	//
	// The default, and the answer when PathParams returns none, are those of
	// [SetPathParams], then those of [http.Request.PathValue].
	PathParams func(*http.Request) map[string]string

	// ExcludePaths are never logged, not even when their handler panics.
	// They are compared with the path of the request as a whole:
	// "/health", "/metrics".
	ExcludePaths []string

	// Skip returns true for requests that are not logged. It is called
	// before the handler.
	Skip func(*http.Request) bool

	// OnlyRegisteredRoutes leaves out requests that no route was matched
	// for. A route that matches every path, such as "/", counts as one.
	// Panics are logged all the same.
	OnlyRegisteredRoutes bool

	// KeepIgnored logs the traffic of scanners and bots too. By default a
	// request that no route was matched for is ignored when its path is
	// /robots.txt or /favicon.ico, is below /.git/, /.env, /.aws/, /.ssh/,
	// /.well-known/, /wp-admin/, /wp-content/ or /wp-includes/, or ends in
	// .php, .asp, .aspx, .jsp or .cgi, in any case and behind repeated
	// slashes. A pattern that matches everything, such as "/", does not
	// count as a route here. Panics are logged all the same.
	KeepIgnored bool

	// IgnoredPaths, IgnoredPrefixes and IgnoredExtensions are added to the
	// lists of KeepIgnored. An extension may be written "php", ".php" or
	// "*.php".
	IgnoredPaths, IgnoredPrefixes, IgnoredExtensions []string

	// RawPaths logs the path of an unmatched request as it was sent, without
	// placeholders for ids. It is still made printable and bounded.
	RawPaths bool

	// Patterns replaces the default normalisation of unmatched paths. They
	// are applied to the path in order. By default a segment becomes a
	// placeholder when it is a number, a UUID, 24 hexadecimal digits, a JSON
	// web token, or 20 or more letters, digits, "_" and "-" with a digit
	// among them.
	Patterns []Pattern

	// TemplateStyle is how parameters are written in every path: in the
	// templates of routers and in the placeholders of the default
	// normalisation. So a service has one style, whatever its router writes.
	TemplateStyle TemplateStyle

	// OmitQuery leaves out query_params, which are logged by default.
	OmitQuery bool

	// SafeParams returns true for the names of parameters whose values may
	// be logged; the others are logged as "***". It is asked for query and
	// path parameters and for the members of request bodies. The default
	// masks names that contain words like token, password, key, secret,
	// code, signature, session or auth.
	SafeParams func(name string) bool

	// ErrorBodyLimit is how many bytes of the body of a 4xx or 5xx response
	// are kept in response_body, when it is text and not compressed. The
	// default is 0: none. A negative number means none too.
	ErrorBodyLimit int

	// RequestBodyLimit is how many bytes of a request's body are kept in
	// request_body, when it is text and not compressed. Only what the handler
	// reads is kept, while it reads it: nothing is read ahead. In forms and
	// in JSON the values of secret-looking names are masked, see SafeParams.
	// The default is 0: none. A negative number means none too.
	RequestBodyLimit int

	// RequestHeaders and ResponseHeaders are the headers that are logged, in
	// the groups request_headers and response_headers, under the names as
	// they are written here. Several values are joined by ", ". The values
	// of secret-looking names are masked, among them Authorization and
	// Cookie. The default is none.
	RequestHeaders, ResponseHeaders []string

	// TrustedProxies are the addresses of your proxies. A request that comes
	// from one of them has the client_ip that the proxies report in
	// X-Forwarded-For, or in Forwarded when that is absent, or in X-Real-IP
	// when both are: the right-most address that is not a trusted proxy's
	// itself. The default is none: then client_ip is the address of the
	// peer.
	TrustedProxies []netip.Prefix

	// Omit says which of the fields of an access log are left out, such as
	// httplog.UserAgent | httplog.Host. The default is 0: all are logged.
	Omit Field

	// Attrs returns more attrs for the record of a request. It is called
	// once for each record that is logged, after the handler returned or
	// panicked, with the request that was passed to the handler.
	Attrs func(r *http.Request, res Result) []slog.Attr

	// Level returns the level of a request by its status. The default is
	// Error from 500 on, Warn from 400 on, otherwise Info; Info also for 499,
	// when the client left before the first byte. The exception of a panic
	// is logged at Error whatever Level says.
	Level func(status int) slog.Level

	// LevelFunc returns the level of a request. It wins over Level. r is the
	// request that was passed to the handler.
	LevelFunc func(r *http.Request, status int) slog.Level

	// RequestIDHeader is the header that carries the id of a request, in
	// both directions. The default is "X-Request-ID". A client's value is
	// taken when it is 1 to 128 characters of [A-Za-z0-9_.:-].
	RequestIDHeader string
}

// A Field is a set of the fields that a record has beside the group endpoint.
// See [Options.Omit].
type Field uint

// The fields of an access log.
const (
	ClientIP     Field = 1 << iota // client_ip, without port and zone
	UserAgent                      // user_agent
	Host                           // host, as the client asked for it
	HTTPVersion                    // http_version: "1.0", "1.1", "2" or "3"
	RequestBytes                   // request_bytes, of the body
)

// A Result is how a request ended. See [Options.Attrs].
type Result struct {
	Status   int
	Bytes    int64         // of the response's body
	Duration time.Duration // until the handler returned or panicked
	Route    string        // template of the route; "" when none was matched
	Panicked bool
}

// A TemplateStyle is a way to write the parameters of a path.
type TemplateStyle int

// The template styles.
const (
	CurlyTemplate TemplateStyle = iota // "/files/{id}/{path...}", the default
	ColonTemplate                      // "/files/:id/*path"
)
