package ledgerview

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ledger-sdk/ledger-go/internal/ingest"
)

// ingest serves the ingest API of both protocols, as the real servers do, or hands it on to one of them.
// The order of the checks is theirs: the body, the key, the path.
func (v *Viewer) ingest(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && v.meet(w, r) {
		return
	}
	if v.forward != nil {
		v.forward.serve(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ingest.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		ingest.QueueFull().Write(w)
		return
	case err != nil:
		return // the client left
	}
	if strings.HasPrefix(r.URL.Path, "/health") {
		answerHealth(w, r)
		return
	}
	now := time.Now()
	batch := ingest.Decode(ingest.Request{
		Path: r.URL.Path, ContentType: r.Header.Get("Content-Type"), ContentEncoding: r.Header.Get("Content-Encoding"), Body: body,
	}, now)
	if batch.Refusal != nil && batch.Refusal.Status == http.StatusBadRequest && batch.Entries == nil && isGzip(r) {
		batch.Answer().Write(w)
		return
	}
	if a := checkKey(r.Header); a != nil {
		a.Write(w)
		return
	}
	if a := checkRoute(r); a != nil {
		a.Write(w)
		return
	}
	v.storeBatch(batch, r.URL.Path, now)
	batch.Answer().Write(w)
}

func isGzip(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") }

func answerHealth(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/health" && r.URL.Path != "/health/deep":
		ingest.Detail(http.StatusUnauthorized, "Missing authentication header (X-API-Key or Authorization)").Write(w)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", http.MethodGet)
		ingest.Detail(http.StatusMethodNotAllowed, "Method Not Allowed").Write(w)
	default:
		ingest.JSON(http.StatusOK, map[string]string{"status": "healthy"}).Write(w)
	}
}

// checkKey says how a request is refused for its API key, or nil. Every key of the right form is good, with Bearer and
// without. No key is kept or shown.
func checkKey(h http.Header) *ingest.Answer {
	key := h.Get("X-Api-Key")
	if key == "" {
		words := strings.Fields(h.Get("Authorization"))
		switch {
		case len(words) == 0:
			return challenge("Missing authentication header (X-API-Key or Authorization)")
		case len(words) == 2 && strings.EqualFold(words[0], "bearer"), len(words) == 1:
			key = words[len(words)-1]
		default:
			return challenge("Invalid Authorization header format")
		}
	}
	if strings.HasPrefix(key, "ledger_") || strings.HasPrefix(key, "ldg_") {
		return nil
	}
	return ingest.Detail(http.StatusUnauthorized, "Invalid or expired API key")
}

func challenge(text string) *ingest.Answer {
	a := ingest.Detail(http.StatusUnauthorized, text)
	a.Header.Set("WWW-Authenticate", "Bearer")
	return a
}

// checkRoute answers what is no path for logs, or nil. Traces and metrics are taken and not kept, so that an exporter
// of all three signals needs no settings of its own for this server.
func checkRoute(r *http.Request) *ingest.Answer {
	method := http.MethodPost
	var a *ingest.Answer
	switch path := r.URL.Path; path {
	case ingest.PathBatch, ingest.PathSingle, ingest.PathLogs:
	case "/v1/traces", "/v1/metrics":
		a = &ingest.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-protobuf"}}}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			a = ingest.JSON(http.StatusOK, struct{}{})
		}
	case "/api/v1/queue/depth":
		method, a = http.MethodGet, ingest.JSON(http.StatusOK, map[string]int{"project_id": 1, "queue_depth": 0})
	case "/api/v1/settings":
		method, a = http.MethodGet, ingest.JSON(http.StatusOK, map[string]any{
			"project_id": 1, "project_name": "ledgerview", "project_slug": "ledgerview", "environment": "development",
			"constraints": map[string]int{
				"max_batch_size": ingest.MaxEntries, "max_message_length": 10000, "max_error_message_length": 5000,
				"max_stack_trace_length": 50000, "max_attributes_size_bytes": 102400, // the real one says so, and takes 100000
			},
			"features": map[string]bool{"compression": false}, // likewise
		})
	default:
		if short, ok := strings.CutSuffix(path, "/"); ok && (short == ingest.PathBatch || short == ingest.PathSingle || short == ingest.PathLogs) {
			a = &ingest.Answer{Status: http.StatusTemporaryRedirect, Header: http.Header{}}
			a.Header.Set("Location", "http://"+r.Host+short)
			return a
		}
		return ingest.Detail(http.StatusNotFound, "Not Found")
	}
	if r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead) {
		a = ingest.Detail(http.StatusMethodNotAllowed, "Method Not Allowed")
		a.Header.Set("Allow", method)
	}
	return a
}
