package ledgerview

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

const maxBody = 100 << 20

// store packs records and puts them into the ring.
func (v *Viewer) store(records []record) (known int) {
	batch := make([]packed, len(records))
	for i := range records {
		batch[i] = v.ring.pack(&records[i])
	}
	known = v.ring.add(batch, time.Now())
	v.runs.stored(batch)
	return known
}

// ingest serves the ingest API of both protocols.
func (v *Viewer) ingest(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && v.meet(w, r) {
		return
	}
	var body io.Reader = http.MaxBytesReader(w, r.Body, maxBody)
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(body)
		if err != nil {
			answerJSON(w, 400, map[string]string{"detail": "Invalid gzip body"})
			return
		}
		body = z
	}
	var in struct {
		Logs []struct {
			Timestamp    time.Time       `json:"timestamp"`
			Level        string          `json:"level"`
			LogType      string          `json:"log_type"`
			Importance   string          `json:"importance"`
			Message      string          `json:"message"`
			Environment  string          `json:"environment"`
			Release      string          `json:"release"`
			Platform     string          `json:"platform"`
			ErrorType    string          `json:"error_type"`
			ErrorMessage string          `json:"error_message"`
			Stack        string          `json:"stack_trace"`
			LogID        string          `json:"log_id"`
			Attributes   json.RawMessage `json:"attributes"`
		} `json:"logs"`
	}
	if err := json.NewDecoder(body).Decode(&in); err != nil {
		answerJSON(w, 422, map[string]string{"detail": err.Error()})
		return
	}
	now := time.Now()
	records := make([]record, len(in.Logs))
	for i, e := range in.Logs {
		records[i] = record{
			time: e.Timestamp, received: now, level: levelRanks[e.Level], message: e.Message,
			errorType: e.ErrorType, errorMessage: e.ErrorMessage, stack: e.Stack, logID: e.LogID,
			fingerprint: fingerprint(e.LogType, e.ErrorType, e.Stack, e.Platform),
			labels:      labels{protocol: "ledger", environment: e.Environment, release: e.Release, logType: e.LogType, importance: e.Importance},
		}
		if len(e.Attributes) > 0 {
			records[i].attributes, _ = compactJSON(nil, e.Attributes)
			records[i].labels.service = textOf(member(records[i].attributes, "service"))
		}
		records[i].run = v.runs.number(&records[i], instanceOf(&records[i]))
	}
	v.store(records)
	answerJSON(w, 202, map[string]any{"accepted": len(records), "rejected": 0, "message": nil, "errors": nil})
}
