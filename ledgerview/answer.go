package ledgerview

import (
	"encoding/json"
	"errors"
	"net/http"
)

// answerJSON answers a request of the page.
func answerJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		answerError(w, http.StatusInternalServerError, "the answer cannot be written: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that has left is its own affair
}

func answerError(w http.ResponseWriter, status int, text string) {
	answerJSON(w, status, map[string]string{"error": text})
}

// answerFault answers 400 for a fault in a parameter.
func answerFault(w http.ResponseWriter, err error) {
	fault := struct {
		Error    string `json:"error"`
		Position int    `json:"position"`
	}{Error: err.Error()}
	var query *queryError
	if errors.As(err, &query) {
		fault.Position = query.position
	}
	answerJSON(w, http.StatusBadRequest, fault)
}
