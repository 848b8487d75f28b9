package httplog_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/ledger-sdk/ledger-go/httplog"
)

// newExampleLogger writes text without what differs from run to run.
func newExampleLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey, slog.MessageKey, "duration_ms":
				return slog.Attr{}
			}
			return a
		},
	}))
}

// send serves a request with the id req-1.
func send(handler http.Handler, target string) {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("X-Request-ID", "req-1")
	handler.ServeHTTP(httptest.NewRecorder(), r)
}

func ExampleMiddleware() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user %s", r.PathValue("id"))
	})
	logging := httplog.Middleware(newExampleLogger(), &httplog.Options{
		ExcludePaths: []string{"/health"},
	})
	handler := logging(mux) // http.ListenAndServe(":8080", handler)

	send(handler, "/users/42?token=s3cr3t&page=2")
	send(handler, "/orders/1234")
	send(handler, "/health")
	// Output:
	// level=INFO endpoint.method=GET endpoint.path=/users/{id} endpoint.status_code=200 endpoint.query_params="token=***&page=2" endpoint.path_params.id=42 endpoint.bytes=7 request_id=req-1 client_ip=192.0.2.1 host=example.com http_version=1.1 request_bytes=0
	// level=WARN endpoint.method=GET endpoint.path=/orders/{id} endpoint.status_code=404 endpoint.bytes=19 request_id=req-1 client_ip=192.0.2.1 host=example.com http_version=1.1 request_bytes=0
}

// A router that keeps the route to itself can tell it from a handler or a
// middleware of its own; with gin:
//
//	router.Use(func(c *gin.Context) { httplog.SetRoute(c.Request.Context(), c.FullPath()) })
func ExampleSetRoute() {
	router := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		httplog.SetRoute(r.Context(), "/users/:name")
	})
	send(httplog.Middleware(newExampleLogger(), nil)(router), "/users/ada")
	// Output:
	// level=INFO endpoint.method=GET endpoint.path=/users/{name} endpoint.status_code=200 endpoint.bytes=0 request_id=req-1 client_ip=192.0.2.1 host=example.com http_version=1.1 request_bytes=0
}

func ExampleAddAttrs() {
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		httplog.AddAttrs(r.Context(), slog.String("tenant", "acme"), slog.Int("rows", 12))
	})
	send(httplog.Middleware(newExampleLogger(), nil)(handler), "/report")
	// Output:
	// level=INFO endpoint.method=GET endpoint.path=/report endpoint.status_code=200 endpoint.bytes=0 request_id=req-1 client_ip=192.0.2.1 host=example.com http_version=1.1 request_bytes=0 tenant=acme rows=12
}

// ContextAttrs fits the ContextAttrs option of ledger.Options, which adds the
// ids to every record logged with the context of a request. Without it they can
// be given to a logger of the request's own.
func ExampleContextAttrs() {
	logger := newExampleLogger()
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		logger.LogAttrs(r.Context(), slog.LevelInfo, "cache miss", httplog.ContextAttrs(r.Context())...)
	})
	send(httplog.Middleware(logger, nil)(handler), "/report")
	// Output:
	// level=INFO request_id=req-1
	// level=INFO endpoint.method=GET endpoint.path=/report endpoint.status_code=200 endpoint.bytes=0 request_id=req-1 client_ip=192.0.2.1 host=example.com http_version=1.1 request_bytes=0
}
