// Package httplog logs HTTP requests through any [*slog.Logger]: one record a
// request, with the route template instead of the raw path.
//
//	mux := http.NewServeMux()
//	mux.HandleFunc("GET /users/{id}", showUser)
//	logging := httplog.Middleware(slog.Default(), nil)
//	http.ListenAndServe(":8080", logging(mux))
//
// A GET of /users/42?token=s3cr3t&page=2 becomes
//
//	level=INFO msg="GET /users/{id} - 200 (45ms)"
//	endpoint.method=GET endpoint.path=/users/{id} endpoint.status_code=200 endpoint.duration_ms=45.12
//	endpoint.query_params="token=***&page=2" endpoint.path_params.id=42 endpoint.bytes=1024
//	request_id=6fdd4e1bb72a1c0b0e4f3cf0a0bd7a52
//	client_ip=203.0.113.9 user_agent=curl/8.5.0 host=api.example.com http_version=1.1 request_bytes=0
//
// Programs call it where they set up their server, and so do the adapters of
// routers below it: ginlog, echolog and fiberlog. It knows package log/slog, and
// must never know package ledger: any handler will do.
//
// # What it promises
//
// The path of a record is a template wherever a router can be asked, and a
// normalised path otherwise, so that records can be counted by path; see
// [Options.Route] and [SetRoute]. All paths are written in one style; see
// [Options.TemplateStyle].
//
// Headers, cookies and bodies are logged only when the options ask for them.
// Values with secret-looking names are masked; see [Options.SafeParams].
//
// Whatever a client sends becomes one record that is valid UTF-8 and free of
// control characters, except in bodies and the texts of panics. It is bounded:
// the method to 8 bytes, the path to 491, its whole to 16383, the query to 2047.
// So the server can store and analyse it.
//
// A client's address cannot be made up; see [Options.TrustedProxies].
//
// A panic is logged with its own stack and goes on. The response writer keeps
// exactly the optional interfaces it came with, so that streaming, WebSocket
// upgrades, sendfile and HTTP/2 push work as before. A request is logged even
// when its context has been cancelled.
//
// A logger that takes no level a request could be logged at turns the
// middleware off: requests pass through untouched, at no cost. A logger at Warn
// saves building the records of requests that went well.
//
// # Routers
//
// With [http.ServeMux] there is nothing to do as long as the mux sees the
// request that Middleware passes on. A middleware in between that copies the
// request (with [http.Request.WithContext], [http.StripPrefix] or
// [http.TimeoutHandler]) hides from it which route was matched. Put a second
// Middleware with the same logger right around the inner mux then: it logs
// nothing itself and gives the outer one the route.
//
//	logging(authenticate(logging(mux)))
//
// Routers that keep the route elsewhere are asked through [Options.Route] and
// [Options.PathParams] (chi, gorilla/mux), or an adapter gives it with [SetRoute]
// and [SetPathParams] (gin, Echo, Fiber).
//
// # Correlation
//
// Each request has an id: the client's own when it is well formed, otherwise a
// new one. It is sent back, is on the request's record, and [ContextAttrs] gives
// it, with the ids of a W3C traceparent header, to every other record logged
// with the request's context. The function fits the ContextAttrs option of
// package ledger.
package httplog
