package otlp

// Attributes that the server reads (ledger-wire 6.2, 6.3).
const (
	logIDKey        = "ledger.log_id"
	sequenceKey     = "ledger.sequence" // orders records of the same microsecond
	httpMethodKey   = "http.request.method"
	httpRouteKey    = "http.route"
	httpStatusKey   = "http.response.status_code"
	durationKey     = "ledger.duration_ms"
	queryKey        = "url.query"
	pathParamsKey   = "ledger.path_params"
	responseBodyKey = "ledger.response_body"
	releaseKey      = "service.version"
	environmentKey  = "deployment.environment.name"
	sdkName         = "ledger-go"
)
