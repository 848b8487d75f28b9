package wire

// An Endpoint is a request in the form that endpoint analytics reads.
type Endpoint struct {
	Method       string
	Path         string
	Status       int64
	Duration     float64 // milliseconds
	Query        string  // encoded
	PathParams   string  // JSON
	ResponseBody string
}

// endpointBits tell which of the four members were there.
const (
	hasMethod = 1 << iota
	hasPath
	hasStatus
	hasDuration
	HasAll = hasMethod | hasPath | hasStatus | hasDuration
)

func EndpointMember(key string) int {
	switch key {
	case "method":
		return hasMethod
	case "path":
		return hasPath
	case "status_code":
		return hasStatus
	case "duration_ms":
		return hasDuration
	}
	return 0
}
