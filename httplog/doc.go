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
//
// # What it promises
//
// The path of a record is a template wherever a router can be asked, and a
// normalised path otherwise, so that records can be counted by path; see
// [Options.Route] and [SetRoute].
//
// Nothing of headers, cookies and bodies is logged unless [Options.ErrorBodyLimit]
// asks for it. Values of query and path parameters with secret-looking names
// are masked; see [Options.SafeParams].
//
// Whatever a client sends becomes one record that is valid UTF-8, free of
// control characters outside of response bodies and the texts of panics, and
// bounded: the method to 8 characters, the path and the query to fewer than
// 2048 bytes each.
//
// A panic is logged with its own stack and goes on. The response writer keeps
// exactly the optional interfaces it came with, so that streaming, WebSocket
// upgrades, sendfile and HTTP/2 push work as before. A request is logged even
// when its context has been cancelled.
//
// A logger that takes no level a request could be logged at turns the
// middleware off: requests pass through untouched, at no cost. The levels in
// between, such as a logger at Warn, save the building of the record.
//
// # Routers
//
// With [http.ServeMux] there is nothing to do as long as the mux sees the
// request that Middleware passes on. A middleware in between that copies the
// request (with [http.Request.WithContext], [http.StripPrefix] or
// [http.TimeoutHandler]) hides from it which route was matched. Put a second
// Middleware with the same logger right around the inner mux then: it logs
// nothing itself and tells the outer one the route.
//
//	logging(authenticate(logging(mux)))
//
// Routers that keep the route elsewhere are asked through [Options.Route]
// (chi, gorilla/mux), or tell it with [SetRoute] (gin, echo).
//
// # Correlation
//
// Each request has an id: the client's own when it is well formed, else a new
// one. It is sent back, is on the request's record, and [ContextAttrs] gives
// it, with the ids of a W3C traceparent header, to every other record logged
// with the request's context. The function fits the ContextAttrs option of
// package ledger.
package httplog
